"""The messages on their way out: claimed in order of urgency, never past an earlier unsent one of the same conversation and address."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import Connection

from storage import statements
from storage.rows import Due, Outcome
from storage.statements import CANCELLED, DUE, FAILED, SENDING, SENT, rows
from storage.turns import platform_of

__all__ = ["CANCELLED", "DUE", "FAILED", "SENDING", "SENT", "OutboxCounts", "claim_due", "counts", "mark", "move", "next_due_at", "recover"]

ANY = 32_767
"""The priority of what is least urgent of all."""

_ERROR_LIMIT = 500
_LINE = itemgetter(2, 3, 6)
"""Conversation and address of what is found: behind its status and next_at come the fields of Due."""

_PRIORITY = Due._fields.index("priority")


class OutboxCounts(NamedTuple):
    """Messages waiting; since when (epoch ms) the oldest of them waits; messages given up on."""

    due: int
    oldest_at: int | None
    failed: int


def claim_due(
    conn: Connection, node: str, now: int, lease_ms: int, limit: int, platforms: Sequence[str] | None = None, least: int = ANY
) -> list[Due]:
    """Take up to `limit` messages to send before `now + lease_ms`: by priority, then by `next_at`.

    Those of one conversation to one address come in their order, and none comes whose predecessor is being sent or may not be sent yet;
    an urgent one pulls its less urgent predecessors along. What goes to another address, and a failed message, hold nobody up.
    `platforms`: only these. `least`: the largest priority number to look for.
    """
    st = statements.of(conn)
    asked: dict[str, int | str] = {"now": now, "limit": limit, "least": least}
    if platforms is None:
        found = [conn.execute(st.claim_due, asked).all()]
    else:
        found = [conn.execute(st.claim_due_of, {**asked, "platform": name}).all() for name in platforms]
    lines = {key: list(line) for some in found for key, line in groupby(some, key=_LINE)}
    ranked: list[tuple[tuple[int, int], Due]] = []
    for line in lines.values():
        ready = []
        for status, next_at, *due in line:
            if status != DUE or next_at > now:
                break
            ready.append(((due[_PRIORITY], next_at), Due(*due)))
        # Each is as urgent as the most urgent one behind it: sorting by that never puts a message before its predecessor.
        urgency = ready[-1][0] if ready else (0, 0)
        for own, message in reversed(ready):
            urgency = min(urgency, own)
            ranked.append((urgency, message if message.priority == urgency[0] else message._replace(priority=urgency[0])))
    ranked.sort()
    taken = [message for _, message in ranked[:limit]]
    if taken:
        conn.execute(st.start_sending, {**rows(due[:4] for due in taken), "node": node, "until": now + lease_ms, "now": now})
    return taken


def mark(conn: Connection, node: str, outcomes: Sequence[Outcome], now: int) -> None:
    """Record what became of claimed messages; one that is no longer this node's is left alone.

    A message that goes back to DUE without an `error` was not tried: its attempts stay as they are. When one goes back, the later ones
    of its conversation and address that were claimed and not sent must be given back in the same call.
    """
    marks = []
    for shard, conversation, version, ord, status, next_at, platform_id, error in sorted(outcomes):
        tried = int(status != DUE or error != "")
        what = (status, next_at or now, tried, now, platform_id or None, error[:_ERROR_LIMIT] or None)
        marks.append((*what, shard, conversation, version, ord, node))
    statements.of(conn).mark(conn, marks)


def move(conn: Connection, shard: int, conversation: int, old: str, new: str) -> None:
    """The chat at `old` is at `new` from now on: what `conversation` has not sent there yet goes to `new`, and what it says later too.

    What happens at either address belongs to it, unless `new` already leads to another conversation. Then both stay what they are, for
    neither can be told to be the other's past: this one is answered at `new`, and what is written there is the other's. Doing it
    again changes nothing.
    """
    st = statements.of(conn)
    key = {"at_shard": shard, "old": old, "new": new}
    conn.execute(st.move_conversation, {**key, "at_id": conversation})
    conn.execute(st.inherit_address, {**key, "at_conversation": conversation})
    conn.execute(st.move_messages, {**key, "at_conversation": conversation, "to_platform": platform_of(new)})


def recover(conn: Connection, now: int) -> int:
    """Make messages due again whose sender's lease has ended: it may or may not have sent them. Returns how many."""
    return len(conn.execute(statements.of(conn).recover, {"now": now}).all())


def next_due_at(conn: Connection, platforms: Sequence[str] | None = None) -> int | None:
    """When (epoch ms) the next message can be claimed, or None when none waits."""
    st = statements.of(conn)
    if platforms is None:
        found: int | None = conn.scalar(st.next_due)
        return found
    times = [conn.scalar(st.next_due_of, {"platform": name}) for name in platforms]
    return min((time for time in times if time is not None), default=None)


def counts(conn: Connection) -> OutboxCounts:
    """For the metrics."""
    row = conn.execute(statements.of(conn).count_outbox).one()
    return OutboxCounts(row[0], row[1], row[2])
