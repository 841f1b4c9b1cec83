"""Cutting long texts: nothing visible is lost, no part is too long, and no character is torn."""

from __future__ import annotations

from typing import get_args

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from adapters.splitting import Unit, length, split

PIECES = st.sampled_from(
    [
        *"abc XYZ.,!?\n\t",
        "\n\n",
        ". ",
        "palabra ",
        "niño",
        "n\u0303",
        "نص. ",
        "؟ ",
        "。",
        "问题",
        "」",
        "👩🏽‍🚒",
        "🇪🇸",
        "🎉",
        "❤️",
        "\u200d",
        "\u0301",
        "한",
        "\u1112\u1161\u11ab",
        "\u00a0",
    ]
)
TEXTS = st.lists(PIECES, max_size=80).map("".join) | st.text(max_size=200)
UNITS = st.sampled_from(get_args(Unit))


def visible(text: str) -> str:
    return "".join(text.split())


@given(TEXTS, st.integers(4, 60), UNITS)
def test_nothing_visible_is_lost_and_no_part_is_too_long(text: str, limit: int, unit: Unit) -> None:
    parts = split(text, limit, unit)
    assert visible("".join(parts)) == visible(text)
    assert all(part.strip() and length(part, unit) <= limit for part in parts)


@given(TEXTS, st.integers(40, 60))
def test_no_character_as_a_reader_sees_it_is_torn(text: str, limit: int) -> None:
    whole = [cluster for cluster in regex.findall(r"\X", text.strip()) if not cluster[0].isspace()]
    if all(len(cluster) <= limit for cluster in whole):
        parts = split(text, limit)
        assert [cluster for part in parts for cluster in regex.findall(r"\X", part) if not cluster[0].isspace()] == whole


@given(st.text(st.characters(codec=None), max_size=100), st.integers(4, 20), UNITS)
def test_any_string_at_all_gives_parts_that_a_wire_can_carry(text: str, limit: int, unit: Unit) -> None:
    for part in split(text, limit, unit):
        part.encode()
        assert length(part, unit) <= limit


def test_a_short_text_is_left_whole() -> None:
    assert split("Hola.\n\n¿Qué tal?", 100) == ["Hola.\n\n¿Qué tal?"]
    assert split("", 100) == []
    assert split(" \n ", 100) == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("First one here.\n\nSecond. Here it is.", ["First one here.", "Second. Here it is."]),
        ("A line of its own\nand then a. Long one", ["A line of its own", "and then a. Long one"]),
        ("One sentence here. Another one here.", ["One sentence here.", "Another one here."]),
        ("just words and no pause to rest at", ["just words and no pause", "to rest at"]),
        ("Dijo «hola». Y se fue a su casa ya", ["Dijo «hola».", "Y se fue a su casa ya"]),
        ("问题已经收到了。我们会尽快回复您的问题谢谢您的耐心等待", ["问题已经收到了。", "我们会尽快回复您的问题谢谢您的耐心等待"]),
    ],
)
def test_the_cut_is_where_a_reader_would_pause(text: str, parts: list[str]) -> None:
    assert split(text, 24) == parts


def test_a_pause_that_would_leave_a_part_nearly_empty_is_passed_over() -> None:
    assert split("Hi.\n\nThis goes on for quite a while", 30) == ["Hi.\n\nThis goes on for quite a", "while"]


def test_a_long_word_is_cut_between_whole_characters() -> None:
    assert split("👩🏽‍🚒" * 3, 8) == ["👩🏽‍🚒" * 2, "👩🏽‍🚒"]
    assert split("🇪🇸" * 3, 7, "utf-16") == ["🇪🇸"] * 3
    assert split("e\u0301" * 4, 5) == ["e\u0301" * 2] * 2


def test_a_character_longer_than_a_part_gives_way_to_the_limit() -> None:
    assert split("e" + "\u0301" * 9, 5) == ["e" + "\u0301" * 4, "\u0301" * 5]


def test_lengths_are_in_the_platforms_own_unit() -> None:
    assert [length("añ🎉", unit) for unit in get_args(Unit)] == [3, 4, 7]


def test_a_limit_that_cannot_hold_a_character_is_refused() -> None:
    with pytest.raises(ValueError, match="limit of 3"):
        split("🎉", 3, "bytes")
