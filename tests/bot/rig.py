"""A whole pipeline for tests: a real SQLite file, a platform that is a board, an engine of one line, and a clock moved by hand."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import msgspec

from adapters.base import Accepted, Adapter, Capabilities, Outbound, Payload, Receipt
from bot.clock import Clock, Ids
from bot.pipeline import Pipeline
from bot.supervision import Supervisor
from bot.telemetry import Metrics, configure
from bot.worker import Decide
from conversations.effects import Say
from conversations.engine import Decision
from conversations.events import Event, Inbound, MessageReceived
from conversations.knowledge import Knowledge
from conversations.model import Address, Message, Paragraph, State, Text, paragraph
from storage import migrate
from storage.engines import Database, open_database

BEGIN_MS = 1_800_000_000_000


class HandClock(Clock):
    """Time stands still until it is moved: nothing in a test depends on how fast the machine is."""

    def __init__(self, at: int = BEGIN_MS) -> None:
        self.at = at
        self._alarms: list[tuple[int, int, _Alarm]] = []
        self._count = itertools.count()

    def now(self) -> int:
        return self.at

    def spread(self, ms: float) -> float:
        return ms

    def call_after(self, ms: float, callback: Callable[[], object]) -> _Alarm:
        alarm = _Alarm(callback)
        heapq.heappush(self._alarms, (self.at + int(ms), next(self._count), alarm))
        return alarm

    def advance(self, ms: int) -> None:
        """Move time on; whatever comes due is called in its order."""
        until = self.at + ms
        while self._alarms and self._alarms[0][0] <= until:
            self.at, _, alarm = heapq.heappop(self._alarms)
            alarm.ring()
        self.at = until

    def next_at(self) -> int | None:
        """When the next alarm rings."""
        while self._alarms and self._alarms[0][2].silent:
            heapq.heappop(self._alarms)
        return self._alarms[0][0] if self._alarms else None


class _Alarm:
    def __init__(self, callback: Callable[[], object]) -> None:
        self._callback: Callable[[], object] | None = callback

    @property
    def silent(self) -> bool:
        return self._callback is None

    def cancel(self) -> None:
        self._callback = None

    def ring(self) -> None:
        if self._callback is not None:
            self._callback()


def echo(state: State, event: Event, knowledge: Knowledge) -> Decision:
    """Says the number of the turn and what was heard: order, loss and doubling can be read off the replies."""
    turns = state.turns + 1
    heard = event.text if isinstance(event, MessageReceived) else type(event).__name__
    return Decision(msgspec.structs.replace(state, turns=turns), (Say(Message(paragraph(f"{turns}: {heard}"), "en")),))


class Board:
    """What customers see, as (chat, text), and a way to wait for it."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, str]] = []
        self._changed = asyncio.Condition()

    async def post(self, chat: str, text: str) -> None:
        self.posts.append((chat, text))
        async with self._changed:
            self._changed.notify_all()

    async def until(self, count: int) -> list[tuple[str, str]]:
        """The posts, once there are `count` of them."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: len(self.posts) >= count)
        return self.posts

    def of(self, chat: str) -> list[str]:
        return [text for at, text in self.posts if at == chat]


class Platform:
    """An adapter that posts on a board. `faults` are raised by the next deliveries, in order; None lets one through."""

    def __init__(self, name: str = "test", *, idempotent: bool = True, parts: int = 1) -> None:
        self.name = name
        self.capabilities = Capabilities(text_limit=1000, idempotent_send=idempotent)
        self.board = Board()
        self.faults: deque[Exception | None] = deque()
        self.calls: list[str] = []
        # While clear, deliveries wait; `under_way` says how many do.
        self.open = asyncio.Event()
        self.open.set()
        self.under_way = 0
        self.most_under_way = 0
        self.arrived = asyncio.Event()
        self._parts = parts

    def decode(self, raw: Any) -> Inbound | None:
        return None

    def encode(self, out: Outbound) -> list[Payload]:
        [block] = out.message.doc
        text = "".join(leaf.text for leaf in cast(Paragraph, block).children if isinstance(leaf, Text))
        return [Payload(out.address, text if self._parts == 1 else f"{text} ({part})", part) for part in range(self._parts)]

    async def deliver(self, payload: Payload, key: str) -> Receipt:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        self.arrived.set()
        try:
            await self.open.wait()
            self.calls.append(key)
            if self.faults and (fault := self.faults.popleft()) is not None:
                raise fault
            await self.board.post(payload.address.chat, payload.body)
            return Receipt(f"p-{key}")
        finally:
            self.under_way -= 1

    async def run(self, accept: Any) -> None:
        await asyncio.Event().wait()


class Rig:
    """`say` is a customer's message; `board` what comes back."""

    def __init__(self, database: Database, platform: Platform, pipeline: Pipeline, supervisor: Supervisor, metrics: Metrics) -> None:
        self.database = database
        self.platform = platform
        self.pipeline = pipeline
        self.supervisor = supervisor
        self.metrics = metrics
        self._keys = itertools.count(1)

    @property
    def board(self) -> Board:
        return self.platform.board

    async def say(self, chat: str, text: str, key: str = "") -> Accepted:
        event = MessageReceived(text=text)
        return await self.pipeline.intake.accept(Inbound(Address(self.platform.name, "desk", chat), key or f"k{next(self._keys)}", event))

    async def decide_all(self) -> None:
        """Let what was accepted have its turn, on a rig that was not started."""
        worker = self.pipeline.worker
        worker.drain()
        await worker.run()
        worker._draining = False

    async def settled(self) -> None:
        """Until nothing is pending that does not wait for the clock."""
        await until(self.pipeline.quiet)

    async def drain(self, seconds: float = 10) -> bool:
        return await self.pipeline.drain(self.supervisor, seconds)

    def figure(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


async def until(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    """Let the loops run until it holds; there is nothing to wait for but the database."""
    async with asyncio.timeout(10):
        while True:
            held = holds()
            if held is True or (held is not False and await held):
                return
            await asyncio.sleep(0.001)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Database]:
    """A database as a start finds it."""
    url = f"sqlite:///{path}"
    await asyncio.to_thread(migrate.upgrade, url)
    database = open_database(url)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def rig(
    database: Database,
    platform: Platform | None = None,
    *,
    clock: Clock | None = None,
    decide: Decide = echo,
    others: tuple[Adapter, ...] = (),
    start: bool = True,
    knowledge: Knowledge | None = None,
) -> AsyncIterator[Rig]:
    clock = clock or Clock()
    platform = platform or Platform()
    metrics = Metrics()
    log = configure("error", "json")
    supervisor = Supervisor(clock, metrics, log)
    known = cast(Knowledge, knowledge)
    pipeline = Pipeline(database, [platform, *others], decide, lambda: known, clock, Ids(clock), metrics, log)
    if start:
        pipeline.start(supervisor)
    try:
        yield Rig(database, platform, pipeline, supervisor, metrics)
    finally:
        await supervisor.stop()
