"""Keeps the background loops running: one that crashes is reported and started again, and the desk says so while it is down.

One that a platform does not let in is reported once and stays stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from adapters.base import Unwelcome
from bot.clock import Clock
from bot.telemetry import Logger, Metrics, fault

BACK_OFF_MS = 200
BACK_OFF_LIMIT_MS = 10_000
CALM_MS = 30_000
"""A loop that ran so long before it crashed starts again at once."""

Loop = Callable[[], Awaitable[None]]


class Supervisor:
    def __init__(self, clock: Clock, metrics: Metrics, log: Logger) -> None:
        self._clock = clock
        self._metrics = metrics
        self._log = log
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.down: set[str] = set()
        self.unwelcome: dict[str, str] = {}
        """Loops that stay stopped because a platform does not let the desk in, and what to do about it."""

    def start(self, name: str, loop: Loop) -> None:
        """Run `loop` until it returns by itself, is stopped, or raises Unwelcome."""
        self.unwelcome.pop(name, None)
        self._tasks[name] = asyncio.create_task(self._keep(name, loop), name=name)

    async def wait(self, names: Iterable[str], seconds: float) -> bool:
        """Until the named loops have returned, at most `seconds`; whether they have."""
        tasks = [self._tasks[name] for name in names if name in self._tasks]
        if not tasks:
            return True
        _, pending = await asyncio.wait(tasks, timeout=seconds)
        return not pending

    async def stop(self, names: Iterable[str] | None = None) -> None:
        tasks = [task for name, task in self._tasks.items() if names is None or name in names]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, name: str, loop: Loop) -> None:
        wait: float = BACK_OFF_MS
        while True:
            started_at = self._clock.now()
            try:
                await loop()
                return
            except Unwelcome as refusal:
                # Knocking again and again would not open the door, and may get the desk's address blocked.
                self.unwelcome[name] = str(refusal)
                self._log.error("a platform does not let the desk in: stopped until the next start", loop=name, reason=str(refusal))
                return
            except Exception as error:
                self._metrics.restarts.labels(name).inc()
                if self._clock.now() - started_at > CALM_MS:
                    wait = BACK_OFF_MS
                self._log.error("a loop crashed and starts again", loop=name, retry_ms=round(wait), **fault(error))
            self.down.add(name)
            await self._clock.sleep(self._clock.spread(wait))
            self.down.discard(name)
            wait = min(wait * 2, BACK_OFF_LIMIT_MS)
