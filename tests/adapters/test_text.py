"""Drawing text trees as plain text, and choices without buttons."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Capabilities
from adapters.text import PLAIN, fit_choices, number_choices, pick, plain_text, width, without_controls
from conversations.model import Bold, Break, Bullets, Choice, Code, Italic, Link, Message, Paragraph, Steps, Text, paragraph

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
