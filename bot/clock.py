"""The only doors to time and chance: Clock tells and awaits time, Ids makes numbers that grow and never repeat."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Protocol


class Alarm(Protocol):
    def cancel(self) -> object: ...


class Clock:
    """Time as the rest of the program sees it. Tests replace it by one that is moved by hand."""

    def now(self) -> int:
        """Epoch milliseconds, UTC."""
        return time.time_ns() // 1_000_000

    def call_after(self, ms: float, callback: Callable[[], object]) -> Alarm:
        """Call `callback` in `ms` milliseconds unless the alarm is cancelled before."""
        return asyncio.get_running_loop().call_later(max(ms, 0) / 1000, callback)

    async def sleep(self, ms: float) -> None:
        awake = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not awake.done():
                awake.set_result(None)

        alarm = self.call_after(ms, wake)
        try:
            await awake
        finally:
            alarm.cancel()

    def spread(self, ms: float) -> float:
        """About `ms`, a little different each time, so that many processes do not knock at the database together."""
        return ms * (0.8 + secrets.randbelow(401) / 1000)


def digits(count: int) -> str:
    """So many decimal digits that nobody can guess."""
    return f"{secrets.randbelow(10**count):0{count}}"


def letters(alphabet: str, count: int) -> str:
    """So many letters that nobody can guess."""
    return "".join(secrets.choice(alphabet) for _ in range(count))


EPOCH_MS = 1_735_689_600_000
"""2025-01-01: 40 bits of milliseconds from here last until 2059."""

PROCESS_BITS = 13
COUNT_BITS = 10


class Ids:
    """Numbers of 63 bits made by the application, so that every database stores the same ones.

    40 bits of milliseconds, 13 that tell this start of this process from others, 10 that count within a millisecond. They grow
    within a process whatever the clock does: when it is set back, or when a millisecond is used up, time is borrowed ahead.
    """

    def __init__(self, clock: Clock, process: int | None = None) -> None:
        self._clock = clock
        self._process = secrets.randbelow(1 << PROCESS_BITS) if process is None else process
        self._tick = 0
        self._count = 0

    def new(self) -> int:
        tick = self._clock.now() - EPOCH_MS
        if tick > self._tick:
            self._tick, self._count = tick, 0
        else:
            self._count += 1
            if self._count >> COUNT_BITS:
                self._tick, self._count = self._tick + 1, 0
        return (self._tick << PROCESS_BITS | self._process) << COUNT_BITS | self._count
