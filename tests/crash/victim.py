"""The process that is killed: started, waited for, and killed without a word, at a moment that it cannot know."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from bot.outcomes import REPLY_BACK_OFF_LIMIT_MS

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0
"""A start takes two; but six desks start and die at once, on a machine that others may use as well."""
LOOK_SECONDS = 0.05
SETTLE_SECONDS = 60.0 + 2 * REPLY_BACK_OFF_LIMIT_MS / 1000
"""What failed often while faults were on waits its longest once more; so a reply that is late is not taken for one that is lost."""


class Victim:
    """`command` is run with this Python. It says that it is up by its first line on standard output."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self._command = command
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        # Otherwise every life begins with compiling every module, and a run of a hundred takes thrice as long.
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        # Set while the process is up: whoever wants something of it waits for this.
        self.up = asyncio.Event()
        self.kills = 0

    async def start(self) -> asyncio.subprocess.Process:
        with (self._folder / "victim.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, *self._command, stdout=asyncio.subprocess.PIPE, stderr=log, env=self._environment, cwd=self._folder
            )
        return self._process

    async def wait_until_up(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            line = await process.stdout.readline()
        if not line:
            raise RuntimeError(f"the desk did not start: see {self._folder / 'victim.log'}")
        self.up.set()

    async def live_and_die(self, chance: random.Random, ready: Callable[[], Awaitable[None]] | None = None) -> None:
        """Start, run for a while, and be killed; one time in six already while starting. Its life begins when `ready` returns."""
        process = await self.start()
        early = chance.random() < 1 / 6
        if not early:
            await self.wait_until_up(process)
            if ready is not None:
                await ready()
        # Short lives are the more likely ones: a start is when most is taken over from the dead.
        life = chance.uniform(0.01, 0.6) if early else min(chance.expovariate(1.6) + 0.03, 2.0)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), life)
            raise RuntimeError(f"the desk ended by itself: see {self._folder / 'victim.log'}")
        self.up.clear()
        process.kill()
        await process.wait()
        self.kills += 1

    async def settle(self, settled: Callable[[], bool], watching: asyncio.Task[None], end: asyncio.Event) -> None:
        """The last life: until everything is answered, but no longer than SETTLE_SECONDS; then it is asked to end, and must do so cleanly.

        `watching` goes on until `end` is set. Raises what it raised.
        """
        process = await self.start()
        await self.wait_until_up(process)
        until = time.monotonic() + SETTLE_SECONDS
        while not settled() and time.monotonic() < until and not watching.done():
            await asyncio.wait((watching,), timeout=LOOK_SECONDS)
        if not settled():
            sys.stderr.write(f"{self._folder.name}: not everything was answered {SETTLE_SECONDS:.0f} s after the last start\n")
        end.set()
        await watching
        code = await self.stop(process)
        if code != 0:
            raise RuntimeError(f"the desk did not stop cleanly: exit code {code}, see {self._folder / 'victim.log'}")

    async def stop(self, process: asyncio.subprocess.Process) -> int:
        """Ask it to end, as an operator does."""
        self.up.clear()
        process.terminate()
        async with asyncio.timeout(START_SECONDS):
            return await process.wait()
