"""The ways in which a customer can go through the script of a whole ticket: each platform, by messages and by its own forms.

A way is a desk with the real pipeline and one platform, as a context; inside it stands the customer at that platform's client.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import uvicorn
from starlette.applications import Starlette

from adapters.base import Adapter
from adapters.memory import Memory, Queue
from adapters.telegram.adapter import Telegram
from adapters.terminal import Terminal
from adapters.webchat import WebChat, WebChatSettings
from bot.chat import Transcript, WebSessions, welcomes
from bot.clock import Clock, Ids
from bot.files import Files
from bot.pipeline import Pipeline
from bot.said import SaidBefore
from bot.supervision import Supervisor
from bot.telemetry import Metrics, configure
from conversations.engine import decide
from conversations.knowledge import Knowledge
from storage import migrate
from storage.blobs import Blobs
from storage.engines import Database, open_database
from tests.adapters.discord_markdown import read
from tests.adapters.discord_parts import Interaction, buttons
from tests.adapters.discord_server import DiscordServer
from tests.adapters.slack_server import slack
from tests.adapters.telegram_server import TelegramServer
from tests.adapters.test_telegram import telegram
from tests.adapters.webchat_desk import WIDE
from tests.contracts.adapter import until
from tests.journeys.discord_street import ANA, discord_street
from tests.journeys.live_chat_street import FormVisitor, Visitor
from tests.journeys.slack_street import SlackCustomer, opened
from tests.journeys.telephone import Telephone, shown
from tests.journeys.ticket_script import SCREENSHOT, Customer
from tests.journeys.unpaced import unpace


class Way(NamedTuple):
    """`problems` is what the platform had to refuse."""

    customer: Customer
    database: Database
    problems: Callable[[], Sequence[object]] = list


Opening = Callable[[str, Path, Knowledge], AbstractAsyncContextManager[Way]]
"""Given a database's URL, a folder for files, and the knowledge."""


