"""Whether a database is found to be sound, on both kinds: it is named, keeps what is written, and is left as it was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import migrate, soundness
from storage.engines import open_database
from storage.soundness import Soundness
from tests.storage.postgres import Postgres
from tests.storage.test_migrate import _run


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{folder / 'relevo.db'}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    _run(postgres.url(), "COMMIT", "CREATE DATABASE sound")
    yield postgres.url("sound")
    _run(postgres.url(), "COMMIT", "DROP DATABASE sound WITH (FORCE)")


def examined(url: str) -> Soundness:
    async def ask() -> Soundness:
        database = open_database(url)
        try:
            return await database.write(soundness.examine)
        finally:
            await database.close()

    return asyncio.run(ask())


def test_a_sound_database_is_named_and_left_as_it_was(url: str) -> None:
    migrate.upgrade(url)
    before = time.time() * 1000
    found = examined(url)
    assert found.kept
    if url.startswith("sqlite"):
        assert (found.product[:7], found.now) == ("SQLite ", None)
    else:
        assert found.product.startswith("PostgreSQL 1")
        assert found.now is not None
        assert before - 1000 < found.now < time.time() * 1000 + 1000
    assert migrate.check(url)
