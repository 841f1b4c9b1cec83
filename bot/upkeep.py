"""Every few seconds brings back what a crash left half done: work that nobody holds, and messages whose sending was cut short."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from bot.clock import Clock
from bot.hints import Hint
from bot.telemetry import Logger, Metrics
from storage import outbox, turns
from storage.engines import Connection, Database, Unavailable

EVERY_MS = 3_000
CHORES_EVERY_MS = 3_600_000

Chore = Callable[[Connection, int], object]
"""Something to clear away, given the time."""


class Upkeep:
    """`hints` are rung when something was brought back. `chores` are done at the start and then once an hour.

    `grace_ms`: events that came later than that may be in somebody's hands although they stand in no queue.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        metrics: Metrics,
        log: Logger,
        hints: Sequence[Hint],
        chores: Sequence[Chore] = (),
        grace_ms: int = 0,
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._log = log
        self._hints = hints
        self._chores = chores
        self._chores_at = 0
        self._grace_ms = grace_ms

    async def run(self) -> None:
        while True:
            await self._clock.sleep(self._clock.spread(EVERY_MS))
            try:
                await self.tidy()
            except Unavailable:
                self._log.warning("upkeep waits for the database")

    async def tidy(self) -> None:
        if self._chores and self._clock.now() >= self._chores_at:
            for chore in self._chores:
                await self._database.write(partial(self._do, chore))
            self._chores_at = self._clock.now() + CHORES_EVERY_MS

        def unit(connection: Connection) -> tuple[int, int]:
            now = self._clock.now()
            return turns.sweep(connection, now, now - self._grace_ms), outbox.recover(connection, now)

        swept, recovered = await self._database.write(unit)
        if recovered:
            self._metrics.recovered.inc(recovered)
        if swept or recovered:
            self._log.info("stranded work was brought back", conversations=swept, messages=recovered)
            for hint in self._hints:
                hint.ring()

    def _do(self, chore: Chore, connection: Connection) -> None:
        chore(connection, self._clock.now())
