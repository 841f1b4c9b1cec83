"""A fresh database for each test: a copy of one that was brought up to date once."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage import migrate
from storage.engines import Database, open_database


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("blank") / "relevo.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def file(blank: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(blank, tmp_path / "relevo.db"))


@pytest.fixture
async def database(file: Path) -> AsyncIterator[Database]:
    database = open_database(f"sqlite:///{file}")
    yield database
    await asyncio.shield(database.close())
