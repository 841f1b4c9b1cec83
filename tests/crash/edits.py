"""What people changed in the kill runs, and what the desk has of it: the newest words, each change once."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from tests.crash.life import CHANGED, DATABASE

APART_S = 2.0
"""Nobody changes a message twice in one second, and Telegram and Slack count in seconds."""


class Edits:
    """By the keys that the messages have in the desk, which are each of one chat alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._newest: dict[str, str] = {}
        self._made: Counter[str] = Counter()
        self._last: dict[str, float] = {}

    @property
    def made(self) -> int:
        return self._made.total()

    def change(self, key: str, said: str, of: int) -> str | None:
        """The new words of a message that said this first; None when it was changed just now, or enough of the `of` messages were."""
        now = time.monotonic()
        if now - self._last.get(key, -APART_S) < APART_S or self.made * 2 > of:
            return None
        self._last[key] = now
        self._made[key] += 1
        self._newest[key] = f"{said.partition(CHANGED)[0]}{CHANGED}{self._made[key]}"
        return self._newest[key]

    def compare(self) -> tuple[int, int]:
        """Lost: messages that do not stand as they were changed last. Doubled: changes that were stored more often than they were made."""
        with closing(sqlite3.connect(f"file:{self._folder / DATABASE}?mode=ro", uri=True)) as database:
            rows = database.execute("SELECT key, payload FROM inbox WHERE author = 'customer'").fetchall()
        return compare(self._newest, self._made, [(key, json.loads(payload)) for key, payload in rows])


def compare(newest: dict[str, str], made: Counter[str], stored: list[tuple[str, dict[str, object]]]) -> tuple[int, int]:
    stands = {key: event.get("text") for key, event in stored if event["type"] == "message"}
    told = Counter(str(event["of"]) for _, event in stored if event["type"] == "edited")
    return sum(stands.get(key) != text for key, text in newest.items()), sum((told - made).values())
