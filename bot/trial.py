"""The desk in the terminal: one customer, the real engine and content, and a database that is thrown away afterwards."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from adapters.terminal import Terminal
from bot.clock import Clock, Ids
from bot.pipeline import Pipeline
from bot.settings import Settings
from bot.sources import library_of
from bot.supervision import Supervisor
from bot.telemetry import Logger, Metrics
from conversations.engine import decide
from storage import migrate
from storage.engines import open_database

LAST_WORDS_SECONDS = 5.0


async def converse(settings: Settings, log: Logger, locale: str, name: str) -> None:
    """Talk until the end of input. A desk that runs at the same time is not disturbed: this one has a database of its own."""
    clock = Clock()
    ids = Ids(clock)
    metrics = Metrics()
    library = library_of(settings)
    with tempfile.TemporaryDirectory(prefix="relevo-chat-") as folder:
        url = f"sqlite:///{Path(folder) / 'chat.db'}"
        await asyncio.to_thread(migrate.upgrade, url)
        database = open_database(url)
        supervisor = Supervisor(clock, metrics, log)

        async def settled(address: object) -> None:
            await pipeline.settled()

        terminal = Terminal(
            chat=name,
            session=str(ids.new()),
            settled=settled,
            locale=locale,
            input=sys.stdin.fileno(),
            output=sys.stdout,
            interactive=sys.stdin.isatty(),
        )
        pipeline = Pipeline(database, [terminal], decide, lambda: library.current, clock, ids, metrics, log)
        try:
            pipeline.start(supervisor)
            await terminal.run(pipeline.intake.accept)
            await pipeline.drain(supervisor, LAST_WORDS_SECONDS)
        finally:
            await supervisor.stop()
            await database.close()
