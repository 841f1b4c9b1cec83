"""Turns timers that came due into events of their conversations. They are rows: a restart forgets none of them."""

from __future__ import annotations

from bot.clock import Clock, Ids
from bot.hints import Hint
from bot.telemetry import Logger, Metrics
from storage import timers
from storage.engines import Connection, Database, Unavailable

BATCH = 256
POLL_MS = 5_000
"""How late a timer may be that another node set, for it rings nobody here."""

SOONEST_MS = 20
"""Timers that come due one after the other are fired together."""


class Timers:
    """`worker` is told when there is something to claim."""

    def __init__(self, database: Database, clock: Clock, ids: Ids, metrics: Metrics, log: Logger, hint: Hint, worker: Hint) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._metrics = metrics
        self._log = log
        self.hint = hint
        self._worker = worker

    async def run(self) -> None:
        while True:
            self.hint.take()
            try:
                wait = await self._fire_due()
            except Unavailable:
                self._log.warning("timers wait for the database")
                wait = POLL_MS
            await self.hint.wait(wait)

    async def _fire_due(self) -> float:
        """Milliseconds until it is worth looking again."""

        def unit(connection: Connection) -> int:
            return timers.fire(connection, self._clock.now(), BATCH, self._ids.new)

        while True:
            # Looked up before writing: with nothing due no transaction is opened.
            next_at = await self._database.read(timers.next_due_at)
            now = self._clock.now()
            if next_at is None or next_at > now:
                return POLL_MS if next_at is None else max(SOONEST_MS, min(next_at - now, POLL_MS))
            count = await self._database.write(unit)
            if not count:
                # Another node was quicker.
                return SOONEST_MS
            self._metrics.timers_fired.inc(count)
            self._worker.ring()
