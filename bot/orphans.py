"""Once a day removes the kept files that nobody refers to: uploaded and never sent, or sent to somebody who is no longer there."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from bot.clock import Clock
from bot.telemetry import Logger, Metrics
from storage import references
from storage.blobs import Blobs
from storage.engines import Database, Unavailable

FIRST_MS = 600_000
"""Not at once: a desk that is started again and again has other things to do."""

EVERY_MS = 86_400_000
AGAIN_MS = 3_600_000

AGE_MS = 172_800_000
"""How long after its upload a file may wait for the message that it belongs to."""

MOST = 20_000
"""Files looked after in one go, so that what is remembered of them stays small. The next day begins elsewhere."""

ROWS = 200
STEP = 100
PAUSE_MS = 10


class Orphans:
    """Why nothing that is referred to is ever taken:

    - What was referred to when the reading began is found, wherever it moves meanwhile: tables are read in the order in which
      attachments travel, and the inbox, where all of them come in, keeps what it has.
    - What is referred to for the first time after that was kept or renewed less than AGE_MS before, and files are collected by the age
      they have at that very moment, counted from the beginning of the reading.
    """

    def __init__(self, database: Database, blobs: Blobs, clock: Clock, metrics: Metrics, log: Logger) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._metrics = metrics
        self._log = log

    async def run(self) -> None:
        wait = FIRST_MS
        while True:
            await self._clock.sleep(self._clock.spread(wait))
            wait = EVERY_MS
            try:
                await self.collect()
            except (Unavailable, OSError) as error:
                self._log.warning("files that nobody refers to are looked for later", error=type(error).__name__)
                wait = AGAIN_MS

    async def collect(self) -> int:
        """How many were removed. Raises Unavailable, or OSError of the disk; the next time goes on with what is left."""
        before = self._clock.now() - AGE_MS
        # By odd steps through all the folders: each is the first one once in 256 days, and not only its neighbours come before it.
        start = before // EVERY_MS * 97
        aged = set(await asyncio.to_thread(self._blobs.aged, before, start, MOST))
        orphans = await self._unreferenced(aged)
        if not orphans:
            return 0
        if len(orphans) == len(aged):
            # Rather a database that was put aside, or one that these files do not belong to.
            self._log.warning("nothing refers to any of the kept files, so none is removed", files=len(orphans))
            return 0
        count = size = 0
        left = sorted(orphans)
        for at in range(0, len(left), STEP):
            removed, removed_bytes = await asyncio.to_thread(self._blobs.collect, left[at : at + STEP], before)
            count, size = count + removed, size + removed_bytes
            self._metrics.collected.inc(removed)
            self._metrics.collected_bytes.inc(removed_bytes)
        if count:
            self._log.info("files that nobody refers to were removed", files=count, bytes=size)
        return count

    async def _unreferenced(self, digests: set[str]) -> set[str]:
        """What is left of these once every place that may refer to them has been read."""
        left = set(digests)
        for place in references.PLACES:
            after: tuple[Any, ...] | None = None
            while left:
                part = await self._database.read(partial(references.read, place=place, after=after, limit=ROWS))
                left -= await asyncio.to_thread(references.digests, part.texts)
                if (after := part.last) is None:
                    break
                await self._clock.sleep(PAUSE_MS)
        return left
