"""A fresh database for each test, a copy of one that was brought up to date once; and what was made anew of the desk's files."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from bot import content_check
from conversations.learning import learn
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


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was really read or learnt, instead of taken from what was kept."""
    done: list[str] = []

    def noted(what: str, do: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            done.append(what)
            return do(*args, **options)

        return call

    monkeypatch.setattr("bot.content_check.read", noted("read", content_check.read))
    monkeypatch.setattr("conversations.learning.learn", noted("learn", learn))
    return done
