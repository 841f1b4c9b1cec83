"""The webhook of Telegram's adapter takes what Telegram alone can send, and says yes when it is stored; and what may be set."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr, ValidationError
from starlette.applications import Starlette

from adapters.base import Accepted, NotStored
from adapters.telegram.adapter import Telegram
from adapters.telegram.settings import TelegramSettings
from conversations.events import Inbound
from tests.adapters.telegram_server import TOKEN, TelegramServer
from tests.adapters.test_telegram import QUICK, server, telegram
from tests.adapters.test_telegram_run import ANA, running
from tests.contracts.adapter import Intake, until

__all__ = ["server"]


@pytest.fixture
def hooked(server: TelegramServer, tmp_path: Path) -> Telegram:
    settings = TelegramSettings(token=SecretStr(TOKEN), base_url=server.url, mode="webhook", webhook_secret=SecretStr("a-long_random-word"))
    plain = telegram(server, tmp_path)
    return Telegram(
        settings, blobs=plain._blobs, said=plain._said, now=lambda: 1, folder=tmp_path / "hook", hook="https://desk.example", pace=QUICK
    )


async def test_the_webhook_says_yes_when_it_is_stored(server: TelegramServer, hooked: Telegram) -> None:
    intake = Intake(open=False)
    update = server.message(ANA, text="hola")
    right = {"x-telegram-bot-api-secret-token": "a-long_random-word"}
    transport = httpx.ASGITransport(Starlette(routes=hooked.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="https://desk.example") as client:
        assert (await client.post("/hooks/telegram", json=update, headers=right)).status_code == 503
        async with running(hooked, intake.accept):
            await until(lambda: server.webhook)
            assert server.webhook["url"] == "https://desk.example/hooks/telegram"
            assert server.webhook["secret_token"] == "a-long_random-word"
            for headers in ({}, {"x-telegram-bot-api-secret-token": "a-long_random-worD"}, {"x-telegram-bot-api-secret-token": "ñ"}):
                raw = {name.encode(): value.encode() for name, value in headers.items()}
                assert (await client.post("/hooks/telegram", json=update, headers=raw)).status_code == 403
            assert (await client.post("/hooks/telegram", content=b"x" * 1_100_000, headers=right)).status_code == 413
            for junk in (b"", b"{", b"\xff", b"[]", b"1", b'{"update_id": 1}'):
                assert (await client.post("/hooks/telegram", content=junk, headers=right)).status_code == 200
            assert (await client.get("/hooks/telegram", headers=right)).status_code == 405
            answer = asyncio.create_task(client.post("/hooks/telegram", json=update, headers=right))
            await until(lambda: intake.calls)
            assert not answer.done()
            intake.gate.set()
            assert (await answer).status_code == 200
            assert (await client.post("/hooks/telegram", json=update, headers=right)).status_code == 200
    assert {call.key for call in intake.calls} == {f"m{update['message']['message_id']}"}


async def test_what_cannot_be_stored_is_not_dropped_by_the_webhook(server: TelegramServer, hooked: Telegram) -> None:
    async def accept(inbound: Inbound) -> Accepted:
        raise NotStored(60)

    right = {"x-telegram-bot-api-secret-token": "a-long_random-word"}
    transport = httpx.ASGITransport(Starlette(routes=hooked.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="https://desk.example") as client:
        async with running(hooked, accept):
            await until(lambda: server.webhook)
            answer = asyncio.create_task(client.post("/hooks/telegram", json=server.message(ANA, text="hola"), headers=right))
            await until(lambda: hooked._receive is not None and hooked._receive._tasks)
        assert (await answer).status_code == 503


# --- settings ---


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": "no-colon"},
        {"token": "1:"},
        {"token": "abc:def"},
        {"token": "1:T", "base_url": "api.telegram.org"},
        {"token": "1:T", "base_url": "ftp://x"},
        {"token": "1:T", "base_url": "https://user:secret@x"},
        {"token": "1:T", "mode": "carrier-pigeon"},
        {"token": "1:T", "mode": "webhook"},
        {"token": "1:T", "mode": "webhook", "webhook_secret": "not allowed!"},
        {"token": "1:T", "operators_chat": "-100"},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        TelegramSettings.model_validate(wrong)


@pytest.mark.parametrize(
    "base", ["http://127.0.0.1:8081", "http://127.0.0.1:8081/", "http://127.0.0.1:8081/bot", "http://127.0.0.1:8081/bot/"]
)
def test_a_server_may_be_named_with_or_without_its_path(base: str) -> None:
    settings = TelegramSettings(token=SecretStr("1:T"), base_url=base)
    assert (settings.api, settings.files) == ("http://127.0.0.1:8081/bot", "http://127.0.0.1:8081/file/bot")
