"""Instant answers: which topic a question is about, whether that is known well enough to say so, and in which language it was asked."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from conversations.answers import Answers, Phrase, StaleArrays
from conversations.features import LOOK_AT, MOST_WORDS, NUMBER, is_order, separable, words
from conversations.knowledge import Verdict
from conversations.language import LanguageTeller
from conversations.learning import learn

SHOP: dict[str, dict[str, list[str]]] = {
    "opening": {
        "es": ["¿A qué hora abren?", "horario de la tienda", "¿Abren los domingos?", "¿Hasta qué hora están abiertos?"],
        "en": ["When do you open?", "opening hours", "Are you open on Sundays?", "What time does the shop close?"],
    },
    "delivery": {
        "es": ["¿Cuánto tarda el envío?", "¿Cuándo llega mi paquete?", "plazo de entrega", "¿Envían a las islas?"],
        "en": ["How long does shipping take?", "When will my parcel arrive?", "delivery time", "Do you ship to the islands?"],
    },
    "returns": {
        "es": [
            "¿Cómo devuelvo un producto?",
            "Quiero devolver unos zapatos",
            "política de devoluciones",
            "No me queda bien, ¿lo puedo cambiar?",
        ],
        "en": ["How do I return a product?", "I want to send back some shoes", "return policy", "It does not fit, can I exchange it?"],
    },
    "payment": {
        "es": ["¿Con qué puedo pagar?", "¿Aceptan tarjeta de crédito?", "formas de pago", "¿Se puede pagar a plazos?"],
        "en": ["How can I pay?", "Do you take credit cards?", "payment methods", "Can I pay in instalments?"],
    },
    "sizes": {
        "es": ["¿Qué talla necesito?", "guía de tallas", "¿Tienen la talla 44?", "¿Las tallas son grandes o pequeñas?"],
        "en": ["Which size do I need?", "size guide", "Do you have size 44?", "Do the sizes run large or small?"],
    },
    "invoice": {
        "es": [
            "Necesito una factura",
            "¿Dónde descargo la factura de mi compra?",
            "factura con los datos de mi empresa",
            "me falta la factura",
        ],
        "en": ["I need an invoice", "Where do I download the invoice of my purchase?", "invoice for my company", "my invoice is missing"],
    },
    "fire": {
        "es": ["¡La tienda está en llamas!", "hay un incendio", "sale humo del almacén", "huele a quemado en la tienda"],
        "en": ["The shop is on fire!", "there is a fire", "smoke comes out of the warehouse", "it smells of burning in the shop"],
    },
    "greeting": {
        "es": ["hola", "buenos días", "buenas tardes", "hola, ¿qué tal?"],
        "en": ["hello", "good morning", "good afternoon", "hi there"],
    },
}
PHRASES = [Phrase(topic, locale, text) for topic, locales in SHOP.items() for locale, texts in locales.items() for text in texts]
ANSWERS = learn(PHRASES)

ASKED = {
    "¿a qué hora abre la tienda el domingo?": "opening",
    "what are your opening hours on sunday": "opening",
    "cuanto tardara en llegar el paquete": "delivery",
    "how long until my parcel arrives?": "delivery",
    "quiero devolver el producto": "returns",
    "can i return the shoes": "returns",
    "puedo pagar con tarjeta?": "payment",
    "do you take cards": "payment",
    "no sé qué talla necesito": "sizes",
    "which size should i take": "sizes",
    "necesito la factura de la compra": "invoice",
    "where is my invoice": "invoice",
    "hay humo en la tienda": "fire",
    "hola buenas": "greeting",
}


def reloaded(answers: Answers) -> Answers:
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **answers.dump())
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        return Answers.load({name: arrays[name] for name in arrays.files})


# --- which topic ---


@pytest.mark.parametrize(("text", "topic"), ASKED.items())
def test_a_question_in_other_words_finds_its_topic(text: str, topic: str) -> None:
    assert ANSWERS.match(text).topics[0] == topic


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: phrase.text)
def test_a_phrase_itself_finds_its_topic(phrase: Phrase) -> None:
    assert ANSWERS.match(phrase.text).topics[0] == phrase.topic


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("quiero debolver unos zapatos", "returns"),
        ("cuanto tarda el enbio", "delivery"),
        ("how do i retrun a prodcut", "returns"),
        ("ned an invioce", "invoice"),
    ],
)
def test_slips_of_the_finger_do_not_matter(text: str, topic: str) -> None:
    assert ANSWERS.match(text).topics[0] == topic


@pytest.mark.parametrize(
    ("with_accents", "without"),
    [
        ("¿CUÁNTO tarda el envío?", "cuanto tarda el envio"),
        ("¿A qué hora están abiertos?", "a que hora estan abiertos"),
        ("¿Las tallas son pequeñas?", "las tallas son pequenas"),
        ("poli\u0301tica de devoluciones", "politica de devoluciones"),
    ],
)
def test_accents_and_case_lost_cost_nothing_at_all(with_accents: str, without: str) -> None:
    assert ANSWERS.match(with_accents) == ANSWERS.match(without)


def test_two_topics_in_one_question_are_both_among_the_nearest() -> None:
    assert {"invoice", "returns"} <= set(ANSWERS.match("I need an invoice and I want to return a product").topics)


# --- whether it is known ---


@pytest.mark.parametrize("text", ["", " ", "?!", "...", "\x00\x07\n", "😀😀", "\ud800", "٣", "日本語"])
def test_what_has_no_known_word_is_unknown(text: str) -> None:
    assert ANSWERS.match(text) == Verdict("unknown", (), 0.0)


def test_an_exact_phrase_is_answered_and_a_stranger_is_not() -> None:
    assert ANSWERS.match("How do I return a product?").zone == "answer"
    assert ANSWERS.match("who won the chess championship in 1972").zone != "answer"


def test_confidence_orders_the_zones() -> None:
    order = {"unknown": 0, "offer": 1, "answer": 2}
    texts = [*ASKED, "who won the chess championship", "tienda", "my cat likes fish", "¿venden pan?", "size", "the", "de la"]
    ranked = sorted((ANSWERS.match(text) for text in texts), key=lambda verdict: verdict.confidence)
    assert all(order[a.zone] <= order[b.zone] for a, b in pairwise(ranked))


def test_eager_topics_are_answered_on_lower_evidence_and_only_they() -> None:
    eager = learn(PHRASES, eager={"fire"})
    texts = [
        *ASKED,
        "fire",
        "i think there is smoke somewhere",
        "parece que hay llamas en el edificio",
        "algo se quema",
        "smoke",
        "huele raro",
        "is something burning?",
        "quemado",
        "the shop burns",
        "incendio",
        "size",
    ]
    pairs = [(ANSWERS.match(text), eager.match(text)) for text in texts]
    earlier = {new.topics[0] for old, new in pairs if old.zone != "answer" and new.zone == "answer"}
    assert earlier == {"fire"}
    assert all(old == new for old, new in pairs if new.topics[:1] != ("fire",))


@given(st.text(max_size=200))
@settings(max_examples=150)
def test_any_text_has_a_sound_verdict_and_always_the_same(text: str) -> None:
    verdict = ANSWERS.match(text)
    assert 0 <= verdict.confidence <= 1
    assert len(set(verdict.topics)) == len(verdict.topics) <= 3
    assert set(verdict.topics) <= SHOP.keys()
    assert verdict.topics or verdict.zone == "unknown"
    assert ANSWERS.match(text) == verdict
    assert ANSWERS.language(text) in ("", "en", "es")


@given(st.text(st.characters(codec=None, categories=["Cs", "Cc", "Co", "Mn", "Lo", "So", "Lm"]), max_size=60))
@settings(max_examples=100)
def test_unpaired_surrogates_and_other_oddities_do_not_raise(text: str) -> None:
    ANSWERS.match(text)
    ANSWERS.language(text)


@pytest.mark.parametrize("filler", ["a", "@", "a@", "1.", "\u0301", "ﷺ", "x' ", "#1 "])
def test_what_follows_the_first_characters_is_not_read(filler: str) -> None:
    question = "How do I return a product? "
    at_the_limit = question + (filler * LOOK_AT)[: LOOK_AT - len(question)]
    assert ANSWERS.match(at_the_limit + filler * 200_000) == ANSWERS.match(at_the_limit)


# --- learning and keeping ---


def test_the_saved_model_gives_the_same_verdicts() -> None:
    again = reloaded(ANSWERS)
    for text in [*ASKED, "", "who won the chess championship", "factura?"]:
        assert again.match(text) == ANSWERS.match(text)
        assert again.language(text) == ANSWERS.language(text)


def test_what_is_saved_is_plain_arrays() -> None:
    assert all(array.dtype.kind in "biufU" for array in ANSWERS.dump().values())


@pytest.mark.parametrize(
    "spoil",
    [lambda arrays: {**arrays, "format": np.array([-1])}, lambda arrays: {k: v for k, v in arrays.items() if k != "rows"}, lambda _: {}],
)
def test_arrays_of_another_version_are_refused(spoil: Any) -> None:
    spoilt: Mapping[str, NDArray[Any]] = spoil(ANSWERS.dump())
    with pytest.raises(StaleArrays):
        Answers.load(spoilt)


def test_a_matcher_that_heard_much_says_the_same_as_a_new_one() -> None:
    heard, asked = (
        learn(PHRASES),
        [f"{text} {n}" for n in range(150) for text in ("Are you open?", "¿tarda el envío?", "shoes", "kraken", "!")],
    )
    seasoned = [(heard.match(text), heard.language(text)) for text in asked]
    again = [(heard.match(text), heard.language(text)) for text in asked]
    anew = learn(PHRASES)
    assert again == seasoned == [(anew.match(text), anew.language(text)) for text in reversed(asked)][::-1]


def test_a_matcher_that_forgot_its_words_says_the_same_as_a_new_one() -> None:
    made_up = ["".join(letters) for letters in product("bdfghkmptv", "aeiou", "lnrs", "aeiou", "xzk")]
    by_pieces = [" ".join(made_up[n : n + 110]) for n in range(0, len(made_up), 110)]
    as_a_whole = [f"{text} `" for text in by_pieces]
    with_too_many = [".".join(made_up[n : n + 100]) + " ty" * 40 for n in range(0, len(made_up), 300)]
    heard = learn(PHRASES)
    for n, others in enumerate((as_a_whole, by_pieces, with_too_many, as_a_whole)):
        for text in (f"{question} {'!' * n}" for question in ASKED):
            anew = reloaded(ANSWERS)
            assert (heard.match(text), heard.language(text)) == (anew.match(text), anew.language(text))
        for text in others:
            heard.match(text + f" {n}")
        anew = reloaded(ANSWERS)
        assert (heard.match(others[-1]), heard.language(others[-1])) == (anew.match(others[-1]), anew.language(others[-1]))


def test_the_order_of_the_topics_and_the_run_do_not_matter() -> None:
    backwards = learn([phrase for topic in reversed(SHOP) for phrase in PHRASES if phrase.topic == topic])
    for name, array in ANSWERS.dump().items():
        assert np.array_equal(array, backwards.dump()[name]), name


def test_hashing_at_random_does_not_change_what_is_learnt() -> None:
    program = (
        "from tests.conversations.test_answers import ANSWERS, ASKED; from hashlib import sha256;"
        "print(sha256(b''.join(a.tobytes() for _, a in sorted(ANSWERS.dump().items()))).hexdigest(), [ANSWERS.match(t) for t in ASKED])"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


def test_a_knowledge_base_may_be_empty() -> None:
    empty = reloaded(learn([]))
    assert empty.match("hello") == Verdict("unknown", (), 0.0)
    assert empty.language("hello my friend") == ""


def test_a_knowledge_base_may_have_one_topic_with_one_phrase() -> None:
    lonely = reloaded(learn([Phrase("opening", "en", "opening hours")]))
    assert lonely.match("opening hours").topics == ("opening",)
    assert lonely.match("my cat likes fish").zone != "answer"


def test_two_topics_are_enough_to_tell_apart() -> None:
    two = learn([phrase for phrase in PHRASES if phrase.topic in ("invoice", "fire")])
    assert two.match("there is a fire in the shop").topics == ("fire", "invoice")


def test_phrases_without_a_word_and_phrases_twice_do_no_harm() -> None:
    odd = learn([*PHRASES, Phrase("returns", "en", "?!"), Phrase("wordless", "en", "..."), PHRASES[0], PHRASES[0]])
    assert all(odd.match(text).topics[0] == topic for text, topic in ASKED.items())


# --- words ---


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("¿Qué HORA es?", "que hora es"),
        ("holaaa, graaacias!!", "hola gracias"),
        ("write to Ana.Perez+x@mail.example.com pls", "write to xmail please"),
        ("10.0.0.254 no responde", "xip no responde"),
        ("pedido #123456 y 20", "pedido xnumber y 20"),
        ("I can't, it's down; don’t ask", "i can not it is down do not ask"),
        ("xq no va? tqm", "por que no va tqm"),
        ("one_two\tthree", "one two three"),
        ("24/7", "24 7"),
        ("🙏", "gracias thanks"),
        ("2000 euros, 100000", "xnumber euros xnumber"),
    ],
)
def test_words(text: str, found: str) -> None:
    assert " ".join(words(text)) == found


_TYPED = st.text(st.one_of(st.sampled_from(" \t\u00a0\u2003#.,'’´`@¿?!0149aeimnortxyzáñßﬁ²½👍🙏❤\u0301"), st.characters()), max_size=80)


@given(
    st.one_of(
        _TYPED,
        st.lists(st.sampled_from(["12", "#", "3456", "u r", "10.0.0", ".7", "a@b", ".es", "thx", "don´t", "x´", " ", "´s"])).map("".join),
    )
)
@example("don`t, isn't")
@settings(max_examples=400)
def test_the_words_of_a_text_are_those_of_its_pieces(text: str) -> None:
    if separable(text):
        found = [word for piece in text[:LOOK_AT].split() for word in words(piece)]
        assert len(found) > MOST_WORDS or found == words(text)


@pytest.mark.parametrize(
    ("piece", "is_one"),
    [
        ("#123456", True),
        ("2000?", True),
        ("1234).", True),
        ("٣٤٥٦", True),
        ("123", False),
        ("#12345a", False),
        ("1234.5", False),
        ("##1234", False),
    ],
)
def test_the_number_of_an_order_is_known_as_one_without_being_read(piece: str, is_one: bool) -> None:
    assert is_order(piece) == is_one
    assert not is_one or words(piece) == [NUMBER]


# --- language ---


@pytest.mark.parametrize(
    ("text", "locale"),
    [
        ("tengo el server caido", "es"),
        ("is my server down", "en"),
        ("¿cuánto tarda?", "es"),
        ("cuanto tarda", "es"),
        ("how long does it take", "en"),
        ("hola", "es"),
        ("hello", "en"),
        ("i cant log in", "en"),
        ("no me deja entrar al panel", "es"),
        ("the ticket about my hosting is not answered", "en"),
        ("el ticket de mi hosting sigue sin respuesta", "es"),
        ("gracias", "es"),
        ("thanks", "en"),
        ("ok", ""),
        ("#123456", ""),
        ("10.0.0.1", ""),
        ("", ""),
        ("🙂", ""),
        ("no", ""),
        ("a", ""),
    ],
)
def test_language_is_told_or_left_open(text: str, locale: str) -> None:
    assert ANSWERS.language(text) == locale


def test_a_third_language_is_learnt_from_its_phrases() -> None:
    french = [
        "quand est-ce que vous ouvrez",
        "je voudrais rendre des chaussures",
        "combien de temps prend la livraison",
        "j'ai besoin d'une facture",
    ]
    teller = LanguageTeller.learn([*((phrase.locale, phrase.text) for phrase in PHRASES), *(("fr", text) for text in french)])
    assert teller.tell("je voudrais une facture, vous ouvrez quand") == "fr"
    assert teller.tell("quiero una factura") == "es"
