"""What every store promises of notices: subscriptions as turns keep them, everybody planned for once, and what became of each."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from sqlalchemy import Connection

from conversations.events import SubscriptionsEnded, decoder
from conversations.model import Address
from storage import notices, outbox, sessions, transcript
from storage.engines import Database
from storage.notice_rows import START, NewNotice, Notice, Place, Reach, Settled
from storage.notices import BROADCAST, LAST_ORD
from storage.rows import Session
from tests.contracts.store_rows import NOW, StoreSteps, event, new_id, outcome, turn

LOST = "unreachable:"
CHUNK = 3
PROVEN = str(Address("web", "desk", "@"))


def draw(notice: Notice, locale: str) -> str:
    return f"{notice.key} in {locale}"


class Dies(Exception):
    """The process is gone at this very place."""


class NoticesContract(StoreSteps):
    async def switch(self, database: Database, address: str, *wanted: tuple[str, bool], said: tuple[str, ...] = (), now: int = NOW) -> int:
        (stored,) = await self.accept(database, event(f"switch-{new_id()}", address), now=now)
        [claim] = [each for each in await self.claim(database, now=now) if each.conversation == stored.conversation]
        assert await self.commit(database, turn(claim, *said, subscriptions=wanted), now=now)
        return stored.conversation

    async def town(self, database: Database, count: int, topic: str = "outage") -> list[int]:
        return [await self.switch(database, f"memory:desk:{n}", (topic, True)) for n in range(count)]

    async def publish(self, database: Database, key: str = "k", topic: str = "outage", texts: str = "{}") -> Notice:
        new = NewNotice(new_id(), key, topic, texts, NOW)
        return await database.write(lambda conn: notices.publish(conn, new))

    async def plan(self, database: Database, limit: int = CHUNK, now: int = NOW) -> set[str] | None:
        return await database.write(lambda conn: notices.plan(conn, draw, now, limit))

    async def plan_all(self, database: Database) -> int:
        """How many steps it took."""
        for steps in itertools.count(1):
            if await self.plan(database) is None:
                return steps
        raise AssertionError

    async def settle(self, database: Database, after: Place = START, limit: int = 100, now: int = NOW) -> Settled:
        return await database.write(lambda conn: notices.settle(conn, new_id, LOST, after, now, limit))

    async def reach(self, database: Database) -> dict[str, Reach]:
        return {notice.key: reach for notice, reach in await database.read(lambda conn: notices.newest(conn, 10))}

    async def planned(self, database: Database) -> list[tuple[int, str]]:
        found = await self.ask(
            database, f"SELECT conversation, payload FROM outbox WHERE priority = {BROADCAST} ORDER BY conversation, ord"
        )
        return [(conversation, payload) for conversation, payload in found]

    # --- who wants what ---

    async def test_a_turn_keeps_what_is_wanted_and_forgets_what_is_not(self, database: Database) -> None:
        await self.switch(database, "memory:desk:ana", ("outage", True), ("change", True))
        await self.switch(database, "slack:team:ben", ("outage", True))
        await self.switch(database, "memory:desk:ana", ("change", False), ("never", False))
        readers = await database.read(lambda conn: notices.readers(conn, "outage"))
        assert sorted(readers) == [("memory:desk:ana", "es"), ("slack:team:ben", "es")]
        assert await database.read(lambda conn: notices.readers(conn, "change")) == []

    async def test_a_second_time_only_renews_since_when(self, database: Database) -> None:
        await self.switch(database, "memory:desk:ana", ("outage", True))
        await self.switch(database, "memory:desk:ana", ("outage", True), now=NOW + 20_000)
        assert await self.ask(database, "SELECT topic, since FROM subscription") == [("outage", NOW + 20_000)]

    async def test_a_turn_that_came_too_late_switches_nothing(self, database: Database) -> None:
        await self.accept(database, event("k1"))
        [late] = await self.claim(database)
        [claim] = await self.claim(database, "b", now=NOW + 10_001)
        assert await self.commit(database, turn(claim), node="b", now=NOW + 10_001)
        assert await self.commit(database, turn(late, subscriptions=(("outage", True),))) == set()
        assert await self.ask(database, "SELECT * FROM subscription") == []

    # --- publishing ---

    async def test_a_key_publishes_once(self, database: Database) -> None:
        first = await self.publish(database, "k1", texts='{"es":"one"}')
        again = await self.publish(database, "k1", texts='{"es":"two"}')
        other = await self.publish(database, "k2")
        assert (again, again.texts) == (first, '{"es":"one"}')
        assert other.id != first.id
        assert [notice.key for notice, _ in await database.read(lambda conn: notices.newest(conn, 10))] == ["k2", "k1"]
        assert [notice.key for notice, _ in await database.read(lambda conn: notices.newest(conn, 1))] == ["k2"]

    async def test_two_who_publish_under_one_key_at_once_have_one_notice(self, database: Database) -> None:
        found = await asyncio.gather(*(self.publish(database, "same") for _ in range(5)))
        assert len({notice.id for notice in found}) == 1

    # --- planning ---

    async def test_everybody_who_subscribes_is_planned_for_once_in_their_language(self, database: Database) -> None:
        town = await self.town(database, 10)
        await self.switch(database, "memory:desk:other", ("change", True))
        await self.publish(database)
        assert await self.plan_all(database) == 4 + 1 + 1, "four chunks, one that finds nobody, one that finds no notice"
        assert await self.planned(database) == [(id, "k in es") for id in sorted(town)]
        assert await self.reach(database) == {"k": Reach(planned=10)}
        assert await self.plan(database) is None

    async def test_one_with_nobody_to_go_to_is_done_at_once(self, database: Database) -> None:
        await self.publish(database)
        assert await self.plan(database) == set()
        [(notice, reach)] = await database.read(lambda conn: notices.newest(conn, 1))
        assert (notice.planned_at, reach) == (NOW, Reach())

    async def test_notices_are_planned_one_after_the_other_and_tell_the_platforms(self, database: Database) -> None:
        await self.switch(database, "memory:desk:ana", ("outage", True))
        await self.switch(database, "slack:team:ben", ("outage", True))
        await self.publish(database, "k1")
        await self.publish(database, "k2")
        assert await self.plan(database) == {"memory", "slack"}
        assert await self.plan(database) == set()
        assert await self.plan(database) == {"memory", "slack"}
        assert [payload for _, payload in await self.planned(database)] == ["k1 in es", "k2 in es"] * 2

    async def test_who_subscribes_again_behind_the_cursor_does_not_get_it_twice(self, database: Database) -> None:
        town = await self.town(database, 6)
        await self.publish(database)
        await self.plan(database)
        for n in range(6):
            await self.switch(database, f"memory:desk:{n}", ("outage", False))
            await self.switch(database, f"memory:desk:{n}", ("outage", True))
        await self.plan_all(database)
        assert sorted(id for id, _ in await self.planned(database)) == sorted(town)

    async def test_who_has_stopped_it_before_their_turn_comes_is_left_out(self, database: Database) -> None:
        await self.town(database, 6)
        await self.publish(database)
        await self.plan(database)
        for n in range(6):
            await self.switch(database, f"memory:desk:{n}", ("outage", False))
        await self.plan_all(database)
        assert len(await self.planned(database)) == CHUNK

    async def test_whichever_step_dies_nobody_is_missed_or_written_to_twice(self, database: Database) -> None:
        town = await self.town(database, 8)
        await self.publish(database)

        def dying(conn: Connection) -> None:
            notices.plan(conn, draw, NOW, CHUNK)
            raise Dies

        while True:
            with pytest.raises(Dies):
                await database.write(dying)
            if await self.plan(database) is None:
                break
        assert await self.planned(database) == [(id, "k in es") for id in sorted(town)]

    async def test_many_who_plan_at_once_plan_for_everybody_once(self, database: Database) -> None:
        town = await self.town(database, 20)
        await self.publish(database)
        while any(found is not None for found in await asyncio.gather(*(self.plan(database) for _ in range(4)))):
            pass
        assert await self.planned(database) == [(id, "k in es") for id in sorted(town)]

    async def test_a_notice_stands_behind_what_was_said_and_before_what_is_said_next(self, database: Database) -> None:
        await self.switch(database, "memory:desk:ana", ("outage", True), said=("one", "two"))
        await self.publish(database)
        await self.plan_all(database)
        await self.say(database, "three", address="memory:desk:ana", now=NOW + 20_000)
        [lines] = await database.read(lambda conn: transcript.since(conn, [("memory:desk:ana", 0)], 100))
        assert [line.payload for line in lines if line.author == "bot"] == ["one", "two", "k in es", "three"]
        # A browser that has read to the end of what was said finds it.
        [rest] = await database.read(lambda conn: transcript.since(conn, [("memory:desk:ana", lines[2].cursor)], 100))
        assert [line.payload for line in rest if line.author == "bot"] == ["k in es", "three"]

    async def test_a_turn_under_way_is_not_disturbed(self, database: Database) -> None:
        await self.switch(database, "memory:desk:ana", ("outage", True))
        await self.publish(database)
        await self.accept(database, event("k1", "memory:desk:ana"))
        [claim] = await self.claim(database)
        await self.plan_all(database)
        assert await self.commit(database, turn(claim, "a reply")) == {claim.conversation}
        assert await self.ask(database, "SELECT count(*) FROM work") == [(0,)]
        assert [payload for _, payload in await self.planned(database)] == ["k in es"]

    async def test_turns_and_planning_at_once_leave_each_message_in_a_place_of_its_own(self, database: Database) -> None:
        town = await self.town(database, 12)
        for key in ("k1", "k2", "k3"):
            await self.publish(database, key)

        async def talk(n: int) -> None:
            await self.switch_together(database, n)

        await asyncio.gather(self.plan_all(database), *(talk(n) for n in range(12)))
        await self.plan_all(database)
        assert len(await self.planned(database)) == 3 * len(town)
        assert await self.ask(database, "SELECT count(*) FROM outbox WHERE priority = 0") == [(12,)]

    async def switch_together(self, database: Database, n: int) -> None:
        """A turn of its own node, so that others' claims are left alone."""
        (stored,) = await self.accept(database, event(f"talk-{n}", f"memory:desk:{n}"))
        while True:
            for claim in await self.claim(database, f"node{n}", limit=1):
                assert await self.commit(database, turn(claim, "a reply"), node=f"node{n}")
            left = await self.ask(database, f"SELECT turn FROM inbox WHERE conversation = {stored.conversation} AND key = 'talk-{n}'")
            if left != [(0,)]:
                return

    async def test_a_chat_with_no_place_left_fails_alone(self, database: Database) -> None:
        ana = await self.switch(database, "memory:desk:ana", ("outage", True))
        ben = await self.switch(database, "memory:desk:ben", ("outage", True))
        await self.run(
            database,
            "INSERT INTO outbox "
            "(shard, conversation, version, ord, platform, address, payload, status, priority, next_at, created_at, updated_at) "
            f"SELECT shard, id, version, {LAST_ORD}, 'memory', address, 'full', 2, 0, 0, 0, 0 FROM conversation WHERE id = {ana}",
        )
        await self.publish(database)
        await self.plan_all(database)
        assert await self.planned(database) == [(ben, "k in es")]
        assert await self.reach(database) == {"k": Reach(planned=1, failed=1)}

    async def test_any_reply_is_claimed_before_it(self, database: Database) -> None:
        await self.town(database, 5)
        await self.publish(database)
        await self.plan_all(database)
        await self.say(database, "a reply", address="memory:desk:somebody", now=NOW + 5)
        [first] = await self.due(database, now=NOW + 5, limit=1)
        assert first.payload == "a reply"

    # --- what became of it ---

    async def test_what_became_of_each_is_counted_and_is_not_looked_at_again(self, database: Database) -> None:
        await self.town(database, 4)
        await self.publish(database)
        await self.plan_all(database)
        assert await self.settle(database) == Settled(None, 0, 0)
        sent, failed, lost, _ = await self.due(database)
        await self.mark(
            database,
            outcome(sent, platform_id="1"),
            outcome(failed, outbox.FAILED, error="refused: unreachable: no"),
            outcome(lost, outbox.FAILED, error="unreachable: blocked"),
        )
        assert await self.settle(database) == Settled(None, 3, 1)
        assert await self.reach(database) == {"k": Reach(planned=1, sent=1, failed=1, unreachable=1)}
        assert await self.settle(database) == Settled(None, 0, 0)

    async def test_a_look_goes_on_where_the_last_one_ended(self, database: Database) -> None:
        await self.town(database, 5)
        await self.publish(database)
        await self.plan_all(database)
        await self.mark(database, *(outcome(due) for due in await self.due(database)))
        first = await self.settle(database, limit=2)
        assert (first.known, first.last is not None) == (2, True)
        assert first.last is not None
        second = await self.settle(database, first.last, limit=2)
        assert second.last is not None
        assert await self.settle(database, second.last, limit=2) == Settled(None, 1, 0)

    async def lose(self, database: Database, now: int) -> int:
        """A notice that could not be delivered to a chat that had two topics."""
        id = await self.switch(database, "memory:desk:ana", ("outage", True), ("change", True))
        await self.publish(database)
        await self.plan_all(database)
        [due] = await self.due(database, now=now)
        await self.mark(database, outcome(due, outbox.FAILED, error="unreachable: blocked"), now=now)
        return id

    async def test_a_chat_that_cannot_be_reached_is_told_by_an_event_once(self, database: Database) -> None:
        id = await self.lose(database, NOW + 5)

        def dying(conn: Connection) -> None:
            notices.settle(conn, new_id, LOST, START, NOW + 6, 100)
            raise Dies

        with pytest.raises(Dies):
            await database.write(dying)
        await asyncio.gather(*(self.settle(database, now=NOW + 6) for _ in range(3)))
        [claim] = await self.claim(database, now=NOW + 6)
        assert claim.conversation == id
        assert [decoder.decode(pending.payload) for pending in claim.events] == [SubscriptionsEnded(topics=("change", "outage"))]

    async def test_who_has_asked_for_it_again_since_keeps_it(self, database: Database) -> None:
        await self.lose(database, NOW + 5)
        await self.switch(database, "memory:desk:ana", ("outage", True), now=NOW + 20_000)
        await self.settle(database, now=NOW + 20_001)
        [claim] = await self.claim(database, now=NOW + 20_001)
        assert [decoder.decode(pending.payload) for pending in claim.events] == [SubscriptionsEnded(topics=("change",))]

    # --- who has left ---

    async def abandon(self, database: Database, now: int = NOW) -> int:
        return await database.write(lambda conn: notices.abandon(conn, new_id, "web:desk:", PROVEN, now))

    async def visit(self, database: Database, address: str) -> None:
        await database.write(lambda conn: sessions.create(conn, Session(f"hash-{new_id()}", address, NOW, NOW, "")))

    async def test_what_nobody_can_open_any_more_is_told_that_its_subscriptions_have_ended(self, database: Database) -> None:
        gone = await self.switch(database, "web:desk:gone40", ("outage", True), ("change", True))
        for here in ("web:desk:here", f"{PROVEN}ana", "web:other:gone", "memory:desk:ana"):
            await self.switch(database, here, ("outage", True))
        await self.visit(database, "web:desk:here")
        assert await self.abandon(database) == 1
        [claim] = await self.claim(database)
        assert claim.conversation == gone
        assert [decoder.decode(pending.payload) for pending in claim.events] == [SubscriptionsEnded(topics=("change", "outage"))]

    async def test_it_is_told_once_however_long_its_turn_takes(self, database: Database) -> None:
        await self.switch(database, "web:desk:gone", ("outage", True))

        def dying(conn: Connection) -> None:
            notices.abandon(conn, new_id, "web:desk:", PROVEN, NOW)
            raise Dies

        with pytest.raises(Dies):
            await database.write(dying)
        await asyncio.gather(*(self.abandon(database, NOW + hour) for hour in (1, 2, 3)))
        [claim] = await self.claim(database, now=NOW + 3)
        assert len(claim.events) == 1
        assert await self.commit(database, turn(claim, subscriptions=(("outage", False),)), now=NOW + 3)
        assert await self.abandon(database, NOW + 4) == 0
