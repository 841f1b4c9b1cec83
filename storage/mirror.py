"""What a customer changes or deletes on their platform, here as well: the message is found by its key, and its words wherever they went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from storage import mirror_statements
from storage.rows import EntryMirror, RequestMirror, Ticket, TicketMirror, Turn
from storage.statements import rows


class Written(NamedTuple):
    """A message as it is kept: `id` and `payload` of its inbox row, and the keys of the tickets that it was written to."""

    id: int
    payload: str
    entries: tuple[str, ...]


class Found(NamedTuple):
    """`message` is None when it never came here. `tickets` are all of the conversation: which of them have its words, they do not say."""

    message: Written | None
    tickets: tuple[Ticket, ...]


def find(conn: Connection, place: tuple[int, int], key: str) -> Found:
    """What the conversation has of the customer's message `key`, decided already. Only turns of the conversation change any of it."""
    st = mirror_statements.of(conn)
    at = {"at_shard": place[0], "at_conversation": place[1]}
    row = conn.execute(st.find_message, {**at, "at_key": key}).first()
    if row is None:
        return Found(None, ())
    entries = tuple(conn.execute(st.entries_with, {**at, "at_id": row.id}).scalars())
    return Found(Written(row.id, row.payload, entries), tuple(Ticket(**row._mapping) for row in conn.execute(st.tickets_in, at)))


def place(conn: Connection, addresses: Sequence[str], key: str) -> str | None:
    """At which of these addresses a customer's event `key` came, decided or not."""
    found: str | None = conn.scalar(mirror_statements.of(conn).place, {**rows((address,) for address in addresses), "at_key": key})
    return found


def said(conn: Connection, address: str, since: str, limit: int) -> list[tuple[str, str]]:
    """What customers sent at this address under keys that begin with `m`, from `since` on: keys and payloads, the newest `limit`."""
    asked = {"at_address": address, "at_key": since, "limit": limit}
    return [(key, payload) for key, payload in conn.execute(mirror_statements.of(conn).said, asked).all()]


def follow(conn: Connection, turns: Sequence[Turn]) -> None:
    """Part of a commit: write what stands in tickets and requests from now on."""
    st = mirror_statements.of(conn)
    entries, tickets = [], []
    lines: dict[tuple[int, int], list[RequestMirror]] = {}
    for turn in turns:
        place = (turn.claim.shard, turn.claim.conversation)
        for mirrored in turn.mirrored:
            match mirrored:
                case EntryMirror(ticket, id, text, files, edited_at, deleted_at):
                    entries.append((text, files, edited_at, deleted_at, *place, ticket, id))
                case TicketMirror(key, title, text, answers, files, edited_at, deleted_at):
                    tickets.append((title, text, answers, files, edited_at, deleted_at, *place, key))
                case RequestMirror():
                    lines.setdefault(place, []).append(mirrored)
    st.mirror_entries(conn, entries)
    st.mirror_tickets(conn, tickets)
    if not lines:
        return
    found = conn.execute(st.requests_of, rows(sorted(lines))).all()
    changed = [(_replaced(text, lines[shard, conversation]), shard, conversation, key) for shard, conversation, key, text in found]
    st.mirror_requests(conn, changed)


def _replaced(text: str, lines: Sequence[RequestMirror]) -> str:
    for old, new in lines:
        text = f"\n{text}\n".replace(f"\n{old}\n", f"\n{new}\n" if new else "\n", 1)[1:-1] if old else text
    return text
