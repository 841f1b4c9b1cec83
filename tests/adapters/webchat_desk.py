"""A small desk in memory for the live chat's tests: it really keeps a log and sessions, and answers by repeating what it was told."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette

from adapters.base import Accepted, NotStored, Outbound
from adapters.webchat import Rate, WebChat, WebChatLimits, WebChatSettings, Welcome
from adapters.webchat.ports import PAGE
from bot.files import Files
from conversations.events import ChoicePressed, CommandGiven, FormAnswered, Inbound, MessageReceived, encoder
from conversations.model import Address, Choice, Message, paragraph
from storage.blobs import Blobs
from storage.rows import Entry, Session


class Desk:
    """Implements four ports, and has the real files. `reads` are the questions the log was asked; `broken` and `full` make it fail."""

    def __init__(self, settings: WebChatSettings | None = None) -> None:
        self.settings = settings or WebChatSettings()
        self.entries: defaultdict[str, list[Entry]] = defaultdict(list)
        self.events: list[Inbound] = []
        self.kept: dict[str, Session] = {}
        self.reads: list[list[tuple[str, int]]] = []
        self.broken = False
        self.full = False
        self.clock = 0
        self.failures = 0
        self._running: asyncio.Task[None] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="desk-")
        self.blobs = Path(self._folder.name)
        self.chat = WebChat(
            self.settings, log=self, sessions=self, welcome=self.welcome, now=self.now, blobs=Files(Blobs(self.blobs)), key=b"s" * 32
        )

    def now(self) -> int:
        return time.time_ns() // 1_000_000 + self.clock

    def welcome(self, locale: str) -> Welcome:
        spanish = locale.startswith("es")
        greeting = "Hola, ¿en qué puedo ayudarle?" if spanish else "Hello, how can I help?"
        asks = ("¿Qué es un ticket?",) if spanish else ("What is a ticket?",)
        return Welcome("The <Desk>", "es" if spanish else "en", ("es", "en"), paragraph(greeting), asks)

    # the log

    async def since(self, asks: Sequence[tuple[str, int]]) -> list[list[Entry]]:
        if self.broken:
            self.failures += 1
            raise OSError("the database has gone")
        self.reads.append(list(asks))
        await asyncio.sleep(0)
        return [[entry for entry in self.entries[address] if entry.cursor > cursor][:PAGE] for address, cursor in asks]

    def say(self, address: str, message: Message) -> Outbound:
        """Commit a message, as a turn does before it is delivered."""
        cursor = (self.entries[address][-1].cursor if self.entries[address] else 1000) + 1
        key = f"1.{cursor // 1000}.{cursor % 1000 - 1}"
        self.entries[address].append(Entry(cursor, "bot", self.now(), key, msgspec.json.encode(message).decode()))
        return Outbound(Address.parse(address), message, key)

    async def deliver(self, out: Outbound) -> None:
        for payload in self.chat.encode(out):
            await self.chat.deliver(payload, out.key)

    # the sessions

    async def create(self, token_hash: str, address: str, subject: str, at: int) -> None:
        if self.full:
            raise NotStored(3)
        self.kept[token_hash] = Session(token_hash, address, at, at, subject)

    async def find(self, token_hash: str) -> Session | None:
        return self.kept.get(token_hash)

    async def touch(self, token_hash: str, at: int) -> None:
        self.kept[token_hash] = self.kept[token_hash]._replace(seen_at=at)

    async def identify(self, token_hash: str, address: str, subject: str) -> None:
        self.kept[token_hash] = self.kept[token_hash]._replace(address=address, subject=subject)

    async def delete(self, token_hash: str) -> None:
        self.kept.pop(token_hash, None)

    # the intake, and the turn that follows

    async def accept(self, inbound: Inbound) -> Accepted:
        if self.full:
            raise NotStored(3)
        if any((known.address, known.key) == (inbound.address, inbound.key) for known in self.events):
            return Accepted(False)
        self.events.append(inbound)
        address = str(inbound.address)
        log = self.entries[address]
        version = log[-1].cursor // 1000 + 1 if log else 1
        log.append(Entry(version * 1000, "customer", self.now(), inbound.key, encoder.encode(inbound.event).decode()))
        match inbound.event:
            case MessageReceived(text=text):
                said = text
            case ChoicePressed(label=label):
                said = label
            case CommandGiven(name=name):
                said = name
            case FormAnswered(form=form):
                said = form
            case _:
                return Accepted(True)
        choices = (Choice(f"{version}.0", "Yes"), Choice(f"{version}.1", "No"))
        await self.deliver(self.say(address, Message(paragraph(f"You said: {said}"), "en", choices)))
        return Accepted(True)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Starlette]:
        """The adapter runs, and its routes are mounted in an application."""
        self._running = asyncio.create_task(self.chat.run(self.accept))
        await asyncio.sleep(0)
        try:
            yield Starlette(routes=list(self.chat.routes()))
        finally:
            await self.stop()

    async def stop(self) -> None:
        """The adapter is cancelled, as when the desk goes down."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
            self._running = None

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """The same behind the real server, on a free port of this machine; gives `127.0.0.1:port`."""
        async with self.running() as app:
            listener = socket.socket()
            listener.bind(("127.0.0.1", 0))
            config = uvicorn.Config(
                app, ws="websockets-sansio", ws_per_message_deflate=False, proxy_headers=False, lifespan="off", log_config=None
            )
            server = uvicorn.Server(config)
            task = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                while not server.started:  # noqa: ASYNC110 - the server has no event to wait for
                    await asyncio.sleep(0)
                yield f"127.0.0.1:{listener.getsockname()[1]}"
            finally:
                server.should_exit = True
                server.force_exit = True
                await task


