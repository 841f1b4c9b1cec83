"""What every store promises of events and turns: each event decided once, in order, whatever two nodes do to each other."""

from __future__ import annotations

import asyncio

import pytest

from storage import requests, turns
from storage.engines import Database, Rejected
from storage.rows import NewRequest, RequestAmendment
from storage.schema import shard_of
from tests.contracts.store_rows import ADDRESS, LEASE, NOW, StoreSteps, event, turn


class TurnsContract(StoreSteps):
    # --- accept ---

    async def test_a_new_address_begins_a_conversation(self, database: Database) -> None:
        first, second = event("1"), event("2")
        assert await self.accept(database, first, second) == [(shard_of(first.id), first.id, True)] * 2
        assert await self.accept(database, event("3")) == [(shard_of(first.id), first.id, True)]
        (other,) = await self.accept(database, event("1", "memory:desk:ben"))
        assert other.fresh
        assert other.conversation != first.id

    async def test_a_redelivered_event_changes_nothing(self, database: Database) -> None:
        first = event("1", payload="as it came")
        (stored,) = await self.accept(database, first)
        assert await self.accept(database, event("1", payload="again")) == [stored._replace(fresh=False)]
        (claim,) = await self.claim(database)
        assert [pending.payload for pending in claim.events] == ["as it came"]
        await self.commit(database, turn(claim, "hello"))
        assert await self.accept(database, event("1")) == [stored._replace(fresh=False)]
        assert await self.claim(database) == []

    async def test_a_batch_may_hold_an_event_twice(self, database: Database) -> None:
        one, two = event("1", payload="one"), event("2", payload="two")
        stored = await self.accept(database, one, two, event("1", payload="one again"), two)
        assert [found.fresh for found in stored] == [True, True, False, False]
        (claim,) = await self.claim(database)
        assert [pending.payload for pending in claim.events] == ["one", "two"]

    async def test_the_same_key_at_two_addresses_is_two_events(self, database: Database) -> None:
        stored = await self.accept(database, event("1", "memory:desk:ana"), event("1", "memory:desk:ben"))
        assert [found.fresh for found in stored] == [True, True]
        assert len(await self.claim(database)) == 2

    async def test_an_id_that_is_taken_is_an_error_and_no_event_is_lost(self, database: Database) -> None:
        first = event("1")
        await self.accept(database, first)
        with pytest.raises(Rejected):
            await self.accept(database, event("2"), event("3")._replace(id=first.id))
        assert await self.ask(database, "SELECT key FROM inbox") == [("1",)]

    async def test_many_who_open_the_same_conversation_at_once_open_one(self, database: Database) -> None:
        events = [event(str(n)) for n in range(12)]
        stored = await asyncio.gather(*(self.accept(database, one) for one in events))
        assert len({found[0].conversation for found in stored}) == 1
        assert all(found[0].fresh for found in stored)
        assert await self.ask(database, "SELECT count(*) FROM conversation") == [(1,)]
        (claim,) = await self.claim(database)
        assert [pending.id for pending in claim.events] == [one.id for one in events]

    async def test_many_who_deliver_the_same_event_at_once_store_one(self, database: Database) -> None:
        await self.accept(database, event("0"))
        stored = await asyncio.gather(*(self.accept(database, event("1"), event("2")) for _ in range(6)))
        assert sorted(one.fresh for found in stored for one in found) == [False] * 10 + [True] * 2
        assert await self.ask(database, "SELECT count(*) FROM inbox") == [(3,)]

    # --- claim ---

    async def test_a_claim_shows_the_conversation_as_its_last_turn_left_it(self, database: Database) -> None:
        (stored,) = await self.accept(database, event("1", payload='{"type":"started"}', at=NOW + 7))
        (claim,) = await self.claim(database)
        assert claim[:5] == (stored.shard, stored.conversation, ADDRESS, 0, "")
        assert [pending[1:] for pending in claim.events] == [(NOW + 7, '{"type":"started"}')]
        await self.commit(database, turn(claim, state='{"turns":1}'))
        await self.accept(database, event("2"))
        (claim,) = await self.claim(database)
        assert claim[:5] == (stored.shard, stored.conversation, ADDRESS, 1, '{"turns":1}')

    async def test_a_conversation_is_claimed_by_one_node(self, database: Database) -> None:
        await self.accept(database, *(event("1", f"memory:desk:{n}") for n in range(20)))
        claims = await asyncio.gather(*(self.claim(database, node, limit=7) for node in "abcd"))
        claimed = [claim.conversation for some in claims for claim in some]
        assert len(claimed) == len(set(claimed))
        claimed += [claim.conversation for claim in await self.claim(database, "e")]
        assert len(claimed) == len(set(claimed)) == 20
        assert await self.claim(database, "f") == []

    async def test_who_waits_longest_is_claimed_first(self, database: Database) -> None:
        for n in (3, 1, 2):
            await self.accept(database, event("1", f"memory:desk:{n}"), now=NOW + n)
        claims = [(await self.claim(database, now=NOW + 9, limit=1))[0] for _ in range(3)]
        assert [claim.address for claim in claims] == ["memory:desk:1", "memory:desk:2", "memory:desk:3"]

    async def test_events_come_in_their_order_fifty_at_a_time(self, database: Database) -> None:
        events = [event(str(n)) for n in range(120)]
        for some in (events[60:], events[:60]):
            await self.accept(database, *some)
        await self.accept(database, event("1", "memory:desk:ben"))
        decided: list[int] = []
        while claims := await self.claim(database):
            assert await self.commit(database, *map(turn, claims)) == {claim.conversation for claim in claims}
            decided += [pending.id for claim in claims if claim.address == ADDRESS for pending in claim.events]
            assert all(len(claim.events) <= 50 for claim in claims)
        assert decided == [one.id for one in events]
        assert await self.ask(database, "SELECT count(*) FROM work") == [(0,)]

    async def test_a_conversation_woken_for_nothing_goes_back_to_sleep(self, database: Database) -> None:
        (stored,) = await self.accept(database, event("1"))
        await self.commit(database, *map(turn, await self.claim(database)))
        await database.write(lambda conn: turns.wake(conn, [stored[:2]], NOW))
        assert await self.claim(database) == []
        assert await self.ask(database, "SELECT count(*) FROM work") == [(0,)]

    # --- commit ---

    async def test_what_arrives_during_a_turn_is_the_next_turn(self, database: Database) -> None:
        await self.accept(database, event("1"))
        (claim,) = await self.claim(database)
        await self.accept(database, event("2", payload="late"))
        assert await self.claim(database, "b") == []
        assert await self.commit(database, turn(claim))
        (claim,) = await self.claim(database, "b")
        assert (claim.version, [pending.payload for pending in claim.events]) == (1, ["late"])

    async def test_events_left_undecided_stay_pending(self, database: Database) -> None:
        await self.accept(database, *(event(str(n)) for n in range(3)))
        (claim,) = await self.claim(database)
        assert await self.commit(database, turn(claim, decided=1))
        (again,) = await self.claim(database)
        assert again.events == claim.events[1:]

    async def test_a_commit_is_whole_per_conversation_and_free_of_the_others(self, database: Database) -> None:
        await self.accept(database, *(event("1", f"memory:desk:{n}") for n in range(4)))
        claims = await self.claim(database)
        lost = claims[0]
        await database.write(lambda conn: turns.commit(conn, "a", [turn(lost, "first")], NOW))
        done = await self.commit(database, *(turn(claim, "second", state="x") for claim in claims))
        assert done == {claim.conversation for claim in claims[1:]} | {lost.conversation}  # the first is repeated, see below
        assert await self.ask(database, "SELECT count(*) FROM outbox") == [(4,)]

    async def test_a_dead_nodes_work_is_taken_over_when_its_lease_ends(self, database: Database) -> None:
        await self.accept(database, event("1"))
        (claim,) = await self.claim(database)
        assert await self.claim(database, "b", NOW + LEASE - 1) == []
        (taken,) = await self.claim(database, "b", NOW + LEASE)
        assert taken.events == claim.events
        assert taken.fence > claim.fence

    async def test_a_zombies_commit_is_refused_whole(self, database: Database) -> None:
        await self.accept(database, event("1"))
        (zombie,) = await self.claim(database)
        (heir,) = await self.claim(database, "b", NOW + LEASE)
        refused = turn(zombie, "from the grave", timers=[("t", NOW)], requests=(NewRequest("k", "1", "es", "", "", "", ""),))
        assert await self.commit(database, refused) == set()
        assert await self.commit(database, turn(heir, "alive"), node="b") == {heir.conversation}
        assert await self.commit(database, refused) == set()
        assert await self.ask(database, "SELECT payload FROM outbox") == [("alive",)]
        assert await self.ask(database, "SELECT (SELECT count(*) FROM timer) + (SELECT count(*) FROM request)") == [(0,)]

    async def test_a_fence_that_comes_back_protects_nobody_but_the_version_does(self, database: Database) -> None:
        """The queue row is deleted when a conversation falls silent and made anew, here with the very fence of a lost lease."""
        await self.accept(database, event("1"))
        (zombie,) = await self.claim(database)
        (heir,) = await self.claim(database, "b", NOW + LEASE)
        assert await self.commit(database, turn(heir, "alive"), node="b")
        await self.accept(database, event("2"))
        (now_mine,) = await self.claim(database)
        assert (now_mine.conversation, now_mine.fence) == (zombie.conversation, zombie.fence)
        assert await self.commit(database, turn(zombie, "from the grave")) == set()
        assert await self.commit(database, turn(now_mine, "second")) == {zombie.conversation}
        assert await self.ask(database, "SELECT payload FROM outbox ORDER BY version") == [("alive",), ("second",)]

    async def test_a_version_that_moved_is_never_overwritten(self, database: Database) -> None:
        await self.accept(database, event("1"))
        (claim,) = await self.claim(database)
        await self.run(database, "UPDATE conversation SET version = 5, fence = 1")
        assert await self.commit(database, turn(claim, "too late")) == set()
        assert await self.ask(database, "SELECT version, state FROM conversation") == [(5, "")]
        assert await self.ask(database, "SELECT count(*) FROM outbox") == [(0,)]

    async def test_a_commit_of_unknown_outcome_can_be_repeated(self, database: Database) -> None:
        await self.accept(database, event("1"))
        (claim,) = await self.claim(database)
        decided = turn(
            claim,
            "hello",
            timers=[("t", NOW + 5)],
            requests=(NewRequest("k", "R1", "es", "please", "", "", ""),),
            amendments=(RequestAmendment("k", "ana@example.com", "soon"),),
        )
        assert await self.commit(database, decided) == {claim.conversation}
        await self.accept(database, event("2"))
        assert await self.commit(database, decided) == {claim.conversation}
        assert await self.ask(database, "SELECT version, ord, payload FROM outbox") == [(1, 0, "hello")]
        assert await self.ask(database, "SELECT text FROM request") == [("please\nsoon",)]
        (next_claim,) = await self.claim(database)
        assert (next_claim.version, len(next_claim.events)) == (1, 1)

    # --- failure, leases, repair ---

    async def test_a_failed_turn_waits_longer_each_time_and_is_parked_in_the_end(self, database: Database) -> None:
        await self.accept(database, event("1"))
        now, waits = NOW, []
        for attempt in range(10):
            (claim,) = await self.claim(database, now=now)
            assert claim.attempts == attempt
            await database.write(lambda conn, claim=claim, now=now: turns.fail(conn, "a", [claim], "ValueError", now))  # type: ignore[misc]
            ready_at, attempts = (await self.ask(database, "SELECT ready_at, attempts FROM work"))[0]
            assert attempts == attempt + 1
            assert await self.claim(database, "b", ready_at - 1) == []
            waits.append(ready_at - now)
            now = ready_at
        assert waits == sorted(waits)
        assert waits[0] < waits[-1]
        assert await self.claim(database, now=now + 10**9) == []
        assert (await database.read(turns.counts))[:2] == (0, 1)
        await self.accept(database, event("2"))
        assert await self.claim(database, now=now + 10**9) == []
        assert await database.write(lambda conn: turns.unpark(conn, now)) == 1
        (claim,) = await self.claim(database, now=now)
        assert len(claim.events) == 2

    async def test_only_the_holder_can_fail_a_claim(self, database: Database) -> None:
        await self.accept(database, event("1"))
        (zombie,) = await self.claim(database)
        (heir,) = await self.claim(database, "b", NOW + LEASE)
        await database.write(lambda conn: turns.fail(conn, "a", [zombie], "late", NOW + LEASE))
        assert await self.commit(database, turn(heir), node="b") == {heir.conversation}

    async def test_success_forgets_earlier_failures(self, database: Database) -> None:
        await self.accept(database, event("1"), event("2"))
        (claim,) = await self.claim(database)
        await database.write(lambda conn: turns.fail(conn, "a", [claim], "once", NOW))
        (claim,) = await self.claim(database, now=NOW + 60_000)
        assert await self.commit(database, turn(claim, decided=1), now=NOW + 60_000)
        (claim,) = await self.claim(database, now=NOW + 60_000)
        assert claim.attempts == 0

    async def test_a_renewed_lease_lasts_longer_and_a_lost_one_is_told(self, database: Database) -> None:
        await self.accept(database, event("1"), event("1", "memory:desk:ben"))
        claims = await self.claim(database)
        kept, lost = claims
        later = NOW + LEASE - 1
        assert await database.write(lambda conn: turns.renew(conn, "a", [kept], later, LEASE)) == {kept.conversation}
        (taken,) = await self.claim(database, "b", NOW + LEASE)
        assert taken.conversation == lost.conversation
        assert await database.write(lambda conn: turns.renew(conn, "a", claims, later, LEASE)) == {kept.conversation}
        assert await self.claim(database, "c", later + LEASE - 1) == []

    async def test_pending_events_that_nothing_points_to_are_found(self, database: Database) -> None:
        await self.accept(database, event("1"), event("1", "memory:desk:ben"))
        await self.run(database, "DELETE FROM work")
        assert await database.write(lambda conn: turns.sweep(conn, NOW)) == 2
        assert await database.write(lambda conn: turns.sweep(conn, NOW)) == 0
        assert len(await self.claim(database)) == 2

    async def test_a_single_process_takes_over_what_it_held_before_it_died(self, database: Database) -> None:
        await self.say(database, "half sent")
        assert await self.due(database, "before")
        await self.accept(database, event("2"))
        assert await self.claim(database, "before")
        assert await self.claim(database, "after") == []
        assert await self.due(database, "after") == []
        await database.write(turns.take_over)
        assert len(await self.claim(database, "after")) == 1
        (message,) = await self.due(database, "after")
        assert (message.payload, message.attempt) == ("half sent", 1)

    async def test_the_counts_say_how_much_waits_and_since_when(self, database: Database) -> None:
        assert await database.read(turns.counts) == (0, 0, None)
        await self.accept(database, event("1"), now=NOW)
        await self.accept(database, event("1", "memory:desk:ben"), now=NOW + 5)
        assert await database.read(turns.counts) == (2, 0, NOW)

    # --- requests that turns record ---

    async def test_requests_are_recorded_once_amended_and_closed(self, database: Database) -> None:
        new = NewRequest("k1", "R-1", "es", "my server", "outage", "Ana", "")
        await self.accept(database, event("1"), event("2"))
        (claim,) = await self.claim(database)
        await self.commit(database, turn(claim, decided=1, requests=(new, new._replace(text="again"))))
        (claim,) = await self.claim(database)
        more = (RequestAmendment("k1", "ana@example.com", ""), RequestAmendment("k1", "", "is down"), RequestAmendment("other", "x", "x"))
        await self.commit(database, turn(claim, requests=(new,), amendments=more), now=NOW + 9)
        (found,) = await database.read(requests.list_open)
        assert found == (*claim[:2], "k1", "R-1", "es", "my server\nis down", "outage", "Ana", "ana@example.com", NOW, None)
        assert await database.read(lambda conn: requests.find(conn, "R-1")) == found
        assert await database.read(lambda conn: requests.find(conn, "R-2")) is None
        assert await database.write(lambda conn: requests.close(conn, "R-1", NOW + 20))
        assert not await database.write(lambda conn: requests.close(conn, "R-1", NOW + 30))
        assert await database.read(requests.list_open) == []
        assert await database.read(requests.list_all) == [found._replace(closed_at=NOW + 20)]

    # --- all of it at once ---

    async def test_nothing_is_lost_doubled_or_reordered_among_four_nodes(self, database: Database) -> None:
        """Intake redelivers, workers abandon every third claim; every event must be answered once and in its order."""
        addresses = [f"memory:desk:{n}" for n in range(9)]
        sent = {address: [event(str(n), address, payload=str(n)) for n in range(8)] for address in addresses}
        clock = iter(range(NOW, NOW + 10**9, LEASE // 4))
        left = asyncio.Semaphore(0)

        async def intake(address: str) -> None:
            for one in sent[address]:
                await self.accept(database, one, now=next(clock))
                await self.accept(database, one._replace(id=one.id + 10**12), now=next(clock))
            left.release()

        async def work(node: str) -> None:
            turns_taken = 0
            while await self.ask(database, "SELECT 1 FROM inbox WHERE turn = 0 LIMIT 1") or not done.done():
                claims = await self.claim(database, node, next(clock), limit=3)
                turns_taken += 1
                if turns_taken % 3:
                    decided = [turn(claim, *(pending.payload for pending in claim.events)) for claim in claims]
                    await self.commit(database, *decided, node=node, now=next(clock))

        async def finish() -> None:
            for _ in addresses:
                await left.acquire()

        done = asyncio.ensure_future(finish())
        await asyncio.gather(*map(intake, addresses), *map(work, "abcd"), done)
        answered = await self.ask(database, "SELECT address, payload FROM outbox ORDER BY address, version, ord")
        assert answered == [(address, one.payload) for address in addresses for one in sent[address]]
