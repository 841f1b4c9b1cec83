"""Keeps the files that customers send, for whatever adapter takes them: the disk is waited for in threads, never by the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.base import NotStored
from adapters.ports import FileRefused
from bot.telemetry import Logger, Metrics
from storage.blobs import Blob, Blobs, Broken, Incoming, Unwanted

if TYPE_CHECKING:
    from bot.scanner import Scanner

PART = 1_048_576
"""Bytes handed to the disk in one go."""
GULP = 262_144
REST_SECONDS = 0.01
"""After GULP bytes of a file the event loop has this long for others: 25 MB a second are taken in at most. A reply waits for the loop some
sixty times, once for each statement, and a loop that reads as fast as five senders can send comes round too seldom.
"""


class Files:
    """Files are looked at one after another, and read in gulps: a reply must not wait for the processor and the disk behind five of them.

    With a `scanner` nothing is kept that it has not called clean.
    """

    def __init__(self, blobs: Blobs, scanner: Scanner | None = None, metrics: Metrics | None = None, log: Logger | None = None) -> None:
        self._blobs = blobs
        self._scanner = scanner
        self._metrics = metrics
        self._log = log
        self._one = asyncio.Lock()
        self._resting = asyncio.Lock()

    async def keep(self, parts: AsyncIterator[bytes]) -> Blob:
        """Raises FileRefused or NotStored, and whatever `parts` raises; nothing is left behind then."""
        try:
            incoming = await asyncio.to_thread(self._blobs.begin)
            try:
                # Put together in the thread: a buffer that grows by every part costs the loop more than all else here.
                gathered: list[bytes] = []
                size = swallowed = 0
                async for part in parts:
                    gathered.append(part)
                    size += len(part)
                    swallowed += len(part)
                    if swallowed >= GULP:
                        await self._rest()
                        swallowed = 0
                    if size >= PART:
                        await asyncio.to_thread(incoming.write, *gathered)
                        gathered, size = [], 0
                await asyncio.to_thread(incoming.write, *gathered)
                async with self._one:
                    blob = await asyncio.to_thread(incoming.clean)
                await self._scan(incoming, blob)
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

    async def _rest(self) -> None:
        """One file after another. What is not read meanwhile waits with its sender."""
        async with self._resting:
            await asyncio.sleep(REST_SECONDS)

    async def _scan(self, incoming: Incoming, blob: Blob) -> None:
        """Raises FileRefused."""
        if self._scanner is None:
            return
        from bot.scanner import Unscanned

        try:
            found = await self._scanner.ask(incoming.content)
        except Unscanned as error:
            self._tell("unchecked", f"the virus scanner could not be asked, so a file was refused: {error}")
            raise FileRefused("unchecked") from None
        if found:
            await asyncio.to_thread(incoming.quarantine)
            self._tell("infected", "an infected file was refused and set aside", file=blob.digest, found=found)
            raise FileRefused("infected")

    def _tell(self, reason: str, said: str, **facts: str) -> None:
        if self._metrics is not None:
            self._metrics.files_refused.labels(reason).inc()
        if self._log is not None:
            self._log.warning(said, **facts)

    async def renew(self, id: str) -> bool:
        """Raises NotStored."""
        try:
            return await asyncio.to_thread(self._blobs.renew, id)
        except OSError:
            raise NotStored(5) from None

    async def find(self, id: str) -> Path | None:
        return await asyncio.to_thread(self._blobs.find, id)
