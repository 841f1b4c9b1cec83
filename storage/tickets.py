"""The team's side of tickets: they are read here, and what the team does to one becomes an event of its conversation.

A ticket is written only by the turns of its conversation (turns.commit), so that what the customer is told and what stands in the
tables cannot differ, whoever acts at the same moment.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection

from storage import statements
from storage.rows import NewChange, NewEntry, Ticket
from storage.turns import wake


class History(NamedTuple):
    """Everything that happened to a ticket since it was sent, each in its order."""

    changes: tuple[NewChange, ...]
    entries: tuple[NewEntry, ...]


def list_open(conn: Connection, limit: int = 1000) -> list[Ticket]:
    """Neither resolved nor closed; oldest first: the order they should be answered in."""
    return [Ticket(**row._mapping) for row in conn.execute(statements.of(conn).open_tickets, {"limit": limit})]


def list_all(conn: Connection, limit: int = 1000) -> list[Ticket]:
    """Newest first."""
    return [Ticket(**row._mapping) for row in conn.execute(statements.of(conn).tickets, {"limit": limit})]


def list_in(conn: Connection, state: str, limit: int = 1000) -> list[Ticket]:
    """Those in one state, newest first."""
    return [Ticket(**row._mapping) for row in conn.execute(statements.of(conn).tickets_in, {"in_state": state, "limit": limit})]


def find(conn: Connection, number: str) -> Ticket | None:
    """By the number that people see."""
    row = conn.execute(statements.of(conn).find_tickets, {"number": number}).first()
    return None if row is None else Ticket(**row._mapping)


def history(conn: Connection, ticket: Ticket) -> History:
    st = statements.of(conn)
    at = {"at_shard": ticket.shard, "at_conversation": ticket.conversation, "at_ticket": ticket.key}
    changes = tuple(NewChange(**row._mapping) for row in conn.execute(st.changes_of, at))
    return History(changes, tuple(NewEntry(**row._mapping) for row in conn.execute(st.entries_of, at)))


def counts(conn: Connection) -> dict[str, int]:
    """How many tickets are in each state that any is in."""
    return {row.state: row.amount for row in conn.execute(statements.of(conn).count_tickets)}


def tell(conn: Connection, ticket: Ticket, id: int, payload: str, now: int) -> bool:
    """Give the ticket's conversation what the team did, as event `id`. False when the ticket has left the state it was seen in.

    Safe to repeat with the same id: it is one event.
    """
    st = statements.of(conn)
    place = (ticket.shard, ticket.conversation)
    # A turn that is being committed holds this row: once we have it, the state we read is the last word.
    wake(conn, {place}, now)
    state = conn.scalar(st.ticket_state, {"at_shard": ticket.shard, "at_conversation": ticket.conversation, "at_key": ticket.key})
    if state != ticket.state:
        return False
    st.add_events(conn, [(*place, id, "system", f"ticket:{id}", payload, now)])
    return True


def address(conn: Connection, ticket: Ticket) -> str:
    """Where the customer is answered about it."""
    found: str | None = conn.scalar(statements.of(conn).address_of, {"at_shard": ticket.shard, "at_id": ticket.conversation})
    return found or ""
