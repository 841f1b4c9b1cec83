"""A hint: something may be waiting for you. Rows are the truth; a hint only saves the wait for the next poll."""

from __future__ import annotations

import asyncio

from bot.clock import Clock


class Hint:
    """Wakes the one loop that waits on it. Ringing twice before it looks is the same as ringing once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = False
        self._waiter: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """To be called from the event loop's own thread."""
        self._rung = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self, ms: float) -> None:
        """Until rung (also if that was before the call), at most `ms` milliseconds."""
        if not self._rung:
            self._waiter = asyncio.get_running_loop().create_future()
            alarm = self._clock.call_after(ms, self._wake)
            try:
                await self._waiter
            finally:
                alarm.cancel()
                self._waiter = None
        self._rung = False
