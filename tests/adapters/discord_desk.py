"""A Discord account on a server on loopback, with files in memory and nothing said before."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple

from discord.gateway import DiscordWebSocket
from discord.http import Route
from pydantic import SecretStr

from adapters.discord.adapter import Discord
from adapters.discord.settings import DiscordSettings
from adapters.ports import FileRefused
from conversations.model import Message
from tests.adapters.discord_server import TOKEN, DiscordServer
from tests.adapters.heard import HeardBefore


class Kept(NamedTuple):
    digest: str
    mime: str
    size: int


class MemoryBlobs:
    """What begins like a program is refused, everything else is plain text; on disk only when `folder` is given."""

    def __init__(self, folder: Path | None = None) -> None:
        self.contents: dict[str, bytes] = {}
        self._folder = folder

    async def keep(self, parts: AsyncIterator[bytes]) -> Kept:
        content = b"".join([part async for part in parts])
        if content.startswith(b"MZ"):
            raise FileRefused("type")
        digest = hashlib.sha256(content).hexdigest()
        self.contents[digest] = content
        return Kept(digest, "text/plain", len(content))

    async def find(self, id: str) -> Path | None:
        if id not in self.contents or self._folder is None:
            return None
        path = self._folder / id
        path.write_bytes(self.contents[id])
        return path


class Memories:
    """The ports Said and Heard over what a test puts there."""

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.heard = HeardBefore()

    async def said(self, key: str) -> Message | None:
        return self.messages.get(key)


def settings_for(server: DiscordServer, token: str = TOKEN) -> DiscordSettings:
    return DiscordSettings(token=SecretStr(token), api_base_url=server.api_url, gateway_url=server.gateway_url)


@asynccontextmanager
async def discord_on(
    server: DiscordServer, *, blobs: MemoryBlobs | None = None, memories: Memories | None = None, token: str = TOKEN
) -> AsyncIterator[Discord]:
    """Server and account."""
    await server.start()
    memories = memories or Memories()
    adapter = Discord(settings_for(server, token), blobs=blobs or MemoryBlobs(), said=memories.said, heard=memories.heard)
    with library_restored():
        try:
            yield adapter
        finally:
            await adapter.close()
            await server.stop()


@contextmanager
def library_restored() -> Iterator[None]:
    """The library keeps its addresses for the whole process: they are put back."""
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before
