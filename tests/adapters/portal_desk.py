"""A whole desk for the client area's tests: real database, real turns, real files; what is mailed lands on a board."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from sqlalchemy import text

from adapters.base import Outbound, Payload
from adapters.memory import Memory
from adapters.portal import Portal, PortalSettings
from adapters.text import Dialect
from bot.area import ClientArea
from bot.clock import Clock, Ids
from bot.files import Files
from bot.pipeline import Pipeline
from bot.supervision import Supervisor
from bot.telemetry import Metrics, configure
from bot.web import application
from conversations.engine import decide
from conversations.events import FormAnswered, Inbound
from conversations.knowledge import Knowledge
from conversations.model import Address, Attachment
from storage import tickets
from storage.blobs import Blobs
from storage.engines import Database
from storage.rows import Ticket
from tests.bot.rig import Platform, until

ANA, BOB, EVE = "ana@example.com", "bob@example.net", "eve@example.org"
ORIGIN = "http://desk.example"


class Post(Platform):
    """The board that mail lands on: who it is for, and its text."""

    def __init__(self) -> None:
        super().__init__("email")
        self.subjects: list[str] = []

    def encode(self, out: Outbound) -> list[Payload]:
        self.subjects.append(out.message.subject)
        return [Payload(out.address, Dialect().doc(out.message.doc))]


class Shifted(Clock):
    """The real clock, and whatever it was moved on by."""

    def __init__(self) -> None:
        self.ahead = 0

    def now(self) -> int:
        return super().now() + self.ahead

    def advance(self, ms: int) -> None:
        self.ahead += ms


class Desk:
    """`working`: whether turns are decided; without it what customers do stays pending."""

    def __init__(self, database: Database, knowledge: Knowledge, folder: Path, settings: PortalSettings, mail: bool, trial: bool) -> None:
        self.clock = Shifted()
        self.database = database
        self.knowledge = knowledge
        self.chat, self.post = Memory(), Post()
        self.metrics, self.log = Metrics(), configure("error", "json")
        self.supervisor = Supervisor(self.clock, self.metrics, self.log)
        ids = Ids(self.clock)
        self.pipeline = Pipeline(
            database,
            [self.chat, self.post],
            decide,
            lambda: self.knowledge,
            self.clock,
            ids,
            self.metrics,
            self.log,
            mail_account="desk",
        )
        self.area = ClientArea(
            database,
            lambda: self.knowledge,
            self.clock,
            ids,
            self.log,
            mail_account="desk" if mail else "",
            trial=trial,
            ring=self.pipeline.lanes["email"].hint.ring,
        )
        self.blobs = Blobs(folder / "blobs")
        self.links: list[Attachment] = []
        self.portal = Portal(
            settings,
            area=self.area,
            accept=self.pipeline.intake.accept,
            blobs=Files(self.blobs),
            file_link=self.link,
            now=self.clock.now,
            key=b"k" * 32,
        )
        self._keys = itertools.count(1)

    def link(self, file: Attachment) -> str:
        self.links.append(file)
        return "/chat/files/" + hashlib.sha256(file.id.encode()).hexdigest()[:8]

    async def run(self, sql: str) -> None:
        await self.database.write(lambda conn: conn.execute(text(sql)).close())

    async def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return await self.database.read(lambda conn: [tuple(row) for row in conn.execute(text(sql))])

    async def account(self, id: int = 1, email: str = ANA, name: str = "ACME S.L.", locale: str = "", zone: str = "") -> None:
        now = self.clock.now()
        await self.run(f"INSERT INTO account VALUES ({id}, 'C-{id}', '{name}', '{locale}', '{zone}', {now}, {now})")
        await self.run(f"INSERT INTO account_address VALUES ({id}, 'registered', '{email}', {now}, {now})")

    async def opened(self, email: str = ANA, chat: str = "ana", details: str = "My mail queue is stuck.", **answers: str) -> Ticket:
        """A ticket, sent by its form in a chat."""
        before = {each.number for each in await self.database.read(tickets.list_all)}
        skipped = {"assets": "", "service": "", "files": ""}
        given = {"department": "technical", "priority": "regular", **skipped, "details": details, "email": email, **answers}
        event = FormAnswered(form="ticket", version=1, answers=given, send=True, locale="en")
        await self.pipeline.intake.accept(Inbound(Address("memory", "desk", chat), f"form{next(self._keys)}", event))
        found: list[Ticket] = []

        async def there() -> bool:
            found[:] = [each for each in await self.database.read(tickets.list_all) if each.number not in before]
            return bool(found)

        await until(there)
        return found[0]

    async def found(self, number: str) -> Ticket:
        ticket = await self.database.read(lambda conn: tickets.find(conn, number))
        assert ticket is not None
        return ticket

    async def state(self, number: str, state: str) -> None:
        """What the team does by the command line."""
        ticket = await self.found(number)
        seen = f'{{"key":"{ticket.key}","number":"{number}","title":"T","state":"{ticket.state}"}}'
        payload = f'{{"type":"ticket_changed","ticket":{seen},"state":"{state}","note":"for us only","name":"Secret Agent"}}'
        id = self.clock.now() * 1000 + next(self._keys)
        assert await self.database.write(lambda conn: tickets.tell(conn, ticket, id, payload, self.clock.now()))
        await until(lambda: self._is(number, state))

    async def reply(self, number: str, said: str, name: str = "") -> None:
        ticket = await self.found(number)
        seen = f'{{"key":"{ticket.key}","number":"{number}","title":"T","state":"{ticket.state}"}}'
        payload = f'{{"type":"ticket_replied","ticket":{seen},"text":"{said}","name":"{name}"}}'
        id = self.clock.now() * 1000 + next(self._keys)
        assert await self.database.write(lambda conn: tickets.tell(conn, ticket, id, payload, self.clock.now()))
        await until(lambda: self._is(number, "waiting_customer"))

    async def _is(self, number: str, state: str) -> bool:
        return (await self.found(number)).state == state

    def said(self, chat: str = "ana") -> str:
        return "\n".join(sent.text for sent in self.chat.sent if sent.chat == chat)

    async def mail(self, count: int = 1) -> str:
        """The text of the newest mail, once there are `count`."""
        await until(lambda: len(self.post.board.posts) >= count)
        return self.post.board.posts[-1][1]


class Browser:
    """One customer's browser: it keeps cookies, follows redirects of forms, and fills in the forms it was shown."""

    def __init__(self, desk: Desk, http: httpx.AsyncClient) -> None:
        self.desk = desk
        self.http = http
        self.page = ""
        self.status = 0

    async def get(self, path: str, **headers: str) -> httpx.Response:
        answer = await self.http.get(path, headers=headers)
        return await self._shown(answer)

    async def post(self, path: str, headers: Mapping[str, str] | None = None, **given: str) -> httpx.Response:
        """With the hidden fields of the newest page, unless they are given."""
        body = {**self.hidden(path), **given}
        return await self._shown(await self.http.post(path, data=body, headers={"origin": ORIGIN, **(headers or {})}))

    async def send(self, path: str, text: str, *attached: tuple[str, bytes], kept: tuple[str, ...] = (), **hidden: str) -> httpx.Response:
        """A reply with files, as a browser writes it."""
        fields = [*({**self.hidden(path), **hidden}.items()), ("text", text), *(("kept", each) for each in kept)]
        body, kind = multipart(fields, attached)
        headers = {"origin": "null", "sec-fetch-site": "same-origin", "content-type": kind}
        return await self._shown(await self.http.post(path, content=body, headers=headers))

    def hidden(self, path: str) -> dict[str, Any]:
        """The hidden fields of the form on the page that goes to `path`."""
        for form in re.findall(r"<form [^>]*>.*?</form>", self.page, re.DOTALL):
            if f'action="{path}"' in form:
                return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
        return dict(re.findall(r'<input type="hidden" name="(csrf)" value="([^"]*)"', self.page)[:1])

    async def sign_in(self, email: str = ANA) -> None:
        count = len(self.desk.post.board.posts)
        await self.get("/area/sign-in")
        await self.post("/area/sign-in", email=email)
        posts = self.desk.post.board.posts
        # News of a ticket may still be on its way to the same address.
        await until(lambda: any("/area/link/" in text for _, text in posts[count:]))
        await self.get(path_in(next(text for _, text in posts[count:] if "/area/link/" in text)))
        await self.post("/area/link")
        assert self.status == 200, self.page
        assert "/area/sign-out" in self.page

    async def _shown(self, answer: httpx.Response) -> httpx.Response:
        while answer.status_code == 303:
            answer = await self.http.get(answer.headers["location"])
        self.page, self.status = answer.text, answer.status_code
        return answer


