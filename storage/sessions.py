"""The sessions of web visitors. Only the SHA-256 of a token is stored, so a stolen database opens nobody's chat."""

from __future__ import annotations

from sqlalchemy import Connection

from storage import statements
from storage.rows import Session


def create(conn: Connection, session: Session) -> None:
    """Raises IntegrityError when the token hash is taken."""
    conn.execute(statements.of(conn).add_session, session._asdict())


def find(conn: Connection, token_hash: str) -> Session | None:
    row = conn.execute(statements.of(conn).find_session, {"which": token_hash}).one_or_none()
    return None if row is None else Session(*row)


def touch(conn: Connection, token_hash: str, now: int) -> None:
    """Note that the visitor was here; never moves `seen_at` back."""
    conn.execute(statements.of(conn).touch_session, {"which": token_hash, "now": now})


def set_subject(conn: Connection, token_hash: str, subject: str) -> None:
    """Bind the session to a customer that the host page vouched for; "" unbinds it."""
    conn.execute(statements.of(conn).set_session_subject, {"which": token_hash, "to_subject": subject})


def move(conn: Connection, token_hash: str, address: str) -> None:
    """Let the session speak from another address (another conversation) from now on."""
    conn.execute(statements.of(conn).move_session, {"which": token_hash, "to_address": address})


def delete(conn: Connection, token_hash: str) -> None:
    conn.execute(statements.of(conn).delete_session, {"which": token_hash})


def expire(conn: Connection, before: int) -> int:
    """Delete the sessions last seen before `before` (epoch ms). Returns how many."""
    return len(conn.execute(statements.of(conn).expire_sessions, {"before": before}).all())
