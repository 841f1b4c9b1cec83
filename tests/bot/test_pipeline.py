"""Message in, answer out: nothing lost, nothing done twice, order kept; over restarts too."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from storage import outbox, turns
from storage.engines import Database
from tests.bot.rig import BEGIN_MS, HandClock, Platform, opened, rig


async def test_a_message_is_answered(database: Database) -> None:
    async with rig(database) as here:
        assert (await here.say("ana", "hello")).fresh
        assert await here.board.until(1) == [("ana", "1: hello")]


async def test_a_redelivery_is_a_no_op(database: Database) -> None:
    async with rig(database) as here:
        first, second = await asyncio.gather(here.say("ana", "hello", "m1"), here.say("ana", "hello", "m1"))
        assert sorted((first.fresh, second.fresh)) == [False, True]
        await here.board.until(1)
        assert not (await here.say("ana", "hello", "m1")).fresh
        await here.say("ana", "again", "m2")
        assert await here.board.until(2) == [("ana", "1: hello"), ("ana", "2: again")]


async def test_many_customers_at_once_each_in_order(database: Database) -> None:
    chats, each = [f"c{n}" for n in range(60)], 5

    async with rig(database) as here:

        async def talk(chat: str) -> None:
            for n in range(1, each + 1):
                await here.say(chat, f"m{n}")

        await asyncio.gather(*map(talk, chats))
        await here.board.until(len(chats) * each)
        for chat in chats:
            assert here.board.of(chat) == [f"{n}: m{n}" for n in range(1, each + 1)]
        assert here.figure("relevo_turns_total") == len(chats) * each
        assert here.figure("relevo_events_accepted_total", platform="test", fresh="true") == len(chats) * each


async def test_what_was_accepted_before_a_death_is_answered_after_it(file: Path) -> None:
    async with opened(file) as database, rig(database, start=False) as here:
        # Stored and acknowledged, and then the process ends without having claimed anything.
        await asyncio.gather(*(here.say("ana", f"m{n}") for n in range(3)))
    async with opened(file) as database, rig(database) as here:
        await here.board.until(3)
        assert sorted(text[3:] for _, text in here.board.posts) == ["m0", "m1", "m2"]
        assert [text[0] for _, text in here.board.posts] == ["1", "2", "3"]


async def test_work_that_a_dead_process_had_claimed_is_taken_over(file: Path) -> None:
    async with opened(file) as database, rig(database, start=False) as here:
        await here.say("ana", "hello")
        claims = await database.write(lambda connection: turns.claim(connection, "dead", BEGIN_MS * 2, 60_000, 10))
        assert len(claims) == 1
    async with opened(file) as database:
        await database.write(turns.take_over)
        async with rig(database) as here:
            assert await here.board.until(1) == [("ana", "1: hello")]


async def test_a_gentle_stop_loses_nothing(database: Database) -> None:
    async with rig(database) as here:
        sent = await asyncio.gather(*(here.say(f"c{n}", "hello") for n in range(40)))
        assert all(one.fresh for one in sent)
        assert await here.drain()
        assert sorted(here.board.posts) == sorted((f"c{n}", "1: hello") for n in range(40))
        counts = await database.read(outbox.counts)
        assert counts.due == 0
        with pytest.raises(Exception, match="could not be stored"):
            await here.say("late", "hello")


async def test_a_stop_does_not_wait_for_ever_and_the_next_start_goes_on(file: Path) -> None:
    async with opened(file) as database:
        platform = Platform()
        platform.open.clear()
        async with rig(database, platform) as here:
            await here.say("ana", "hello")
            await platform.arrived.wait()
            assert not await here.drain(0.05)
        assert platform.board.posts == []
    async with opened(file) as database:
        await database.write(turns.take_over)
        async with rig(database) as here:
            assert await here.board.until(1) == [("ana", "1: hello")]


async def test_what_a_crash_stranded_is_brought_back(database: Database) -> None:
    clock = HandClock()
    async with rig(database, clock=clock, start=False) as here:
        await here.say("ana", "hello")
        # As if the run queue's row had been lost; the event itself is there.
        await database.write(lambda connection: connection.execute(text("DELETE FROM work")))
        await here.decide_all()
        assert here.board.posts == []
        await here.pipeline.upkeep.tidy()
        here.pipeline.start(here.supervisor)
        assert await here.board.until(1) == [("ana", "1: hello")]
