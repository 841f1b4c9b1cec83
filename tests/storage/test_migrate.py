"""From nothing to today's tables, on both databases; and never onto tables of tomorrow."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from storage import migrate, tickets, turns
from storage.engines import SchemaTooNew, Unavailable, open_database
from storage.schema import metadata
from tests.contracts.store_rows import NOW, event
from tests.storage.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """A database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{folder / 'new.db'}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    _run(postgres.url(), "COMMIT", "CREATE DATABASE fresh")
    yield postgres.url("fresh")
    _run(postgres.url(), "COMMIT", "DROP DATABASE fresh WITH (FORCE)")


def _run(url: str, *statements: str) -> None:
    _ask(url, lambda conn: [conn.exec_driver_sql(statement).close() for statement in statements])


def _ask(url: str, unit: Any) -> Any:
    async def ask() -> Any:
        database = open_database(url)
        try:
            return await database.write(unit)
        finally:
            await database.close()

    return asyncio.run(ask())


def test_the_first_start_makes_the_tables_and_the_second_finds_them(url: str) -> None:
    assert not migrate.check(url)
    assert migrate.upgrade(url)
    assert migrate.check(url)
    assert not migrate.upgrade(url)
    assert _ask(url, lambda conn: turns.accept(conn, [event("1")], NOW))


def test_what_an_older_release_stored_is_still_there_after_the_upgrade(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As that release did: its own tables, and no further.
    to = command.upgrade
    monkeypatch.setattr(command, "upgrade", lambda config, _: to(config, "0001"))
    migrate.upgrade(url)
    assert not _ask(url, lambda conn: inspect(conn).has_table("ticket"))
    kept = event("1", payload="what she said")
    _ask(url, lambda conn: turns.accept(conn, [kept], NOW))
    monkeypatch.undo()
    assert not migrate.check(url)
    assert migrate.upgrade(url)
    assert _ask(url, tickets.list_all) == []
    (claim,) = _ask(url, lambda conn: turns.claim(conn, "a", NOW, 1000, 10))
    assert [(pending.id, pending.payload) for pending in claim.events] == [(kept.id, "what she said")]


def test_the_migrations_make_the_tables_that_the_code_expects(url: str) -> None:
    migrate.upgrade(url)

    def differences(conn: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(conn, opts={"compare_server_default": True}), metadata))

    assert _ask(url, differences) == []


def test_strict_tables_and_partial_indexes_are_what_the_code_expects_on_sqlite(folder: Path) -> None:
    """What the comparison above does not look at."""

    def tables(conn: Connection) -> list[tuple[str, list[str]]]:
        found = conn.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'alembic_version' ORDER BY name"))
        # The order of constraints is no difference.
        return [(name, sorted(" ".join(sql.split()).replace(" )", ",").split(", "))) for name, sql in found]

    migrated, made = f"sqlite:///{folder / 'migrated.db'}", f"sqlite:///{folder / 'made.db'}"
    migrate.upgrade(migrated)
    _ask(made, metadata.create_all)
    assert _ask(migrated, tables) == _ask(made, tables)


def test_tables_of_a_newer_release_are_refused_and_left_alone(url: str) -> None:
    migrate.upgrade(url)
    _run(url, "UPDATE alembic_version SET version_num = '9999'")
    for attempt in (migrate.upgrade, migrate.check):
        with pytest.raises(SchemaTooNew, match=r"newer release.*9999") as caught:
            attempt(url)
        assert "\n" not in str(caught.value)
    assert _ask(url, lambda conn: conn.scalar(text("SELECT version_num FROM alembic_version"))) == "9999"


def test_nodes_that_start_together_migrate_once(url: str) -> None:
    # Processes, as nodes are: Alembic keeps its context in module globals, so threads of one process would share a connection.
    nodes = [get_context("fork").Process(target=migrate.upgrade, args=(url,)) for _ in range(4)]
    for node in nodes:
        node.start()
    for node in nodes:
        node.join(60)
    assert [node.exitcode for node in nodes] == [0] * 4
    assert migrate.check(url)


def test_an_up_to_date_database_is_found_so_without_loading_alembic(folder: Path) -> None:
    url = f"sqlite:///{folder / 'new.db'}"
    migrate.upgrade(url)
    code = f"import sys; from storage import migrate; assert not migrate.upgrade({url!r}); assert 'alembic' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(migrate.__file__).parent.parent)


def test_the_revisions_known_to_the_code_are_those_of_the_files() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))
    found = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(found)) == migrate.REVISIONS


def test_a_database_that_cannot_be_reached_is_unavailable(folder: Path) -> None:
    with pytest.raises(Unavailable):
        migrate.upgrade(f"sqlite:///{folder / 'missing' / 'new.db'}")
    with pytest.raises(Unavailable) as caught:
        migrate.upgrade("postgresql://relevo:geheim@127.0.0.1:1/relevo")
    assert "geheim" not in str(caught.value)
