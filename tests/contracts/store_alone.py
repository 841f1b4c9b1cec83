"""What every store promises to a process that has it alone: to leave out the queue, and to give it what may be sent, with nothing lost."""

from __future__ import annotations

from storage import outbox, turns
from storage.engines import Database
from storage.rows import HELD, Claim, Committed, NewCode, NewEvent, PendingEvent, Turn
from storage.schema import shard_of
from tests.contracts.store_rows import ADDRESS, NOW, StoreSteps, event, new_id, outcome, texts, turn

ROOM = {"memory": 10}


def held(conversation: int, version: int, *events: NewEvent) -> Claim:
    """As a process claims what it holds in memory."""
    pending = tuple(PendingEvent(one.id, one.received_at, one.payload) for one in events)
    return Claim(shard_of(conversation), conversation, ADDRESS, version, "", events[0].id, HELD, 0, pending)


class AloneContract(StoreSteps):
    async def accept_held(self, database: Database, *events: NewEvent) -> list[tuple[int, str, int]]:
        """What was asked about; the answer is always yes."""
        asked: list[tuple[int, str, int]] = []

        def holds(conversation: int, address: str, version: int) -> bool:
            asked.append((conversation, address, version))
            return True

        await database.write(lambda conn: turns.accept(conn, events, NOW, holds))
        return list(dict.fromkeys(asked))  # a store may have to run the same unit again

    async def give(self, database: Database, *decided: Turn, room: dict[str, int] = ROOM, now: int = NOW) -> Committed:
        return await database.write(lambda conn: turns.commit_and_give(conn, "a", decided, now, room))

    async def given(self, database: Database) -> bool:
        """Whether this store gives at all: only where there is but one writer."""
        return bool(await database.read(lambda conn: conn.dialect.name == "sqlite"))

    # --- without the queue ---

    async def test_what_is_held_stands_in_no_queue(self, database: Database) -> None:
        conversation = await self.say(database, "hello")
        assert await self.accept_held(database, event("2")) == [(conversation, ADDRESS, 1)]
        assert await self.claim(database) == []
        assert (await database.read(turns.counts))[:2] == (1, 0), "it waits all the same"

    async def test_a_conversation_that_begins_or_is_queued_is_not_asked_about(self, database: Database) -> None:
        assert await self.accept_held(database, event("1")) == []
        assert await self.accept_held(database, event("2")) == []
        (claim,) = await self.claim(database)
        assert await self.accept_held(database, event("3")) == []
        assert len(claim.events) == 2

    async def test_a_repeat_is_not_asked_about(self, database: Database) -> None:
        await self.say(database, "hello")
        again = event("2")
        assert len(await self.accept_held(database, again)) == 1
        assert await self.accept_held(database, event("2")) == []

    async def test_a_moved_chat_is_asked_about_with_its_new_address(self, database: Database) -> None:
        conversation = await self.say(database, "hello")
        await database.write(lambda conn: outbox.move(conn, shard_of(conversation), conversation, ADDRESS, "memory:desk:new"))
        assert await self.accept_held(database, event("2")) == [(conversation, "memory:desk:new", 1)]

    async def test_a_held_turn_is_committed_once_and_only_from_its_version(self, database: Database) -> None:
        conversation = await self.say(database, "hello")
        second, third = event("2"), event("3")
        await self.accept_held(database, second)
        await self.accept_held(database, third)
        decided = turn(held(conversation, 1, second), "two")
        assert await self.commit(database, decided) == {conversation}
        assert await self.commit(database, decided) == {conversation}, "again, because its outcome was not known"
        assert await self.commit(database, turn(held(conversation, 1, third), "three")) == set(), "somebody else has gone on"
        assert await self.commit(database, turn(held(conversation, 2, third), "three")) == {conversation}
        assert await self.ask(database, "SELECT version, state FROM conversation") == [(3, "v3")]
        assert await self.ask(database, "SELECT turn FROM inbox ORDER BY id") == [(1,), (2,), (3,)]

    async def test_a_held_turn_leaves_what_was_queued_meanwhile_in_the_queue(self, database: Database) -> None:
        conversation = await self.say(database, "hello")
        second, third = event("2"), event("3")
        await self.accept_held(database, second)
        await self.accept(database, third)
        assert await self.commit(database, turn(held(conversation, 1, second), "two")) == {conversation}
        (claim,) = await self.claim(database)
        assert [pending.id for pending in claim.events] == [third.id]

    async def test_what_comes_of_a_proof_is_queued(self, database: Database) -> None:
        conversation = await self.say(database, "hello")
        second = event("2")
        await self.accept_held(database, second)
        code = NewCode(new_id(), "ana@example.com", "digest", "", 2, 0, "", "")
        assert await self.commit(database, turn(held(conversation, 1, second), proofs=(code,))) == {conversation}
        (claim,) = await self.claim(database)
        assert [pending.id for pending in claim.events] == [code.id]

    async def test_only_what_came_long_enough_ago_is_missed(self, database: Database) -> None:
        await self.say(database, "hello")
        await self.accept_held(database, event("2", at=NOW - 5))
        assert await database.write(lambda conn: turns.sweep(conn, NOW, NOW - 6)) == 0
        assert await database.write(lambda conn: turns.sweep(conn, NOW, NOW - 5)) == 1
        assert len(await self.claim(database)) == 1

    # --- given to be sent ---

    async def answered(self, database: Database, *said: str, version: int, room: dict[str, int] = ROOM, **more: object) -> Committed:
        (row,) = await self.ask(database, "SELECT id FROM conversation")
        new = event(f"k{version}")
        await self.accept_held(database, new)
        return await self.give(database, turn(held(row[0], version, new), *said, **more), room=room)  # type: ignore[arg-type]

    async def test_what_is_given_is_claimed_by_nobody_else_until_a_start(self, database: Database) -> None:
        await self.accept(database, event("1"))
        (claim,) = await self.claim(database)
        committed = await self.give(database, turn(claim, "one", "two"))
        assert committed.conversations == {claim.conversation}
        if not await self.given(database):
            assert committed.given == []
            assert texts(await self.due(database)) == ["one", "two"]
            return
        assert texts(committed.given) == ["one", "two"]
        assert await self.due(database) == []
        await self.mark(database, outcome(committed.given[0]))
        await database.write(turns.take_over)
        (left,) = await self.due(database)
        assert (left.payload, left.attempt) == ("two", 1)

    async def test_what_is_given_and_never_marked_is_due_again_after_a_minute(self, database: Database) -> None:
        await self.accept(database, event("1"))
        (claim,) = await self.claim(database)
        committed = await self.give(database, turn(claim, "one"))
        assert await database.write(lambda conn: outbox.recover(conn, NOW + 59_999)) == 0
        assert await database.write(lambda conn: outbox.recover(conn, NOW + 60_000)) == len(committed.given)
        assert texts(await self.due(database, now=NOW + 60_000)) == ["one"]

    async def test_a_commit_that_is_repeated_gives_what_it_gave(self, database: Database) -> None:
        await self.accept(database, event("1"))
        (claim,) = await self.claim(database)
        decided = turn(claim, "one", "two")
        first = await self.give(database, decided)
        assert await self.give(database, decided, now=NOW + 1) == first

    async def test_nothing_is_given_that_would_overtake(self, database: Database) -> None:
        await self.say(database, "waits")
        committed = await self.answered(database, "behind it", version=1)
        assert committed.given == []
        assert texts(await self.due(database)) == ["waits", "behind it"]

    async def test_what_waits_for_another_try_holds_back_what_is_said_later(self, database: Database) -> None:
        await self.say(database, "waits")
        (due,) = await self.due(database)
        await self.mark(database, outcome(due, outbox.DUE, next_at=NOW + 60_000))
        assert (await self.answered(database, "behind it", version=1)).given == []
        assert await self.due(database) == []

    async def test_what_is_being_sent_holds_back_nothing(self, database: Database) -> None:
        await self.say(database, "on its way")
        assert await self.due(database)
        committed = await self.answered(database, "behind it", version=1)
        assert texts(committed.given) == (["behind it"] if await self.given(database) else [])

    async def test_no_more_is_given_than_there_is_room_for_and_no_turn_in_parts(self, database: Database) -> None:
        await self.accept(database, *(event("1", f"memory:desk:{n}") for n in range(3)))
        claims = await self.claim(database)
        committed = await self.give(database, *(turn(claim, "one", "two") for claim in claims), room={"memory": 5})
        assert len(committed.given) == (4 if await self.given(database) else 0)
        assert len(committed.given) + len(await self.due(database)) == 6
        assert (await self.give(database, room={"memory": 5})) == Committed(set(), [])

    async def test_another_platforms_messages_and_copies_are_not_given(self, database: Database) -> None:
        await self.say(database, "hello")
        (due,) = await self.due(database)
        await self.mark(database, outcome(due))
        committed = await self.answered(database, "copy", version=1, elsewhere="email:desk@example.com:ana@example.com")
        assert committed.given == []
        assert (await self.answered(database, "elsewhere", version=2, room={"webchat": 9})).given == []
        assert sorted(texts(await self.due(database))) == ["copy", "elsewhere"]
