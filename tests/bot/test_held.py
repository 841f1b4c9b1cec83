"""A conversation that is being had goes on in memory: without the queue, and with nothing lost, doubled or turned round when that ends."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import text

from adapters.base import Later, NotStored
from bot import pipeline
from bot.clock import Ids
from conversations.effects import SetTimer
from conversations.engine import Decision
from conversations.events import Event, MessageReceived, TimerFired
from conversations.knowledge import Knowledge
from conversations.model import State
from storage import outbox, timers, turns
from storage.engines import Connection, Database
from tests.bot.rig import HandClock, Platform, Rig, echo, opened, rig, until

T = TypeVar("T")

NO_QUEUE = text("CREATE TRIGGER no_queue BEFORE INSERT ON work BEGIN SELECT RAISE(ABORT, 'queued'); END")
WORK = text("SELECT attempts, owner FROM work")


def touchy(state: State, event: Event, knowledge: Knowledge) -> Decision:
    if isinstance(event, MessageReceived) and event.text == "boom":
        raise LookupError
    return echo(state, event, knowledge)


async def rows(database: Database, query: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await database.read(lambda connection: connection.execute(query).all())]


# --- the way without the queue ---


async def test_who_is_being_answered_stands_in_no_queue(database: Database) -> None:
    async with rig(database) as here:
        await here.say("ana", "one")
        await here.board.until(1)
        await here.settled()
        await database.write(lambda connection: connection.execute(NO_QUEUE))
        for n, said in enumerate(("two", "three"), 2):
            await here.say("ana", said)
            await here.board.until(n)
        assert here.board.of("ana") == ["1: one", "2: two", "3: three"]
        with pytest.raises(NotStored):
            await here.say("ben", "a conversation that begins is queued")


async def test_what_comes_while_a_turn_is_under_way_is_answered_after_it(database: Database) -> None:
    async with rig(database) as here:
        await here.say("ana", "m1")
        await here.board.until(1)
        await asyncio.gather(*(here.say("ana", f"m{n}") for n in range(2, 40)))
        await here.board.until(39)
        assert here.board.of("ana") == [f"{n}: m{n}" for n in range(1, 40)]


async def test_a_redelivery_is_answered_once(database: Database) -> None:
    async with rig(database) as here:
        await here.say("ana", "one", "k1")
        await here.board.until(1)
        again = await asyncio.gather(here.say("ana", "two", "k2"), here.say("ana", "two", "k2"), here.say("ana", "one", "k1"))
        assert sorted(one.fresh for one in again) == [False, False, True]
        await here.settled()
        assert here.board.of("ana") == ["1: one", "2: two"]


async def test_more_are_had_than_are_held(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "TALKS_HELD", 2)
    async with rig(database) as here:

        async def talk(chat: str) -> None:
            for n in range(1, 9):
                await here.say(chat, f"m{n}")

        await asyncio.gather(*(talk(f"c{n}") for n in range(7)))
        await here.board.until(56)
        for chat in range(7):
            assert here.board.of(f"c{chat}") == [f"{n}: m{n}" for n in range(1, 9)]


# --- the queue takes over ---


async def test_a_turn_that_fails_is_tried_again_through_the_queue(database: Database) -> None:
    clock = HandClock()
    async with rig(database, clock=clock, decide=touchy) as here:
        await here.say("ana", "one")
        await here.board.until(1)
        await here.say("ana", "boom")

        async def postponed() -> bool:
            return await rows(database, WORK) == [(1, None)]

        await until(postponed)
        await here.say("ana", "three")
        await here.say("ben", "hello")
        await here.board.until(2)
        assert here.board.posts == [("ana", "1: one"), ("ben", "1: hello")], "what came after the fault waits behind it"
        here.pipeline.worker._decide = echo
        clock.advance(2_000)
        await here.board.until(4)
        assert here.board.of("ana") == ["1: one", "2: boom", "3: three"]


async def test_what_came_before_a_fault_is_answered_and_what_came_after_it_is_kept(database: Database) -> None:
    async with rig(database, decide=touchy) as here:
        await here.say("ana", "one")
        await here.board.until(1)
        await asyncio.gather(*(here.say("ana", said) for said in ("two", "boom", "four")))

        async def postponed() -> bool:
            return [attempts for attempts, _ in await rows(database, WORK)] == [1]

        await until(postponed)
        await here.board.until(2)
        assert here.board.of("ana") == ["1: one", "2: two"]
        assert await rows(database, text("SELECT count(*) FROM inbox WHERE turn = 0")) == [(2,)]


def reminding(state: State, event: Event, knowledge: Knowledge) -> Decision:
    decision = echo(state, event, knowledge)
    return decision if isinstance(event, TimerFired) else Decision(decision.state, (*decision.effects, SetTimer("soon", event.at + 1_000)))


async def test_timers_go_through_the_queue_and_the_talk_goes_on_after_them(database: Database) -> None:
    clock = HandClock()
    async with rig(database, clock=clock, decide=reminding) as here:
        for round in range(3):
            await here.say("ana", "hello")
            await here.board.until(2 * round + 1)

            async def fired(count: int = 2 * round + 2) -> bool:
                clock.advance(100)
                return len(here.board.posts) >= count

            await until(fired)
        assert here.board.of("ana") == ["1: hello", "2: TimerFired", "3: hello", "4: TimerFired", "5: hello", "6: TimerFired"]


async def test_what_came_with_a_timer_in_the_same_moment_is_answered_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = HandClock()
    async with rig(database, clock=clock, decide=reminding) as here:
        await here.say("ana", "one")
        await here.board.until(1)
        await here.settled()
        clock.at += 1_000
        accept = turns.accept

        def with_timer(connection: Connection, *more: Any) -> Any:
            stored = accept(connection, *more)
            assert timers.fire(connection, clock.now(), 10, Ids(clock).new) == 1
            here.pipeline.worker.hint.ring()
            return stored

        with monkeypatch.context() as patch:
            patch.setattr(turns, "accept", with_timer)
            await here.say("ana", "two")
        await here.board.until(3)
        await here.settled()
        assert sorted(text[3:] for text in here.board.of("ana")) == ["TimerFired", "one", "two"]
        assert await rows(database, text("SELECT version FROM conversation")) == [(3,)]
        assert here.figure("relevo_turns_total") == 3, "nobody decided it a second time"


async def test_a_chat_that_moved_is_answered_where_it_is(database: Database) -> None:
    async with rig(database) as here:
        await here.say("ana", "one")
        await here.board.until(1)
        await here.settled()
        ((shard, id),) = await rows(database, text("SELECT shard, id FROM conversation"))
        await database.write(lambda connection: outbox.move(connection, shard, id, "test:desk:ana", "test:desk:anna"))
        await here.say("ana", "two")
        await here.board.until(2)
        assert here.board.of("anna") == ["2: two"]


async def test_what_the_memory_lost_is_found_in_the_tables(database: Database) -> None:
    clock = HandClock()
    async with rig(database, clock=clock) as here:
        await here.say("ana", "one")
        await here.board.until(1)
        # As if it had never been given on.
        here.pipeline.worker._held.give = lambda talk, event: None  # type: ignore[method-assign]
        await here.say("ana", "two")
        await here.pipeline.upkeep.tidy()
        assert await rows(database, WORK) == [], "it may still be in somebody's hands"
        clock.advance(10_000)
        await here.pipeline.upkeep.tidy()
        await here.board.until(2)
        assert here.board.of("ana") == ["1: one", "2: two"]


# --- what is said is handed on ---


@pytest.mark.parametrize("fault", [Later(5.0), Later(0.0), RuntimeError()])
async def test_what_was_said_before_is_sent_before(database: Database, fault: Exception) -> None:
    clock = HandClock()
    async with rig(database, clock=clock) as here:
        here.platform.faults.extend([fault])
        await here.say("ana", "one")
        await until(lambda: len(here.platform.calls) == 1)
        await here.say("ana", "two")
        await here.say("ben", "hello")
        await here.board.until(1)
        assert here.board.posts == [("ben", "1: hello")]

        def sent() -> bool:
            clock.advance(500)
            return len(here.board.posts) == 3

        await until(sent)
        assert here.board.of("ana") == ["1: one", "2: two"]


async def test_what_goes_back_while_the_next_is_committed_is_sent_before_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = HandClock()
    async with rig(database, clock=clock) as here:
        here.platform.open.clear()
        await here.say("ana", "one")
        await here.platform.arrived.wait()
        commit = turns.commit_and_give

        def meanwhile(*arguments: Any) -> Any:
            committed = commit(*arguments)
            assert len(committed.given) == 1
            here.platform.faults.append(RuntimeError())
            here.platform.open.set()
            return committed

        with monkeypatch.context() as patch:
            patch.setattr(turns, "commit_and_give", meanwhile)
            await here.say("ana", "two")
            await until(lambda: len(here.platform.calls) >= 1)

        def sent() -> bool:
            clock.advance(500)
            return len(here.board.posts) == 2

        await until(sent)
        assert here.board.of("ana") == ["1: one", "2: two"]


async def test_a_lane_that_is_full_leaves_the_rest_to_be_claimed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.delivery.IN_FLIGHT", 3)
    platform = Platform()
    platform.open.clear()
    async with rig(database, platform) as here:
        await asyncio.gather(*(here.say(f"c{n}", "hello") for n in range(9)))
        await platform.arrived.wait()
        due = text("SELECT count(*) FROM outbox WHERE status = 0")
        await until(lambda: here.pipeline.lanes["test"].room == 0)
        assert (await rows(database, due))[0][0] >= 6
        platform.open.set()
        await here.board.until(9)
        assert sorted(here.board.posts) == sorted((f"c{n}", "1: hello") for n in range(9))


# --- whichever transaction is the last ---


class Photographed:
    """A database of which a picture is taken after each transaction, as a process that dies then would leave it."""

    def __init__(self, inner: Database, file: Path, folder: Path, seen: Callable[[], object]) -> None:
        self._inner = inner
        self._file = file
        self._folder = folder
        self._seen = seen
        self.pictures: list[tuple[Path, object]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def write(self, unit: Callable[[Connection], T]) -> T:
        def photographed(connection: Connection) -> T:
            self._take()
            return unit(connection)

        return await self._inner.write(photographed)

    def _take(self) -> None:
        """While the next transaction is only beginning: all that was committed is in the file and its log."""
        to = self._folder / f"{len(self.pictures)}" / "relevo.db"
        to.parent.mkdir()
        for end in ("", "-wal"):
            if (part := self._file.with_name(self._file.name + end)).exists():
                shutil.copy(part, to.with_name(to.name + end))
        self.pictures.append((to, self._seen()))


SAID = {"ana": ["a1", "a2", "a3", "a4"], "ben": ["b1", "b2", "b3"]}


async def tell_all(here: Rig, *, waiting: bool) -> None:
    async def talk(chat: str) -> None:
        for n, said in enumerate(SAID[chat], 1):
            await here.say(chat, said, said)
            # Ana waits for each answer; Ben for the first, and then says all the rest.
            if waiting and (chat == "ana" or n == 1):
                await until(lambda: len(here.board.of(chat)) >= n)  # noqa: B023

    await asyncio.gather(*map(talk, SAID))


async def test_whichever_transaction_is_the_last_everything_is_answered_once_and_in_order(file: Path, tmp_path: Path) -> None:
    shown: list[tuple[str, str]] = []
    async with opened(file) as database:
        platform = Platform()
        watched = Photographed(database, file, tmp_path, lambda: len(platform.board.posts))
        async with rig(watched, platform) as here:
            await tell_all(here, waiting=True)
            await here.board.until(7)
            shown = list(here.board.posts)
            assert await here.drain()
    assert len(watched.pictures) >= 8
    for picture, seen in watched.pictures:
        async with opened(picture) as database:
            await database.write(turns.take_over)
            async with rig(database) as here:
                # Whoever was not told that it is stored says it again.
                await tell_all(here, waiting=False)
                await here.settled()
                answered = shown[: int(str(seen))] + here.board.posts
                for chat, said in SAID.items():
                    once = list(dict.fromkeys(text for at, text in answered if at == chat))
                    assert once == [f"{n}: {text}" for n, text in enumerate(said, 1)], f"after {picture.parent.name} transactions"
