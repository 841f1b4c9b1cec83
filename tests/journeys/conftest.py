"""Both kinds of database, the desk's real knowledge, and a desk on them that customers write to through the memory platform."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from adapters.memory import Memory, Queue, Sent
from bot.clock import Clock, Ids
from bot.knowledge import load_knowledge
from bot.pipeline import Pipeline
from bot.settings import BESIDE_THE_CODE
from bot.supervision import Supervisor
from bot.telemetry import Metrics, configure
from conversations.engine import decide
from conversations.knowledge import Knowledge
from storage import migrate
from storage.engines import Database, open_database
from tests.bot.rig import until
from tests.storage.postgres import Postgres, running

_names = itertools.count(1)


@pytest.fixture(scope="session")
def knowledge(learnt: Path) -> Knowledge:
    return load_knowledge(BESIDE_THE_CODE / "content" / "introserv", learnt)


@pytest.fixture(scope="session")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the desk keeps of its files between starts: made once."""
    folder = tmp_path_factory.mktemp("learnt")
    load_knowledge(BESIDE_THE_CODE / "content" / "introserv", folder)
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that is up to date and empty."""
    if request.param == "sqlite":
        found = f"sqlite:///{tmp_path / 'relevo.db'}"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        found = server.url(_made(server))
    migrate.upgrade(found)
    return found


def _made(server: Postgres) -> str:
    import asyncpg

    name = f"journey{next(_names)}"

    async def make() -> None:
        connection = await asyncpg.connect(server.url())
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(make())
    return name


class Street:
    """Customers write by `say`; `heard` is what a chat was sent, in order."""

    def __init__(self, memory: Memory, queue: Queue, pipeline: Pipeline, database: Database, supervisor: Supervisor) -> None:
        self.pipeline = pipeline
        self.database = database
        self.supervisor = supervisor
        self._memory = memory
        self._queue = queue
        self._keys = itertools.count(1)

    def say(self, chat: str, text: str, key: str = "", **more: str) -> None:
        self._queue.put({"id": key or f"m{next(self._keys)}", "chat": chat, "text": text, **more})

    def command(self, chat: str, name: str, locale: str = "en") -> None:
        self._queue.put({"id": f"m{next(self._keys)}", "chat": chat, "command": name, "locale": locale})

    def press(self, chat: str, label: str) -> None:
        """The newest button with this label."""
        choices = itertools.chain.from_iterable(reversed(sent.choices) for sent in reversed(self._memory.sent) if sent.chat == chat)
        self._queue.put(
            {"id": f"m{next(self._keys)}", "chat": chat, "press": next(k for k, name in choices if name == label), "label": label}
        )

    def heard(self, chat: str) -> list[Sent]:
        return [sent for sent in self._memory.sent if sent.chat == chat]

    async def until(self, chat: str, count: int) -> list[Sent]:
        await until(lambda: len(self.heard(chat)) >= count)
        return self.heard(chat)


Opening = Callable[..., AbstractAsyncContextManager[Street]]


@pytest.fixture
def street(url: str, knowledge: Knowledge) -> Opening:
    @asynccontextmanager
    async def opened(clock: Clock | None = None) -> AsyncIterator[Street]:
        clock = clock or Clock()
        database, queue = open_database(url), Queue()
        memory, metrics, log = Memory(feed=queue), Metrics(), configure("error", "json")
        supervisor = Supervisor(clock, metrics, log)
        alone = url.startswith("sqlite")
        pipeline = Pipeline(database, [memory], decide, lambda: knowledge, clock, Ids(clock), metrics, log, alone=alone)
        pipeline.start(supervisor)
        pipeline.receive(supervisor)
        try:
            yield Street(memory, queue, pipeline, database, supervisor)
        finally:
            await supervisor.stop()
            await database.close()

    return opened
