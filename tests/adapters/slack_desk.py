"""A Slack adapter against the fake, with ports that a test fills in, and the raw samples that its contract is read from."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct
from pydantic import SecretStr

from adapters.base import Outbound
from adapters.ports import FileRefused
from adapters.slack.adapter import Slack
from adapters.slack.ports import Own
from adapters.slack.settings import ACCOUNT, SlackSettings
from conversations.model import Address, Message
from tests.adapters.heard import HeardBefore
from tests.adapters.slack_server import SlackServer
from tests.adapters.slack_wire import APP_TOKEN, BOT_TOKEN
from tests.contracts.adapter import Intake

ANA = Address("slack", ACCOUNT, "D0ANA")
THREAD = Address("slack", ACCOUNT, "C0HELP", "1719000000.000100")


class Stored(Struct):
    digest: str
    mime: str
    size: int


class Shelf:
    """Files in a folder. What begins with `MZ` is none of ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept: list[str] = []

    async def keep(self, parts: AsyncIterator[bytes]) -> Stored:
        content = b"".join([part async for part in parts])
        if content.startswith(b"MZ"):
            raise FileRefused("type")
        digest = hashlib.sha256(content).hexdigest()
        (self.folder / digest).write_bytes(content)
        self.kept.append(digest)
        return Stored(digest, "image/png" if content.startswith(b"\x89PNG") else "text/plain", len(content))

    async def find(self, id: str) -> Path | None:
        path = self.folder / id
        return path if path.exists() else None


class Memories:
    """The other ports: what was said, where the desk was spoken to, whose tickets there are."""

    def __init__(self) -> None:
        self.said: dict[str, Message] = {}
        self.heard = HeardBefore()
        self.own: list[Own] = []

    async def find_said(self, key: str) -> Message | None:
        return self.said.get(key)

    async def tickets(self, address: Address, locale: str) -> Sequence[Own]:
        return self.own


def settings(server: SlackServer, **more: Any) -> SlackSettings:
    given = {"bot_token": SecretStr(BOT_TOKEN), "app_token": SecretStr(APP_TOKEN), "base_url": server.base_url, **more}
    return SlackSettings(**given)


def adapter_for(server: SlackServer, folder: Path, memories: Memories | None = None, **more: Any) -> Slack:
    held = memories or Memories()
    slack = Slack(
        settings(server, **more),
        blobs=Shelf(folder),
        said=held.find_said,
        heard=held.heard,
        tickets=held.tickets,
        now=lambda: round(time.time() * 1000),
    )
    slack.catch_up.pace = 0.0
    return slack


@asynccontextmanager
async def closing(slack: Slack) -> AsyncIterator[Slack]:
    try:
        yield slack
    finally:
        await slack.close()


@asynccontextmanager
async def running(server: SlackServer, adapter: Slack, intake: Intake | None = None) -> AsyncIterator[Intake]:
    intake = intake or Intake()
    before = server.connections
    task = asyncio.create_task(adapter.run(intake.accept))
    await server.until(lambda: server.connections > before or task.done())
    try:
        yield intake
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def say(adapter: Slack, message: Message, key: str = "5.2.1", to: Address = ANA) -> str:
    """What delivery does with a message; the receipt of its last part."""
    receipt = ""
    for payload in adapter.encode(Outbound(to, message, key)):
        receipt = (await adapter.deliver(payload, f"{key}.{payload.part}")).platform_id
    return receipt
