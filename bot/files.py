"""Keeps the files that customers send, for whatever adapter takes them: the disk is waited for in threads, never by the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from adapters.base import NotStored
from adapters.ports import FileRefused
from storage.blobs import Blob, Blobs, Broken, Incoming, Unwanted

PART = 1_048_576
"""Bytes handed to the disk in one go."""


class Files:
    """What is looked at byte by byte is looked at one file after another: several threads at it would starve the event loop of its turn."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._one = asyncio.Lock()

    async def keep(self, parts: AsyncIterator[bytes]) -> Blob:
        """Raises FileRefused or NotStored, and whatever `parts` raises; nothing is left behind then."""
        try:
            incoming = await asyncio.to_thread(self._blobs.begin)
            try:
                # Put together in the thread: a buffer that grows by every part costs the loop more than all else here.
                gathered: list[bytes] = []
                size = 0
                async for part in parts:
                    gathered.append(part)
                    size += len(part)
                    if size >= PART:
                        await asyncio.to_thread(_write, incoming, gathered)
                        gathered, size = [], 0
                await asyncio.to_thread(_write, incoming, gathered)
                async with self._one:
                    return await asyncio.to_thread(incoming.keep)
            finally:
                await asyncio.to_thread(incoming.discard)
        except Unwanted:
            raise FileRefused("type") from None
        except Broken:
            raise FileRefused("broken") from None
        except OSError:
            raise NotStored(5) from None

    async def renew(self, id: str) -> bool:
        """Raises NotStored."""
        try:
            return await asyncio.to_thread(self._blobs.renew, id)
        except OSError:
            raise NotStored(5) from None

    async def find(self, id: str) -> Path | None:
        return await asyncio.to_thread(self._blobs.find, id)


def _write(incoming: Incoming, parts: list[bytes]) -> None:
    for part in parts:
        incoming.write(part)
