"""What turns do to tickets: part of a turn's commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from storage import statements
from storage.rows import Turn
from storage.statements import rows


def follow(conn: Connection, turns: Sequence[Turn], now: int) -> None:
    """Open tickets, and carry on those there are: each change is made only from the state it was meant for."""
    st = statements.of(conn)
    st.add_tickets(conn, [(*turn.claim[:2], *ticket[:-4], now, now, *ticket[-4:]) for turn in turns for ticket in turn.tickets])
    keys: set[tuple[int, int, str]] = set()
    for turn in turns:
        named = [
            *(ticket.key for ticket in turn.tickets),
            *(change.ticket for change in turn.changes),
            *(entry.ticket for entry in turn.entries),
            *(rating.ticket for rating in turn.ratings),
        ]
        keys.update((*turn.claim[:2], key) for key in named)
    stands = {(shard, id, key): _Stand(*rest) for shard, id, key, *rest in conn.execute(st.lock_tickets, rows(sorted(keys))).all()}
    changes, entries = [], []
    for turn in turns:
        place = turn.claim[:2]
        for change in turn.changes:
            stand = stands.get((*place, change.ticket))
            if stand is not None and (not change.before or change.before == stand.state):
                changes.append((*place, *change))
                if change.before != change.state and change.before:
                    stands[*place, change.ticket] = stand.moved(change.state, change.at)
        for entry in turn.entries:
            stand = stands.get((*place, entry.ticket))
            if stand is not None:
                entries.append((*place, *entry))
                if entry.author == "team" and stand.first_reply_at is None:
                    stands[*place, entry.ticket] = stand._replace(first_reply_at=entry.at)
        for ticket, rating in turn.ratings:
            if (*place, ticket) in stands:
                stands[*place, ticket] = stands[*place, ticket]._replace(rating=rating)
    st.add_changes(conn, changes)
    st.add_entries(conn, entries)
    st.move_tickets(conn, [(s.state, now, s.first_reply_at, s.resolved_at, s.closed_at, s.rating, *at) for at, s in sorted(stands.items())])


class _Stand(NamedTuple):
    """What moves in a ticket."""

    state: str
    first_reply_at: int | None
    resolved_at: int | None
    closed_at: int | None
    rating: int | None

    def moved(self, state: str, at: int) -> _Stand:
        match state:
            case "resolved":
                return self._replace(state=state, resolved_at=at)
            case "closed" | "merged":
                return self._replace(state=state, closed_at=at)
            case "reopened":
                return self._replace(state=state, resolved_at=None, closed_at=None)
            case _:
                return self._replace(state=state)
