"""What every store promises. A database's tests subclass StoreContract, provide the fixture `database`, and inherit the rest."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from traceback import format_exception
from typing import Any

import pytest
from sqlalchemy import Connection, text

from conversations.events import TimerFired, decoder
from storage import sessions, timers, transcript, turns
from storage.engines import Database, Rejected, Unavailable
from storage.rows import Entry, Session
from tests.contracts.store_alone import AloneContract
from tests.contracts.store_area import AreaContract
from tests.contracts.store_links import LinksContract
from tests.contracts.store_mirror import MirrorContract
from tests.contracts.store_notices import NoticesContract
from tests.contracts.store_outbox import OutboxContract
from tests.contracts.store_people import PeopleContract, ProofsContract
from tests.contracts.store_references import ReferencesContract
from tests.contracts.store_rows import ADDRESS, NOW, StoreSteps, event, new_id, outcome, together, turn
from tests.contracts.store_tickets import TicketsContract
from tests.contracts.store_turns import TurnsContract

MANY = 1000


class TimersContract(StoreSteps):
    async def set(self, database: Database, *wanted: tuple[str, int | None], address: str = ADDRESS) -> int:
        (stored,) = await self.accept(database, event(f"set-{new_id()}", address))
        (claim,) = await self.claim(database)
        await self.commit(database, turn(claim, timers=wanted))
        return stored.conversation

    async def fire(self, database: Database, now: int, limit: int = MANY) -> int:
        return await database.write(lambda conn: timers.fire(conn, now, limit, new_id))

    async def test_a_due_timer_becomes_an_event_once(self, database: Database) -> None:
        conversation = await self.set(database, ("reminder", NOW + 60), ("other", NOW + 500))
        assert await self.fire(database, NOW + 59) == 0
        assert await database.read(timers.next_due_at) == NOW + 60
        assert await self.fire(database, NOW + 60) == 1
        assert await self.fire(database, NOW + 61) == 0
        assert await database.read(timers.next_due_at) == NOW + 500
        (claim,) = await self.claim(database, now=NOW + 61)
        (pending,) = claim.events
        assert claim.conversation == conversation
        assert pending.received_at == NOW + 60
        assert decoder.decode(pending.payload) == TimerFired(seq=pending.id, at=NOW + 60, name="reminder", due_at=NOW + 60)
        assert await self.ask(database, f"SELECT author, key FROM inbox WHERE id = {pending.id}") == [
            ("system", f"timer:reminder:{NOW + 60}")
        ]

    async def test_a_timer_is_fired_by_one_node(self, database: Database) -> None:
        for n in range(8):
            await self.set(database, ("t", NOW + 1), address=f"memory:desk:{n}")
        assert sum(await asyncio.gather(*(self.fire(database, NOW + 1) for _ in range(5)))) == 8
        claims = await self.claim(database, now=NOW + 1)
        assert sorted(len(claim.events) for claim in claims) == [1] * 8

    async def test_a_timer_can_be_moved_and_cancelled(self, database: Database) -> None:
        await self.set(database, ("a", NOW + 10), ("b", NOW + 10), ("c", NOW + 10))
        await self.set(database, ("a", NOW + 90), ("b", None), ("never set", None), ("c", None), ("c", NOW + 20))
        assert await self.ask(database, "SELECT name, due_at FROM timer ORDER BY name") == [("a", NOW + 90), ("c", NOW + 20)]

    async def test_the_earliest_timers_fire_first(self, database: Database) -> None:
        await self.set(database, *((str(n), NOW + n) for n in range(1, 6)))
        assert [await self.fire(database, NOW + 9, limit=2) for _ in range(4)] == [2, 2, 1, 0]

    async def test_a_customers_key_cannot_stand_in_a_timers_way(self, database: Database) -> None:
        await self.set(database, ("t", NOW + 1))
        await self.accept(database, event(f"timer:t:{NOW + 1}", payload="mine"))
        assert await self.fire(database, NOW + 1) == 1
        (claim,) = await self.claim(database, now=NOW + 1)
        assert [pending.payload == "mine" for pending in claim.events] == [True, False]


class TranscriptContract(StoreSteps):
    async def since(self, database: Database, *asks: tuple[str, int], limit: int = MANY) -> list[list[Entry]]:
        return await database.read(lambda conn: transcript.since(conn, asks, limit))

    async def test_both_sides_in_order_and_from_any_cursor(self, database: Database) -> None:
        await self.accept(database, event("k1", payload="hola", at=NOW + 1), event("k2", payload="?", at=NOW + 2))
        (claim,) = await self.claim(database)
        await self.commit(database, turn(claim, "first", "second"), now=NOW + 3)
        id = claim.conversation
        whole = [
            Entry(1000, "customer", NOW + 1, "k1", "hola"),
            Entry(2000, "customer", NOW + 2, "k2", "?"),
            Entry(2001, "bot", NOW + 3, f"{id}.2.0", "first"),
            Entry(2002, "bot", NOW + 3, f"{id}.2.1", "second"),
        ]
        for cursor in (0, 1, 999, 1000, 1001, 2000, 2001, 2002, 5000):
            assert await self.since(database, (ADDRESS, cursor)) == [[entry for entry in whole if entry.cursor > cursor]]

    async def test_one_message_is_found_by_its_key(self, database: Database) -> None:
        id = await self.say(database, "first", "second")
        other = await self.say(database, "to somebody else", address="memory:desk:ben")

        async def find(conversation: int, version: int, ord: int) -> str | None:
            return await database.read(lambda conn: transcript.find(conn, conversation, version, ord))

        assert [await find(id, 1, 0), await find(id, 1, 1), await find(other, 1, 0)] == ["first", "second", "to somebody else"]
        assert [await find(id, 1, 2), await find(id, 2, 0), await find(id + 1, 1, 0)] == [None, None, None]

    async def test_where_an_account_was_spoken_to_of_late(self, database: Database) -> None:
        for address, *keys in (
            ("memory:desk:ana", "m01", "i99", "m07"),
            ("memory:desk:ben:7", "m12"),
            ("memory:desk:cleo", "i50", "M60"),
            ("memory:desk2:dan", "m90"),
            ("memoryXdesk:eva", "m91"),
        ):
            await self.accept(database, *(event(key, address) for key in keys))
        await self.accept(database, event("m99", "memory:desk:fred"), now=NOW - 10)

        async def heard(since: int, limit: int = MANY) -> list[tuple[str, str]]:
            return await database.read(lambda conn: transcript.heard(conn, "memory", "desk", since, limit))

        assert await heard(NOW) == [("memory:desk:ben:7", "m12"), ("memory:desk:ana", "m07")]
        assert await heard(NOW, 1) == [("memory:desk:ben:7", "m12")]
        assert [address for address, _ in await heard(0)] == ["memory:desk:fred", "memory:desk:ben:7", "memory:desk:ana"]

    async def test_reading_on_from_the_last_cursor_misses_nothing(self, database: Database) -> None:
        seen: list[Entry] = []
        for n in range(12):
            await self.accept(database, *(event(f"{n}.{m}") for m in range(n % 3 + 1)))
            (claim,) = await self.claim(database)
            await self.commit(database, turn(claim, *(f"{n}-{m}" for m in range(n % 4))))
            (page,) = await self.since(database, (ADDRESS, seen[-1].cursor if seen else 0), limit=2)
            seen += page
        while page := (await self.since(database, (ADDRESS, seen[-1].cursor), limit=2))[0]:
            seen += page
        assert [seen] == await self.since(database, (ADDRESS, 0))
        assert [entry.cursor for entry in seen] == sorted({entry.cursor for entry in seen})
        assert sum(entry.author == "customer" for entry in seen) == 24
        assert sum(entry.author == "bot" for entry in seen) == 18

    async def test_many_asks_are_answered_in_their_order(self, database: Database) -> None:
        for name in "abc":
            await self.say(database, f"to {name}", address=f"memory:desk:{name}")
        asks = [("memory:desk:c", 1000), ("memory:desk:nobody", 0), ("memory:desk:a", 0), ("memory:desk:c", 0), ("memory:desk:b", 1001)]
        pages = await self.since(database, *asks)
        assert [[entry.payload for entry in page] for page in pages] == [["to c"], [], ["{}", "to a"], ["{}", "to c"], []]
        assert await self.since(database) == []

    async def test_what_went_to_another_address_is_not_of_this_chat(self, database: Database) -> None:
        await self.say(database, "said here")
        await self.say(database, "a copy", elsewhere="email:desk:ana%40a.example", now=NOW + 1)
        await self.say(database, "an answer by mail", address="email:desk:ana%40a.example", now=NOW + 2)
        await self.say(database, "said here too", now=NOW + 3)
        (chat, mail) = await self.since(database, (ADDRESS, 0), ("email:desk:ana%40a.example", 0))
        assert [entry.payload for entry in chat if entry.author == "bot"] == ["said here", "said here too"]
        assert [entry.payload for entry in mail if entry.author == "bot"] == ["an answer by mail"]
        assert [entry.cursor for entry in chat] == [1000, 1001, 2000, 3000, 3001]

    async def test_what_is_pending_withdrawn_or_internal_is_not_shown(self, database: Database) -> None:
        await self.say(database, "sent", "failed", "withdrawn", "waiting")
        sent, *_ = await self.due(database)
        await self.mark(database, outcome(sent))
        await self.run(
            database, "UPDATE outbox SET status = ord + 1 + CASE ord WHEN 3 THEN -4 ELSE 0 END + CASE ord WHEN 0 THEN 1 ELSE 1 END"
        )
        await self.run(database, "UPDATE outbox SET status = 4 WHERE payload = 'withdrawn'")
        await self.accept(database, event("later"))
        (claim,) = await self.claim(database)
        await self.commit(database, turn(claim, timers=[("t", NOW)]))
        await database.write(lambda conn: timers.fire(conn, NOW, MANY, new_id))
        await self.commit(database, *map(turn, await self.claim(database)))
        await self.accept(database, event("not yet decided"))
        (page,) = await self.since(database, (ADDRESS, 0))
        assert [(entry.author, entry.payload) for entry in page] == [
            ("customer", "{}"),
            ("bot", "sent"),
            ("bot", "failed"),
            ("bot", "waiting"),
            ("customer", "{}"),
        ]


class SessionsContract(StoreSteps):
    async def test_a_session_is_found_by_its_hash_until_it_is_deleted(self, database: Database) -> None:
        session = Session("hash", ADDRESS, NOW, NOW, "")
        for _ in range(2):  # a repeated unit is no second session
            await database.write(lambda conn: sessions.create(conn, session))
        assert await database.read(lambda conn: sessions.find(conn, "hash")) == session
        assert await database.read(lambda conn: sessions.find(conn, "hush")) is None
        with pytest.raises(Rejected):
            await database.write(lambda conn: sessions.create(conn, session._replace(address="memory:desk:thief")))
        await database.write(
            together(
                lambda conn: sessions.touch(conn, "hash", NOW + 9),
                lambda conn: sessions.touch(conn, "hash", NOW + 5),
                lambda conn: sessions.set_subject(conn, "hash", "customer-7"),
                lambda conn: sessions.move(conn, "hash", "memory:desk:7"),
            )
        )
        assert await database.read(lambda conn: sessions.find(conn, "hash")) == ("hash", "memory:desk:7", NOW, NOW + 9, "customer-7")
        await database.write(lambda conn: sessions.delete(conn, "hash"))
        assert await database.read(lambda conn: sessions.find(conn, "hash")) is None

    async def test_idle_sessions_expire(self, database: Database) -> None:
        for n in range(4):
            await database.write(lambda conn, n=n: sessions.create(conn, Session(f"h{n}", ADDRESS, NOW, NOW + n, "")))  # type: ignore[misc]
        assert await database.write(lambda conn: sessions.expire(conn, NOW + 2)) == 2
        assert [await database.read(lambda conn, n=n: sessions.find(conn, f"h{n}") is not None) for n in range(4)] == [  # type: ignore[misc]
            False,
            False,
            True,
            True,
        ]


class UnitsContract(StoreSteps):
    async def test_a_unit_is_stored_whole_or_not_at_all(self, database: Database) -> None:
        def unit(conn: Connection) -> None:
            turns.accept(conn, [event("1")], NOW)
            raise LookupError("halfway")

        with pytest.raises(LookupError, match="halfway"):
            await database.write(unit)
        assert await self.ask(database, "SELECT count(*) FROM inbox") == [(0,)]

    async def test_one_bad_unit_fails_alone(self, database: Database) -> None:
        first = event("0")
        await self.accept(database, first)

        def unit(n: int) -> Callable[[Connection], Any]:
            def run(conn: Connection) -> int:
                one = event(str(n), f"memory:desk:{n}")
                turns.accept(conn, [one._replace(id=first.id) if n == 3 else one], NOW)
                if n == 5:
                    raise LookupError
                return n

            return run

        found = await asyncio.gather(*(database.write(unit(n)) for n in range(1, 8)), return_exceptions=True)
        assert [type(result) if isinstance(result, Exception) else result for result in found] == [1, 2, Rejected, 4, LookupError, 6, 7]
        assert await self.ask(database, "SELECT count(*) FROM inbox") == [(6,)]

    async def test_an_error_shows_nothing_of_what_a_customer_wrote(self, database: Database) -> None:
        await self.say(database, "hello")
        secret = "my card is 4111"
        for sql in (
            f"INSERT INTO conversation VALUES (0, 1, 0, 0, 'x', '{secret}', NULL, 0, 0)",
            f"INSERT INTO outbox SELECT shard, conversation, version, 999, platform, '{secret}', payload, status, priority, next_at, "
            "attempt, owner, lease_until, created_at, updated_at, platform_id, error FROM outbox",
        ):
            with pytest.raises(Rejected) as caught:
                await self.run(database, sql)
            assert secret not in "".join(format_exception(caught.value))
        with pytest.raises(Rejected) as caught:
            await database.write(
                lambda conn: conn.execute(text("SELECT CAST(:it AS bigint), json_extract_path_text(:it)"), {"it": secret}).close()
            )
        assert secret not in "".join(format_exception(caught.value))

    async def test_whoever_gives_up_waiting_disturbs_nobody(self, database: Database) -> None:
        ran = itertools.count()
        waiting = [asyncio.ensure_future(database.write(lambda conn: next(ran))) for _ in range(6)]
        await asyncio.sleep(0)
        for one in waiting[::2]:
            one.cancel()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert [isinstance(result, asyncio.CancelledError) for result in found] == [True, False] * 3
        assert await database.write(lambda conn: conn.scalar(text("SELECT 7"))) == 7

    async def test_a_closed_database_is_unavailable(self, database: Database) -> None:
        await self.accept(database, event("1"))
        await database.close()
        with pytest.raises(Unavailable):
            await self.accept(database, event("2"))
        with pytest.raises(Unavailable):
            await database.read(turns.counts)
        await database.close()


class StoreContract(
    AreaContract,
    TurnsContract,
    AloneContract,
    TicketsContract,
    MirrorContract,
    NoticesContract,
    PeopleContract,
    ProofsContract,
    LinksContract,
    OutboxContract,
    ReferencesContract,
    TimersContract,
    TranscriptContract,
    SessionsContract,
    UnitsContract,
):
    """All of it."""
