"""The judges of the kill runs see what they are there to see: a run that finds nothing must have looked."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.telegram_server import Sent
from tests.crash import telegram_run
from tests.crash.edits import compare as compare_edits
from tests.crash.form_run import FINANCIAL, REVIEW, Filled, Stored
from tests.crash.form_run import compare as compare_forms
from tests.crash.memory_run import compare, shown
from tests.crash.victim import Victim
from tests.crash.web_run import Visitor, judge


def post(turn: int, heard: int, key: str = "") -> dict[str, str]:
    return {"chat": "chat0", "key": key or f"1.{turn}.0.0", "text": f"{turn} chat0-{heard}"}


@pytest.mark.parametrize(
    ("posts", "expected"),
    [
        ([post(1, 1), post(2, 2), post(3, 3)], (0, 0, 0, 0)),
        ([post(1, 1), post(2, 3)], (1, 0, 0, 0)),
        ([], (3, 0, 0, 0)),
        ([post(1, 1), post(2, 2), post(3, 2), post(4, 3)], (0, 1, 0, 0)),
        ([post(1, 2), post(2, 1), post(3, 3)], (0, 0, 1, 0)),
        ([post(2, 2), post(1, 1), post(3, 3)], (0, 0, 2, 0)),
        ([post(1, 1), post(2, 2), post(2, 2), post(3, 3)], (0, 0, 0, 1)),
        ([post(1, 1), post(2, 2), post(3, 3), post(1, 1)], (0, 0, 0, 1)),
    ],
)
def test_memory(posts: list[dict[str, str]], expected: tuple[int, int, int, int]) -> None:
    assert compare({"chat0": 3}, posts) == expected


def test_a_line_cut_short_was_not_sent(tmp_path: Path) -> None:
    sink = tmp_path / "sent.jsonl"
    assert shown(sink) == []
    sink.write_text('{"chat": "a"}\n{"chat": "b')
    assert shown(sink) == [{"chat": "a"}]


def you(n: int, id: str) -> dict[str, Any]:
    return {"n": n * 1000, "by": "you", "id": id}


def desk(n: int, id: str = "") -> dict[str, Any]:
    return {"n": n * 1000 + 1, "by": "desk", "id": id or f"c.{n}.0"}


SOUND = [you(1, "v-1"), desk(1), you(2, "v-2"), desk(2)]


@pytest.mark.parametrize(
    ("transcript", "screen", "repeated", "expected"),
    [
        (SOUND, SOUND, 0, (0, 0, 0, 0)),
        (SOUND[:2], SOUND[:2], 0, (1, 0, 0, 0)),
        (SOUND[:3], SOUND[:3], 0, (1, 0, 0, 0)),
        (SOUND, SOUND[:3], 0, (1, 0, 0, 0)),
        ([*SOUND, you(3, "v-1"), desk(3)], [*SOUND, you(3, "v-1"), desk(3)], 0, (0, 1, 1, 0)),
        ([you(1, "v-2"), desk(1), you(2, "v-1"), desk(2)], [you(1, "v-2"), desk(1), you(2, "v-1"), desk(2)], 0, (0, 0, 1, 0)),
        (SOUND, [SOUND[0], SOUND[2], SOUND[1], SOUND[3]], 0, (0, 0, 1, 0)),
        (SOUND, SOUND, 1, (0, 0, 0, 1)),
    ],
)
def test_web(
    transcript: list[dict[str, Any]], screen: list[dict[str, Any]], repeated: int, expected: tuple[int, int, int, int], tmp_path: Path
) -> None:
    visitor = Visitor("v", 1, Victim([], {}, tmp_path), random.Random(1))
    visitor.acknowledged = ["v-1", "v-2"]
    visitor.browser.entries = screen
    visitor.browser.repeated = repeated
    assert judge(visitor, transcript) == expected


KEPT = {name: answer.kept for name, answer in FINANCIAL.items() if answer.kept is not None}
STEPS = [*FINANCIAL, REVIEW]
SENT = [Stored("1.1", KEPT)]


def filled(steps: list[str], way: str = "typed", strayed: int = 0) -> Filled:
    return Filled("financial", way, "1.1", steps, strayed)


@pytest.mark.parametrize(
    ("form", "stored", "expected"),
    [
        (filled(STEPS), SENT, (0, 0, 0)),
        (filled(["department", "urgency", REVIEW], "pages"), SENT, (0, 0, 0)),
        (filled(STEPS), [], (len(KEPT), 0, 0)),
        (filled(STEPS), [Stored("1.1", {**KEPT, "amount": "4.99 EUR"})], (1, 0, 0)),
        (filled(STEPS), [Stored("1.1", {name: value for name, value in KEPT.items() if name != "amount"})], (1, 0, 0)),
        (filled(STEPS), [Stored("1.1", {**KEPT, "service": "of another form"})], (1, 0, 0)),
        (filled(STEPS, strayed=2), SENT, (2, 0, 0)),
        (filled(STEPS), SENT * 2, (0, 1, 0)),
        (filled(STEPS), [*SENT, Stored("9.9", KEPT)], (0, 1, 0)),
        (filled(STEPS[:-2] + STEPS[-3:]), SENT, (0, 0, 2)),
        (filled(STEPS[1:]), SENT, (0, 0, 1)),
        (filled([STEPS[1], STEPS[0], *STEPS[2:]]), SENT, (0, 0, 1)),
        (filled(["urgency", "department", REVIEW], "pages"), SENT, (0, 0, 1)),
    ],
)
def test_form(form: Filled, stored: list[Stored], expected: tuple[int, int, int]) -> None:
    assert compare_forms([form], stored) == expected


def changed(key: str, text: str, *times: str) -> list[tuple[str, dict[str, object]]]:
    """A message as it stands, and the changes of it that are stored, by their keys."""
    told: list[tuple[str, dict[str, object]]] = [(time, {"type": "edited", "of": key, "text": ""}) for time in times]
    return [(key, {"type": "message", "text": text}), *told]


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (changed("m1", "one+2", "e1", "e2"), (0, 0)),
        (changed("m1", "one+2", "e2"), (0, 0)),
        (changed("m1", "one+1", "e1", "e2"), (1, 0)),
        (changed("m1", "one"), (1, 0)),
        ([], (1, 0)),
        (changed("m1", "one+2", "e1", "e2", "e2 again"), (0, 1)),
        (changed("m1", "one+2", "e1", "e2") + changed("m2", "two", "e3"), (0, 1)),
    ],
)
def test_edits(stored: list[tuple[str, dict[str, object]]], expected: tuple[int, int]) -> None:
    assert compare_edits({"m1": "one+2"}, Counter(m1=2), stored) == expected


@pytest.mark.parametrize(
    ("texts", "excused", "expected"),
    [
        (["1 7-1", "2 7-2"], [], (0, 0, 0, 0)),
        (["1 7-1", "1 7-1", "2 7-2"], [], (0, 0, 0, 1)),
        (["1 7-1", "1 7-1", "2 7-2"], ["1 7-1"], (0, 0, 0, 0)),
        (["1 7-1", "1 7-1", "1 7-1", "2 7-2"], ["1 7-1"], (0, 0, 0, 1)),
        (["1 7-1", "2", "3 7-2"], [], (0, 1, 0, 0)),
        (["2 7-2"], [], (1, 0, 0, 0)),
    ],
)
def test_telegram(texts: list[str], excused: list[str], expected: tuple[int, int, int, int]) -> None:
    """What is sent again because its answer was lost is the server's doing; half an album is doubled."""
    sent = [Sent("sendMessage", 7, text, {}) for text in texts]
    assert telegram_run.judge({7: 2}, sent, Counter((7, text) for text in excused)) == expected
