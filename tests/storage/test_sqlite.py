"""SQLite keeps the contract of every store, and what only it promises: group commit, and a disk in trouble that passes."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

import storage.sqlite
from storage import migrate, turns
from storage.engines import Database, Unavailable, open_database
from tests.contracts.store import StoreContract
from tests.contracts.store_rows import NOW, event


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An empty, migrated database: copying it is quicker than migrating."""
    path = tmp_path_factory.mktemp("template") / "relevo.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path.read_bytes()


@pytest.fixture
def path(folder: Path, template: bytes) -> Path:
    path = folder / "relevo.db"
    path.write_bytes(template)
    return path


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    database = open_database(f"sqlite:///{path}")
    yield database
    await database.close()


class TestSqlite(StoreContract):
    @pytest.fixture
    async def database(self, path: Path) -> AsyncIterator[Database]:
        database = open_database(f"sqlite:///{path}")
        yield database
        await database.close()


def transaction(conn: Connection) -> object:
    return conn.get_transaction()


def stored(path: Path) -> list[str]:
    """What another process sees."""
    with sqlite3.connect(path) as other:
        return [key for (key,) in other.execute("SELECT key FROM inbox ORDER BY id")]


async def test_what_is_asked_for_together_is_one_transaction(database: Database) -> None:
    found = await asyncio.gather(*(database.write(transaction) for _ in range(20)))
    assert len(set(map(id, found))) == 1


async def test_whoever_is_hinted_at_joins_the_transaction(database: Database) -> None:
    """The intake rings the worker while it asks for its own write: claiming must not cost a second transaction."""
    bell = asyncio.Event()

    async def worker() -> object:
        await bell.wait()
        return await database.write(transaction)

    second = asyncio.ensure_future(worker())
    await asyncio.sleep(0)
    first = asyncio.ensure_future(database.write(transaction))
    bell.set()
    assert await first is await second


async def test_a_result_is_told_only_when_another_process_can_see_it(database: Database, path: Path) -> None:
    for n in range(5):
        await database.write(lambda conn, n=n: turns.accept(conn, [event(str(n))], NOW))  # type: ignore[misc]
        assert stored(path) == [str(m) for m in range(n + 1)]


async def test_units_run_in_the_order_they_were_asked_for(database: Database) -> None:
    ran: list[int] = []
    await asyncio.gather(*(database.write(lambda conn, n=n: ran.append(n)) for n in range(600)))  # type: ignore[misc]
    assert ran == list(range(600))


async def test_the_settings_that_durability_rests_on(database: Database) -> None:
    def settings(conn: Connection) -> list[object]:
        return [conn.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys", "query_only")]

    assert await database.write(settings) == ["wal", 2, 1, 0]
    assert await database.read(settings) == ["wal", 2, 1, 1]


async def test_a_full_disk_is_unavailable_and_passes(database: Database, path: Path) -> None:
    await database.write(lambda conn: turns.accept(conn, [event("before")], NOW))

    def overfill(conn: Connection) -> None:
        pages = conn.scalar(text("PRAGMA page_count"))
        conn.execute(text(f"PRAGMA max_page_count = {pages + 2}"))
        turns.accept(conn, [event("too long", payload="x" * 100_000)], NOW)

    with pytest.raises(Unavailable, match="SQLITE_FULL"):
        await database.write(overfill)
    await database.write(lambda conn: turns.accept(conn, [event("after")], NOW))
    assert stored(path) == ["before", "after"]


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Writing past this position fails in the system, for this whole process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_while_the_system_refuses_to_write_every_unit_fails_and_none_hangs(database: Database, path: Path) -> None:
    await database.write(lambda conn: turns.accept(conn, [event("before")], NOW))
    with no_file_beyond(100_000):
        long = [lambda conn, n=n: turns.accept(conn, [event(str(n), payload="x" * 50_000)], NOW) for n in range(3)]
        found = await asyncio.gather(*map(database.write, long), return_exceptions=True)
        assert [type(result) for result in found] == [Unavailable] * 3
        assert await database.read(turns.counts) == (1, 0, NOW)
    await database.write(lambda conn: turns.accept(conn, [event("after")], NOW))
    assert stored(path) == ["before", "after"]


async def test_a_database_that_takes_no_writes_is_unavailable(database: Database) -> None:
    def unit(conn: Connection) -> None:
        conn.execute(text("PRAGMA query_only = ON"))
        turns.accept(conn, [event("1")], NOW)

    with pytest.raises(Unavailable, match="SQLITE_READONLY"):
        await database.write(unit)
    assert await database.write(lambda conn: turns.accept(conn, [event("2")], NOW))


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(Unavailable, match="SQLITE_READONLY"):
        await database.read(lambda conn: turns.accept(conn, [event("1")], NOW))


async def test_another_process_that_writes_is_waited_for_but_not_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage.sqlite, "BUSY_SECONDS", 0.05)
    database = open_database(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(Unavailable, match="SQLITE_BUSY"):
            await database.write(lambda conn: turns.accept(conn, [event("1")], NOW))
        assert await database.read(turns.counts) == (0, 0, None)
    finally:
        other.close()
    assert await database.write(lambda conn: turns.accept(conn, [event("1")], NOW))
    await database.close()


@pytest.mark.parametrize(
    ("content", "error"), [(b"this is no database at all, but long enough to be one" * 99, "SQLITE_NOTADB"), (None, "SQLITE_CANTOPEN")]
)
async def test_a_file_that_cannot_be_a_database(folder: Path, content: bytes | None, error: str) -> None:
    path = folder / "file" / "relevo.db"
    if content is not None:
        path.parent.mkdir()
        path.write_bytes(content)
    database = open_database(f"sqlite:///{path}")
    with pytest.raises(Unavailable, match=error):
        await database.write(turns.counts)
    with pytest.raises(Unavailable, match=error):
        await database.read(turns.counts)
    await database.close()


async def test_closing_finishes_what_was_asked_for(database: Database, path: Path) -> None:
    asked = [asyncio.ensure_future(database.write(lambda conn, n=n: turns.accept(conn, [event(str(n))], NOW))) for n in range(5)]  # type: ignore[misc]
    await asyncio.sleep(0)
    await database.close()
    assert all(one.done() and not one.exception() for one in asked)
    assert stored(path) == [str(n) for n in range(5)]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://root:geheim@localhost/relevo", "no url: geheim"])
def test_an_address_that_is_none_of_ours_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="database") as caught:
        open_database(url)
    assert "geheim" not in str(caught.value)
