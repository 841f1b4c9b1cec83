"""How much the live chat takes, and its sockets, through the real server."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx
import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect

from adapters.limits import bucket_key, client_address
from adapters.webchat import Rate
from adapters.webchat.limits import Buckets, Counted
from adapters.webchat.refusals import Refusal
from conversations.model import Message, paragraph
from tests.adapters.webchat_desk import SITE, Browser, Desk, browsing, limits, settings, text_of
from tests.contracts.adapter import until

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
            await until(partial(desk.chat._hub.watching, browser.address))
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
