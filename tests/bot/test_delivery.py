"""Sending: order, back-off, refusals, priorities, and how much may be under way at once."""

from __future__ import annotations

import asyncio
from functools import partial

import msgspec
import pytest
from sqlalchemy import text

from adapters.base import Later, Rate, Refused, Unreachable
from bot.delivery import LINGER_MS, MOVES_LIMIT, UNEXPECTED_LIMIT
from bot.effects import INTERACTIVE
from bot.outcomes import BACK_OFF_LIMIT_MS, REPLY_BACK_OFF_LIMIT_MS
from conversations.effects import Say
from conversations.engine import Decision
from conversations.events import Event, Inbound, MessageReceived
from conversations.knowledge import Knowledge
from conversations.model import Address, Message, State, paragraph
from storage import outbox, turns
from storage.engines import Database
from tests.bot.rig import BEGIN_MS, HandClock, Platform, rig, until


def chatter(state: State, event: Event, knowledge: Knowledge) -> Decision:
    """Answers with one message per word."""
    assert isinstance(event, MessageReceived)
    said = tuple(Say(Message(paragraph(word), "en")) for word in event.text.split())
    return Decision(msgspec.structs.replace(state, turns=state.turns + 1), said)


async def column(database: Database, name: str) -> list[object]:
    """A column of every message, in order."""
    statement = text(f"SELECT {name} FROM outbox ORDER BY conversation, version, ord")
    return await database.read(lambda connection: list(connection.execute(statement).scalars()))


async def quiet(database: Database) -> None:
    """Several transactions long: whatever was going to happen without the clock has happened."""
    for _ in range(5):
        await database.write(lambda connection: connection.execute(text("SELECT 1")).scalar())


def called(platform: Platform, times: int) -> bool:
    return len(platform.calls) == times


async def test_later_is_honoured_to_the_millisecond(database: Database) -> None:
    clock = HandClock()
    async with rig(database, clock=clock) as here:
        here.platform.faults.append(Later(30.0))
        await here.say("ana", "hello")
        await until(lambda: len(here.platform.calls) == 1)
        clock.advance(LINGER_MS)

        async def given_back() -> bool:
            return await column(database, "next_at") == [BEGIN_MS + 30_000]

        await until(given_back)
        clock.advance(30_000 - LINGER_MS - 1)
        await quiet(database)
        assert len(here.platform.calls) == 1
        clock.advance(1)
        assert await here.board.until(1) == [("ana", "1: hello")]
        assert here.platform.calls[0] == here.platform.calls[1], "a retry keeps its key"


async def test_an_account_that_is_held_sends_nothing_to_anybody_until_then(database: Database) -> None:
    clock = HandClock()
    async with rig(database, clock=clock) as here:
        here.platform.faults.append(Later(30.0, whole=True))
        await here.say("ana", "hello")
        await until(lambda: len(here.platform.calls) == 1)
        clock.advance(LINGER_MS)

        async def given_back() -> bool:
            return await column(database, "next_at") == [BEGIN_MS + 30_000]

        await until(given_back)
        await here.say("bob", "other")

        async def queued() -> bool:
            return len(await column(database, "status")) == 2

        await until(queued)
        clock.advance(30_000 - LINGER_MS - 1)
        await quiet(database)
        assert len(here.platform.calls) == 1, "the hold is the account's, not the chat's"
        clock.advance(1)
        assert sorted(await here.board.until(2)) == [("ana", "1: hello"), ("bob", "1: other")]


async def test_a_chat_that_is_to_wait_holds_up_no_other(database: Database) -> None:
    clock = HandClock()
    async with rig(database, clock=clock) as here:
        here.platform.faults.append(Later(30.0))
        await here.say("ana", "hello")
        await until(lambda: len(here.platform.calls) == 1)
        clock.advance(LINGER_MS)
        await here.say("bob", "other")
        assert await here.board.until(1) == [("bob", "1: other")]


async def test_what_was_said_later_does_not_arrive_earlier(database: Database) -> None:
    clock = HandClock()
    async with rig(database, clock=clock, decide=chatter) as here:
        here.platform.faults.append(Later(10.0))
        await here.say("ana", "one two three")
        await here.say("bob", "other")
        await here.board.until(1)
        assert here.board.posts == [("bob", "other")]
        clock.advance(LINGER_MS)
        await quiet(database)
        await here.say("ana", "four")
        await quiet(database)
        clock.advance(10_000)
        await here.board.until(5)
        assert here.board.of("ana") == ["one", "two", "three", "four"]


