"""A desk on Discord: real pipeline, real library, a server on loopback, and a customer who looks at the screen before doing anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from adapters.discord.adapter import Discord
from bot.clock import Clock, Ids
from bot.files import Files
from bot.heard import HeardLately
from bot.pipeline import Pipeline
from bot.said import SaidBefore
from bot.supervision import Supervisor
from bot.telemetry import Metrics, configure
from conversations.engine import decide
from conversations.knowledge import Knowledge
from storage.blobs import Blobs
from storage.engines import Database, open_database
from tests.adapters.discord_desk import library_restored, settings_for
from tests.adapters.discord_markdown import read
from tests.adapters.discord_parts import Interaction, buttons
from tests.adapters.discord_server import DiscordServer
from tests.bot.rig import until
from tests.journeys.unpaced import unpace

ANA = "80351110224678912"


class Customer:
    """One person in the private channel. What they do waits for what it leads to: `n` messages, one unless said otherwise."""

    def __init__(self, server: DiscordServer, user: str = ANA, locale: str = "en-GB") -> None:
        self.server = server
        self.user = user
        self.locale = locale
        self.room = server.room(user)

    @property
    def seen(self) -> list[dict[str, Any]]:
        return self.server.said(self.room)

    @property
    def last(self) -> str:
        return read(self.seen[-1]["content"]).text

    @property
    def offered(self) -> list[str]:
        return buttons(self.seen[-1])

    async def say(self, text: str, n: int = 1, **files: bytes) -> None:
        count = len(self.seen)
        self.server.post(self.room, self.user, text, files={name.replace("_", "."): content for name, content in files.items()})
        await self.until(count + n)

    async def command(self, name: str, n: int = 1, **options: str) -> Interaction:
        count = len(self.seen)
        done = self.server.command(self.room, self.user, name, self.locale, **options)
        await self.until(count + n)
        return done

    async def press(self, label: str, n: int = 1) -> Interaction:
        """The newest button with this label."""
        count = len(self.seen)
        under = next(message for message in reversed(self.seen) if label in buttons(message))
        done = self.server.press(under, label, self.user, self.locale)
        await self.until(count + n)
        return done

    async def open(self, label: str = "Fill in the form") -> Interaction:
        """The modal behind the newest such button."""
        under = next(message for message in reversed(self.seen) if label in buttons(message))
        opened = self.server.press(under, label, self.user, self.locale)
        await until(lambda: bool(opened.answers))
        assert opened.modal is not None, (opened.answers, self.server.refusals)
        return opened

    async def fill(self, answers: dict[str, Any], label: str = "Fill in the form", n: int = 1, **files: bytes) -> Interaction:
        opened = await self.open(label)
        count = len(self.seen)
        sent = self.server.submit(opened, answers, {name.replace("_", "."): content for name, content in files.items()})
        await self.until(count + n)
        return sent

    async def until(self, count: int) -> None:
        await until(lambda: len(self.seen) >= count)


class DiscordStreet:
    def __init__(self, server: DiscordServer, adapter: Discord, pipeline: Pipeline, database: Database, supervisor: Supervisor) -> None:
        self.server = server
        self.adapter = adapter
        self.pipeline = pipeline
        self.database = database
        self.supervisor = supervisor

    def customer(self, user: str = ANA) -> Customer:
        return Customer(self.server, user)


@asynccontextmanager
async def discord_street(url: str, knowledge: Knowledge, folder: Path, server: DiscordServer) -> AsyncIterator[DiscordStreet]:
    """`server` runs already; the desk listens when this is entered, and is gone at the end as after a stop."""
    clock, metrics, log = Clock(), Metrics(), configure("error", "json")
    database = open_database(url)
    supervisor = Supervisor(clock, metrics, log)
    with library_restored():
        adapter = Discord(
            settings_for(server), blobs=Files(Blobs(folder / "blobs")), said=SaidBefore(database), heard=HeardLately(database, clock)
        )
        unpace(adapter)
        alone = url.startswith("sqlite")
        pipeline = Pipeline(database, [adapter], decide, lambda: knowledge, clock, Ids(clock), metrics, log, alone=alone)
        pipeline.start(supervisor)
        pipeline.receive(supervisor)
        try:
            await until(lambda: server.gateway.open)
            yield DiscordStreet(server, adapter, pipeline, database, supervisor)
        finally:
            await supervisor.stop()
            await database.close()
