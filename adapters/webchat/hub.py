"""Brings every open browser up to date from the log: wake-ups say that there is something, the log says what."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Final

import structlog

from adapters.webchat import wire
from adapters.webchat.ports import PAGE, Log
from conversations.model import Attachment

_ASKS: Final = 500
"""The most conversations of one read: keeps a statement small enough for any database."""

_log = structlog.get_logger(__name__)


class Stopped(Exception):
    """The desk is going down: come back to it later with your cursor."""


class Gone(Exception):
    """The browser has left."""


class Watcher:
    """One browser's place in one conversation. A batch is made only when the browser can take it: a slow one costs no memory."""

    __slots__ = ("address", "checked", "cursor", "dirty", "gone", "once", "reset", "waiting")

    def __init__(self, address: str, cursor: int, once: bool) -> None:
        self.address = address
        self.cursor = cursor
        self.dirty = True
        # A cursor that our log does not hold comes from another history (a restored backup, an erased transcript).
        self.checked = cursor <= 0
        self.once = once
        self.reset = False
        self.gone = False
        self.waiting: asyncio.Future[bytes] | None = None

    @property
    def hungry(self) -> bool:
        return self.waiting is not None and not self.waiting.done()


class Hub:
    """All watchers. Woken conversations are gathered while the last read runs, then read together in one call.

    `seal(address, file)` gives a file that the desk sends an id that is good at this address alone.
    """

    def __init__(self, log: Log, seal: Callable[[str, Attachment], Attachment]) -> None:
        self._log = log
        self._seal = seal
        self._watchers: defaultdict[str, set[Watcher]] = defaultdict(set)
        self._hungry: set[Watcher] = set()
        self._work = asyncio.Event()
        self._stopped = False

    def watching(self, address: str) -> int:
        return len(self._watchers.get(address, ()))

    @property
    def conversations(self) -> int:
        return len(self._watchers)

    def join(self, address: str, cursor: int, *, once: bool = False) -> Watcher:
        """`once`: answered as soon as the log has been read, be there something new or not."""
        watcher = Watcher(address, cursor, once)
        self._watchers[address].add(watcher)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """Forget this watcher; whoever waits in `next` for it is told by Gone."""
        watcher.gone = True
        if watcher.hungry and watcher.waiting is not None:
            watcher.waiting.set_exception(Gone())
        self._hungry.discard(watcher)
        if watchers := self._watchers.get(watcher.address):
            watchers.discard(watcher)
            if not watchers:
                del self._watchers[watcher.address]

    def wake(self, address: str) -> None:
        """Something new is in the log of `address`. Costs nothing when nobody is watching."""
        for watcher in self._watchers.get(address, ()):
            watcher.dirty = True
            if watcher.hungry:
                self._feed(watcher)

    async def next(self, watcher: Watcher, patience: float) -> bytes | None:
        """The next batch for this watcher, or None when nothing came in `patience` seconds; raises Stopped or Gone.

        After a None the next call looks into the log whether it was woken or not: that is what finds messages written by another node.
        """
        if self._stopped:
            raise Stopped
        if watcher.gone:
            raise Gone
        watcher.waiting = asyncio.get_running_loop().create_future()
        if watcher.dirty:
            self._feed(watcher)
        try:
            async with asyncio.timeout(patience):
                return await watcher.waiting
        except TimeoutError:
            watcher.dirty = True
            return None
        finally:
            watcher.waiting = None
            self._hungry.discard(watcher)

    async def run(self) -> None:
        """Read for whoever waits, until cancelled; then let everybody go."""
        self._stopped = False
        pause = 0.0
        try:
            while True:
                await self._work.wait()
                self._work.clear()
                # Let everything that is ready to wake somebody do so first: those wake-ups then share this read.
                await asyncio.sleep(pause)
                hungry = list(self._hungry)
                self._hungry.clear()
                try:
                    await self._read(hungry)
                    pause = 0.0
                except Exception as error:
                    # The browsers stay connected and their cursors stand: nothing is lost by reading later.
                    pause = min(5.0, pause * 2 + 0.25)
                    _log.warning("webchat.read_failed", error=type(error).__name__, conversations=len(hungry), retry_in=pause)
                    for watcher in hungry:
                        if watcher.hungry:
                            self._feed(watcher)
        finally:
            self._stopped = True
            for watchers in self._watchers.values():
                for watcher in watchers:
                    if watcher.waiting is not None and not watcher.waiting.done():
                        watcher.waiting.set_exception(Stopped())

    def _feed(self, watcher: Watcher) -> None:
        self._hungry.add(watcher)
        self._work.set()

    async def _read(self, hungry: list[Watcher]) -> None:
        by_address: defaultdict[str, list[Watcher]] = defaultdict(list)
        for watcher in hungry:
            watcher.dirty = False  # before the read: a wake-up during it must not be swallowed
            by_address[watcher.address].append(watcher)
        # An unchecked watcher asks for the entry at its cursor too: it must be there.
        asks = [(address, min(w.cursor if w.checked else w.cursor - 1 for w in watchers)) for address, watchers in by_address.items()]
        for start in range(0, len(asks), _ASKS):
            part = asks[start : start + _ASKS]
            for (address, _), entries in zip(part, await self._log.since(part), strict=True):
                seal = partial(self._seal, address)
                lines = [(entry.cursor, wire.line(entry, seal)) for entry in entries]
                for watcher in by_address[address]:
                    self._give(watcher, lines)

    def _give(self, watcher: Watcher, lines: list[tuple[int, bytes | None]]) -> None:
        if watcher.waiting is None or watcher.waiting.done():
            watcher.dirty = True  # timed out during the read: it will ask again
            return
        full = len(lines) >= PAGE
        if not watcher.checked:
            if full and lines[-1][0] < watcher.cursor:
                return self._feed(watcher)  # it shares the read with somebody far behind: its own part is not in this page
            watcher.checked = True
            if all(cursor != watcher.cursor for cursor, _ in lines):
                watcher.reset, watcher.cursor = True, 0
                return self._feed(watcher)
        news = [(cursor, line) for cursor, line in lines if cursor > watcher.cursor]
        if not news and not watcher.reset and (full or not watcher.once):
            if full:
                self._feed(watcher)
            return None
        if news:
            watcher.cursor = news[-1][0]
        watcher.dirty = watcher.dirty or full
        watcher.waiting.set_result(wire.batch([line for _, line in news if line is not None], watcher.cursor, reset=watcher.reset))
        watcher.reset = False
        return None