KEY, NEXT_KEY = "k" * 32, "n" * 40
SITE = "https://shop.example"
WIDE = WebChatLimits(sessions=Rate(burst=1000, per_second=100), messages=Rate(burst=1000, per_second=100))


def settings(**changes: Any) -> WebChatSettings:
    given: dict[str, Any] = {"allowed_origins": (SITE,), "identity_secrets": (SecretStr(KEY), SecretStr(NEXT_KEY)), "limits": WIDE}
    return WebChatSettings(**(given | changes))


def limits(**changes: Any) -> WebChatLimits:
    return WIDE.model_copy(update=changes)


class Browser:
    """A visitor's browser, without the pictures."""

    def __init__(self, desk: Desk, http: httpx.AsyncClient) -> None:
        self.desk = desk
        self.http = http
        self.token = ""
        self.sent = 0

    @property
    def bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    @property
    def address(self) -> str:
        return self.desk.kept[hashlib.sha256(self.token.encode()).hexdigest()].address

    async def open(self, **body: str) -> httpx.Response:
        answer = await self.http.post("/chat/sessions", json=body)
        if answer.is_success:
            self.token = answer.json()["token"]
        return answer

    async def send(self, **body: Any) -> httpx.Response:
        self.sent += 1
        return await self.http.post("/chat/messages", json={"client_id": f"message-{self.sent}", **body}, headers=self.bearer)

    async def upload(self, content: Any, name: str = "", **headers: str) -> httpx.Response:
        """`content` as bytes, or as parts that are still being made."""
        return await self.http.post("/chat/files", content=content, headers=self.bearer | {"x-file-name": quote(name)} | headers)

    async def events(self, after: int = 0, **query: str) -> dict[str, Any]:
        answer = await self.http.get("/chat/events", params={"after": str(after), **query}, headers=self.bearer)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def identify(self, token: str) -> httpx.Response:
        return await self.http.post("/chat/identify", json={"jwt": token}, headers=self.bearer)


@contextlib.asynccontextmanager
async def browsing(desk: Desk, peer: str = "192.0.2.7") -> AsyncIterator[Browser]:
    async with desk.running() as app:
        transport = httpx.ASGITransport(app, client=(peer, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://desk.example") as http:
            yield Browser(desk, http)


def text_of(node: Any) -> str:
    """What a reader sees of a text tree in JSON."""
    if isinstance(node, list | tuple):
        return "".join(map(text_of, node))
    text: str = node.get("text", "\n" if node["type"] == "break" else "")
    return text + text_of(node.get("children", ())) + text_of(node.get("items", ()))
