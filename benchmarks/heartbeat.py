"""The program with a heartbeat inside its event loop: how late the loop comes to what is due, whatever the cause.

    python -m benchmarks.heartbeat FILE run

is `relevo run`; FILE is written when it stops. A line is a beat that was late: when it came (seconds of the system's monotonic clock, which
all processes share), and in milliseconds how late it was and how long the loop's thread had stood ready since the beat before without being
given a processor. That part is the machine's; the rest is the program's own: it computed, or waited for the interpreter or for the system.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

EVERY_MS = 5.0
WORTH_MS = 2.0
"""Less is the resolution of the loop's own clock."""


class Late(NamedTuple):
    """A beat that came late."""

    at: float
    late_ms: float
    unserved_ms: float

    @property
    def held_ms(self) -> float:
        """What the program itself is answerable for."""
        return max(0.0, self.late_ms - self.unserved_ms)


def read(file: Path) -> list[Late]:
    return [Late(*map(float, line.split())) for line in file.read_text(encoding="ascii").splitlines()]


class Heart:
    """Beats in the loop it is begun in, from then on."""

    def __init__(self) -> None:
        self.lates: list[Late] = []
        self._loop = asyncio.get_running_loop()
        self._shares = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        self._due = time.perf_counter()
        self._unserved = self._waited()
        self._beat()

    def _waited(self) -> float:
        """How long this thread has waited for a processor, in milliseconds."""
        return int(self._shares.read_text(encoding="ascii").split()[1]) / 1e6

    def _beat(self) -> None:
        now = time.perf_counter()
        unserved = self._waited()
        late = (now - self._due) * 1000
        if late > WORTH_MS:
            self.lates.append(Late(now, late, unserved - self._unserved))
        self._unserved = unserved
        self._due = now + EVERY_MS / 1000
        self._loop.call_later(EVERY_MS / 1000, self._beat)


def main() -> None:
    from bot import cli
    from bot.app import App

    file = Path(sys.argv.pop(1))
    run = App.run

    async def beating(app: App, announce: Callable[[str], None]) -> None:
        heart = Heart()
        await run(app, announce)
        lates.extend(heart.lates)

    lates: list[Late] = []
    App.run = beating  # type: ignore[method-assign, assignment]
    try:
        cli.main()
    finally:
        file.write_text("".join(" ".join(f"{value:.6f}" for value in late) + "\n" for late in lates), encoding="ascii")


if __name__ == "__main__":
    main()
