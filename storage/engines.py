"""Opens a database from its address; what runs units of work on it has the same face for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from storage.errors import Rejected, SchemaTooNew, Unavailable

__all__ = ["Connection", "Database", "Rejected", "SchemaTooNew", "Unavailable", "address_of", "open_database"]

T = TypeVar("T")


class Database(Protocol):
    """Runs units of work: plain functions of a connection, made of the functions of this package.

    A unit may be run again after a failure, so it must do the same when it is. Raises Unavailable or Rejected for what the database says;
    what else a unit raises passes through. In all three cases nothing of it is stored.
    """

    async def write(self, unit: Callable[[Connection], T]) -> T:
        """Run `unit` in a transaction; what it did is durable when this returns."""
        ...

    async def read(self, unit: Callable[[Connection], T]) -> T:
        """Run `unit`, which only reads."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of every connection."""
        ...


def address_of(url: str) -> URL:
    """The address with the driver that is used here. Raises ValueError, without the address: it may hold a password."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValueError("the database address is not a URL") from None
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise ValueError("an SQLite database needs a file, as in sqlite:///var/relevo.db")
        return parsed.set(drivername="sqlite+aiosqlite")
    if kind in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+asyncpg")
    raise ValueError(f"the database is sqlite:///... or postgresql://..., not {kind}")


def open_database(url: str) -> Database:
    """Nothing is connected before the first unit. Raises ValueError for an address of no known kind."""
    address = address_of(url)
    if address.get_backend_name() == "sqlite":
        from storage.sqlite import SqliteDatabase

        return SqliteDatabase(address)
    from storage.postgresql import PostgresqlDatabase

    return PostgresqlDatabase(address)
