"""What the live chat does not take: foreign origins, forged tokens and proofs, bad input."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import jwt
import pytest
from starlette.applications import Starlette

from adapters.webchat import Rate
from conversations.events import CustomerIdentified, MessageReceived
from tests.adapters.webchat_desk import KEY, NEXT_KEY, SITE, Browser, Desk, browsing, limits, settings
from tests.contracts.adapter import until

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
    headers = httpx.Headers() if header is None else httpx.Headers({b"authorization": header.encode()})
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


def proof(desk: Desk, key: str = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    given = {"sub": "customer-7", "aud": "desk", "exp": desk.now() // 1000 + 200, "name": "Ana", "email": "ana@example.org"} | claims
    return jwt.encode({name: value for name, value in given.items() if value is not None}, key, algorithm=algorithm)


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
    assert english != spanish
    assert min(len(english), len(spanish)) > 20
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
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(Starlette(routes=list(desk.chat.routes()))), base_url="http://desk.example"
    ) as http:
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
