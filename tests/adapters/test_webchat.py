"""The live chat's protocol and its defences, through the real routes and, where sockets matter, the real server."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import websockets
from pydantic import SecretStr, ValidationError
from websockets.asyncio.client import ClientConnection, connect

from adapters.base import Adapter, Outbound, Payload
from adapters.webchat import Rate, WebChat, WebChatLimits, WebChatSettings
from adapters.webchat.limits import Buckets, Counted, bucket_key, client_address
from adapters.webchat.ports import PAGE
from adapters.webchat.refusals import Refusal
from adapters.webchat.settings import origin_of
from conversations.events import ChoicePressed, CommandGiven, CustomerIdentified, Inbound, MessageReceived
from conversations.model import Address, Choice, Doc, Message, paragraph
from storage.rows import Entry, Session
from tests.adapters.webchat_desk import Desk
from tests.contracts.adapter import AdapterContract, Sample, until

STATIC = Path(__file__).resolve().parents[2] / "adapters/webchat/static"
KEY, NEXT_KEY = "k" * 32, "n" * 40
SITE = "https://shop.example"
ANA = Address("web", "desk", "ana")
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


@pytest.fixture
def desk() -> Desk:
    return Desk(settings())


@pytest.fixture
async def browser(desk: Desk) -> AsyncIterator[Browser]:
    async with browsing(desk) as browser:
        yield browser


def proof(desk: Desk, key: str = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    given = {"sub": "customer-7", "aud": "desk", "exp": desk.now() // 1000 + 200, "name": "Ana", "email": "ana@example.org"} | claims
    return jwt.encode({name: value for name, value in given.items() if value is not None}, key, algorithm=algorithm)


class TestWebChat(AdapterContract):
    """The promises of every adapter."""

    samples = (
        Sample(
            {"address": "web:desk:ana", "body": {"client_id": "m-000001", "text": "¿Qué tal? 🎉", "locale": "es"}},
            Inbound(ANA, "m-000001", MessageReceived(text="¿Qué tal? 🎉", locale="es")),
        ),
        Sample(
            {"address": "web:desk:%40customer-7", "body": {"client_id": "m-000002", "choice": "3.1", "label": "Sí"}},
            Inbound(Address("web", "desk", "@customer-7"), "m-000002", ChoicePressed(key="3.1", label="Sí")),
        ),
        Sample(
            {"address": "web:desk:ana", "body": {"client_id": "m-000003", "command": "language", "argument": "es"}},
            Inbound(ANA, "m-000003", CommandGiven(name="language", argument="es")),
        ),
    )
    junk = (
        {"address": "web:desk:ana", "body": {"client_id": "m-000001", "text": " \x00\u200e\x1b "[:2]}},
        {"address": "web:desk:ana", "body": {"client_id": "m-000001", "text": "a", "choice": "3.1"}},
        {"address": "web:desk:ana", "body": {"client_id": "short", "text": "a"}},
        {"address": "telegram:desk:ana", "body": {"client_id": "m-000001", "text": "a"}},
        {"address": "web:elsewhere:ana", "body": {"client_id": "m-000001", "text": "a"}},
    )

    @pytest.fixture
    async def adapter(self) -> AsyncIterator[Adapter]:
        self.desk = Desk(settings())
        self.token = "t" * 43
        now = self.desk.now()
        self.desk.kept[hashlib.sha256(self.token.encode()).hexdigest()] = Session("", str(ANA), now, now, "")
        self.taken = 0
        app = httpx.ASGITransport(_Mounted(self.desk.chat))
        async with httpx.AsyncClient(transport=app, base_url="http://desk.example") as http:
            self.http = http
            yield self.desk.chat

    def out(self, doc: Doc, choices: Any = ()) -> Outbound:
        """What is delivered was committed first."""
        out = super().out(doc, choices)
        if hasattr(self, "desk"):
            self.desk.say(str(ANA), out.message)
        return out

    def shown(self, payload: Payload) -> str:
        return text_of(payload.body["doc"])

    def buttons(self, payload: Payload) -> list[Choice]:
        return [Choice(**choice) for choice in payload.body.get("choices", ())]

    async def offer(self, adapter: Adapter, raw: Any) -> None:
        answer = await self.http.post("/chat/messages", json=raw["body"], headers={"authorization": f"Bearer {self.token}"})
        assert answer.is_success or answer.status_code == 503
        self.taken += answer.is_success

    async def redeliver(self, adapter: Adapter, raw: Any) -> None:
        await self.offer(adapter, raw)

    def acknowledged(self, adapter: Adapter) -> int:
        return self.taken

    async def screen(self, adapter: Adapter) -> str:
        async with self.running(adapter, self.desk.accept):
            answer = await self.http.get("/chat/events?after=0", headers={"authorization": f"Bearer {self.token}"})
        return "\n".join(text_of(entry["message"]["doc"]) for entry in answer.json()["entries"])


class _Mounted:
    """The routes of a chat as an application, made when first asked: the contract runs the adapter itself."""

    def __init__(self, chat: WebChat) -> None:
        from starlette.applications import Starlette

        self.app = Starlette(routes=list(chat.routes()))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


def text_of(node: Any) -> str:
    """What a reader sees of a text tree in JSON."""
    if isinstance(node, list | tuple):
        return "".join(map(text_of, node))
    return str(node.get("text", "")) + text_of(node.get("children", ())) + text_of(node.get("items", ())) + "\n" * (node["type"] == "break")


# --- a conversation ---


async def test_a_question_and_its_answer(browser: Browser) -> None:
    opened = await browser.open(locale="es")
    assert opened.status_code == 201
    assert opened.json()["limits"] == {"text": 4000}
    assert (await browser.send(text="¿Qué es\r\nun ticket?", locale="es")).status_code == 202
    seen = await browser.events()
    question, answer = seen["entries"]
    assert (question["by"], question["id"], question["text"]) == ("you", "message-1", "¿Qué es\nun ticket?")
    assert answer["by"] == "desk"
    assert text_of(answer["message"]["doc"]) == "You said: ¿Qué es\nun ticket?"
    assert seen["cursor"] == answer["n"] > question["n"]
    assert browser.desk.events[0].event == MessageReceived(text="¿Qué es\nun ticket?", locale="es")


async def test_a_choice_and_a_command(browser: Browser) -> None:
    await browser.open()
    await browser.send(choice="1.0", label="Yes")
    await browser.send(command="language", argument="es")
    assert [inbound.event for inbound in browser.desk.events] == [
        ChoicePressed(key="1.0", label="Yes"),
        CommandGiven(name="language", argument="es"),
    ]
    mine = [entry for entry in (await browser.events())["entries"] if entry["by"] == "you"]
    assert [(entry.get("choice"), entry.get("command"), entry["label"]) for entry in mine] == [
        ("1.0", None, "Yes"),
        (None, "language", "es"),
    ]


async def test_a_repeated_send_is_one_message(browser: Browser) -> None:
    await browser.open()
    first = await browser.send(text="once")
    again = await browser.http.post("/chat/messages", json={"client_id": "message-1", "text": "once"}, headers=browser.bearer)
    assert (first.status_code, first.json()["fresh"]) == (202, True)
    assert (again.status_code, again.json()["fresh"]) == (200, False)
    assert len([entry for entry in (await browser.events())["entries"] if entry["by"] == "you"]) == 1


async def test_only_what_was_missed_comes_after_a_cursor(browser: Browser) -> None:
    await browser.open()
    await browser.send(text="one")
    cursor = (await browser.events())["cursor"]
    await browser.send(text="two")
    seen = await browser.events(cursor)
    assert [entry.get("text") for entry in seen["entries"]] == ["two", None]
    assert "reset" not in seen


async def test_a_cursor_of_another_history_brings_the_whole_story(browser: Browser) -> None:
    """A browser that has read further than a restored backup goes would otherwise wait for ever."""
    await browser.open()
    await browser.send(text="one")
    seen = await browser.events(987_000)
    assert seen["reset"] is True
    assert len(seen["entries"]) == 2


async def test_a_long_poll_is_answered_when_something_comes(browser: Browser) -> None:
    await browser.open()
    await browser.send(text="one")
    cursor = (await browser.events())["cursor"]
    poll = asyncio.create_task(browser.events(cursor))
    await until(lambda: browser.desk.chat._hub.watching(browser.address))
    await browser.send(text="two")
    assert len((await poll)["entries"]) == 2


async def test_a_poll_that_does_not_wait_says_that_there_is_nothing(browser: Browser) -> None:
    await browser.open()
    assert await browser.events(wait="0") == {"entries": [], "cursor": 0}


async def test_a_poll_ends_when_its_time_is_up() -> None:
    async with browsing(Desk(settings(limits=limits(poll_seconds=0.01)))) as browser:
        await browser.open()
        assert await browser.events() == {"entries": [], "cursor": 0}


async def test_a_long_story_comes_in_pages(browser: Browser) -> None:
    await browser.open()
    for n in range(PAGE + 5):
        browser.desk.say(browser.address, Message(paragraph(f"line {n}"), "en"))
    first = await browser.events()
    rest = await browser.events(first["cursor"])
    assert len(first["entries"]) == PAGE
    assert [text_of(entry["message"]["doc"]) for entry in first["entries"] + rest["entries"]] == [f"line {n}" for n in range(PAGE + 5)]


async def test_an_entry_nobody_can_read_does_not_hide_the_others(browser: Browser) -> None:
    await browser.open()
    log = browser.desk.entries[browser.address]
    log.append(Entry(1000, "customer", 1, "x", '{"type":"of tomorrow"}'))
    log.append(Entry(2000, "note", 1, "y", '{"doc":[],"locale":"en"}'))
    browser.desk.say(browser.address, Message(paragraph("still here"), "en"))
    seen = await browser.events()
    assert [text_of(entry["message"]["doc"]) for entry in seen["entries"]] == ["still here"]


async def test_the_welcome(browser: Browser) -> None:
    english, spanish = [(await browser.http.get("/chat/config", params={"locale": locale})).json() for locale in ("en-GB", "es-MX")]
    assert english["suggestions"] == ["What is a ticket?"]
    assert spanish["locale"] == "es"
    assert text_of(spanish["greeting"]) == "Hola, ¿en qué puedo ayudarle?"
    assert spanish["limits"] == {"text": 4000}


# --- sessions and origins ---


async def test_a_token_is_strong_and_is_not_kept(browser: Browser) -> None:
    await browser.open()
    first = browser.token
    await browser.open()
    assert first != browser.token
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", browser.token)
    assert browser.token not in repr(browser.desk.kept)
    assert hashlib.sha256(browser.token.encode()).hexdigest() in browser.desk.kept
    assert len({session.address for session in browser.desk.kept.values()}) == 2


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer x", "Basic " + "a" * 43, "Bearer " + "a" * 43, "Bearer " + "é" * 43])
async def test_without_a_good_token_nothing_is_done(browser: Browser, header: str | None) -> None:
    await browser.open()
    headers = {} if header is None else {"authorization": header.encode()}
    for method, path in (("POST", "messages"), ("GET", "events"), ("POST", "identify"), ("DELETE", "sessions")):
        body = {"client_id": "message-1", "text": "x", "jwt": "x"} if method == "POST" else None
        answer = await browser.http.request(method, f"/chat/{path}", json=body, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "session_over")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert not browser.desk.events


async def test_a_token_ends_with_logout_and_after_long_idleness(browser: Browser) -> None:
    await browser.open()
    assert (await browser.http.delete("/chat/sessions", headers=browser.bearer)).status_code == 204
    assert (await browser.send(text="x")).status_code == 401
    await browser.open()
    browser.desk.clock += 29 * 86_400_000
    assert (await browser.send(text="still there")).status_code == 202
    browser.desk.clock += 29 * 86_400_000
    assert (await browser.send(text="use keeps it")).status_code == 202
    browser.desk.clock += 31 * 86_400_000
    assert (await browser.send(text="too late")).status_code == 401
    assert len(browser.desk.kept) == 0


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "https://shop.example.evil.example",
        "http://shop.example",
        "https://shop.example:444",
        "desk.example",
        "",
    ],
)
async def test_a_foreign_origin_is_refused(browser: Browser, origin: str) -> None:
    for method, path in (("POST", "sessions"), ("POST", "messages"), ("GET", "config"), ("GET", "events"), ("OPTIONS", "messages")):
        answer = await browser.http.request(method, f"/chat/{path}", headers={"origin": origin}, json={} if method == "POST" else None)
        assert (answer.status_code, answer.json()["error"]) == (403, "foreign_origin")
        assert "access-control-allow-origin" not in answer.headers
    assert not browser.desk.kept


async def test_an_allowed_origin_is_named_back_exactly(browser: Browser) -> None:
    for answer in (
        await browser.http.options("/chat/messages", headers={"origin": SITE, "access-control-request-method": "POST"}),
        await browser.http.post("/chat/sessions", json={}, headers={"origin": SITE}),
        await browser.http.post("/chat/messages", json={}, headers={"origin": SITE}),  # a refusal too must be readable there
    ):
        assert answer.headers["access-control-allow-origin"] == SITE
        assert "access-control-allow-credentials" not in answer.headers
        assert "Origin" in answer.headers["vary"]
    preflight = await browser.http.options("/chat/messages", headers={"origin": SITE})
    assert preflight.status_code == 204
    assert "authorization" in preflight.headers["access-control-allow-headers"]


async def test_our_own_page_is_always_allowed(browser: Browser) -> None:
    answer = await browser.http.post("/chat/sessions", json={}, headers={"origin": "http://desk.example"})
    assert answer.status_code == 201
    assert "access-control-allow-origin" not in answer.headers


async def test_the_public_address_is_our_own_page_too() -> None:
    async with browsing(Desk(settings(public_url="https://help.example"))) as browser:
        answer = await browser.http.post("/chat/sessions", json={}, headers={"origin": "https://help.example"})
        assert answer.status_code == 201


# --- identity ---


async def test_a_proved_customer_has_one_conversation_on_every_device(browser: Browser) -> None:
    for _ in range(2):
        assert (await browser.open(jwt=proof(browser.desk), locale="es")).status_code == 201
    assert {session.address for session in browser.desk.kept.values()} == {"web:desk:%40customer-7"}
    assert {session.subject for session in browser.desk.kept.values()} == {"customer-7"}
    assert [inbound.event for inbound in browser.desk.events] == [
        CustomerIdentified(subject="customer-7", name="Ana", email="ana@example.org", locale="es")
    ]
    assert await browser.events(wait="0") == {"entries": [], "cursor": 1000}  # the proof itself is not shown


async def test_a_visitor_who_signs_in_later_keeps_the_conversation(browser: Browser) -> None:
    await browser.open()
    address = browser.address
    await browser.send(text="before")
    for _ in range(2):  # every page of the site proves it anew
        answer = await browser.identify(proof(browser.desk, NEXT_KEY))
        assert (answer.status_code, answer.json()) == (200, {"subject": "customer-7", "name": "Ana"})
    assert browser.address == address
    proofs = [inbound for inbound in browser.desk.events if isinstance(inbound.event, CustomerIdentified)]
    assert [str(inbound.address) for inbound in proofs] == [address]
    other = await browser.identify(proof(browser.desk, sub="customer-8"))
    assert (other.status_code, other.json()["error"]) == (409, "identity_conflict")


def forged(desk: Desk) -> Iterator[tuple[str, str]]:
    good = proof(desk)
    head, body, signature = good.split(".")
    now = desk.now() // 1000
    yield "identity_invalid", "not a token"
    yield "identity_invalid", proof(desk, "x" * 32)
    yield "identity_invalid", proof(desk, algorithm="HS512", key="k" * 64)
    yield "identity_invalid", jwt.encode({"sub": "a", "aud": "desk", "exp": now + 60}, None, algorithm="none")
    yield "identity_invalid", f"{head}.{body}."
    yield "identity_invalid", f"{head}.{body[:-2]}AA.{signature}"
    yield "identity_invalid", proof(desk, aud="elsewhere")
    yield "identity_invalid", proof(desk, aud=None)
    yield "identity_invalid", proof(desk, exp=None)
    yield "identity_invalid", proof(desk, sub=None)
    yield "identity_invalid", proof(desk, sub="")
    yield "identity_invalid", proof(desk, sub="x" * 200)
    yield "identity_invalid", proof(desk, sub="a\nb")
    yield "identity_invalid", proof(desk, email=["a@example.org"])
    yield "identity_invalid", proof(desk, exp=now + 3600)
    yield "identity_invalid", proof(desk, exp=True)
    yield "identity_expired", proof(desk, exp=now - 60)


async def test_no_forged_or_stale_proof_is_taken(browser: Browser) -> None:
    await browser.open()
    address = browser.address
    browser.desk.settings.limits.__dict__["identifies"] = Rate(burst=100, per_second=100)
    for code, token in forged(browser.desk):
        for answer in (await browser.identify(token), await browser.http.post("/chat/sessions", json={"jwt": token})):
            assert (answer.status_code, answer.json()["error"]) == (401, code), token
            assert token not in answer.text
            browser.desk.clock += 3_000  # the limit on guesses is another test's
    assert not browser.desk.events
    assert browser.address == address


async def test_without_a_secret_no_proof_is_taken() -> None:
    async with browsing(Desk(settings(identity_secrets=()))) as browser:
        answer = await browser.http.post("/chat/sessions", json={"jwt": proof(browser.desk)})
        assert (answer.status_code, answer.json()["error"]) == (403, "no_identity")


# --- bad input ---


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "bad_json"),
        (b"", 400, "bad_json"),
        (b'{"client_id":"message-1","text":"\xff"}', 400, "bad_json"),
        (b'{"client_id":"message-1","text":"\\ud800"}', 400, "bad_json"),
        (b"[" * 60_000, 422, "bad_field"),
        (b'{"client_id":' + b"[" * 60_000, 422, "bad_field"),
        (b'{"other":' + b"[" * 60_000, 400, "bad_json"),
        (b"[]", 422, "bad_field"),
        (b'{"text":"x"}', 422, "bad_field"),
        (b'{"client_id":"short","text":"x"}', 422, "bad_field"),
        (b'{"client_id":"identified:abc","text":"x"}', 422, "bad_field"),
        (b'{"client_id":"message-1"}', 422, "bad_field"),
        (b'{"client_id":"message-1","text":5}', 422, "bad_field"),
        (b'{"client_id":"message-1","text":"x","choice":"1.0"}', 422, "bad_field"),
        (b'{"client_id":"message-1","choice":"a b"}', 422, "bad_field"),
        (b'{"client_id":"message-1","choice":"' + b"1" * 41 + b'"}', 422, "bad_field"),
        (b'{"client_id":"message-1","command":"shutdown"}', 422, "bad_field"),
        (b'{"client_id":"message-1","text":""}', 422, "empty"),
        (b'{"client_id":"message-1","text":" \\n\\t "}', 422, "empty"),
        (b'{"client_id":"message-1","text":"\\u0000\\u0007\\u001b\\u0085"}', 422, "empty"),
    ],
)
async def test_bad_input_is_refused_with_a_reason(browser: Browser, body: bytes, status: int, code: str) -> None:
    await browser.open()
    headers = {**browser.bearer, "content-type": "application/json"}
    answers = [
        await browser.http.post("/chat/messages", content=body, headers={**headers, "accept-language": language})
        for language in ("en", "es-ES")
    ]
    assert [(answer.status_code, answer.json()["error"]) for answer in answers] == [(status, code)] * 2
    english, spanish = (answer.json()["message"] for answer in answers)
    assert english and spanish and english != spanish
    assert not browser.desk.events


async def test_an_over_long_message_is_told_the_limit(browser: Browser) -> None:
    await browser.open()
    assert (await browser.send(text="🎉" * 4000)).status_code == 202
    answer = await browser.send(text="🎉" * 4001)
    assert answer.status_code == 422
    assert (answer.json()["error"], answer.json()["limit"], answer.json()["length"]) == ("too_long", 4000, 4001)
    assert "4000" in answer.json()["message"]


async def test_control_characters_are_taken_out(browser: Browser) -> None:
    await browser.open()
    await browser.send(text="\x00a\x1b[31m\tb\x9b\r\nc\x7f\r")
    assert browser.desk.events[0].event == MessageReceived(text="a[31m\tb\nc")


async def test_only_json_is_taken(browser: Browser) -> None:
    await browser.open()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""):
        answer = await browser.http.post("/chat/messages", content=b"{}", headers={**browser.bearer, "content-type": kind})
        assert (answer.status_code, answer.json()["error"]) == (415, "not_json")


async def test_a_large_body_is_not_read_to_its_end(browser: Browser) -> None:
    await browser.open()
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 8192
            yield b" " * 8192

    headers = {**browser.bearer, "content-type": "application/json"}
    streamed = await browser.http.post("/chat/messages", content=endless(), headers=headers)
    assert (streamed.status_code, streamed.json()["error"], streamed.json()["limit"]) == (413, "too_large", 65_536)
    assert read <= 65_536 + 2 * 8192
    declared = await browser.http.post("/chat/messages", content=b" ", headers={**headers, "content-length": "9" * 30})
    assert declared.status_code == 413


async def test_a_body_that_never_ends_is_given_up() -> None:
    async with browsing(Desk(settings(limits=limits(body_seconds=0.01)))) as browser:
        await browser.open()

        async def stalled() -> AsyncIterator[bytes]:
            yield b"{"
            await asyncio.Event().wait()

        headers = {**browser.bearer, "content-type": "application/json"}
        answer = await browser.http.post("/chat/messages", content=stalled(), headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (408, "slow")


async def test_what_cannot_be_stored_is_not_acknowledged(browser: Browser) -> None:
    await browser.open()
    browser.desk.full = True
    for answer in (await browser.send(text="x"), await browser.open()):
        assert (answer.status_code, answer.json()["error"]) == (503, "not_stored")
        assert int(answer.headers["retry-after"]) >= 3
    browser.desk.full = False
    again = await browser.http.post("/chat/messages", json={"client_id": "message-1", "text": "x"}, headers=browser.bearer)
    assert again.status_code == 202


async def test_before_the_desk_runs_nothing_is_acknowledged() -> None:
    desk = Desk(settings())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(_Mounted(desk.chat)), base_url="http://desk.example") as http:
        browser = Browser(desk, http)
        await browser.open()
        assert (await browser.send(text="x")).status_code == 503


async def test_a_broken_log_keeps_browsers_waiting_and_loses_nothing(browser: Browser) -> None:
    await browser.open()
    browser.desk.broken = True
    poll = asyncio.create_task(browser.events())
    await until(lambda: browser.desk.chat._hub.watching(browser.address))
    await browser.send(text="x")
    browser.desk.broken = False
    assert len((await poll)["entries"]) == 2


# --- limits ---


async def test_messages_are_limited_for_each_conversation() -> None:
    async with browsing(Desk(settings(limits=limits(messages=Rate(burst=3, per_second=1))))) as browser:
        await browser.open()
        assert [(await browser.send(text="x")).status_code for _ in range(4)] == [202, 202, 202, 429]
        refused = await browser.send(text="x")
        assert 1 <= int(refused.headers["retry-after"]) <= 2
        assert refused.json()["error"] == "too_many"
        browser.desk.clock += 2_000
        assert (await browser.send(text="x")).status_code == 202
        await browser.open()
        assert (await browser.send(text="another conversation")).status_code == 202


async def test_sessions_are_limited_for_each_network() -> None:
    strict = limits(sessions=Rate(burst=2, per_second=0.001))
    for peer, neighbour in (("192.0.2.7", False), ("2001:db8:1:2::5", True)):
        desk = Desk(settings(limits=strict))
        async with desk.running() as app:

            async def opened(host: str, app: Any = app) -> int:
                async with httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(host, 1)), base_url="http://desk.example") as http:
                    return (await http.post("/chat/sessions", json={})).status_code

            assert [await opened(peer) for _ in range(3)] == [201, 201, 429]
            assert await opened("2001:db8:1:2:ffff::1" if neighbour else "192.0.2.8") == (429 if neighbour else 201)
            assert await opened("2001:db8:1:3::1") == 201


async def test_guessing_tokens_is_limited() -> None:
    async with browsing(Desk(settings(limits=limits(strikes=Rate(burst=3, per_second=0.001))))) as browser:
        codes = []
        for n in range(5):
            browser.token = f"{n}" * 43
            codes.append((await browser.send(text="x")).status_code)
        assert codes == [401, 401, 401, 429, 429]


def test_buckets_forget_rather_than_grow() -> None:
    buckets = Buckets(Rate(burst=1, per_second=1), remembered=100)
    for n in range(1_000):
        buckets.take(str(n), 0)
    assert len(buckets) == 100
    with pytest.raises(Refusal):
        buckets.take("999", 0)


def test_a_clock_set_back_locks_nobody_out() -> None:
    buckets = Buckets(Rate(burst=1, per_second=1), remembered=100)
    buckets.take("a", 1_000_000)
    with pytest.raises(Refusal):
        buckets.take("a", 0)
    buckets.take("a", 1_001)


def test_counted_places_are_given_back() -> None:
    places = Counted(2)
    assert [places.enter("a") for _ in range(3)] == [True, True, False]
    places.leave("a")
    assert places.enter("a")
    for _ in range(2):
        places.leave("a")
    assert not places._open


def test_a_forwarded_address_is_believed_only_from_a_trusted_proxy() -> None:
    trusted = settings(trusted_proxies=("10.0.0.0/8",)).trusted_proxies
    assert client_address("192.0.2.1", ["203.0.113.9"], trusted) == "192.0.2.1"
    assert client_address("10.1.1.1", ["6.6.6.6, 203.0.113.9"], trusted) == "203.0.113.9"
    assert client_address("10.1.1.1", ["6.6.6.6, 203.0.113.9, 10.2.2.2"], trusted) == "203.0.113.9"
    assert client_address("::ffff:10.1.1.1", ["203.0.113.9"], trusted) == "203.0.113.9"
    assert client_address("10.1.1.1", [], trusted) == "10.1.1.1"
    assert client_address("10.1.1.1", ["203.0.113.9"], ()) == "10.1.1.1"


def test_the_key_of_a_network() -> None:
    assert bucket_key("192.0.2.1") == bucket_key("::ffff:192.0.2.1") == "192.0.2.1"
    assert bucket_key("2001:db8::1") == bucket_key("2001:db8::ffff:1") != bucket_key("2001:db8:0:1::1")
    assert len(bucket_key("x" * 500)) == 64


# --- the socket, through the real server ---


class Line:
    """A browser's socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def hello(self, token: str, after: int = 0) -> None:
        await self.socket.send(json.dumps({"token": token, "after": after}))
        assert json.loads(await self.socket.recv())["ready"] is True

    async def entries(self, count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while len(found) < count:
            found += json.loads(await self.socket.recv()).get("entries", ())
        return found

    async def closed(self) -> int:
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await self.socket.recv()
        await self.socket.wait_closed()
        return self.socket.close_code or 0


@contextlib.asynccontextmanager
async def served(desk: Desk) -> AsyncIterator[tuple[str, Browser]]:
    async with desk.serving() as place, httpx.AsyncClient(base_url=f"http://{place}") as http:
        browser = Browser(desk, http)
        await browser.open()
        yield place, browser


@contextlib.asynccontextmanager
async def line(place: str, origin: str | None = None) -> AsyncIterator[Line]:
    async with connect(f"ws://{place}/chat/socket", origin=origin, compression=None) as socket:  # type: ignore[arg-type]
        yield Line(socket)


async def test_the_socket_brings_what_was_missed_and_then_what_comes(desk: Desk) -> None:
    async with served(desk) as (place, browser):
        await browser.send(text="before")
        async with line(place) as one, line(place) as two:
            await one.hello(browser.token)
            first = await one.entries(2)
            await two.hello(browser.token, first[-1]["n"])
            await browser.send(text="after")
            assert [entry.get("text") for entry in await one.entries(2)] == ["after", None]
            assert [entry.get("text") for entry in await two.entries(2)] == ["after", None]


async def test_woken_conversations_are_read_together(desk: Desk) -> None:
    async with served(desk) as (place, first), contextlib.AsyncExitStack() as stack:
        browsers, lines = [first], []
        for _ in range(4):
            browser = Browser(desk, first.http)
            await browser.open()
            browsers.append(browser)
        for browser in browsers:
            lines.append(await stack.enter_async_context(line(place)))
            await lines[-1].hello(browser.token)
            await until(lambda browser=browser: desk.chat._hub.watching(browser.address))
        await until(lambda: {address for read in desk.reads for address, _ in read} == {browser.address for browser in browsers})
        desk.reads.clear()
        for browser in browsers:
            await desk.deliver(desk.say(browser.address, Message(paragraph("to all"), "en")))
        for one in lines:
            await one.entries(1)
        assert [len(read) for read in desk.reads] == [5]


async def test_a_quiet_line_has_a_heartbeat() -> None:
    async with served(Desk(settings(limits=limits(beat_seconds=0.02)))) as (place, browser), line(place) as one:
        await one.hello(browser.token)
        assert json.loads(await one.socket.recv()) == {"beat": True}


async def test_a_beat_finds_what_another_node_wrote() -> None:
    desk = Desk(settings(limits=limits(beat_seconds=0.02)))
    async with served(desk) as (place, browser), line(place) as one:
        await one.hello(browser.token)
        await one.socket.recv()
        desk.say(browser.address, Message(paragraph("from elsewhere"), "en"))
        assert text_of((await one.entries(1))[0]["message"]["doc"]) == "from elsewhere"


@pytest.mark.parametrize(
    "frame", ["", "{", "[]", '{"token":5}', '{"token":"' + "a" * 43 + '"}', '{"token":"x","after":1.5}', b"\x00", "x" * 5000]
)
async def test_a_socket_that_does_not_say_who_it_is_is_closed(desk: Desk, frame: str | bytes) -> None:
    async with served(desk) as (place, _), line(place) as one:
        await one.socket.send(frame)
        assert await one.closed() == 4401


async def test_a_silent_socket_is_closed() -> None:
    async with served(Desk(settings(limits=limits(auth_seconds=0.02)))) as (place, _), line(place) as one:
        assert await one.closed() == 4401


async def test_a_socket_from_a_foreign_origin_is_refused(desk: Desk) -> None:
    async with served(desk) as (place, browser):
        for origin in ("https://evil.example", "null", f"https://{place}.evil.example"):
            with pytest.raises(websockets.InvalidStatus) as refused:
                async with line(place, origin):
                    pass
            assert refused.value.response.status_code == 403
            assert b"foreign_origin" in refused.value.response.body
        for origin in (SITE, f"http://{place}"):
            async with line(place, origin) as one:
                await one.hello(browser.token)


async def test_sockets_are_counted() -> None:
    async with served(Desk(settings(limits=limits(sockets_per_conversation=2, sockets_per_ip=3)))) as (place, browser):
        async with line(place) as one, line(place) as two, line(place) as three:
            await one.hello(browser.token)
            await two.hello(browser.token)
            await three.socket.send(json.dumps({"token": browser.token}))
            assert await three.closed() == 4429
            async with line(place):
                with pytest.raises(websockets.InvalidStatus) as refused:
                    async with line(place):
                        pass
                assert refused.value.response.status_code == 429
                assert int(refused.value.response.headers["retry-after"]) >= 1
        await until(lambda: not browser.desk.chat._visitors.by_ip._open)
        assert browser.desk.chat._hub.conversations == 0
        async with line(place) as four:
            await four.hello(browser.token)


async def test_connects_are_limited() -> None:
    async with served(Desk(settings(limits=limits(connects=Rate(burst=2, per_second=0.001))))) as (place, _):
        for _ in range(2):
            async with line(place):
                pass
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with line(place):
                pass
        assert refused.value.response.status_code == 429


async def test_a_socket_that_talks_too_much_is_closed(desk: Desk) -> None:
    async with served(desk) as (place, browser):
        async with line(place) as one:
            await one.hello(browser.token)
            await one.socket.send("x" * 5000)
            assert await one.closed() == 1009
        async with line(place) as two:
            await two.hello(browser.token)
            for _ in range(60):
                await two.socket.send("x")
            assert await two.closed() == 4429
        await until(lambda: desk.chat._hub.conversations == 0)


async def test_a_browser_that_takes_nothing_is_dropped_and_resumes() -> None:
    desk = Desk(settings(limits=limits(send_seconds=0.05)))
    async with served(desk) as (place, browser):
        for _ in range(400):
            desk.say(browser.address, Message(paragraph("x" * 50_000), "en"))
        async with connect(f"ws://{place}/chat/socket", compression=None, max_size=None, close_timeout=0.1) as socket:
            await socket.send(json.dumps({"token": browser.token, "after": 0}))
            socket.transport.pause_reading()
            await until(lambda: desk.chat._hub.watching(browser.address))
            await until(lambda: not desk.chat._hub.watching(browser.address))
        found, cursor = 0, 0
        while found < 400:
            seen = await browser.events(cursor)
            found, cursor = found + len(seen["entries"]), seen["cursor"]
        assert found == 400


async def test_when_the_desk_stops_browsers_are_told_to_come_back(desk: Desk) -> None:
    async with served(desk) as (place, browser), line(place) as one:
        await one.hello(browser.token)
        poll = asyncio.create_task(browser.http.get("/chat/events", headers=browser.bearer))
        await until(lambda: desk.chat._hub.watching(browser.address) == 2)
        await desk.stop()
        assert await one.closed() == 1012
        assert (await poll).status_code == 503


async def test_no_token_is_ever_logged(desk: Desk, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    caplog.set_level("INFO")
    async with served(desk) as (place, browser), line(place) as one:
        desk.broken = True
        await one.hello(browser.token)
        await browser.identify("not.a.token")
        await until(lambda: desk.failures)
        token = browser.token
    out = capsys.readouterr()
    assert token not in caplog.text + out.out + out.err
    assert "not.a.token" not in caplog.text + out.out + out.err


# --- files and the page ---


async def test_the_widget_is_one_small_file(browser: Browser) -> None:
    answer = await browser.http.get("/chat/widget.js", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) <= 12 * 1024
    assert answer.content == (STATIC / "widget.js").read_bytes()
    assert len(gzip.compress(answer.content, 9)) <= 12 * 1024


async def test_files_are_asked_for_once(browser: Browser) -> None:
    for encoding in ("gzip", "identity"):
        headers = {"accept-encoding": encoding}
        first = await browser.http.get("/chat/widget.js", headers=headers)
        assert not first.headers["etag"].startswith("W/")
        again = await browser.http.get("/chat/widget.js", headers={**headers, "if-none-match": f'"x", {first.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        assert "immutable" not in first.headers["cache-control"]
    plain = await browser.http.get("/chat/widget.js", headers={"accept-encoding": "identity"})
    packed = await browser.http.get("/chat/widget.js")
    assert plain.headers["etag"] != packed.headers["etag"]
    page = (await browser.http.get("/")).text
    versioned = re.search(r'src="(/chat/widget\.js\?v=\w+)"', page)
    assert versioned is not None
    assert "immutable" in (await browser.http.get(versioned[1])).headers["cache-control"]


async def test_files_we_do_not_have(browser: Browser) -> None:
    for path in ("/chat/nothing.js", "/chat/..%2fsettings.py", "/chat/settings.py"):
        assert (await browser.http.get(path)).status_code == 404


def test_languages_are_complete() -> None:
    source = (STATIC / "widget.js").read_text()
    english = re.search(r"const ENGLISH = \{(.*?)\n  \};", source, re.S)
    assert english is not None
    keys = set(re.findall(r'(\w+): "', english[1]))
    assert len(keys) > 25
    for name in ("es", "ar"):
        texts = json.loads((STATIC / f"{name}.json").read_text())
        assert set(texts) == keys
        assert all(
            texts[key].count("{}") == len(re.findall(r"\{\}", dict(re.findall(r'(\w+): "([^"]*)"', english[1]))[key])) for key in keys
        )


def test_nothing_in_the_browser_is_parsed_as_markup_or_code() -> None:
    for path in STATIC.glob("*.js"):
        found = re.search(
            r"(inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser|srcdoc|javascript:", path.read_text()
        )
        assert found is None, f"{path.name}: {found and found[0]}"


async def test_the_page_in_both_languages(browser: Browser) -> None:
    spanish = await browser.http.get("/", headers={"accept-language": "fr, es-ES;q=0.9, en;q=0.8"})
    english = await browser.http.get("/", headers={"accept-language": "de"})
    switched = await browser.http.get("/?lang=en", headers={"accept-language": "es"})
    assert '<html lang="es">' in spanish.text
    assert "¿Qué es un ticket?" in spanish.text
    assert '<html lang="en">' in english.text
    assert '<html lang="en">' in switched.text
    assert "The &lt;Desk&gt;" in spanish.text
    assert "The <Desk>" not in spanish.text
    assert '<html lang="en">' in (await browser.http.get('/?lang="><script>')).text


async def test_the_page_is_strict(browser: Browser) -> None:
    answer = await browser.http.get("/", headers={"host": 'desk.example"><script>'})
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "trusted-types 'none'" in policy
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|style=", answer.text)


async def test_every_answer_has_safe_headers(browser: Browser) -> None:
    for path in ("/", "/chat/config", "/chat/widget.js", "/chat/events", "/chat/nothing"):
        answer = await browser.http.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert (await browser.http.get("/chat/events")).headers["cache-control"] == "no-store"


# --- settings ---


@pytest.mark.parametrize(
    "text", ["example.com", "ftp://example.com", "https://example.com/path", "https://a:b@example.com", "*", "https://"]
)
def test_what_is_not_an_origin_is_said_at_the_start(text: str) -> None:
    with pytest.raises(ValidationError):
        WebChatSettings(allowed_origins=(text,))


def test_origins_are_written_as_browsers_write_them() -> None:
    assert origin_of("HTTPS://Example.COM:443/") == "https://example.com"
    assert origin_of("http://[::1]:8080") == "http://[::1]:8080"


def test_a_short_secret_is_refused_and_not_printed() -> None:
    with pytest.raises(ValidationError) as refused:
        WebChatSettings(identity_secrets=(SecretStr("hunter2"),))
    assert "hunter2" not in str(refused.value)


def test_half_of_a_rate_may_be_set_alone() -> None:
    given = WebChatLimits.model_validate({"messages": {"burst": "50"}})
    assert given.messages == Rate(burst=50, per_second=1)
    assert given.sessions == WebChatLimits().sessions