class Desk:
    """What an adapter is made from, and then the pipeline that it speaks to."""

    def __init__(self, url: str, folder: Path, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self.database = open_database(url)
        self.clock = Clock()
        self.files = Files(Blobs(folder / "blobs"))
        self.folder = folder
        self.alone = url.startswith("sqlite")

    @asynccontextmanager
    async def serving(self, adapter: Adapter) -> AsyncIterator[Pipeline]:
        unpace(adapter)
        metrics, log = Metrics(), configure("error", "json")
        supervisor = Supervisor(self.clock, metrics, log)
        ids = Ids(self.clock)
        pipeline = Pipeline(self.database, [adapter], decide, lambda: self.knowledge, self.clock, ids, metrics, log, alone=self.alone)
        pipeline.start(supervisor)
        pipeline.receive(supervisor)
        try:
            yield pipeline
        finally:
            await supervisor.stop()
            await self.database.close()


async def parts(content: bytes) -> AsyncIterator[bytes]:
    yield content


# --- memory ---


class MemoryCustomer:
    uploads = True

    def __init__(self, memory: Memory, queue: Queue, files: Files) -> None:
        self._memory, self._queue, self._files = memory, queue, files
        self._from = 0
        self._keys = itertools.count(1)

    def _do(self, **what: Any) -> None:
        self._from = len(self._memory.sent)
        self._queue.put({"id": f"m{next(self._keys)}", "chat": "ana", "locale": "en", **what})

    async def say(self, text: str) -> None:
        self._do(text=text)

    async def command(self, name: str) -> None:
        self._do(command=name)

    async def press(self, label: str) -> None:
        newest = itertools.chain.from_iterable(reversed(sent.choices) for sent in reversed(self._memory.sent))
        self._do(press=next(key for key, name in newest if name == label), label=label)

    async def upload(self, name: str, content: bytes) -> None:
        kept = await self._files.keep(parts(content))
        self._do(text="", files=[{"id": kept.digest, "name": name, "mime": kept.mime, "size": kept.size}])

    async def see(self, text: str) -> None:
        await shown(text, lambda: [sent.text for sent in list(self._memory.sent)[self._from :]])


@asynccontextmanager
async def by_memory(url: str, folder: Path, knowledge: Knowledge) -> AsyncIterator[Way]:
    desk, queue = Desk(url, folder, knowledge), Queue()
    memory = Memory(feed=queue, choices=40)
    async with desk.serving(memory):
        yield Way(MemoryCustomer(memory, queue, desk.files), desk.database)


# --- the terminal ---


class Typist:
    """Lines into a pipe; what was printed since the last one. A choice is answered by its label."""

    uploads = False

    def __init__(self, input: int, output: io.StringIO) -> None:
        self._input, self._output = input, output
        self._from = 0

    async def say(self, text: str) -> None:
        self._from = len(self._output.getvalue())
        os.write(self._input, f"{text}\n".encode())

    async def command(self, name: str) -> None:
        await self.say(f"/{name}")

    async def press(self, label: str) -> None:
        await self.say(label)

    async def upload(self, name: str, content: bytes) -> None:
        raise AssertionError("nobody can send a file in a terminal")

    async def see(self, text: str) -> None:
        await shown(text, lambda: [self._output.getvalue()[self._from :]])


@asynccontextmanager
async def by_terminal(url: str, folder: Path, knowledge: Knowledge) -> AsyncIterator[Way]:
    desk, output = Desk(url, folder, knowledge), io.StringIO()
    reading, writing = os.pipe()

    async def settled(address: object) -> None:
        await pipeline.settled()

    terminal = Terminal(chat="ana", session="s", settled=settled, locale="en", input=reading, output=output, interactive=False)
    try:
        async with desk.serving(terminal) as pipeline:
            yield Way(Typist(writing, output), desk.database)
    finally:
        os.close(reading)
        os.close(writing)


# --- the live chat, over HTTP to the real server ---


def by_live_chat(of: Callable[[httpx.AsyncClient], Visitor]) -> Opening:
    @asynccontextmanager
    async def way(url: str, folder: Path, knowledge: Knowledge) -> AsyncIterator[Way]:
        desk = Desk(url, folder, knowledge)
        chat = WebChat(
            WebChatSettings(limits=WIDE),
            log=Transcript(desk.database),
            sessions=WebSessions(desk.database),
            welcome=welcomes(lambda: knowledge),
            now=desk.clock.now,
            blobs=desk.files,
            key=b"s" * 32,
        )
        async with desk.serving(chat), listening(Starlette(routes=list(chat.routes()))) as base, httpx.AsyncClient(base_url=base) as http:
            visitor = of(http)
            await visitor.open_chat()
            yield Way(visitor, desk.database)

    return way


@asynccontextmanager
async def listening(app: Starlette) -> AsyncIterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, proxy_headers=False, lifespan="off", log_config=None))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await until(lambda: server.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        await task


# --- Telegram ---


@asynccontextmanager
async def by_telegram(url: str, folder: Path, knowledge: Knowledge) -> AsyncIterator[Way]:
    desk = Desk(url, folder, knowledge)
    with TelegramServer() as server:
        adapter: Telegram = telegram(server, folder, blobs=desk.files, said=SaidBefore(desk.database), now=desk.clock.now)
        async with desk.serving(adapter):
            yield Way(Telephone(server), desk.database)


# --- Slack ---


class SlackFormCustomer(SlackCustomer):
    """Fills in the window, which goes from page to page by itself."""

    FILL = "📝 Fill in as a form"

    async def open(self) -> None:
        if not self.server.views:
            await self.see(self.FILL)
            await self.press(self.FILL)
        await self.window()

    def fields(self) -> list[str]:
        return super().fields() if self.server.views else []

    async def submit(self, values: dict[str, Any]) -> list[str]:
        given = dict(values)
        if "files" in self.fields():
            given["files"] = [self.server.file(name, SCREENSHOT, "image/png") for name in values["files"]]
        if await self.send_window(given) == "errors":
            return list((await self.window())["errors"])
        return []

    async def back(self) -> None:
        self.close()
        await self.press("← Back")
        await self.open()


def by_slack(of: type[SlackCustomer]) -> Opening:
    @asynccontextmanager
    async def way(url: str, folder: Path, knowledge: Knowledge) -> AsyncIterator[Way]:
        async with slack() as server, opened(server, url, folder, knowledge) as street:
            yield Way(of(server), street.database, lambda: server.problems)

    return way


# --- Discord ---


class DiscordCustomer:
    """In the private channel, with the buttons under the messages."""

    uploads = True

    def __init__(self, server: DiscordServer) -> None:
        self.server = server
        self.room = server.room(ANA)
        self._from = 0

    @property
    def seen(self) -> list[dict[str, Any]]:
        return self.server.said(self.room)

    def news(self) -> list[str]:
        return [read(message["content"]).text for message in self.seen[self._from :]]

    def _act(self) -> None:
        self._from = len(self.seen)

    async def say(self, text: str) -> None:
        self._act()
        self.server.post(self.room, ANA, text)

    async def command(self, name: str) -> None:
        self._act()
        self.server.command(self.room, ANA, name, "en-GB")

    async def press(self, label: str) -> None:
        under = next(message for message in reversed(self.seen) if label in buttons(message))
        self._act()
        self.server.press(under, label, ANA, "en-GB")

    async def upload(self, name: str, content: bytes) -> None:
        self._act()
        self.server.post(self.room, ANA, "", files={name: content})

    async def see(self, text: str) -> None:
        await shown(text, self.news)


class DiscordFormCustomer(DiscordCustomer):
    """Opens the modal under the newest message: Discord lets no modal lead to the next one."""

    def __init__(self, server: DiscordServer) -> None:
        super().__init__(server)
        self.opened: Interaction | None = None

    async def open(self) -> None:
        await until(lambda: len(self.seen) > self._from)
        label = next((label for label in ("Fill in the form", "Correct it") if label in buttons(self.seen[-1])), "")
        self.opened = self.server.press(self.seen[-1], label, ANA, "en-GB") if label else None
        await until(lambda: self.opened is None or bool(self.opened.answers))

    def _parts(self) -> Mapping[str, dict[str, Any]]:
        modal = self.opened.modal if self.opened is not None else None
        return {label["component"]["custom_id"].removesuffix("~"): label for label in modal["components"]} if modal else {}

    def fields(self) -> list[str]:
        return list(self._parts())

    async def submit(self, values: dict[str, Any]) -> list[str]:
        assert self.opened is not None
        answers, files = {}, {}
        for name, part in self._parts().items():
            if name == "files":
                files = dict.fromkeys(values["files"], SCREENSHOT)
            else:
                options = {option["value"]: option["label"] for option in part["component"].get("options", ())}
                answers[part["label"]] = options.get(values[name], values[name])
        self._act()
        self.server.submit(self.opened, answers, files)
        await until(lambda: len(self.seen) > self._from)
        wrong = "Correct it" in buttons(self.seen[-1])
        before = {name: part.get("description") for name, part in self._parts().items()}
        await self.open()
        return [name for name, part in self._parts().items() if part.get("description") != before.get(name)] if wrong else []

    async def back(self) -> None:
        await self.press("← Back")
        await self.open()


def by_discord(of: type[DiscordCustomer]) -> Opening:
    @asynccontextmanager
    async def way(url: str, folder: Path, knowledge: Knowledge) -> AsyncIterator[Way]:
        server = DiscordServer()
        await server.start()
        try:
            async with discord_street(url, knowledge, folder, server) as street:
                yield Way(of(server), street.database, lambda: server.refusals)
        finally:
            await server.stop()

    return way


WAYS: Mapping[str, Opening] = {
    "memory": by_memory,
    "terminal": by_terminal,
    "live chat, by messages": by_live_chat(Visitor),
    "live chat, by its pages": by_live_chat(FormVisitor),
    "Telegram": by_telegram,
    "Slack, by messages": by_slack(SlackCustomer),
    "Slack, by its window": by_slack(SlackFormCustomer),
    "Discord, by messages": by_discord(DiscordCustomer),
    "Discord, by its modals": by_discord(DiscordFormCustomer),
}


@asynccontextmanager
async def desk_on(name: str, folder: Path, knowledge: Knowledge) -> AsyncIterator[tuple[str, Way]]:
    """A desk of its own on a new database, whose URL is given too."""
    url = f"sqlite:///{folder / 'relevo.db'}"
    await asyncio.to_thread(migrate.upgrade, url)
    async with WAYS[name](url, folder, knowledge) as way:
        yield url, way
