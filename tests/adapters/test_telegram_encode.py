"""Whatever is said, Telegram takes it: limits, entities, keyboards; and what people wrote is never more than text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.base import Outbound
from adapters.telegram.encode import answered, encode
from adapters.text import without_controls
from conversations.model import Address, Bold, Break, Bullets, Choice, Code, Doc, Inline, Italic, Link, Message, Paragraph, Steps, Text
from tests.adapters.telegram_wire import check_entities, check_markup, check_text
from tests.contracts.adapter import NASTY, visible

HERE = Address("telegram", "7000000001", "1")

TEXTS = (
    st.sampled_from(NASTY) | st.text(st.characters(codec=None), max_size=60) | st.sampled_from(["palabra " * 300, "👩🏽‍🚒" * 400, " ", ""])
)
LEAVES: st.SearchStrategy[Inline] = st.builds(Text, TEXTS) | st.builds(Code, TEXTS) | st.just(Break())
URLS = st.sampled_from(["https://relevo.example/a?b=1", "http://x.example", "mailto:a@relevo.example"])


def several(inner: st.SearchStrategy[Inline]) -> st.SearchStrategy[tuple[Inline, ...]]:
    return st.lists(inner, min_size=1, max_size=4).map(tuple)


INLINES = st.recursive(
    LEAVES,
    lambda inner: st.builds(Bold, several(inner)) | st.builds(Italic, several(inner)) | st.builds(Link, URLS, several(inner)),
    max_leaves=6,
)
LINES = several(INLINES)
BLOCKS = (
    st.builds(Paragraph, LINES)
    | st.builds(Bullets, st.lists(LINES, min_size=1, max_size=30).map(tuple))
    | st.builds(Steps, st.lists(LINES, min_size=1, max_size=5).map(tuple))
)
DOCS: st.SearchStrategy[Doc] = st.lists(BLOCKS, max_size=5).map(tuple)
LABELS = st.lists(st.sampled_from(NASTY) | st.text(min_size=1, max_size=75), max_size=102)


def message(doc: Doc, labels: list[str], aside: int = 0) -> Message:
    return Message(doc, "es", tuple(Choice(f"12.{n}", label[:75], n > len(labels) - aside) for n, label in enumerate(labels, 1)))


def taken(body: dict[str, Any]) -> None:
    """Raises what Telegram would answer."""
    check_text({"text": body["text"], "entities": json.dumps(body["entities"])})
    if "keyboard" in body:
        check_markup({"reply_markup": json.dumps({"inline_keyboard": body["keyboard"]})})


@given(DOCS, LABELS, st.integers(0, 4))
@settings(max_examples=150)
def test_whatever_is_said_is_taken(doc: Doc, labels: list[str], aside: int) -> None:
    labels = [label if without_controls(label).strip() else "x" for label in labels]
    for payload in encode(Outbound(HERE, message(doc, labels, aside), "7300000000000000000.12.0")):
        if payload.body["text"] != "…":
            taken(payload.body)


@pytest.mark.parametrize("text", NASTY)
def test_what_people_wrote_carries_no_entity(text: str) -> None:
    for doc in ((Paragraph((Text(text),)),), (Bullets(((Text(text),), (Text(text),))),)):
        for payload in encode(Outbound(HERE, Message(doc, "es"), "1.1.0")):
            assert payload.body["entities"] == []
            assert visible(text)[:10] in visible(payload.body["text"])


def test_entities_are_cut_with_their_text_and_code_stands_alone() -> None:
    long = "palabra " * 700
    doc = (Paragraph((Bold((Text("🎉 "), Code("a*b"), Text(long))), Link("https://relevo.example/", (Code("x"), Text(" y"))))),)
    first, second = [payload.body for payload in encode(Outbound(HERE, Message(doc, "es"), "1.1.0"))]
    assert first["entities"][:2] == [{"type": "bold", "offset": 0, "length": 2}, {"type": "code", "offset": 3, "length": 3}]
    assert [entity["type"] for entity in first["entities"]] == ["bold", "code", "bold"]
    assert second["entities"][0] | {"length": 0} == {"type": "bold", "offset": 0, "length": 0}
    assert second["entities"][-1] | {"offset": 0} == {"type": "text_link", "offset": 0, "length": 3, "url": "https://relevo.example/"}


def test_more_looks_than_fit_leave_the_links() -> None:
    bold = tuple(Bold((Text(f"b{n}"),)) if n % 2 else Text(" · ") for n in range(240))
    links = tuple(Link(f"https://x.example/{n}", (Text(f"l{n}"),)) if n % 2 else Text(" · ") for n in range(60))
    [payload] = encode(Outbound(HERE, Message((Paragraph((*bold, *links)),), "es"), "1.1.0"))
    kinds = [entity["type"] for entity in payload.body["entities"]]
    assert (len(kinds), kinds.count("text_link")) == (100, 30)
    many = tuple(Link(f"https://x.example/{n}", (Text(f"l{n}"),)) if n % 2 else Text(" · ") for n in range(240))
    bodies = [payload.body for payload in encode(Outbound(HERE, Message((Paragraph(many),), "es"), "1.1.0"))]
    assert all(f"https://x.example/{n}" in "".join(body["text"] for body in bodies) for n in range(1, 240, 2))


def test_rows_are_as_wide_as_a_telephone() -> None:
    def rows(*labels: str, aside: int = 0) -> list[list[str]]:
        body = encode(Outbound(HERE, message((Paragraph((Text("?"),)),), list(labels), aside), "1.1.0"))[0].body
        return [[button["text"] for button in row] for row in body["keyboard"]]

    assert rows("1", "2", "3", "4", "5") == [["1", "2", "3", "4", "5"]]
    assert rows("Sí", "No", "Saltar", "← Atrás", "✕ Cancelar", aside=3) == [["Sí", "No"], ["Saltar", "← Atrás"], ["✕ Cancelar"]]
    assert rows("Regular", "High") == [["Regular", "High"]]
    assert rows("The server cannot be reached", "Something else") == [["The server cannot be reached"], ["Something else"]]
    assert len(rows(*"abcdefghijklmnop")[0]) <= 8


def test_a_button_carries_the_key_of_its_message_where_there_is_room() -> None:
    def data(key: str) -> list[str]:
        choices = (Choice(key, "Sí"),)
        body = encode(Outbound(HERE, Message((Paragraph((Text("?"),)),), "es", choices), "7300000000000000000.12.0"))[0].body
        return [button["callback_data"] for row in body.get("keyboard", ()) for button in row]

    assert data("4.1") == ["4.1 7300000000000000000.12.0"]
    assert data("x" * 40) == ["x" * 40]
    assert data("ñ" * 33) == []


@given(TEXTS, TEXTS)
@settings(max_examples=60)
def test_a_message_that_was_answered_is_taken_too(text: str, label: str) -> None:
    body = encode(Outbound(HERE, Message((Paragraph((Bold((Text("¿Qué?"),)), Text(text))),), "es"), "1.1.0"))[-1].body
    after = answered({"text": body["text"], "entities": body["entities"]}, None, "1.1", without_controls(label).strip()[:75])
    assert len(after["text"].encode("utf-16-le")) // 2 <= 4096
    check_entities(after["text"], after["entities"])
