"""Slack keeps the contract of every adapter, against a server that is as strict as Slack; then what is its own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from adapters.base import Adapter, Payload
from adapters.slack.adapter import Slack
from adapters.slack.encode import Post
from conversations.model import Choice
from tests.adapters import slack_desk as desk
from tests.adapters import slack_rules as rules
from tests.adapters.slack_samples import JUNK, SAMPLES
from tests.adapters.slack_server import SlackServer, slack
from tests.adapters.slack_wire import APP_TOKEN, BOT_TOKEN, Fault, leaves, shown
from tests.contracts.adapter import FLOOD_S, AdapterContract


class TestSlack(AdapterContract):
    samples = SAMPLES
    junk = JUNK
    secrets = (BOT_TOKEN, APP_TOKEN)

    @pytest.fixture
    async def server(self) -> AsyncIterator[SlackServer]:
        async with slack() as server:
            server.im("U0ANA")
            yield server

    @pytest.fixture
    async def adapter(self, server: SlackServer, tmp_path: Path) -> AsyncIterator[Slack]:
        async with desk.closing(desk.adapter_for(server, tmp_path)) as adapter:
            adapter.server = server  # type: ignore[attr-defined]
            yield adapter

    def shown(self, payload: Payload) -> str:
        # As Slack would: what it refuses is shown to nobody.
        rules.message({"text": post(payload).text, "blocks": post(payload).blocks})
        return shown({"blocks": [block for block in post(payload).blocks if block["type"] == "rich_text"]})

    def markup(self, payload: Payload) -> Sequence[str]:
        found: list[str] = []
        for block in post(payload).blocks:
            if block["type"] == "rich_text":
                for leaf in leaves(block["elements"]):
                    found += [leaf["type"]] if leaf["type"] != "text" else [*leaf.get("style", ())]
            found += [each["text"]["type"] for each in block["elements"] if each.get("text", {}).get("type") == "mrkdwn"]
        return found

    def buttons(self, payload: Payload) -> Sequence[Choice]:
        found = []
        for block in post(payload).blocks:
            for each in block["elements"] if block["type"] == "actions" else ():
                found += [(each["value"], each["text"])] if each["type"] == "button" else [(o["value"], o["text"]) for o in each["options"]]
        return [Choice(key, text["text"]) for key, text in found]

    async def offer(self, adapter: Adapter, raw: Any) -> None:
        server = server_of(adapter)
        await server.until(lambda: server.connections)
        envelope = await server.offer(raw["type"], raw["payload"], raw["payload"]["event_id"])
        await envelope.answer

    async def redeliver(self, adapter: Adapter, raw: Any) -> None:
        await server_of(adapter).offer_again()

    def acknowledged(self, adapter: Adapter) -> int:
        return len(set(server_of(adapter).acknowledged))

    async def screen(self, adapter: Adapter) -> str:
        return server_of(adapter).screen("D0ANA")

    def breakages(self, adapter: Adapter) -> Iterable[AbstractAsyncContextManager[None]]:
        codes = ("channel_not_found", "is_archived", "restricted_action", "msg_too_long", "token_revoked", "something_new", "fatal_error")
        faults: list[Fault] = [("429", 3), ("429", None), ("5xx", 500), ("5xx", 502), ("reset before",), ("reset after",), ("garbage",)]

        return [broken(adapter, fault) for fault in (*faults, *(("refuse", code) for code in codes))]

    def flooded(self, adapter: Adapter) -> AbstractAsyncContextManager[None]:
        return broken(adapter, ("429", FLOOD_S))

    def gone(self, adapter: Adapter) -> AbstractAsyncContextManager[None]:
        return broken(adapter, ("refuse", "channel_not_found"))

    def lock_out(self, adapter: Adapter) -> str:
        server_of(adapter).faults["auth.test"].append(("refuse", "invalid_auth"))
        return "RELEVO_SLACK__BOT_TOKEN"


@contextlib.asynccontextmanager
async def broken(adapter: Adapter, fault: Fault) -> AsyncIterator[None]:
    server = server_of(adapter)
    server.faults["chat.postMessage"].append(fault)
    yield
    server.faults.clear()


def post(payload: Payload) -> Post:
    assert isinstance(payload.body, Post)
    return payload.body


def server_of(adapter: Adapter) -> SlackServer:
    server: SlackServer = adapter.server  # type: ignore[attr-defined]
    return server
