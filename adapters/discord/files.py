"""Files that come in: fetched at once, because their links expire, and kept; what is not taken is named with the reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple

import aiohttp

from adapters.base import NotStored
from adapters.discord.link import Link
from adapters.discord.settings import FILE_IN, FILES
from adapters.discord.wire import File
from adapters.discord.words import word
from adapters.ports import Blobs, FileRefused
from adapters.uploads import name_of
from conversations.model import Attachment

AT_ONCE: Final = 4
ATTEMPTS: Final = 3
_PART: Final = 65_536


class _TooLarge(Exception):
    pass


class Taken(NamedTuple):
    """`kept` by Discord's id of the attachment; `refused` are names by reason: too_large, type, broken, infected, unchecked, slow."""

    kept: dict[str, Attachment]
    refused: dict[str, list[str]]

    def told(self, locale: str) -> str:
        """What is to be said about those that were not taken, or ""."""
        limit = FILE_IN // (1024 * 1024)
        return "\n".join(word(reason, locale, names=", ".join(names), limit=limit) for reason, names in self.refused.items())


class Files:
    def __init__(self, link: Link, blobs: Blobs) -> None:
        self._link = link
        self._blobs = blobs
        self._free = asyncio.Semaphore(AT_ONCE)

    async def take(self, files: Sequence[File], seconds: float) -> Taken:
        """Fetch and keep them, one after another, in so much time. Raises NotStored when the disk does not take them."""
        taken = Taken({}, {})
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        for file in files[:FILES]:
            name = " ".join(file.filename.split())[:100] or "?"
            try:
                async with asyncio.timeout_at(end), self._free:
                    taken.kept[file.id] = await self._one(file)
            except FileRefused as refused:
                taken.refused.setdefault(refused.reason, []).append(name)
            except _TooLarge:
                taken.refused.setdefault("too_large", []).append(name)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
                taken.refused.setdefault("slow", []).append(name)
        return taken

    async def _one(self, file: File) -> Attachment:
        if file.size > FILE_IN:
            raise _TooLarge
        if not file.url.startswith(("https://", "http://")):
            raise ValueError("no address of a file")
        for attempt in range(ATTEMPTS):
            try:
                kept = await self._blobs.keep(self._parts(file.url))
                return Attachment(kept.digest, name_of(file.filename, kept.mime), kept.mime, kept.size)
            except (aiohttp.ClientResponseError, _TooLarge, FileRefused, NotStored):
                raise
            except (aiohttp.ClientError, OSError):
                if attempt == ATTEMPTS - 1:
                    raise
                await asyncio.sleep(0.2 * 2**attempt)
        raise TimeoutError

    async def _parts(self, url: str) -> AsyncIterator[bytes]:
        # The size that was announced is not believed.
        size = 0
        response = await self._link.fetch(url)
        try:
            async for part in response.content.iter_chunked(_PART):
                size += len(part)
                if size > FILE_IN:
                    raise _TooLarge
                yield part
        finally:
            response.close()
