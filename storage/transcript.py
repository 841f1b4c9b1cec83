"""What was said in a conversation, from a cursor on: one statement for any number of readers."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from storage import statements
from storage.rows import Entry
from storage.schema import shard_of
from storage.statements import rows

VERSION = 1000
"""A version of a conversation spans this many cursors: 0 for what came in, 1 + ord for what went out."""


def since(conn: Connection, asks: Sequence[tuple[str, int]], limit: int) -> list[list[Entry]]:
    """For each (address, cursor) the entries after the cursor, oldest first, at most `limit`; in the order of `asks`.

    Nothing can appear later before a cursor that was handed out: versions are made one after the other. What has arrived but is not yet
    decided is not in a transcript.
    """
    pages: list[list[Entry]] = [[] for _ in asks]
    if not asks:
        return pages
    wanted = rows((ask, address, *divmod(cursor, VERSION)) for ask, (address, cursor) in enumerate(asks))
    for ask, cursor, at, key, payload, conversation, version, ord, _ in conn.execute(
        statements.of(conn).transcript, {**wanted, "limit": limit}
    ):
        if ord < 0:
            pages[ask].append(Entry(cursor, "customer", at, key, payload))
        else:
            pages[ask].append(Entry(cursor, "bot", at, f"{conversation}.{version}.{ord}", payload))
    return pages


def find(conn: Connection, conversation: int, version: int, ord: int) -> str | None:
    """The JSON of one message that was said, sent or not."""
    at = {"shard": shard_of(conversation), "conversation": conversation, "version": version, "ord": ord}
    payload: str | None = conn.scalar(statements.of(conn).find_said, at)
    return payload
