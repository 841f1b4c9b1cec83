"""Broadcasts of five minutes at the platforms' limits, in simulated time, against a limiter that counts every call."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

import msgspec
import pytest
from sqlalchemy import Connection

from adapters.base import Capabilities, Later, Outbound, Payload, Rate, Receipt
from bot.delivery import Lane
from bot.effects import INTERACTIVE
from bot.telemetry import Metrics, configure
from conversations.model import Address, Message, paragraph
from storage import turns
from storage.engines import Database
from storage.rows import NewEvent
from tests.bot.rig import BEGIN_MS, HandClock
from tests.contracts.store_rows import event, turn

T = TypeVar("T")

MINUTES_5 = 300_000
BROADCAST = 5
"""Any priority of what nobody waits for."""

HOPS = 12
"""More turns of the event loop than there are between two transactions of a lane."""


class Limit(NamedTuple):
    """At most `sends` calls in any `ms` milliseconds (the later end not included)."""

    sends: int
    ms: int

    def rate(self, burst: int = 1) -> Rate:
        """The fastest that keeps to it, as the port says."""
        return Rate(burst, -(-self.ms // (self.sends - burst + 1)))

    def broken(self, times: list[int]) -> bool:
        """By the call at the end of `times`."""
        return len(times) - bisect_left(times, times[-1] - self.ms + 1) > self.sends


class Call(NamedTuple):
    at: int
    chat: str
    key: str
    text: str


class Strict:
    """A platform that counts. `storm` says what a call is told that breaks no limit: Later, or None."""

    name = "strict"

    def __init__(
        self, clock: HandClock, chat: Limit | None, account: Limit | None, idempotent: bool, storm: Callable[[int], Later | None]
    ) -> None:
        self.capabilities = Capabilities(
            text_limit=1_000,
            idempotent_send=idempotent,
            chat_rate=chat and chat.rate(2 if chat.sends > 1 else 1),
            account_rate=account and account.rate(4),
        )
        self._clock = clock
        self._limits = chat, account
        self._storm = storm
        self._calls = 0
        self._by_chat: defaultdict[str, list[int]] = defaultdict(list)
        self._all: list[int] = []
        self._held: defaultdict[str, int] = defaultdict(int)
        self.told: list[tuple[int, Later]] = []
        self.shown: list[Call] = []
        self.faults: list[str] = []

    def decode(self, raw: Any) -> None:
        return None

    def encode(self, out: Outbound) -> list[Payload]:
        text = msgspec.json.encode(out.message.doc).decode()
        return [Payload(out.address, text)]

    async def deliver(self, payload: Payload, key: str) -> Receipt:
        now, chat = self._clock.now(), payload.address.chat
        self._calls += 1
        for times, limit in ((self._by_chat[chat], self._limits[0]), (self._all, self._limits[1])):
            times.append(now)
            if limit is not None and limit.broken(times):
                self.faults.append(f"{now}: {chat} is the call too many of {limit}")
        if now < max(self._held[chat], self._held[""]):
            self.faults.append(f"{now}: {chat} was told to wait until {max(self._held[chat], self._held[''])}")
        if later := self._storm(self._calls):
            place = "" if later.whole else chat
            self._held[place] = max(self._held[place], now + round(later.after * 1000))
            self.told.append((now, later))
            raise later
        self.shown.append(Call(now, chat, key, payload.body))
        return Receipt(key)

    async def run(self, accept: Any) -> None:
        await asyncio.Event().wait()

    def free_at(self, chat: str) -> int:
        """Until when a chat was told to wait; 0 if it was not."""
        return self._held[chat]


class Watched:
    """The database, with the number of transactions that are asked for and not yet done."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.under_way = 0
        self._still = asyncio.Event()

    async def write(self, unit: Callable[[Connection], T]) -> T:
        self.under_way += 1
        self._still.clear()
        try:
            return await self._database.write(unit)
        finally:
            self.under_way -= 1
            if not self.under_way:
                self._still.set()

    async def read(self, unit: Callable[[Connection], T]) -> T:
        return await self._database.read(unit)

    async def close(self) -> None:
        await self._database.close()

    async def still(self) -> None:
        """Until nothing goes on that does not wait for the clock."""
        while True:
            for _ in range(HOPS):
                await asyncio.sleep(0)
            if not self.under_way:
                return
            await self._still.wait()


