"""Whether the desk can serve, and the figures that only the database knows: what `/ready` and `/metrics` ask."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.exposition import generate_latest

from bot.clock import Clock
from bot.knowledge import Library
from bot.supervision import Supervisor
from bot.telemetry import Metrics, resident_bytes
from bot.web import Check
from conversations.tickets import STATES
from storage import outbox, requests, tickets, turns
from storage.engines import Connection, Database, Unavailable

PATIENCE_SECONDS = 2.0
LEAST_FREE_BYTES = 16 * 2**20
"""With less than this an SQLite file may fail to grow at any moment."""


class Wellness:
    """`disk` is the folder whose space matters, where the database is a file of ours; `more` are checks of what not every desk has."""

    def __init__(
        self,
        database: Database,
        library: Library,
        supervisor: Supervisor,
        metrics: Metrics,
        clock: Clock,
        disk: Path | None,
        more: Mapping[str, Check] | None = None,
    ) -> None:
        self._database = database
        self._library = library
        self._supervisor = supervisor
        self._metrics = metrics
        self._clock = clock
        self._disk = disk
        self._more = more or {}
        self.stopping = False

    def checks(self) -> Mapping[str, Check]:
        return {
            "database": self._check_database,
            "knowledge": self._check_knowledge,
            "loops": self._check_loops,
            "platforms": self._check_platforms,
            **self._more,
        }

    async def _check_database(self) -> str:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._database.write(lambda connection: connection.exec_driver_sql("SELECT 1").scalar())
        except (Unavailable, TimeoutError):
            return "it takes no writes"
        if self._disk is not None and shutil.disk_usage(self._disk).free < LEAST_FREE_BYTES:
            return "its disk is full"
        return ""

    async def _check_knowledge(self) -> str:
        return "" if self._library.current.topics else "it has no topics"

    async def _check_loops(self) -> str:
        if self.stopping:
            return "the desk is stopping"
        return f"starting again after a crash: {', '.join(sorted(self._supervisor.down))}" if self._supervisor.down else ""

    async def _check_platforms(self) -> str:
        shut = self._supervisor.unwelcome
        return f"not let in: {', '.join(sorted(name.removeprefix('adapter.') for name in shut))} (the log says why)" if shut else ""

    async def figures(self) -> bytes:
        """The metrics in Prometheus' text form. When the database is away, its gauges keep what they last showed."""

        def unit(connection: Connection) -> tuple[turns.WorkCounts, outbox.OutboxCounts, int, dict[str, int]]:
            return turns.counts(connection), outbox.counts(connection), len(requests.list_open(connection)), tickets.counts(connection)

        metrics, now = self._metrics, self._clock.now()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                work, out, open_requests, by_state = await self._database.read(unit)
        except (Unavailable, TimeoutError):
            pass
        else:
            metrics.pending.set(work.waiting)
            metrics.lag_seconds.set(max(0, now - work.oldest_at) / 1000 if work.oldest_at is not None else 0)
            metrics.parked.set(work.parked)
            metrics.due.set(out.due)
            metrics.due_seconds.set(max(0, now - out.oldest_at) / 1000 if out.oldest_at is not None else 0)
            metrics.failed.set(out.failed)
            metrics.open_requests.set(open_requests)
            for state in STATES:
                if state not in ("closed", "merged"):
                    metrics.tickets.labels(state).set(by_state.get(state, 0))
        metrics.resident.set(resident_bytes())
        return generate_latest(metrics.registry)
