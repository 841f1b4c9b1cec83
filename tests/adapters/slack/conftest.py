"""A Slack with one customer, and the adapter that speaks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.slack.adapter import Slack
from tests.adapters import slack_desk as desk
from tests.adapters.slack_people import People
from tests.adapters.slack_server import SlackServer, slack


@pytest.fixture
async def server() -> AsyncIterator[SlackServer]:
    async with slack() as server:
        yield server


@pytest.fixture
def people(server: SlackServer) -> People:
    server.im("U0ANA")
    return People(server)


@pytest.fixture
def memories() -> desk.Memories:
    return desk.Memories()


@pytest.fixture
async def adapter(server: SlackServer, memories: desk.Memories, tmp_path: Path) -> AsyncIterator[Slack]:
    async with desk.closing(desk.adapter_for(server, tmp_path, memories)) as adapter:
        yield adapter
