"""Brings a database up to this release's tables, and refuses one that a newer release has changed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, inspect, text
from sqlalchemy.engine import URL

from storage.engines import address_of
from storage.errors import SchemaTooNew, Unavailable

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
"""Oldest first. They stand here too so that a start with an up-to-date database need not import Alembic, which takes a while."""

HEAD = REVISIONS[-1]

_LOCK_SECONDS = 60.0


def upgrade(url: str) -> bool:
    """Migrate to this release's tables; all of it or nothing. Returns whether anything had to be done.

    Not to be called on a running event loop. Raises SchemaTooNew, Unavailable, or ValueError for an address of no known kind.
    """
    if check(url):
        return False
    address = address_of(url)
    if address.get_backend_name() == "sqlite":
        _on_sqlite(address, _migrate)
    else:
        asyncio.run(_on_postgresql(address, _migrate))
    return True


def check(url: str) -> bool:
    """Whether the tables are those of this release; False when they are older or not there. Raises as `upgrade` does."""
    address = address_of(url)
    if address.get_backend_name() == "sqlite":
        # A database that is not there is not made only to find that out.
        found = _on_sqlite(address, _revision) if Path(address.database or "").exists() else None
    else:
        found = asyncio.run(_on_postgresql(address, _revision))
    if found is not None and found not in REVISIONS:
        raise SchemaTooNew(f"the database belongs to a newer release (its tables are at revision {found}, this release knows {HEAD})")
    return found == HEAD


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _on_sqlite(address: URL, unit: Any) -> Any:
    from storage.sqlite import explained

    engine = create_engine(
        address.set(drivername="sqlite+pysqlite"),
        connect_args={"timeout": _LOCK_SECONDS, "isolation_level": None},
        hide_parameters=True,
    )
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE" if unit is _migrate else "BEGIN"))
    try:
        with engine.begin() as connection:
            return unit(connection)
    except Exception as error:
        told = explained(error)
        raise told from told.__cause__
    finally:
        engine.dispose()


async def _on_postgresql(address: URL, unit: Any) -> Any:
    from storage.postgresql import SESSION, create_engine, explained

    # A migration may take its time, and waits for another node's; it still must not outlive its client.
    session = SESSION | {"statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "60000"}
    engine = create_engine(address, session=session, command_seconds=None, pool_size=1)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(unit)
    except Exception as error:
        raise explained(error) from None
    finally:
        await engine.dispose()


__all__ = ["HEAD", "REVISIONS", "SchemaTooNew", "Unavailable", "check", "upgrade"]
