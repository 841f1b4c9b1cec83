"""Whether a database does what it is needed for: what it is, whether it takes a write and gives it back, and what time it has."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, column, extract, func, select, table, update

_revision = table("alembic_version", column("version_num"))


class Soundness(NamedTuple):
    """`kept`: what was written could be read back. `now`: the server's clock in epoch ms; None where the database is a file."""

    product: str
    kept: bool
    now: int | None


def examine(conn: Connection) -> Soundness:
    """To be run as a write. The one row that is written says afterwards what it said before, so a crash on the way harms nothing."""
    before = conn.scalar(select(_revision.c.version_num))
    conn.execute(update(_revision).values(version_num=before))
    kept = before is not None and conn.scalar(select(_revision.c.version_num)) == before
    if conn.dialect.name == "sqlite":
        return Soundness(f"SQLite {conn.scalar(select(func.sqlite_version()))}", kept, None)
    version = str(conn.scalar(select(func.current_setting("server_version")))).split(" ", 1)[0]
    seconds = conn.scalar(select(extract("epoch", func.clock_timestamp())))
    return Soundness(f"PostgreSQL {version}", kept, int(float(seconds or 0) * 1000))
