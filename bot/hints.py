"""A hint: something may be waiting for you. Rows are the truth; a hint only saves the wait for the next poll."""

from __future__ import annotations

import asyncio

from bot.clock import Clock


class Hint:
    """Wakes the one loop that waits on it. Ringing twice before it looks is the same as ringing once.

    Whoever writes what the loop looks for rings twice: when the writing is asked for, so that the look can join its transaction, and
    once it is committed, in case that was too early. `serial`: transactions come strictly one after the other, so the writer can tell
    that a look behind its own statements has already found what it wrote, and spares the second ring.
    """

    def __init__(self, clock: Clock, serial: bool = False) -> None:
        self._clock = clock
        self._serial = serial
        self._rung = False
        self._waiter: asyncio.Future[None] | None = None
        self.looks = 0

    def ring(self) -> None:
        """To be called from the event loop's own thread."""
        self._rung = True
        self.wake()

    def ring_unless_seen(self, looks: int) -> None:
        """Ring for what was written when `looks` was the number of looks, unless there has been one since."""
        if not self._serial or self.looks == looks:
            self.ring()

    def take(self) -> bool:
        """Whether it was rung since the last time: to be asked when a look is asked for."""
        rung, self._rung = self._rung, False
        return rung

    def looked(self) -> None:
        """To be called in the transaction that looks."""
        self.looks += 1

    async def wait(self, ms: float) -> None:
        """Until rung (also if that was before the call), at most `ms` milliseconds."""
        if not self._rung:
            self._waiter = asyncio.get_running_loop().create_future()
            alarm = self._clock.call_after(ms, self.wake)
            try:
                await self._waiter
            finally:
                alarm.cancel()
                self._waiter = None

    def wake(self) -> None:
        """End a wait, without there being anything to look for."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
