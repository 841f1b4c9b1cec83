"""PostgreSQL keeps the contract of every store, and what only it promises: other nodes in the way, and servers that go away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Connection, text

from storage import migrate, turns
from storage.engines import Database, Unavailable, open_database
from storage.postgresql import SESSION
from storage.schema import metadata
from tests.contracts.store import StoreContract
from tests.contracts.store_rows import LEASE, NOW, event
from tests.storage.postgres import Postgres

EMPTY = text("TRUNCATE " + ", ".join(f'"{table.name}"' for table in metadata.sorted_tables))


@pytest.fixture(scope="session")
def url(postgres: Postgres) -> str:
    migrate.upgrade(postgres.url())
    return postgres.url()


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = open_database(url)
    await database.write(lambda conn: conn.execute(EMPTY).close())
    yield database
    await database.close()


class TestPostgresql(StoreContract):
    @pytest.fixture
    async def database(self, url: str) -> AsyncIterator[Database]:
        database = open_database(url)
        await database.write(lambda conn: conn.execute(EMPTY).close())
        yield database
        await database.close()


def backend(conn: Connection) -> int:
    return int(conn.scalar(text("SELECT pg_backend_pid()")) or 0)


async def test_no_session_can_hold_others_up_for_long(database: Database) -> None:
    def settings(conn: Connection) -> dict[str, str]:
        return {name: conn.scalar(text(f"SELECT setting FROM pg_settings WHERE name = '{name}'")) or "" for name in SESSION}

    found = await database.write(settings)
    assert found == SESSION


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03"])
async def test_a_unit_that_was_in_anothers_way_is_run_again(database: Database, state: str) -> None:
    attempts: list[int] = []

    def unit(conn: Connection) -> int:
        attempts.append(1)
        turns.accept(conn, [event("1")], NOW)
        if len(attempts) < 3:
            conn.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'in the way' USING ERRCODE = '{state}'; END $$"))
        return len(attempts)

    assert await database.write(unit) == 3
    assert (await database.read(turns.counts)).waiting == 1


async def test_a_lost_connection_is_replaced(database: Database, url: str) -> None:
    killer = open_database(url)
    killed: list[int] = []
    pids = [await database.write(backend)]

    async def kill() -> None:
        await killer.write(lambda conn: conn.execute(text(f"SELECT pg_terminate_backend({pids[-1]})")).close())

    await kill()
    pids.append(await database.write(backend))
    assert pids[0] != pids[1]

    def unit(conn: Connection) -> int:
        turns.accept(conn, [event("1")], NOW)
        if not killed:
            killed.append(backend(conn))
            conn.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return backend(conn)

    assert await database.write(unit) not in killed
    assert (await database.read(turns.counts)).waiting == 1
    await killer.close()


async def test_a_locked_conversation_is_passed_over_by_claims_and_outwaited_by_the_intake(database: Database, url: str) -> None:
    await database.write(lambda conn: turns.accept(conn, [event("1"), event("1", "memory:desk:ben")], NOW))
    other = open_database(url)
    locked, release = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with other._engine.begin() as connection:  # type: ignore[attr-defined]
            await connection.execute(text("SELECT 1 FROM work WHERE conversation = (SELECT min(conversation) FROM work) FOR UPDATE"))
            locked.set()
            await release.wait()

    holder = asyncio.ensure_future(hold())
    await locked.wait()
    assert len(await database.write(lambda conn: turns.claim(conn, "a", NOW, LEASE, 10))) == 1
    accepting = asyncio.ensure_future(database.write(lambda conn: turns.accept(conn, [event("2")], NOW)))
    waiting = text("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    while not await database.read(lambda conn: conn.scalar(waiting)):
        assert not accepting.done()
    release.set()
    assert [found.fresh for found in await accepting] == [True]
    await holder
    await other.close()


async def test_a_server_that_is_away_is_unavailable_until_it_is_back(postgres: Postgres, database: Database) -> None:
    await database.write(lambda conn: turns.accept(conn, [event("1")], NOW))
    await asyncio.to_thread(postgres.crash)
    try:
        with pytest.raises(Unavailable):
            await database.write(lambda conn: turns.accept(conn, [event("2")], NOW))
    finally:
        await asyncio.to_thread(postgres.start)
    assert (await database.read(turns.counts)).waiting == 1
    assert await database.write(lambda conn: turns.accept(conn, [event("2")], NOW))


async def test_a_refused_password_is_unavailable_and_is_not_repeated(postgres: Postgres) -> None:
    wrong = open_database(postgres.url().replace("relevo:", "relevo:geheim"))
    with pytest.raises(Unavailable) as caught:
        await wrong.write(turns.counts)
    assert "geheim" not in str(caught.value)
    await wrong.close()