@pytest.mark.parametrize(("priority", "limit"), [(INTERACTIVE, REPLY_BACK_OFF_LIMIT_MS), (INTERACTIVE + 1, BACK_OFF_LIMIT_MS)])
async def test_an_unspecified_later_backs_off_further_each_time_up_to_a_limit(database: Database, priority: int, limit: int) -> None:
    clock = HandClock()
    waits = []
    async with rig(database, clock=clock) as here:
        here.platform.faults.extend(Later(0) for _ in range(12))
        await here.say("ana", "hello")
        for attempt in range(1, 13):
            await until(partial(called, here.platform, attempt))
            called_at = clock.at
            clock.advance(LINGER_MS)

            async def given_back(attempt: int = attempt) -> bool:
                return await column(database, "attempt") == [attempt]

            await until(given_back)
            if attempt == 1:
                await database.write(lambda connection: connection.execute(text("UPDATE outbox SET priority = :n"), {"n": priority}))
            [next_at] = await column(database, "next_at")
            assert isinstance(next_at, int)
            waits.append(next_at - called_at)
            clock.advance(next_at - clock.at)
        await here.board.until(1)
    assert waits[:4] == [1_000, 2_000, 4_000, 8_000]
    assert waits[-1] == limit
    assert waits == sorted(waits)


async def test_a_refused_message_is_set_aside_and_the_next_one_goes(database: Database) -> None:
    async with rig(database, decide=chatter) as here:
        here.platform.faults.append(Refused("too long by half"))
        await here.say("ana", "one two")
        assert await here.board.until(1) == [("ana", "two")]
        assert await here.drain()
        assert await column(database, "status") == [outbox.FAILED, outbox.SENT]
        assert await column(database, "error") == ["refused: too long by half", None]
        assert here.figure("relevo_deliveries_total", platform="test", outcome="refused") == 1


async def test_nothing_more_is_sent_to_whoever_is_unreachable(database: Database) -> None:
    async with rig(database, decide=chatter) as here:
        here.platform.faults.append(Unreachable("blocked"))
        await here.say("ana", "one two three")
        assert await here.drain()
        assert len(here.platform.calls) == 1
        assert set(await column(database, "status")) == {outbox.FAILED}
        assert here.figure("relevo_deliveries_total", platform="test", outcome="unreachable") == 3


async def test_an_error_unknown_to_the_port_is_tried_again_and_then_set_aside(database: Database) -> None:
    clock = HandClock()
    async with rig(database, clock=clock) as here:
        here.platform.faults.extend(RuntimeError("customer said: my password is hunter2") for _ in range(20))
        await here.say("ana", "hello")

        async def given_up() -> bool:
            clock.advance(60_000)
            return await column(database, "status") == [outbox.FAILED]

        await until(given_up)
        assert len(here.platform.calls) == UNEXPECTED_LIMIT + 1
        assert await column(database, "error") == ["RuntimeError"], "an unknown error's words may quote anybody"


async def test_a_message_that_cannot_be_read_holds_up_nothing(database: Database) -> None:
    async with rig(database, start=False) as here:
        await here.say("ana", "hello")
        await here.decide_all()
    await database.write(turns.take_over)
    await database.write(lambda connection: connection.execute(text("UPDATE outbox SET payload = '{\"doc\": 1}'")))
    async with rig(database) as here:
        await here.say("bob", "hi")
        assert await here.board.until(1) == [("bob", "1: hi")]
        assert await here.drain()
        assert await column(database, "error") == ["undecodable", None]


async def test_without_idempotent_sends_one_is_in_flight_and_marked_before_the_next(database: Database) -> None:
    platform = Platform(idempotent=False)
    async with rig(database, platform) as here:
        platform.open.clear()
        await asyncio.gather(*(here.say(f"c{n}", "hello") for n in range(5)))
        await platform.arrived.wait()
        await quiet(database)
        assert (await column(database, "status")).count(outbox.SENDING) == 1
        assert platform.under_way == 1
        platform.open.set()
        await here.board.until(5)
        assert platform.most_under_way == 1
        # When the last one was called, the four before it had been marked.
        assert (await column(database, "status")).count(outbox.SENT) >= 4


async def test_with_idempotent_sends_a_slow_recipient_holds_up_nobody(database: Database) -> None:
    platform = Platform()
    async with rig(database, platform) as here:
        platform.open.clear()
        await here.say("slow", "hello")
        await platform.arrived.wait()
        platform.arrived.clear()
        await here.say("quick", "hello")
        await platform.arrived.wait()
        assert platform.under_way == 2
        platform.open.set()
        await here.board.until(2)


@pytest.mark.parametrize("idempotent", [True, False])
async def test_replies_overtake_what_nobody_waits_for(database: Database, idempotent: bool) -> None:
    platform = Platform(idempotent=idempotent)
    async with rig(database, platform, start=False) as here:
        await asyncio.gather(*(here.say(f"c{n}", "hello") for n in range(3)))
        await here.decide_all()
        urgency = {"c0": 9, "c1": 0, "c2": 5}
        change = text("UPDATE outbox SET priority = :priority WHERE address = :address")
        changes = [{"priority": priority, "address": f"test:desk:{chat}"} for chat, priority in urgency.items()]
        await database.write(lambda connection: connection.execute(change, changes))
    await database.write(turns.take_over)
    async with rig(database, platform) as here:
        posts = await here.board.until(3)
        assert [chat for chat, _ in posts] == ["c1", "c2", "c0"]


