"""SQLite: one writer connection that commits many units of work together, and a few readers beside it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import aiosqlite
from sqlalchemy import Connection, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from storage.errors import Rejected, Unavailable

T = TypeVar("T")

GROUP = 256
"""Units committed together at most, so that the first of them does not wait for ever."""

READERS = 3
BUSY_SECONDS = 5.0

OLDEST = (3, 37)
"""STRICT tables."""

_PRAGMAS = ("foreign_keys=ON", "temp_store=MEMORY")
_WRITER = ("journal_mode=WAL", "synchronous=FULL", "cache_size=-1500", "wal_autocheckpoint=2000", "journal_size_limit=67108864")
_READER = ("cache_size=-200", "query_only=ON")

# Primary result codes that say something about the machine and not about the statement.
_PASSING = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOTADB,
}


class _Cursor:
    """A cursor whose whole statement, fetching included, is one visit to the connection's thread instead of four."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> _Cursor:
        return self

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> None:
        await self._connection.visit(lambda raw: self._keep(raw.execute(sql, parameters)))  # type: ignore[arg-type]

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> None:
        await self._connection.visit(lambda raw: self._keep(raw.executemany(sql, parameters)))  # type: ignore[arg-type]

    def _keep(self, cursor: sqlite3.Cursor) -> None:
        self.description = cursor.description
        self._rows = cursor.fetchall() if cursor.description else []
        self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
        cursor.close()

    async def fetchall(self) -> list[Any]:
        return self._rows

    async def close(self) -> None:
        self._rows = []


class _Connection(aiosqlite.Connection):
    """What SQLAlchemy's aiosqlite dialect is given for a driver connection."""

    def cursor(self) -> _Cursor:  # type: ignore[override]
        return _Cursor(self)

    async def visit(self, work: Callable[[sqlite3.Connection], None]) -> None:
        await self._execute(work, self._conn)  # type: ignore[no-untyped-call]


async def _connect(path: str, pragmas: Sequence[str]) -> _Connection:
    def connector() -> sqlite3.Connection:
        # isolation_level None: the module begins no transactions of its own accord; ours begin with BEGIN, as said below.
        raw = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, cached_statements=256)
        try:
            for pragma in pragmas:
                raw.execute(f"PRAGMA {pragma}").close()
        except BaseException:
            raw.close()
            raise
        return raw

    connection = _Connection(connector, 64)
    connection._thread.daemon = True
    try:
        return await connection  # type: ignore[return-value]
    except BaseException:
        # Its thread is about to end; one that outlived the event loop would complain.
        connection._thread.join()
        raise


def create_engine(url: URL, *, writes: bool) -> AsyncEngine:
    """An engine over connections with the settings that durability and speed rely on."""
    path = url.database or ""
    pragmas = _PRAGMAS + (_WRITER if writes else _READER)
    engine = create_async_engine(
        url,
        async_creator=lambda *_, **__: _connect(path, pragmas),
        hide_parameters=True,
        pool_size=1 if writes else READERS,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
    )
    # A writer that began as a reader could not wait for the lock: SQLite would refuse at once instead.
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
    event.listen(engine.sync_engine, "begin", lambda conn: conn.exec_driver_sql(begin))
    return engine


def explained(error: BaseException) -> BaseException:
    """The error as callers may see it."""
    if isinstance(error, PoolTimeout):
        return Unavailable("all connections are busy")
    orig = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(orig, sqlite3.Error):
        return error
    code, name = getattr(orig, "sqlite_errorcode", 0), getattr(orig, "sqlite_errorname", type(orig).__name__)
    if code & 0xFF in _PASSING:
        told: BaseException = Unavailable(f"{name}: {orig}")
        told.__cause__ = orig
        return told
    return Rejected(f"{name}: {orig}")


class _Waiting(NamedTuple):
    unit: Callable[[Connection], Any]
    outcome: asyncio.Future[Any]


class SqliteDatabase:
    """Group commit: whatever was asked for while the last transaction was being written becomes one transaction.

    Units run in the order in which they were asked for, on the event loop. No caller hears of a result before it is committed.
    """

    def __init__(self, url: URL) -> None:
        if sqlite3.sqlite_version_info < OLDEST:
            raise ValueError(f"SQLite {'.'.join(map(str, OLDEST))} or newer is needed, this Python has {sqlite3.sqlite_version}")
        self._writer = create_engine(url, writes=True)
        self._readers = create_engine(url, writes=False)
        self._queue: deque[_Waiting] = deque()
        self._asked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connection: AsyncConnection | None = None
        self._closed = False

    async def write(self, unit: Callable[[Connection], T]) -> T:
        if self._closed:
            raise Unavailable("the database is closed")
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._write_groups())
        outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(unit, outcome))
        self._asked.set()
        return await outcome

    async def read(self, unit: Callable[[Connection], T]) -> T:
        if self._closed:
            raise Unavailable("the database is closed")
        try:
            async with self._readers.connect() as connection:
                return await connection.run_sync(unit)
        except Exception as error:
            told = explained(error)
            raise told from told.__cause__

    async def close(self) -> None:
        self._closed = True
        self._asked.set()
        if self._task is not None:
            # Not awaited itself: it may have been cancelled with everything else, which must not look like our own cancellation.
            await asyncio.wait([self._task])
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()
        await self._readers.dispose()
        await self._writer.dispose()

    async def _write_groups(self) -> None:
        while True:
            await self._asked.wait()
            # Two rounds of the loop: who was told that this unit is coming may add a unit that goes on where it ends.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            group: list[_Waiting] = []
            while self._queue and len(group) < GROUP:
                waiting = self._queue.popleft()
                # Nobody waits any more, and nothing has begun.
                if not waiting.outcome.cancelled():
                    group.append(waiting)
            if not self._queue:
                if not self._closed:
                    self._asked.clear()
                elif not group:
                    return
            if group:
                await self._commit(group)

    async def _commit(self, group: list[_Waiting]) -> None:
        try:
            results = await self._together([waiting.unit for waiting in group])
        except Exception as error:
            if len(group) == 1:
                _settle(group[0], explained(error))
            else:
                await self._commit_singly(group)
        else:
            for waiting, result in zip(group, results, strict=True):
                if not waiting.outcome.done():
                    waiting.outcome.set_result(result)

    async def _commit_singly(self, group: list[_Waiting]) -> None:
        """One unit that fails must not sink the others."""
        gone: Unavailable | None = None
        for waiting in group:
            if gone is None:
                await self._commit([waiting])
                failure = waiting.outcome.exception() if waiting.outcome.done() and not waiting.outcome.cancelled() else None
                gone = failure if isinstance(failure, Unavailable) else None
            else:
                _settle(waiting, Unavailable(str(gone)))

    async def _together(self, units: list[Callable[[Connection], Any]]) -> list[Any]:
        def transaction(connection: Connection) -> list[Any]:
            with connection.begin():
                return [unit(connection) for unit in units]

        if self._connection is None:
            self._connection = await self._writer.connect()
        try:
            return await self._connection.run_sync(transaction)
        except Exception as error:
            if isinstance(explained(error), Unavailable):
                # Whatever state this connection is left in is not worth trusting. A new one also finds a file that was put in place.
                connection, self._connection = self._connection, None
                await connection.invalidate()
                await connection.close()
            raise


def _settle(waiting: _Waiting, error: BaseException) -> None:
    if not waiting.outcome.done():
        waiting.outcome.set_exception(error)
