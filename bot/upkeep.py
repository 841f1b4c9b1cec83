"""Every few seconds brings back what a crash left half done: work that nobody holds, and messages whose sending was cut short."""

from __future__ import annotations

from collections.abc import Sequence

from bot.clock import Clock
from bot.hints import Hint
from bot.telemetry import Logger, Metrics
from storage import outbox, turns
from storage.engines import Connection, Database, Unavailable

EVERY_MS = 3_000


class Upkeep:
    """`hints` are rung when something was brought back."""

    def __init__(self, database: Database, clock: Clock, metrics: Metrics, log: Logger, hints: Sequence[Hint]) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._log = log
        self._hints = hints

    async def run(self) -> None:
        while True:
            await self._clock.sleep(self._clock.spread(EVERY_MS))
            try:
                await self.tidy()
            except Unavailable:
                self._log.warning("upkeep waits for the database")

    async def tidy(self) -> None:
        def unit(connection: Connection) -> tuple[int, int]:
            now = self._clock.now()
            return turns.sweep(connection, now), outbox.recover(connection, now)

        swept, recovered = await self._database.write(unit)
        if recovered:
            self._metrics.recovered.inc(recovered)
        if swept or recovered:
            self._log.info("stranded work was brought back", conversations=swept, messages=recovered)
            for hint in self._hints:
                hint.ring()
