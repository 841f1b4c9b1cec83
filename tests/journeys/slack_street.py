"""A desk on Slack, from the official library to the database, and a customer at Slack's own client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from adapters.slack.adapter import Slack
from bot.clock import Clock, Ids
from bot.files import Files
from bot.heard import HeardLately
from bot.home import OwnTickets
from bot.pipeline import Pipeline
from bot.said import SaidBefore
from bot.supervision import Supervisor
from bot.telemetry import Metrics, configure
from conversations.engine import decide
from conversations.knowledge import Knowledge
from storage import migrate
from storage.blobs import Blobs
from storage.engines import Database, open_database
from tests.adapters.slack_desk import settings
from tests.adapters.slack_people import People
from tests.adapters.slack_server import SlackServer
from tests.adapters.slack_wire import labels, shown
from tests.journeys.unpaced import unpace


class Street(NamedTuple):
    server: SlackServer
    slack: Slack
    database: Database
    pipeline: Pipeline
    supervisor: Supervisor


@asynccontextmanager
async def opened(server: SlackServer, url: str, folder: Path, knowledge: Knowledge, **more: Any) -> AsyncIterator[Street]:
    """The desk runs until the context is left; the same URL and folder again is the same desk after a stop."""
    migrate.upgrade(url)
    clock, metrics, log = Clock(), Metrics(), configure("error", "json")
    database, supervisor = open_database(url), Supervisor(clock, metrics, log)
    slack = Slack(
        settings(server, **more),
        blobs=Files(Blobs(folder / "blobs")),
        said=SaidBefore(database),
        heard=HeardLately(database, clock),
        tickets=OwnTickets(database, lambda: knowledge),
        now=clock.now,
    )
    slack.catch_up.pace = 0.0
    unpace(slack)
    pipeline = Pipeline(database, [slack], decide, lambda: knowledge, clock, Ids(clock), metrics, log)
    pipeline.start(supervisor)
    pipeline.receive(supervisor)
    before = server.connections
    try:
        if slack.settings.mode == "socket":
            await server.until(lambda: server.connections > before)
        yield Street(server, slack, database, pipeline, supervisor)
    finally:
        await supervisor.stop()
        await database.close()


class SlackCustomer:
    """tests.journeys.ticket_script.Customer, who writes and presses in the direct chat and leaves every window closed."""

    uploads = True

    def __init__(self, server: SlackServer, user: str = "U0BEN") -> None:
        self.server = server
        self.people = People(server)
        self.user = user
        self.chat = server.im(user)
        self._seen: dict[str, int] = {}

    async def say(self, text: str) -> None:
        self._look()
        await (await self.people.dm(self.user, text)).answer

    async def command(self, name: str) -> None:
        self._look()
        answer = await (await self.people.slash(self.user, name, "C0HELP")).answer
        assert "direct messages" in answer["text"]

    async def press(self, label: str) -> None:
        self._look()
        await (await self.people.press(self.user, self.chat, label)).answer

    async def upload(self, name: str, content: bytes) -> None:
        self._look()
        await (await self.people.dm(self.user, "", self.server.file(name, content, "image/png"))).answer

    async def see(self, text: str) -> None:
        try:
            await self.server.until(lambda: any(text in each for each in self.news()))
        except TimeoutError:
            raise AssertionError(f"{text!r} was never shown, but {self.news()!r}") from None

    def news(self) -> Sequence[str]:
        """What the desk has said or changed since the last act, with the buttons."""
        posts = self.server.by_desk(self.chat)
        return [shown(post) + "\n" + " ".join(labels(post)) for post in posts if self._seen.get(post["ts"]) != post.get("edits", 0)]

    def _look(self) -> None:
        self._seen = {post["ts"]: post.get("edits", 0) for post in self.server.by_desk(self.chat)}

    # --- forms as windows ---

    async def window(self) -> dict[str, Any]:
        """The form that is open."""
        await self.server.until(lambda: self.server.views)
        return next(iter(self.server.views.values()))

    def fields(self) -> list[str]:
        view = next(iter(self.server.views.values()))
        return [block["block_id"].partition("@")[0] for block in view["blocks"] if block["type"] == "input"]

    async def send_window(self, values: dict[str, Any]) -> str:
        """What Slack did then: clear, close, update, errors."""
        self._look()
        view = await self.window()
        return await self.people.submit(self.user, view["id"], {name: values[name] for name in self.fields() if name in values})

    def close(self) -> None:
        """The customer closes the window; Slack tells nobody."""
        self.server.views.clear()
