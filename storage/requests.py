"""The team's list of what customers asked to be contacted about: a turn records and amends them, here they are read and closed."""

from __future__ import annotations

from sqlalchemy import Connection

from storage import statements
from storage.rows import Request


def list_open(conn: Connection, limit: int = 1000) -> list[Request]:
    """Oldest first: the order they should be answered in."""
    return [Request(**row._mapping) for row in conn.execute(statements.of(conn).open_requests, {"limit": limit})]


def list_all(conn: Connection, limit: int = 1000) -> list[Request]:
    """Newest first."""
    return [Request(**row._mapping) for row in conn.execute(statements.of(conn).requests, {"limit": limit})]


def find(conn: Connection, number: str) -> Request | None:
    """By the number that people see."""
    row = conn.execute(statements.of(conn).find_request, {"number": number}).first()
    return None if row is None else Request(**row._mapping)


def close(conn: Connection, number: str, now: int) -> bool:
    """False when there is no open request of this number."""
    return bool(conn.execute(statements.of(conn).close_request, {"of_number": number, "now": now}).all())
