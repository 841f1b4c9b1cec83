"""Durable timers: a due one becomes an event of its conversation, in one transaction."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from conversations.events import TimerFired, encoder
from storage import statements
from storage.statements import rows
from storage.turns import wake


def fire(conn: Connection, now: int, limit: int, ids: Callable[[], int]) -> int:
    """Move up to `limit` due timers into the inbox and queue their conversations. Returns how many. `ids` makes event ids."""
    st = statements.of(conn)
    due = conn.execute(st.due_timers, {"now": now, "limit": limit}).all()
    if not due:
        return 0
    # The queue rows are locked first, as a commit does that sets or cancels the same timers: otherwise the two could wait for each other.
    wake(conn, {(shard, conversation) for shard, conversation, *_ in due}, now)
    # Another node may have fired some, and a commit may have moved them: what is still there is ours.
    taken = sorted(conn.execute(st.take_timers, {**rows(row[:3] for row in due), "now": now}).all())
    events = []
    for shard, conversation, name, due_at in taken:
        id = ids()
        payload = encoder.encode(TimerFired(seq=id, at=now, name=name, due_at=due_at)).decode()
        events.append((shard, conversation, id, "system", f"timer:{name}:{due_at}", payload, now))
    st.add_events(conn, events)
    return len(events)


def next_due_at(conn: Connection) -> int | None:
    """When (epoch ms) the next timer is due, or None when there is none."""
    found: int | None = conn.scalar(statements.of(conn).next_timer)
    return found
