"""The client area in the store: links work once, sessions end, addresses are proven, and everybody sees their own tickets alone."""

from __future__ import annotations

import asyncio
from typing import Any

from storage import area, outbox, people
from storage.engines import Database
from storage.rows import NewTicket
from storage.schema import shard_of
from tests.contracts.store_rows import NOW, StoreSteps, event, new_id, turn

ANA, BOB = "ana@example.com", "bob@example.net"
HOUR = 3_600_000


async def addresses(database: Database) -> list[tuple[str, str, int | None]]:
    found = await database.read(lambda conn: people.addresses(conn, 1))
    return [(each.category, each.email, each.verified_at) for each in found]


def ticket(number: str, email: str = "", state: str = "new", title: str = "Down", said: str = "It is down") -> NewTicket:
    return NewTicket(
        f"k-{number}", number, "ticket", 1, "technical", "high", title, said, "{}", "[]", "es", "", "Ana", email, state, NOW + 600_000
    )


def link(hash: str = "hash", email: str = ANA, **more: Any) -> area.Link:
    return area.Link(hash, area.SIGN_IN, email, None, "", NOW, NOW + 900_000)._replace(**more)


class AreaContract(StoreSteps):
    async def opened(self, database: Database, *given: NewTicket, address: str = "memory:desk:ana", now: int = NOW) -> int:
        (stored,) = await self.accept(database, event(f"opened-{new_id()}", address), now=now)
        (claim,) = [claim for claim in await self.claim(database, now=now) if claim.conversation == stored.conversation]
        assert await self.commit(database, turn(claim, tickets=given), now=now)
        return stored.conversation

    async def area_account(self, database: Database, id: int, email: str, name: str = "ACME") -> None:
        await self.run(database, f"INSERT INTO account VALUES ({id}, 'C-{id}', '{name}', '', '', {NOW}, {NOW})")
        await self.run(database, f"INSERT INTO account_address VALUES ({id}, 'registered', '{email}', {NOW}, {NOW})")

    async def seen(
        self, database: Database, email: str, group: area.Group = "", said: str = "", limit: int = 20, offset: int = 0
    ) -> list[str]:
        found = await database.read(lambda conn: area.tickets(conn, email, group, said, limit, offset))
        return [each.number for each in found]

    # --- links and letters ---

    async def test_a_link_is_used_once_and_only_for_what_it_is_for(self, database: Database) -> None:
        await database.write(lambda conn: area.offer(conn, link(), None, NOW))
        assert await database.write(lambda conn: area.use_link(conn, "hash", area.ADDRESS, NOW)) is None
        assert await database.write(lambda conn: area.use_link(conn, "other", area.SIGN_IN, NOW)) is None
        assert await database.write(lambda conn: area.use_link(conn, "hash", area.SIGN_IN, NOW + 900_000)) is None
        used = await asyncio.gather(*(database.write(lambda conn: area.use_link(conn, "hash", area.SIGN_IN, NOW + 5)) for _ in range(6)))
        assert [each.email for each in used if each is not None] == [ANA]
        found = await database.read(lambda conn: area.find_link(conn, "hash"))
        assert found is not None
        assert found.used_at == NOW + 5

    async def test_a_link_is_stored_with_its_letter_once(self, database: Database) -> None:
        letter = area.Letter(new_id(), f"email:desk:{ANA}", '{"doc":[]}')
        for _ in range(2):  # a repeated unit is no second letter
            await database.write(lambda conn: area.offer(conn, link(), letter, NOW))
        (due,) = await self.due(database)
        assert due[:6] == (shard_of(letter.id), letter.id, 0, 0, f"email:desk:{ANA}", '{"doc":[]}')
        assert await database.read(lambda conn: area.recent(conn, ANA, NOW - 1)) == [NOW]
        assert await database.read(lambda conn: area.recent(conn, ANA, NOW)) == []

    async def test_a_letter_waits_for_nothing_and_nothing_waits_for_it(self, database: Database) -> None:
        await self.say(database, "to the chat", address=f"email:desk:{ANA}")
        letters = [area.Letter(new_id(), f"email:desk:{ANA}", str(n)) for n in range(2)]
        for n, letter in enumerate(letters):
            await database.write(lambda conn, n=n, letter=letter: area.offer(conn, link(f"h{n}"), letter, NOW))  # type: ignore[misc]
        assert {due.payload for due in await self.due(database)} == {"to the chat", "0", "1"}

    async def test_for_somebody_unknown_the_same_is_written_and_nothing_is_sent(self, database: Database) -> None:
        letter = area.Letter(new_id(), f"email:desk:{BOB}", "secret")
        await database.write(lambda conn: area.offer(conn, link(email=BOB, used_at=NOW), letter, NOW))
        assert await self.due(database) == []
        assert await self.ask(database, "SELECT status, payload FROM outbox") == [(outbox.CANCELLED, "{}")]
        assert await database.write(lambda conn: area.use_link(conn, "hash", area.SIGN_IN, NOW)) is None
        assert await database.read(lambda conn: outbox.next_due_at(conn)) is None

    async def test_who_is_known(self, database: Database) -> None:
        await self.area_account(database, 1, ANA)
        await self.run(database, f"INSERT INTO account_address VALUES (1, 'billing', 'books@example.com', {NOW}, {NOW})")
        await self.opened(database, ticket("N1", BOB), ticket("N2"))
        known = {
            email: await database.read(lambda conn, email=email: area.is_known(conn, email))  # type: ignore[misc]
            for email in (ANA, BOB, "books@example.com", "eve@example.com", "")
        }
        assert known == {ANA: True, BOB: True, "books@example.com": False, "eve@example.com": False, "": False}

    # --- sessions ---

    async def test_a_link_becomes_one_session(self, database: Database) -> None:
        await database.write(lambda conn: area.offer(conn, link(), None, NOW))
        session = area.AreaSession("s1", "", "es", NOW, NOW)
        for _ in range(2):  # a repeated unit signs in all the same
            assert await database.write(lambda conn: area.sign_in(conn, "hash", session)) == ANA
        assert await database.write(lambda conn: area.sign_in(conn, "hash", session._replace(token_hash="s2"))) == ""
        assert await database.read(lambda conn: area.find_session(conn, "s1")) == ("s1", ANA, "es", NOW, NOW)
        assert await database.read(lambda conn: area.find_session(conn, "s2")) is None
        await database.write(lambda conn: area.touch_session(conn, "s1", NOW + 9))
        await database.write(lambda conn: area.touch_session(conn, "s1", NOW + 5))
        await database.write(lambda conn: area.set_session_locale(conn, "s1", "en"))
        assert await database.read(lambda conn: area.find_session(conn, "s1")) == ("s1", ANA, "en", NOW, NOW + 9)
        await database.write(lambda conn: area.end_session(conn, "s1"))
        assert await database.read(lambda conn: area.find_session(conn, "s1")) is None

    async def test_sessions_end_everywhere_or_by_themselves(self, database: Database) -> None:
        for n, email in enumerate((ANA, ANA, BOB, BOB)):
            await database.write(lambda conn, n=n, email=email: area.offer(conn, link(f"h{n}", email), None, NOW))  # type: ignore[misc]
            session = area.AreaSession(f"s{n}", "", "", NOW + n, NOW + 10 * n)
            await database.write(lambda conn, n=n, session=session: area.sign_in(conn, f"h{n}", session))  # type: ignore[misc]
        await database.write(lambda conn: area.end_sessions(conn, ANA))
        assert await self.ask(database, "SELECT token_hash FROM area_session ORDER BY token_hash") == [("s2",), ("s3",)]
        await database.write(lambda conn: area.expire(conn, 0, NOW + 21, 0))
        assert await self.ask(database, "SELECT token_hash FROM area_session") == [("s3",)]
        await database.write(lambda conn: area.expire(conn, NOW + 900_001, 0, NOW + 4))
        assert await self.ask(database, "SELECT token_hash FROM area_session") == []
        assert await self.ask(database, "SELECT token_hash FROM area_link") == []

    # --- accounts ---

    async def test_an_account_is_that_of_its_registered_address(self, database: Database) -> None:
        await self.area_account(database, 1, ANA)
        await self.area_account(database, 2, ANA, "Second")
        await self.run(database, f"INSERT INTO account_address VALUES (1, 'billing', '{BOB}', {NOW}, {NOW})")
        await database.write(lambda conn: area.set_preferences(conn, 1, "en", "Europe/Madrid", NOW + 1))
        found = await database.read(lambda conn: people.accounts(conn, ANA))
        assert [each[:5] for each in found] == [(1, "C-1", "ACME", "en", "Europe/Madrid"), (2, "C-2", "Second", "", "")]
        assert await database.read(lambda conn: people.accounts(conn, BOB)) == []

    async def test_an_address_is_used_when_its_link_was_followed(self, database: Database) -> None:
        await self.area_account(database, 1, ANA)
        proof = link("p", BOB, purpose=area.ADDRESS, account=1, category="billing")
        for _ in range(2):
            await database.write(lambda conn: area.add_address(conn, proof, None, NOW))
        own = await addresses(database)
        assert own == [("billing", BOB, None), ("registered", ANA, NOW)]
        assert await database.write(lambda conn: area.confirm_address(conn, "nonsense", NOW)) is None
        confirmed = await database.write(lambda conn: area.confirm_address(conn, "p", NOW + 1))
        assert confirmed is not None
        assert await database.write(lambda conn: area.confirm_address(conn, "p", NOW + 2)) is None
        assert (await addresses(database))[0] == ("billing", BOB, NOW + 1)
        # The link gave nobody a session.
        assert await database.write(lambda conn: area.sign_in(conn, "p", area.AreaSession("s", "", "", NOW, NOW))) == ""

    async def test_an_address_that_was_removed_is_not_proven_by_its_link(self, database: Database) -> None:
        await self.area_account(database, 1, ANA)
        proof = link("p", BOB, purpose=area.ADDRESS, account=1, category="billing")
        await database.write(lambda conn: area.add_address(conn, proof, None, NOW))
        assert not await database.write(lambda conn: area.remove_address(conn, 1, "abuse", BOB, NOW))
        assert not await database.write(lambda conn: area.remove_address(conn, 2, "billing", BOB, NOW))
        assert not await database.write(lambda conn: area.remove_address(conn, 1, "registered", ANA, NOW))
        assert await database.write(lambda conn: area.remove_address(conn, 1, "billing", BOB, NOW))
        again = link("q", BOB, purpose=area.ADDRESS, account=1, category="billing")
        await database.write(lambda conn: area.add_address(conn, again, None, NOW))
        assert await database.write(lambda conn: area.confirm_address(conn, "p", NOW)) is None
        assert await addresses(database) == [("billing", BOB, None), ("registered", ANA, NOW)]

    # --- tickets ---

    async def test_everybody_sees_what_is_addressed_to_them_and_nothing_else(self, database: Database) -> None:
        await self.opened(database, ticket("A1", ANA), ticket("NOBODY"))
        await self.opened(database, ticket("B1", BOB), address="memory:desk:bob")
        assert await self.seen(database, ANA) == ["A1"]
        assert await self.seen(database, BOB) == ["B1"]
        assert await self.seen(database, "") == []
        assert await database.read(lambda conn: area.find_ticket(conn, ANA, "B1")) is None
        assert await database.read(lambda conn: area.find_ticket(conn, "", "NOBODY")) is None
        found = await database.read(lambda conn: area.find_ticket(conn, ANA, "A1"))
        assert found is not None
        assert found.key == "k-A1"

    async def test_a_chat_that_was_proven_shows_its_tickets_while_the_proof_holds(self, database: Database) -> None:
        await self.area_account(database, 1, ANA)
        await self.opened(database, ticket("BEFORE"), address="memory:desk:chat")
        await self.run(database, f"INSERT INTO identity VALUES ('memory:desk:chat', 1, '{ANA}', 'code', {NOW}, {NOW + HOUR})")
        await self.opened(database, ticket("DURING"), address="memory:desk:chat", now=NOW + 5)
        await self.opened(database, ticket("AFTER"), address="memory:desk:chat", now=NOW + HOUR)
        assert sorted(await self.seen(database, ANA)) == ["BEFORE", "DURING"]
        assert await self.seen(database, BOB) == []
        # The account has another registered address now: what was proven for the old one is void, for either.
        await self.run(database, f"UPDATE account_address SET email = '{BOB}' WHERE account = 1")
        assert await self.seen(database, ANA) == []
        assert await self.seen(database, BOB) == []

    async def test_the_list_puts_what_is_under_way_first_and_comes_in_pages(self, database: Database) -> None:
        for n, state in enumerate(("closed", "new", "waiting_customer", "resolved", "open")):
            await self.opened(database, ticket(f"T{n}", ANA, state), address=f"memory:desk:{n}", now=NOW + n)
        assert await self.seen(database, ANA) == ["T4", "T2", "T1", "T3", "T0"]
        assert await self.seen(database, ANA, limit=2, offset=2) == ["T1", "T3"]
        assert await self.seen(database, ANA, "open") == ["T4", "T2", "T1"]
        assert await self.seen(database, ANA, "waiting") == ["T2"]
        assert await self.seen(database, ANA, "finished") == ["T3", "T0"]

    async def test_words_are_found_as_they_are_typed(self, database: Database) -> None:
        await self.opened(
            database, ticket("AB-1", ANA, title="100% loss", said="Since noon"), ticket("CD-2", ANA, title="a_b", said="x\\y")
        )
        for said, found in (
            ("ab-1", ["AB-1"]),
            ("LOSS", ["AB-1"]),
            ("noon", ["AB-1"]),
            ("0% l", ["AB-1"]),
            ("a_b", ["CD-2"]),
            ("\\", ["CD-2"]),
        ):
            assert await self.seen(database, ANA, said=said) == found
        for said in ("1%2", "a.b", "_b_", "%%"):
            assert await self.seen(database, ANA, said=said) == []

    async def test_what_no_turn_has_seen_yet_is_pending(self, database: Database) -> None:
        await self.opened(database, ticket("A1", ANA))
        await self.accept(database, event("area:1", "memory:desk:ana", '{"x":1}', NOW + 3))
        found = await database.read(lambda conn: area.find_ticket(conn, ANA, "A1"))
        assert found is not None
        (pending,) = await database.read(lambda conn: area.pending(conn, found))
        assert (pending.key, pending.received_at, pending.payload) == ("area:1", NOW + 3, '{"x":1}')
        await self.commit(database, *map(turn, await self.claim(database)))
        assert await database.read(lambda conn: area.pending(conn, found)) == []
