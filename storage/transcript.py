"""What was said in a conversation, from a cursor on: one statement for any number of readers."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from conversations.model import Address
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


def heard(conn: Connection, platform: str, account: str, since: int, limit: int) -> list[tuple[str, str]]:
    """The addresses of an account that something happened at since `since` (epoch ms), the newest first: each with the greatest of the keys
    of what came in there that begin with `m`. One without such a key is left out.
    """
    asked = {"prefix": str(Address(platform, account, "")) + ":", "since": since, "limit": limit}
    return [(address, key) for address, key in conn.execute(statements.of(conn).heard, asked).all()]


def find(conn: Connection, conversation: int, version: int, ord: int) -> str | None:
    """The JSON of one message that was said, sent or not."""
    at = {"shard": shard_of(conversation), "conversation": conversation, "version": version, "ord": ord}
    payload: str | None = conn.scalar(statements.of(conn).find_said, at)
    return payload
