"""PostgreSQL: a pool of connections; each unit of work is a transaction of its own, tried again when another node was in the way."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TypeVar

import asyncpg
from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from storage.errors import Rejected, Unavailable

T = TypeVar("T")

POOL = 8
ATTEMPTS = 6
_FIRST_PAUSE = 0.02
_CONNECT_SECONDS = 5.0
_COMMAND_SECONDS = 8.0

# Set by the client, so that no server can forget them: with PostgreSQL's own defaults a node that loses the network keeps its locks for
# hours, and everybody behind them waits. Milliseconds, except the keep-alives: seconds.
SESSION = {
    "application_name": "relevo",
    "default_transaction_isolation": "read committed",
    "idle_in_transaction_session_timeout": "5000",
    "statement_timeout": "5000",
    "lock_timeout": "500",
    "tcp_user_timeout": "5000",
    "tcp_keepalives_idle": "2",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "3",
    "jit": "off",
}

# Another node was in the way, or the connection or the server went: the same unit may well succeed in a moment.
_AGAIN = {"40001", "40P01", "55P03", "57P01", "57P02", "57P03", "25006", "53300"}
_AGAIN_CLASSES = {"08"}
# The machine is in trouble.
_PASSING = {"57014", "28P01", "28000", "3D000", "55000"}
_PASSING_CLASSES = {"53", "58", "57", "08", "XX", "F0"}


def create_engine(
    url: URL, *, session: dict[str, str] = SESSION, command_seconds: float | None = _COMMAND_SECONDS, pool_size: int = POOL
) -> AsyncEngine:
    """An engine whose sessions cannot hold others up for long."""
    return create_async_engine(
        url,
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=_CONNECT_SECONDS,
        connect_args={
            "timeout": _CONNECT_SECONDS,
            "command_timeout": command_seconds,
            "server_settings": session,
            # After a fail-over the old primary may still answer, and refuse every write.
            "target_session_attrs": "read-write",
        },
    )


def _state_of(error: BaseException) -> str | None:
    """The SQLSTATE; "" when the connection could not be made or was lost; None when this is not the database's error."""
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None)
        return "" if error.connection_invalidated or not state else str(state)
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate or "")
    return "" if isinstance(error, (OSError, TimeoutError, PoolTimeout, asyncpg.InterfaceError)) else None


def explained(error: BaseException) -> BaseException:
    """The error as callers may see it: PostgreSQL's own words can quote the row, so only the kind and the constraint are told."""
    state = _state_of(error)
    if state is None:
        return error
    orig = (error.orig if isinstance(error, DBAPIError) else None) or error
    driver = getattr(orig, "orig", None) or orig
    name = type(driver).__name__
    if state == "" and isinstance(driver, asyncpg.exceptions.DataError):
        return Rejected(name)
    if not state or state in _PASSING | _AGAIN or state[:2] in _PASSING_CLASSES:
        return Unavailable(f"{name} {state}".strip())
    return Rejected(" ".join(filter(None, (name, state, getattr(driver, "constraint_name", None)))))


class PostgresqlDatabase:
    """Any number of nodes work on it at once."""

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(url)
        self._closed = False

    async def write(self, unit: Callable[[Connection], T]) -> T:
        for attempt in range(1, ATTEMPTS):
            try:
                return await self._once(unit)
            except Exception as error:
                state = _state_of(error)
                if state is None or not (state == "" or state in _AGAIN or state[:2] in _AGAIN_CLASSES):
                    raise explained(error) from None
            await asyncio.sleep(_FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311
        try:
            return await self._once(unit)
        except Exception as error:
            raise explained(error) from None

    async def _once(self, unit: Callable[[Connection], T]) -> T:
        if self._closed:
            raise Unavailable("the database is closed")
        async with self._engine.begin() as connection:
            return await connection.run_sync(unit)

    async def read(self, unit: Callable[[Connection], T]) -> T:
        return await self.write(unit)

    async def close(self) -> None:
        self._closed = True
        await self._engine.dispose()