async def test_a_message_of_several_parts_goes_on_where_it_stopped(database: Database) -> None:
    clock = HandClock()
    platform = Platform(parts=3)
    async with rig(database, platform, clock=clock) as here:
        platform.faults.extend([None, Later(5.0)])
        await here.say("ana", "hi")
        await until(lambda: len(platform.calls) == 2)
        clock.advance(LINGER_MS)
        await quiet(database)
        clock.advance(5_000)
        await here.board.until(3)
        assert here.board.of("ana") == ["1: hi (0)", "1: hi (1)", "1: hi (2)"]
        assert [call.rsplit(".", 1)[1] for call in platform.calls] == ["0", "1", "1", "2"]


async def test_each_platform_has_a_lane_of_its_own(database: Database) -> None:
    stuck = Platform("stuck", idempotent=False)
    stuck.open.clear()
    async with rig(database, others=(stuck,)) as here:
        await here.pipeline.intake.accept(Inbound(Address("stuck", "desk", "x"), "k", MessageReceived(text="hello")))
        await stuck.arrived.wait()
        await here.say("ana", "hello")
        assert await here.board.until(1) == [("ana", "1: hello")]
        stuck.open.set()
        await stuck.board.until(1)


async def test_another_conversation_in_a_chat_that_is_to_wait_waits_as_well(database: Database) -> None:
    clock = HandClock()
    async with rig(database, clock=clock) as here:
        here.platform.faults.append(Later(30.0))
        await here.say("ana", "hello")
        await until(lambda: len(here.platform.calls) == 1)
        thread = Address("test", "desk", "ana", "a thread")
        await here.pipeline.intake.accept(Inbound(thread, "k", MessageReceived(text="and here")))
        clock.advance(LINGER_MS)

        async def given_back() -> bool:
            clock.advance(1)
            return await column(database, "next_at") == [BEGIN_MS + 30_000] * 2

        await until(given_back)
        assert await column(database, "attempt") == [1, 0], "only what was tried counts as tried"
        clock.advance(BEGIN_MS + 30_000 - 1 - clock.at)
        await quiet(database)
        assert len(here.platform.calls) == 1
        clock.advance(1)
        await here.board.until(2)


async def test_a_chat_that_moved_gets_its_messages_at_its_new_address_in_order(database: Database) -> None:
    async with rig(database, decide=chatter) as here:
        here.platform.faults.append(Unreachable("now a supergroup", moved=Address("test", "desk", "ana-now")))
        await here.say("ana", "one two")
        assert await here.board.until(2) == [("ana-now", "one"), ("ana-now", "two")]
        await here.say("ana", "three")
        await here.say("ana-now", "four")
        await here.board.until(4)
        assert here.board.of("ana-now") == ["one", "two", "three", "four"]
        assert await here.drain()
        assert here.figure("relevo_deliveries_total", platform="test", outcome="moved") == 2


async def test_two_chats_that_name_each_other_come_to_an_end(database: Database) -> None:
    async with rig(database) as here:
        names = ["ana", "ben"]
        here.platform.faults.extend(Unreachable("moved", moved=Address("test", "desk", names[(n + 1) % 2])) for n in range(20))
        await here.say("ana", "hello")

        async def given_up() -> bool:
            return await column(database, "status") == [outbox.FAILED]

        await until(given_up)
        assert len(here.platform.calls) == MOVES_LIMIT + 1


@pytest.mark.parametrize("moved", [Address("other", "desk", "ana"), Address("test", "desk", "ana")])
async def test_nobody_is_sent_after_to_another_platform_or_to_where_they_are_not(database: Database, moved: Address) -> None:
    async with rig(database) as here:
        here.platform.faults.append(Unreachable("moved", moved=moved))
        await here.say("ana", "hello")
        assert await here.drain()
        assert await column(database, "status") == [outbox.FAILED]
        assert await column(database, "address") == ["test:desk:ana"]


async def test_the_parts_of_a_message_keep_the_pace_and_a_new_process_goes_on_behind_them(database: Database) -> None:
    clock = HandClock()
    for begun in range(2):
        platform = Platform(idempotent=False, parts=2)
        platform.capabilities = msgspec.structs.replace(platform.capabilities, chat_rate=Rate(1, 1_000))
        async with rig(database, platform, clock=clock) as here:
            if not begun:
                await here.say("ana", "hi")

            async def shown(platform: Platform = platform) -> bool:
                clock.advance(10)
                return bool(platform.calls)

            await until(shown)
            if not begun:

                async def given_back() -> bool:
                    return await column(database, "status") == [outbox.DUE] and await column(database, "attempt") == [0]

                await until(given_back)
            assert await here.board.until(1) == [("ana", f"1: hi ({begun})")]
