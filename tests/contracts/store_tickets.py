"""What every store promises of tickets: opened once, moved only from the state a step was meant for, and nothing written is lost."""

from __future__ import annotations

import asyncio

from storage import tickets, turns
from storage.engines import Database
from storage.rows import Claim, NewChange, NewEntry, NewRating, NewTicket, Ticket
from tests.contracts.store_rows import ADDRESS, NOW, StoreSteps, event, new_id, turn

TICKET = NewTicket(
    "k1",
    "4F7K-2M9Q",
    "ticket",
    1,
    "technical",
    "high",
    "Down",
    "It is down",
    "{}",
    "[]",
    "es",
    "",
    "Ana",
    "ana@example.com",
    "new",
    NOW + 600,
    "code",
    NOW - 60,
    "C-1",
)
OPENING = NewChange("k1", 0, "customer", "memory", "", "new", "", NOW)


def step(before: str, state: str, id: int = 1, at: int = NOW, ticket: str = "k1") -> NewChange:
    return NewChange(ticket, id, "team", "cli", before, state, "", at)


def entry(text: str, author: str = "team", id: int = 1, at: int = NOW) -> NewEntry:
    return NewEntry("k1", id, author, "Eva", text, "[]", at)


class TicketsContract(StoreSteps):
    async def one(self, database: Database, address: str = ADDRESS) -> Claim:
        await self.accept(database, event(f"t-{new_id()}", address))
        (claim,) = await self.claim(database)
        return claim

    async def open(self, database: Database, address: str = ADDRESS, ticket: NewTicket = TICKET) -> Ticket:
        claim = await self.one(database, address)
        assert await self.commit(database, turn(claim, tickets=(ticket,), changes=(OPENING._replace(ticket=ticket.key),)))
        return await self.found(database, ticket.number)

    async def found(self, database: Database, number: str = TICKET.number) -> Ticket:
        ticket = await database.read(lambda conn: tickets.find(conn, number))
        assert ticket is not None
        return ticket

    async def test_a_ticket_keeps_all_that_was_sent(self, database: Database) -> None:
        ticket = await self.open(database)
        assert ticket[2:16] == TICKET[:14]
        assert ticket[16:] == ("new", NOW, NOW, NOW + 600, None, None, None, None, "code", NOW - 60, "C-1", None, None)
        assert await database.read(tickets.list_open) == [ticket]
        assert await database.read(lambda conn: tickets.find(conn, "0000-0000")) is None
        assert await database.read(lambda conn: tickets.address(conn, ticket)) == ADDRESS
        history = await database.read(lambda conn: tickets.history(conn, ticket))
        assert history == ((OPENING,), ())

    async def test_two_sends_open_one_ticket(self, database: Database) -> None:
        first = await self.open(database)
        claim = await self.one(database)
        await self.commit(database, turn(claim, tickets=(TICKET._replace(title="again"),), changes=(OPENING,)))
        claim = await self.one(database)
        await self.commit(database, turn(claim, tickets=(TICKET, TICKET), changes=(OPENING, OPENING)))
        assert (await self.found(database)).title == first.title
        assert await self.ask(database, "SELECT count(*) FROM ticket") == [(1,)]
        assert len((await database.read(lambda conn: tickets.history(conn, first))).changes) == 1

    async def test_the_same_commit_twice_opens_one(self, database: Database) -> None:
        claim = await self.one(database)
        one = turn(claim, tickets=(TICKET,), changes=(OPENING,), entries=(entry("more", "customer"),))
        assert await self.commit(database, one)
        assert await self.commit(database, one)
        assert await self.ask(database, "SELECT count(*) FROM ticket_entry") == [(1,)]

    async def test_the_same_key_in_two_conversations_is_two_tickets(self, database: Database) -> None:
        await self.open(database)
        await self.open(database, "memory:desk:ben", TICKET._replace(number="AAAA-0000"))
        assert await self.ask(database, "SELECT count(*) FROM ticket") == [(2,)]

    async def test_steps_leave_their_times(self, database: Database) -> None:
        await self.open(database)
        claim = await self.one(database)
        steps = (step("new", "claimed", 1, NOW + 1), step("claimed", "resolved", 2, NOW + 2), step("resolved", "closed", 3, NOW + 3))
        await self.commit(database, turn(claim, changes=steps, ratings=(NewRating("k1", 2), NewRating("k1", 5))))
        ticket = await self.found(database)
        assert (ticket.state, ticket.resolved_at, ticket.closed_at, ticket.rating) == ("closed", NOW + 2, NOW + 3, 5)
        assert await database.read(tickets.list_open) == []
        assert await database.read(lambda conn: tickets.list_in(conn, "closed")) == [ticket]
        claim = await self.one(database)
        await self.commit(database, turn(claim, changes=(step("closed", "reopened", 4, NOW + 4),)))
        ticket = await self.found(database)
        assert (ticket.state, ticket.resolved_at, ticket.closed_at, ticket.rating) == ("reopened", None, None, 5)
        history = await database.read(lambda conn: tickets.history(conn, ticket))
        assert [change.state for change in history.changes] == ["new", "claimed", "resolved", "closed", "reopened"]

    async def test_a_step_from_a_state_that_was_left_is_not_made(self, database: Database) -> None:
        await self.open(database)
        claim = await self.one(database)
        await self.commit(
            database, turn(claim, changes=(step("open", "claimed"), step("new", "waiting_vendor", 2), step("new", "closed", 3)))
        )
        ticket = await self.found(database)
        assert ticket.state == "waiting_vendor"
        history = await database.read(lambda conn: tickets.history(conn, ticket))
        assert [change.id for change in history.changes] == [0, 2]

    async def test_the_first_reply_of_the_team_is_the_first_reply(self, database: Database) -> None:
        ticket = await self.open(database)
        claim = await self.one(database)
        written = (entry("hurry", "customer", 1, NOW + 1), entry("on it", id=2, at=NOW + 2), entry("done", id=3, at=NOW + 3))
        await self.commit(database, turn(claim, entries=written))
        assert (await self.found(database)).first_reply_at == NOW + 2
        assert (await database.read(lambda conn: tickets.history(conn, ticket))).entries == written

    async def test_what_is_said_of_no_ticket_goes_nowhere(self, database: Database) -> None:
        claim = await self.one(database)
        unknown = turn(claim, changes=(step("new", "closed"),), entries=(entry("lost"),), ratings=(NewRating("k1", 1),))
        assert await self.commit(database, unknown)
        assert await self.ask(database, "SELECT (SELECT count(*) FROM ticket_change) + (SELECT count(*) FROM ticket_entry)") == [(0,)]

    async def test_what_the_team_does_becomes_one_event(self, database: Database) -> None:
        ticket = await self.open(database)
        id = new_id()
        for _ in range(2):
            assert await database.write(lambda conn: tickets.tell(conn, ticket, id, '{"type":"x"}', NOW + 5))
        (claim,) = await self.claim(database, now=NOW + 5)
        assert (claim.conversation, [pending[:2] for pending in claim.events]) == (ticket.conversation, [(id, NOW + 5)])
        assert await self.ask(database, f"SELECT author FROM inbox WHERE id = {id}") == [("system",)]

    async def test_what_was_meant_for_another_state_is_refused(self, database: Database) -> None:
        ticket = await self.open(database)
        claim = await self.one(database)
        await self.commit(database, turn(claim, changes=(step("new", "closed"),)))
        assert not await database.write(lambda conn: tickets.tell(conn, ticket, new_id(), "{}", NOW))
        assert await self.claim(database, now=NOW + 1) == []
        assert await database.read(turns.counts) == (0, 0, None)

    async def test_tickets_are_counted_by_state(self, database: Database) -> None:
        assert await database.read(tickets.counts) == {}
        await asyncio.gather(*(self._opened(database, n) for n in range(3)))
        claim = await self.one(database, "memory:desk:0")
        await self.commit(database, turn(claim, changes=(step("new", "closed"),)))
        assert await database.read(tickets.counts) == {"new": 2, "closed": 1}

    async def _opened(self, database: Database, n: int) -> None:
        await self.accept(database, event("o", f"memory:desk:{n}"))
        claims = await self.claim(database, f"node{n}", limit=1)
        await self.commit(
            database, *(turn(claim, tickets=(TICKET._replace(number=f"N-{n}"),), changes=(OPENING,)) for claim in claims), node=f"node{n}"
        )
