"""Slack by HTTP: only what it has signed lately is heard, and nothing is answered with 200 that is not stored."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from pydantic import SecretStr, ValidationError
from slack_sdk.signature import SignatureVerifier
from starlette.applications import Starlette

from adapters.base import NotStored
from adapters.slack.adapter import BODY_LIMIT, Slack
from adapters.slack.settings import SlackSettings
from conversations.events import MessageReceived
from tests.adapters import slack_desk as desk
from tests.adapters import slack_samples as samples
from tests.adapters.slack_server import SlackServer, slack
from tests.adapters.slack_wire import APP_TOKEN, BOT_TOKEN, SECRET, event
from tests.contracts.adapter import Intake


@pytest.fixture
async def server() -> AsyncIterator[SlackServer]:
    async with slack() as server:
        server.im("U0ANA")
        yield server


@pytest.fixture
async def adapter(server: SlackServer, tmp_path: Path) -> AsyncIterator[Slack]:
    given: dict[str, Any] = {"mode": "http", "app_token": SecretStr(""), "signing_secret": SecretStr(SECRET)}
    async with desk.closing(desk.adapter_for(server, tmp_path, **given)) as adapter:
        yield adapter


class Poster:
    """Slack, which signs what it posts."""

    def __init__(self, adapter: Slack) -> None:
        transport = httpx.ASGITransport(app=Starlette(routes=list(adapter.routes())))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://desk.example")

    async def post(self, body: bytes, kind: str = "application/json", at: str = "", sign: str = "", secret: str = SECRET) -> httpx.Response:
        at = at or str(int(time.time()))
        signed = sign or str(SignatureVerifier(secret).generate_signature(timestamp=at, body=body))
        headers = {"content-type": kind, "x-slack-request-timestamp": at, "x-slack-signature": signed}
        return await self.client.post("/hooks/slack", content=body, headers=headers)

    async def form(self, **fields: str) -> httpx.Response:
        return await self.post(urlencode(fields).encode(), "application/x-www-form-urlencoded")


@pytest.fixture
async def intake(adapter: Slack, server: SlackServer) -> AsyncIterator[Intake]:
    intake = Intake()
    task = asyncio.create_task(adapter.run(intake.accept))
    await server.until(lambda: adapter._receiver.accept is not None or any(method == "auth.test" for method, _ in server.calls))
    yield intake
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def said(text: str, ts: str = "1719000000.000100") -> bytes:
    return json.dumps(event(samples.message(text=text, ts=ts))).encode()


async def test_what_is_signed_is_stored_and_answered(adapter: Slack, intake: Intake) -> None:
    slack_ = Poster(adapter)
    assert (await slack_.post(said("hola"))).status_code == 200
    assert [inbound.event for inbound in intake.calls] == [MessageReceived(text="hola", locale="es-ES")]
    challenge = await slack_.post(json.dumps({"type": "url_verification", "challenge": "abc"}).encode())
    assert challenge.json() == {"challenge": "abc"}
    pressed = {**samples.PRESSED, "actions": [{**samples.CHOSEN, "action_ts": "1719000002.000300"}]}
    assert (await slack_.form(payload=json.dumps(pressed))).status_code == 200
    answer = await slack_.form(**samples.SLASH, text="my payload is broken")
    assert "direct" in answer.json()["text"] or "directos" in answer.json()["text"]
    # Bolt would have taken this one for an interaction, and lost what was asked.
    assert intake.calls[-1].event == MessageReceived(text="my payload is broken", locale="es-ES")


@pytest.mark.parametrize(
    "given",
    [
        {"sign": "v0=0000"},
        {"sign": "unsigned"},
        {"secret": "another-secret-of-somebody"},
        {"at": "1"},
        {"at": "not a number"},
        {"at": str(int(time.time()) + 4_000)},
    ],
    ids=["wrong", "no signature", "another secret", "old", "no number", "from the future"],
)
async def test_what_is_not_signed_lately_is_refused(adapter: Slack, intake: Intake, given: dict[str, str]) -> None:
    assert (await Poster(adapter).post(said("hola"), **given)).status_code == 401
    assert intake.calls == []


async def test_a_body_that_is_none_is_refused(adapter: Slack, intake: Intake) -> None:
    slack_ = Poster(adapter)
    for body, kind in (
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"payload=%7B", "application/x-www-form-urlencoded"),
        (b"\xff", ""),
    ):
        assert (await slack_.post(body, kind, sign="" if body != b"\xff" else "v0=1")).status_code in (400, 401)
    assert (await slack_.post(b"x" * (BODY_LIMIT + 1), sign="v0=1")).status_code == 413
    assert intake.calls == []


async def test_what_is_not_stored_is_not_answered_with_200(adapter: Slack, server: SlackServer) -> None:
    assert (await Poster(adapter).post(said("hola"))).status_code == 503

    async def full(inbound: Any) -> Any:
        raise NotStored(60)

    task = asyncio.create_task(adapter.run(full))
    await server.until(lambda: any(method == "auth.test" for method, _ in server.calls))
    assert (await Poster(adapter).post(said("hola"))).status_code == 503
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_in_socket_mode_there_is_no_route(server: SlackServer, tmp_path: Path) -> None:
    assert desk.adapter_for(server, tmp_path).routes() == []


# --- settings ---


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"bot_token": "abc"}, "bot_token"),
        ({"bot_token": BOT_TOKEN}, "app_token"),
        ({"bot_token": BOT_TOKEN, "app_token": "abc"}, "app_token"),
        ({"app_token": APP_TOKEN}, "app_token"),
        ({"bot_token": BOT_TOKEN, "mode": "http"}, "signing_secret"),
        ({"bot_token": BOT_TOKEN, "mode": "http", "signing_secret": "short"}, "signing_secret"),
        ({"bot_token": BOT_TOKEN + "\nx", "app_token": APP_TOKEN}, "bot_token"),
        ({"bot_token": BOT_TOKEN, "app_token": APP_TOKEN, "base_url": "ftp://slack.com"}, "base_url"),
        ({"mode": "pigeon"}, "mode"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not_said(given: dict[str, str], names: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SlackSettings.model_validate(given)
    [first, *_] = caught.value.errors(include_input=False)
    assert first["loc"] == (names,)
    assert not [value for value in given.values() if len(value) > 8 and value in first["msg"]]


def test_it_is_off_without_a_token_and_says_what_it_needs_with_one() -> None:
    assert not SlackSettings().on
    assert SlackSettings.model_validate({"bot_token": BOT_TOKEN, "app_token": APP_TOKEN}).on
    assert SlackSettings.model_validate({"bot_token": BOT_TOKEN, "mode": "HTTP", "signing_secret": SECRET}).on
