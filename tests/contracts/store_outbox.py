"""What every store promises of messages on their way out: by urgency, in order within a conversation, each with one sender at a time."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from storage import outbox
from storage.engines import Database
from storage.outbox import CANCELLED, DUE, FAILED, SENT
from tests.contracts.store_rows import LEASE, NOW, StoreSteps, outcome, texts

ANA, BEN, CLEO = "memory:desk:ana", "memory:desk:ben", "other:desk:cleo"
MAIL = "email:desk:ana%40a.example"


class OutboxContract(StoreSteps):
    async def test_a_message_is_claimed_with_all_that_sending_it_takes(self, database: Database) -> None:
        conversation = await self.say(database, "uno", "dos")
        first, second = await self.due(database)
        assert first[1:] == (conversation, 1, 0, ANA, "uno", 0, 0, NOW, "")
        assert second[1:] == (conversation, 1, 1, ANA, "dos", 0, 0, NOW, "")
        assert await self.due(database) == []
        await self.mark(database, outcome(first, platform_id="m1"), outcome(second))
        assert await self.ask(database, "SELECT status, platform_id FROM outbox ORDER BY ord") == [(SENT, "m1"), (SENT, None)]
        assert await self.due(database, now=NOW + 10**9) == []

    async def test_urgent_first_then_who_waits_longest(self, database: Database) -> None:
        await self.say(database, "broadcast", address=ANA, now=NOW, priority=9)
        await self.say(database, "late", address=BEN, now=NOW + 2)
        await self.say(database, "early", address=CLEO, now=NOW + 1)
        claimed = [(await self.due(database, now=NOW + 9, limit=1))[0].payload for _ in range(3)]
        assert claimed == ["early", "late", "broadcast"]

    async def test_messages_of_a_conversation_come_in_their_order(self, database: Database) -> None:
        for n in range(4):
            await self.say(database, f"ana {n}", address=ANA, now=NOW + n)
            await self.say(database, f"ben {n}", address=BEN, now=NOW + n)
        found = texts(await self.due(database, now=NOW + 9))
        assert [text for text in found if text.startswith("ana")] == [f"ana {n}" for n in range(4)]
        assert [text for text in found if text.startswith("ben")] == [f"ben {n}" for n in range(4)]

    async def test_a_limit_never_cuts_off_a_predecessor(self, database: Database) -> None:
        for n in range(5):
            await self.say(database, str(n), now=NOW + n)
        assert texts(await self.due(database, now=NOW + 9, limit=2)) == ["0", "1"]
        assert await self.due(database, "b", NOW + 9, limit=2) == []

    async def test_an_urgent_message_pulls_its_predecessor_along(self, database: Database) -> None:
        await self.say(database, "broadcast to ben", address=BEN, now=NOW - 9, priority=9)
        await self.say(database, "broadcast to ana", address=ANA, now=NOW, priority=9)
        await self.say(database, "reply to ana", address=ANA, now=NOW + 1)
        assert texts(await self.due(database, now=NOW + 9, limit=2)) == ["broadcast to ana", "reply to ana"]

    async def test_nothing_overtakes_a_message_that_is_being_sent(self, database: Database) -> None:
        await self.say(database, "first")
        (first,) = await self.due(database)
        await self.say(database, "second")
        assert await self.due(database, "b", NOW + 1) == []
        await self.mark(database, outcome(first))
        assert texts(await self.due(database, "b", NOW + 1)) == ["second"]

    async def test_nothing_overtakes_a_message_that_must_wait(self, database: Database) -> None:
        await self.say(database, "first", "second")
        first, second = await self.due(database)
        await self.mark(database, outcome(first, DUE, next_at=NOW + 500, error="429"), outcome(second, DUE, next_at=NOW + 500))
        await self.say(database, "third", now=NOW + 1)
        assert await self.due(database, now=NOW + 499) == []
        again = await self.due(database, now=NOW + 500)
        assert [(row.payload, row.attempt) for row in again] == [("first", 1), ("second", 0), ("third", 0)]

    async def test_blocked_conversations_keep_no_others_waiting(self, database: Database) -> None:
        await self.say(database, "a0")
        (stuck,) = await self.due(database)
        await self.mark(database, outcome(stuck, DUE, next_at=NOW + 10**6, error="429"))
        for n in range(1, 5):
            await self.say(database, f"a{n}", now=NOW + n)
        await self.say(database, "ben's", address=BEN, now=NOW + 9)
        assert texts(await self.due(database, now=NOW + 10, limit=2)) == ["ben's"]

    async def test_a_copy_that_is_stuck_does_not_hold_up_the_chat(self, database: Database) -> None:
        conversation = await self.say(database, "copy 1", elsewhere=MAIL)
        await self.say(database, "reply 1", now=NOW + 1)
        (copy,) = await self.due(database, now=NOW + 2, platforms=["email"])
        assert (copy.payload, copy.address, copy.conversation, copy.created_at) == ("copy 1", MAIL, conversation, NOW)
        # While it is being sent, and while it must wait, the chat goes on.
        assert texts(await self.due(database, "b", NOW + 2, platforms=["memory"])) == ["reply 1"]
        await self.mark(database, outcome(copy, DUE, next_at=NOW + 500, error="greylisted"))
        await self.say(database, "reply 2", now=NOW + 3)
        assert await self.due(database, "c", NOW + 4) == [], "reply 1 is being sent, and reply 2 must not overtake it"
        await self.say(database, "copy 2", elsewhere=MAIL, now=NOW + 5)
        await self.say(database, "copy to ben", elsewhere="email:desk:ben%40b.example", now=NOW + 6)
        # Copies to one address keep their order; another address is another line.
        assert texts(await self.due(database, "d", NOW + 9, platforms=["email"])) == ["copy to ben"]
        assert await database.read(lambda conn: outbox.next_due_at(conn, ["email"])) == NOW + 500
        assert texts(await self.due(database, "d", NOW + 500, platforms=["email"])) == ["copy 1", "copy 2"]

    async def test_a_failed_or_cancelled_message_holds_nobody_up(self, database: Database) -> None:
        await self.say(database, "unsendable", "withdrawn", "fine")
        failed, withdrawn, fine = await self.due(database)
        await self.mark(database, outcome(failed, FAILED, error="refused"), outcome(withdrawn, DUE), outcome(fine, DUE))
        await self.run(database, f"UPDATE outbox SET status = {CANCELLED} WHERE payload = 'withdrawn'")
        assert texts(await self.due(database)) == ["fine"]
        assert await self.ask(database, "SELECT status, error, attempt FROM outbox WHERE ord = 0") == [(FAILED, "refused", 1)]

    async def test_only_the_asked_platforms(self, database: Database) -> None:
        await self.say(database, "mine", address=ANA)
        await self.say(database, "theirs", address=CLEO)
        assert await self.due(database, platforms=["third"]) == []
        assert await self.due(database, platforms=[]) == []
        assert texts(await self.due(database, platforms=["other"])) == ["theirs"]
        assert texts(await self.due(database, platforms=["other", "memory"])) == ["mine"]
        assert await database.read(lambda conn: outbox.next_due_at(conn, ["other"])) is None

    async def test_several_platforms_share_one_limit_by_urgency(self, database: Database) -> None:
        await self.say(database, "second", address=ANA, now=NOW + 2)
        await self.say(database, "first", address=CLEO, now=NOW + 1)
        assert texts(await self.due(database, now=NOW + 9, limit=1, platforms=["memory", "other"])) == ["first"]

    async def test_a_message_has_one_sender(self, database: Database) -> None:
        for n in range(10):
            await self.say(database, f"{n}.0", f"{n}.1", address=f"memory:desk:{n}")
        found = await asyncio.gather(*(self.due(database, node, limit=6) for node in "abcd"))
        claimed = [row.payload for some in found for row in some]
        claimed += texts(await self.due(database, "e"))
        assert len(claimed) == len(set(claimed)) == 20
        senders: defaultdict[int, set[str]] = defaultdict(set)
        for conversation, owner in await self.ask(database, "SELECT conversation, owner FROM outbox WHERE status = 1"):
            senders[conversation].add(owner)
        assert all(len(owners) == 1 for owners in senders.values())

    async def test_only_the_sender_can_say_what_became_of_it(self, database: Database) -> None:
        await self.say(database, "hello")
        (mine,) = await self.due(database)
        await self.mark(database, outcome(mine, FAILED, error="not mine"), node="b")
        assert await database.write(lambda conn: outbox.recover(conn, NOW + LEASE - 1)) == 0
        assert await database.write(lambda conn: outbox.recover(conn, NOW + LEASE)) == 1
        (theirs,) = await self.due(database, "b", NOW + LEASE)
        assert theirs.attempt == 1
        await self.mark(database, outcome(mine, FAILED, error="too late"))
        await self.mark(database, outcome(theirs), node="b")
        await self.mark(database, outcome(theirs, FAILED, error="twice"), node="b")
        assert await self.ask(database, "SELECT status, error FROM outbox") == [(SENT, None)]

    async def test_the_next_due_time_is_that_of_a_message_that_can_be_claimed_then(self, database: Database) -> None:
        async def next_due_at() -> int | None:
            found = await database.read(outbox.next_due_at)
            assert found == await database.read(lambda conn: outbox.next_due_at(conn, ["memory"]))
            return found

        assert await next_due_at() is None
        await self.say(database, "first", "second")
        assert await next_due_at() == NOW
        first, second = await self.due(database)
        assert await next_due_at() is None
        # The second could be sent at once, were it not for the first.
        await self.mark(database, outcome(first, DUE, next_at=NOW + 50, error="429"), outcome(second, DUE, next_at=NOW))
        assert await next_due_at() == NOW + 50

    async def test_urgent_ones_alone_can_be_asked_for_and_bring_their_predecessors(self, database: Database) -> None:
        await self.say(database, "broadcast to ben", address=BEN, now=NOW - 9, priority=9)
        await self.say(database, "broadcast to ana", address=ANA, now=NOW, priority=9)
        await self.say(database, "reply to ana", address=ANA, now=NOW + 1)
        found = await self.due(database, now=NOW + 9, least=0)
        assert [(row.payload, row.priority) for row in found] == [("broadcast to ana", 0), ("reply to ana", 0)]
        assert texts(await self.due(database, now=NOW + 9)) == ["broadcast to ben"]

    async def test_what_a_half_sent_message_left_behind_is_there_for_the_next_try(self, database: Database) -> None:
        await self.say(database, "long")
        (row,) = await self.due(database)
        await self.mark(database, outcome(row, DUE, next_at=NOW + 5, platform_id="half"))
        (again,) = await self.due(database, now=NOW + 5)
        assert (again.receipt, again.attempt) == ("half", 0)
        assert await database.write(lambda conn: outbox.recover(conn, NOW + 5 + LEASE)) == 1
        assert [row.receipt for row in await self.due(database, "b", NOW + 5 + LEASE)] == ["half"], "whoever died with it"

    async def test_a_chat_that_moved_is_answered_where_it_is_and_found_under_both_addresses(self, database: Database) -> None:
        new = "memory:desk:ana-now"
        conversation = await self.say(database, "sent", address=ANA)
        (row,) = await self.due(database)
        await self.mark(database, outcome(row))
        await self.say(database, "one", "two", address=ANA, now=NOW + 1)
        await self.say(database, "a copy", address=ANA, now=NOW + 1, elsewhere=MAIL)
        await self.say(database, "ben's", address=BEN, now=NOW + 1)
        claimed = await self.due(database, now=NOW + 1, limit=1, platforms=["memory"])
        for _ in range(2):
            await database.write(lambda conn: outbox.move(conn, row.shard, conversation, ANA, new))
            found = await self.ask(database, "SELECT payload, address FROM outbox ORDER BY conversation, version, ord")
            assert found == [("sent", ANA), ("one", new), ("two", new), ("a copy", MAIL), ("ben's", BEN)]
        await self.mark(database, outcome(claimed[0], DUE, next_at=NOW + 2))
        assert [text for text in texts(await self.due(database, now=NOW + 2, platforms=["memory"])) if text != "ben's"] == ["one", "two"]
        # Late events of the old address and those of the new one are the same conversation's, which answers at the new one.
        assert await self.say(database, "three", address=ANA, now=NOW + 3) == conversation
        assert await self.say(database, "four", address=new, now=NOW + 4) == conversation
        assert await self.ask(database, "SELECT address FROM outbox WHERE payload IN ('three', 'four')") == [(new,), (new,)]

    async def test_a_chat_that_moved_to_where_another_conversation_is_leaves_both_as_they_are(self, database: Database) -> None:
        anas = await self.say(database, "to ana", address=ANA)
        bens = await self.say(database, "to ben", address=BEN, now=NOW + 1)
        (row,) = await self.due(database, limit=1)
        await database.write(lambda conn: outbox.move(conn, row.shard, anas, ANA, BEN))
        assert await self.ask(database, "SELECT address FROM outbox ORDER BY created_at") == [(BEN,), (BEN,)]
        assert await self.say(database, "more to ana", address=ANA, now=NOW + 2) == anas
        assert await self.say(database, "more to ben", address=BEN, now=NOW + 2) == bens
        assert await self.ask(database, "SELECT DISTINCT address FROM outbox") == [(BEN,)]

    async def test_only_mail_that_went_elsewhere_goes_to_the_new_place(self, database: Database) -> None:
        conversation = await self.say(database, "a copy", elsewhere=MAIL)
        (row,) = await self.due(database)
        new = "email:desk:ana%40new.example"
        await database.write(lambda conn: outbox.move(conn, row.shard, conversation, MAIL, new))
        assert await self.ask(database, "SELECT address FROM outbox") == [(new,)]
        assert await self.ask(database, "SELECT address FROM conversation") == [(ANA,)]
        assert await self.ask(database, "SELECT address FROM address") == [(ANA,)]

    async def test_the_counts_say_how_much_waits_since_when_and_what_failed(self, database: Database) -> None:
        assert await database.read(outbox.counts) == (0, None, 0)
        await self.say(database, "a", address=ANA, now=NOW)
        await self.say(database, "b", address=BEN, now=NOW + 5)
        assert await database.read(outbox.counts) == (2, NOW, 0)
        a, b = await self.due(database, now=NOW + 9)
        await self.mark(database, outcome(a, FAILED, error="blocked"), outcome(b, DUE))
        assert await database.read(outbox.counts) == (1, NOW + 5, 1)