async def queue(database: Database, now: int, messages: Iterable[tuple[str, str, str]], priority: int = INTERACTIVE) -> None:
    """Each a chat, a thread in it, and a text: what a turn would leave to be sent."""
    events: list[NewEvent] = []
    said: dict[str, list[str]] = {}
    for chat, thread, text in messages:
        address = str(Address("strict", "desk", chat, thread))
        events.append(event(text, address, at=now))
        said[address] = [*said.get(address, ()), msgspec.json.encode(Message(paragraph(text), "en")).decode()]

    def unit(connection: Connection) -> None:
        turns.accept(connection, events, now)
        claims = turns.claim(connection, "worker", now, 60_000, len(said))
        assert len(claims) == len(said)
        turns.commit(connection, "worker", [turn(claim, *said[claim.address], priority=priority) for claim in claims], now)

    await database.write(unit)


class Desk:
    """One lane, and a clock that goes on as soon as everything waits for it."""

    def __init__(self, database: Database, clock: HandClock, platform: Strict) -> None:
        self.database = Watched(database)
        self.clock = clock
        self.platform = platform
        self.lane = Lane(platform, self.database, "node", clock, Metrics(), configure("critical", "json"), alone=True)
        self.running = asyncio.create_task(self.lane.run())

    async def stop(self) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        await self.database.still()

    async def until(self, at: int) -> None:
        """Let time pass."""
        while True:
            await self.database.still()
            assert not self.running.done(), self.running
            next_at = self.clock.next_at()
            if next_at is None or next_at > at:
                break
            self.clock.advance(max(0, next_at - self.clock.at))
        self.clock.advance(at - self.clock.at)
        await self.database.still()


TELEGRAM = (Limit(1, 1_000), Limit(30, 1_000), False)
SLACK = (Limit(1, 1_000), None, False)
DISCORD = (Limit(5, 5_000), Limit(50, 1_000), True)


def storms(call: int) -> Later | None:
    """One chat in every 40 is told to wait, and now and then everybody."""
    if call % 1_000 == 500:
        return Later(11.0, whole=True)
    return Later(7.5) if call % 40 == 20 else None


@pytest.mark.parametrize(
    ("limits", "chats", "each", "wave"),
    [(TELEGRAM, 6_600, 1, 6), (SLACK, 5, 260, 3), (DISCORD, 2_400, 4, 6)],
    ids=["telegram", "slack", "discord"],
)
async def test_a_broadcast_of_five_minutes_is_never_too_fast_and_replies_overtake_it(
    database: Database, limits: tuple[Limit | None, Limit | None, bool], chats: int, each: int, wave: int
) -> None:
    clock = HandClock()
    platform = Strict(clock, *limits, storms)
    some = [(f"c{n % chats}", f"t{n // chats}", f"b{n}") for n in range(chats * each)]
    for begin in range(0, len(some), 500):
        await queue(database, clock.at, some[begin : begin + 500], BROADCAST)
    desk = Desk(database, clock, platform)
    asked: dict[str, int] = {}
    for at in range(BEGIN_MS, BEGIN_MS + MINUTES_5, 10_000):
        await desk.until(at + 5_003)
        replies = [(f"r{at}.{n}", "", f"r{at}.{n}") for n in range(wave)]
        asked |= {chat: clock.at for chat, *_ in replies}
        await queue(database, clock.at, replies)
        desk.lane.hint.ring()
        await desk.until(at + 10_000)
    sent_in_time = len(platform.shown)
    await desk.until(clock.at + 60_000)
    await desk.stop()
    assert platform.faults == []
    assert len({call.key for call in platform.shown}) == len(platform.shown), "nothing is shown twice"

    # Every reply gets there behind the other replies of its wave, and behind nothing else but what the platform itself asked for.
    every = platform.capabilities.account_rate.every_ms if platform.capabilities.account_rate else 0
    holds = [(at, at + round(later.after * 1000)) for at, later in platform.told if later.whole]
    shown_at = {call.chat: call.at for call in platform.shown if call.chat in asked}
    assert shown_at.keys() == asked.keys()
    for chat, at in asked.items():
        free_at = max(at, platform.free_at(chat))
        for begin, end in holds:
            # One that begins while the wave goes out holds up the rest of it.
            free_at = end if begin <= free_at + every * wave and free_at < end else free_at
        # A hold of 11 s lets two waves wait together.
        assert shown_at[chat] - free_at <= every * 2 * wave + 1

    # The others flow on: apart from what the platform held back, its limit is made use of.
    held = sum(end - begin for begin, end in holds)
    chat_rate = platform.capabilities.chat_rate
    assert chat_rate is not None
    in_chats = sum(later.after * 1000 for _, later in platform.told if not later.whole)
    fastest = (MINUTES_5 - held) / every if every else (chats * (MINUTES_5 - held) - in_chats) / chat_rate.every_ms
    assert sent_in_time >= 0.9 * min(fastest, len(some) + len(asked))
