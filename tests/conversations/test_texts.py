"""Phrases: placeholders, plurals, facts, and how a locale writes times and lists."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.model import Bold, Break, Bullets, Code, Doc, Link, Paragraph, Steps, Text, paragraph
from conversations.texts import Catalogue, Catalogues, fill, fold, join, leaves, placeholders, plain

GREETING: Doc = (
    Paragraph((Text("Hola, "), Bold((Text("{name}"),)), Text(" de {desk} {{sic}}"))),
    Bullets(((Link("https://{host}/area", (Text("área"),)),), (Code("{number}"), Break(), Text("fin")))),
)
TEXTS = Catalogues(
    {
        "es": Catalogue(
            "n != 1",
            {
                "greeting": (GREETING,),
                "fixed": (paragraph("En {minutes} minutos"),),
                "count": (paragraph("{n} mensaje"), paragraph("{n} mensajes")),
                "step": ((Steps(((Text("Pagar"),), (Text("Salir"),))),),),
            },
        ),
        "ru": Catalogue(
            "n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2",
            {"count": (paragraph("{n} файл"), paragraph("{n} файла"), paragraph("{n} файлов"))},
        ),
    },
    {"host": "area.example.com", "minutes": "10", "desk": "Acme"},
)


def test_values_and_facts_fill_their_places() -> None:
    assert TEXTS.doc("greeting", "es", name="Ana", number=7) == (
        Paragraph((Text("Hola, "), Bold((Text("Ana"),)), Text(" de Acme {sic}"))),
        Bullets(((Link("https://area.example.com/area", (Text("área"),)),), (Code("7"), Break(), Text("fin")))),
    )


def test_a_given_value_wins_over_a_fact() -> None:
    assert TEXTS.label("fixed", "es") == "En 10 minutos"
    assert TEXTS.label("fixed", "es", minutes=3) == "En 3 minutos"
    assert TEXTS.doc("fixed", "es", minutes=3) == paragraph("En 3 minutos")


@given(st.text(st.characters(codec=None)))
def test_a_value_is_only_ever_characters(typed: str) -> None:
    doc = TEXTS.doc("greeting", "es", name=typed, number=1)
    assert doc[0] == Paragraph((Text("Hola, "), Bold((Text(typed),)), Text(" de Acme {sic}")))
    assert typed in TEXTS.label("greeting", "es", name=typed, number=1)


@pytest.mark.parametrize(
    ("locale", "n", "shown"),
    [
        ("es", 0, "0 mensajes"),
        ("es", 1, "1 mensaje"),
        ("es", 2, "2 mensajes"),
        ("ru", 1, "1 файл"),
        ("ru", 3, "3 файла"),
        ("ru", 11, "11 файлов"),
        ("ru", 21, "21 файл"),
    ],
)
def test_the_number_picks_the_plural(locale: str, n: int, shown: str) -> None:
    assert TEXTS.label("count", locale, n=n) == shown
    assert TEXTS.doc("count", locale, n=n) == paragraph(shown)


def test_a_phrase_as_a_line_and_as_a_label() -> None:
    assert TEXTS.line("step", "es") == (Text("1. "), Text("Pagar"), Break(), Text("2. "), Text("Salir"))
    assert TEXTS.label("step", "es") == "1. Pagar 2. Salir"
    assert TEXTS.label("greeting", "es", name="Ana", number=7) == "Hola, Ana de Acme {sic} área 7 fin"


def test_what_is_missing_is_a_key_error() -> None:
    for call in (
        lambda: TEXTS.doc("nothing", "es"),
        lambda: TEXTS.doc("fixed", "fr"),
        lambda: TEXTS.doc("greeting", "es", name="Ana"),
        lambda: TEXTS.label("greeting", "es", number=7),
        lambda: TEXTS.label("count", "es"),
    ):
        with pytest.raises(KeyError):
            call()


@pytest.mark.parametrize("template", ["{", "}", "{}", "{0}", "{name.real}", "{name[0]}", "{name!r}", "{name:>9}", "{two words}", "{ñ}"])
def test_a_template_cannot_reach_into_a_value(template: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Catalogues({"es": Catalogue("0", {"x": (paragraph(template),)})}, {})


def test_the_places_of_a_tree_and_its_filling() -> None:
    assert placeholders(GREETING) == {"name", "desk", "host", "number"}
    assert "https://{host}/area" in set(leaves(GREETING))
    assert plain(fill(paragraph("{a}-{a}"), {"a": "{b}"})) == "{b}-{b}"


def test_a_phrase_without_open_places_is_built_once() -> None:
    assert TEXTS.doc("fixed", "es") is TEXTS.doc("fixed", "es", n=1)


def test_a_list_is_written_in_words() -> None:
    assert join(["correo", "chat", "teléfono"], "es") == "correo, chat y teléfono"
    assert join(["e-mail", "chat"], "en") == "e-mail and chat"
    assert join([], "es") == ""


TYPED = st.text(st.sampled_from("aÁéíÓúÜñÑçẞœ¿?¡!.,:;() \t\n\u0301\u0303\u20e3\ufe0f…！ＡИй7")) | st.text()


@given(TYPED)
def test_labels_are_compared_without_case_accents_and_outer_punctuation(text: str) -> None:
    whole = unicodedata.normalize("NFKD", text.casefold()) if not text.casefold().isascii() else text.casefold()
    marks = (*range(0x300, 0x370), *range(0x20D0, 0x2100), *range(0xFE00, 0xFE10))
    assert fold(text) == whole.translate(dict.fromkeys(marks)).strip(" \t\n.!?¡¿,:;)(")


def test_what_a_spaniard_types_without_its_accents_is_the_same_label() -> None:
    assert fold("¿Qué PINGÜINO añadís, él o tú?") == fold("que pinguino anadis, el o tu") == "que pinguino anadis, el o tu"
