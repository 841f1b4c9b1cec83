"""A desk with a client area, and a customer's browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.knowledge import load_knowledge
from bot.settings import BESIDE_THE_CODE
from conversations.knowledge import Knowledge
from storage.engines import Database
from tests.adapters.portal_desk import Browser, Desk, browsing, desk_open
from tests.bot.rig import opened


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load_knowledge(BESIDE_THE_CODE / "content" / "introserv")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with opened(tmp_path / "relevo.db") as database:
        yield database


@pytest.fixture
async def desk(database: Database, knowledge: Knowledge, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_open(database, knowledge, tmp_path) as desk:
        yield desk


@pytest.fixture
async def browser(desk: Desk) -> AsyncIterator[Browser]:
    async with browsing(desk) as browser:
        yield browser