def multipart(fields: list[tuple[str, str]], attached: tuple[tuple[str, bytes], ...]) -> tuple[bytes, str]:
    mark = b"----WebKitFormBoundaryabcdef0123"
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields]
    for name, content in attached:
        head = f'Content-Disposition: form-data; name="files"; filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n'
        parts.append(head.encode() + content)
    body = b"".join(b"--" + mark + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + mark + b"--\r\n"
    return body, f"multipart/form-data; boundary={mark.decode()}"


def path_in(mail: str) -> str:
    found = re.search(r"http://desk\.example(/area/link/[\w-]{43}(?:\?\S+)?)", mail)
    assert found, mail
    return found[1]


def hash_of(path: str) -> str:
    return hashlib.sha256(path.split("?")[0].rpartition("/")[2].encode()).hexdigest()


def query(**given: str) -> str:
    return "?" + urlencode(given)


@contextlib.asynccontextmanager
async def desk_open(
    database: Database,
    knowledge: Knowledge,
    folder: Path,
    *,
    settings: PortalSettings | None = None,
    mail: bool = True,
    trial: bool = False,
    working: bool = True,
) -> AsyncIterator[Desk]:
    desk = Desk(database, knowledge, folder, settings or PortalSettings(), mail, trial)
    if working:
        desk.pipeline.start(desk.supervisor)
    try:
        yield desk
    finally:
        await desk.supervisor.stop()


@contextlib.asynccontextmanager
async def browsing(desk: Desk, peer: str = "192.0.2.7", origin: str = ORIGIN, **headers: str) -> AsyncIterator[Browser]:
    async def figures() -> bytes:
        return b""

    transport = httpx.ASGITransport(application(desk.portal.routes(ORIGIN), {}, figures), client=(peer, 50_000))
    given = {"accept-language": "en", **headers}
    async with httpx.AsyncClient(transport=transport, base_url=origin, headers=given) as http:
        yield Browser(desk, http)
