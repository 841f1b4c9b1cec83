"""Forms in memory: the sheets last sent, the clicks that may still open one, and the modals that wait for what the desk says next.

All of it may be lost at any moment: a click that finds nothing here is served from what was said, or by the message with its button.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final, Generic, NamedTuple, TypeVar

from adapters.ports import Said
from adapters.slack.encode import Post
from conversations.model import Message, Sheet

SHEETS: Final = 300
PLACES: Final = 2_000
TRIGGER_S: Final = 2.5
"""Slack takes a trigger for 3 s after the click; the rest is for the way there."""

GRACE_S: Final = 0.3
"""After something else was said, how long a modal still waits for a page that may follow it."""

V = TypeVar("V")


class Recent(OrderedDict[str, V], Generic[V]):
    """Keeps the newest `limit` entries."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def put(self, key: str, value: V) -> None:
        self[key] = value
        self.move_to_end(key)
        while len(self) > self._limit:
            self.popitem(last=False)


class Asked(NamedTuple):
    """A message with a sheet, and the key of its delivery."""

    message: Message
    sheet: Sheet
    said: str


class Waiting:
    """A submitted modal: `answer` becomes the page that comes next, or None when something else is said."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.answer: asyncio.Future[Asked | None] = asyncio.get_running_loop().create_future()

    def give(self, asked: Asked | None) -> None:
        if not self.answer.done():
            self.answer.set_result(asked)


class Forms:
    def __init__(self, said: Said) -> None:
        self._said = said
        self._sheets: Recent[Asked] = Recent(SHEETS)
        self._newest: Recent[str] = Recent(SHEETS)
        self._triggers: Recent[tuple[str, float]] = Recent(PLACES)
        self._places: Recent[tuple[str, str]] = Recent(PLACES)
        self._waiting: dict[str, Waiting] = {}

    # --- what was clicked ---

    def clicked(self, address: str, trigger: str, at: float) -> None:
        """A click at `address` that could open a modal; `at` is the loop's time."""
        self._triggers.put(address, (trigger, at))

    async def recall(self, said: str) -> Asked | None:
        """The sheet of the message that was delivered under `said`; a newer page of the same form takes its place."""
        asked = self._sheets.get(said)
        if asked is None:
            message = await self._said(said)
            if message is None or message.sheet is None:
                return None
            asked = Asked(message, message.sheet, said)
        newest = self._sheets.get(self._newest.get(asked.sheet.key, ""))
        return newest or asked

    # --- what was submitted ---

    def wait(self, address: str, key: str) -> Waiting:
        """The next page of the form `key` at `address` goes into the modal that was just submitted."""
        if earlier := self._waiting.get(address):
            earlier.give(None)
        waiting = self._waiting[address] = Waiting(key)
        return waiting

    def leave(self, address: str, waiting: Waiting) -> None:
        waiting.give(None)
        if self._waiting.get(address) is waiting:
            del self._waiting[address]

    # --- what is being said ---

    def meet(self, address: str, post: Post, now: float) -> tuple[bool, str]:
        """Remember what is about to be said. Tells whether an open modal takes it, else the trigger that may open one, or ""."""
        message, waiting = post.sheet, self._waiting.get(address)
        if message is None or message.sheet is None:
            if waiting is not None and post.last:
                asyncio.get_running_loop().call_later(GRACE_S, waiting.give, None)
            return False, ""
        asked = Asked(message, message.sheet, post.said)
        begun = asked.sheet.key not in self._newest
        self._sheets.put(post.said, asked)
        self._newest.put(asked.sheet.key, post.said)
        if waiting is not None and waiting.key in ("", asked.sheet.key) and not waiting.answer.done():
            waiting.give(asked)
            return True, ""
        trigger, at = self._triggers.pop(address, ("", 0.0))
        # Only when a form begins: who answers it by buttons in the chat does not want a window with each of them.
        return False, trigger if begun and now - at < TRIGGER_S else ""

    def placed(self, address: str, key: str, ts: str) -> None:
        """The message with the sheet of the form `key` stands at `ts`, with nothing below it."""
        self._places.put(address, (key, ts))

    def moved_on(self, address: str) -> None:
        """Something stands below it now."""
        self._places.pop(address, None)

    def place(self, address: str, key: str) -> str:
        """Where the form's message stands that may be changed into its next page, or ""."""
        held, ts = self._places.get(address, ("", ""))
        return ts if held == key else ""
