"""Drawing text trees as plain text, and choices without buttons."""

from __future__ import annotations

import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Capabilities
from adapters.email.html import Html
from adapters.text import PLAIN, REPEATED, REPEATED_SIZE, Repeated, fit_choices, number_choices, pick, plain_text, width, without_controls
from conversations.model import Bold, Break, Bullets, Choice, Code, Doc, Italic, Link, Message, Paragraph, Steps, Text, paragraph

CHOICES = (Choice("4.1", "Sí, gracias"), Choice("4.2", "No"), Choice("4.3", "Hablar con una persona"))


def test_every_kind_of_node_is_drawn() -> None:
    doc = (
        Paragraph((Text("Hola "), Bold((Text("Ana"), Italic((Text("!"),)))), Break(), Text("Mira "), Code("a*b"))),
        Bullets(((Text("uno"),), (Text("dos"), Break(), Text("y medio")))),
        Steps(((Text("abre"),), (Text("cierra"),))),
        Paragraph((Link("https://example.com/x", (Text("el área"),)), Text(" o "), Link("mailto:a@example.com", (Text("a@example.com"),)))),
    )
    assert PLAIN.doc(doc) == (
        "Hola Ana!\nMira a*b\n\n• uno\n• dos\n  y medio\n\n1. abre\n2. cierra\n\nel área (https://example.com/x) o a@example.com"
    )


def test_choices_become_a_numbered_list() -> None:
    message = Message(paragraph("¿Te ha ayudado?"), "es", CHOICES)
    assert plain_text(message) == "¿Te ha ayudado?\n\n1) Sí, gracias\n2) No\n3) Hablar con una persona"
    assert number_choices(message).choices == ()
    assert plain_text(Message(paragraph("Hola"), "es")) == "Hola"


@pytest.mark.parametrize(
    ("capabilities", "drawn"),
    [
        (Capabilities(text_limit=100, choices=3), 3),
        (Capabilities(text_limit=100, choices=2), 0),
        (Capabilities(text_limit=100, choices=3, label_limit=10), 0),
        (Capabilities(text_limit=100), 0),
    ],
)
def test_choices_are_drawn_all_or_not_at_all(capabilities: Capabilities, drawn: int) -> None:
    shown = fit_choices(Message(paragraph("?"), "es", CHOICES), capabilities)
    assert len(shown.choices) == drawn
    assert all(choice.label in plain_text(shown) for choice in CHOICES)


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("1", "4.1"),
        (" 2. ", "4.2"),
        ("3)", "4.3"),
        ("٢", "4.2"),
        ("4", None),
        ("0", None),
        ("12345678901234567890", None),
        ("SI, GRACIAS", "4.1"),
        ("¡No!", "4.2"),
        ("hablar con una pérsona", "4.3"),
        ("no quiero", None),
        ("", None),
    ],
)
def test_a_choice_is_picked_by_number_or_label(typed: str, key: str | None) -> None:
    assert pick(CHOICES, typed) == key


def test_a_way_round_a_question_is_listed_and_picked_by_its_label_only() -> None:
    choices = (Choice("a", "Sí"), Choice("b", "← Atrás", aside=True))
    message = Message(doc=paragraph("¿Cuánto?"), locale="es", choices=choices)
    assert plain_text(message).splitlines()[-2:] == ["1) Sí", "[← Atrás]"]
    assert pick(choices, "1") == "a"
    assert pick(choices, "2") is None
    assert pick(choices, "← atrás") == "b"


def test_a_label_wins_over_a_number_and_a_shared_label_picks_neither() -> None:
    assert pick((Choice("a", "2"), Choice("b", "1")), "1") == "b"
    assert pick((Choice("a", "Otro"), Choice("b", "otro")), "otro") is None


@given(st.text(st.characters(codec=None)))
def test_picking_is_total(typed: str) -> None:
    assert pick(CHOICES, typed) in (None, "4.1", "4.2", "4.3")


def test_controls_and_steering_characters_are_dropped() -> None:
    assert without_controls("a\x1b[31mb\x07c\x9b2J\u202edcba\u2066x\r\ny\rz\ud800") == "a[31mbc2Jdcbax\ny\nz\ufffd"
    assert without_controls("👩🏽‍🚒 می‌خواهم\tñ\n") == "👩🏽‍🚒 می‌خواهم\tñ\n"


def test_width_counts_columns() -> None:
    assert [width(text) for text in ("abc", "ñn\u0303", "问题", "🎉", "")] == [3, 2, 4, 2, 0]


class Drawn:
    """What was made of a document, and whether anybody still has it."""

    def __init__(self, doc: Doc) -> None:
        self.text = PLAIN.doc(doc)


def test_a_document_that_comes_again_is_drawn_once() -> None:
    repeated = Repeated(Drawn)

    def hello() -> Doc:
        # As it comes back from a database: equal, and another object.
        return (Paragraph((Text("Hola "), Bold((Text("Ana"),)))),)

    repeated(hello())
    known = repeated(hello())
    assert known.text == "Hola Ana"
    assert repeated(hello()) is known


def test_what_is_said_once_is_not_kept_and_of_what_comes_again_only_so_much() -> None:
    repeated = Repeated(Drawn)
    once = weakref.ref(repeated(paragraph("mi contraseña")))
    assert once() is None
    for _ in range(3):
        long = weakref.ref(repeated(paragraph("x" * (REPEATED_SIZE + 1))))
        assert long() is None
    again = [weakref.ref(repeated(paragraph(str(n)))) for n in range(5 * REPEATED) for _ in range(2)]
    assert 0 < sum(drawn() is not None for drawn in again) <= REPEATED


def test_documents_with_the_same_words_are_drawn_apart() -> None:
    html = Html()
    leaves = (Text("a"), Code("a"), Bold((Text("a"),)), Italic((Text("a"),)), Link("https://a", (Text("a"),)))
    docs: list[Doc] = [(Paragraph((leaf,)),) for leaf in leaves]
    docs += [(Bullets(((Text("a"),),)),), (Steps(((Text("a"),),)),)]
    repeated = Repeated(html.doc)
    assert len({html.doc(doc) for doc in docs}) == len(docs)
    for _ in range(3):
        assert [repeated(doc) for doc in docs] == [html.doc(doc) for doc in docs]
