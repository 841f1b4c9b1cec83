"""A loop that crashes starts again, later each time, and the desk says so while it is down."""

from __future__ import annotations

import asyncio

from adapters.base import Unwelcome
from bot.supervision import Supervisor
from bot.telemetry import Metrics, configure
from tests.bot.rig import HandClock, until


async def test_a_crashed_loop_starts_again() -> None:
    clock, metrics = HandClock(), Metrics()
    supervisor = Supervisor(clock, metrics, configure("error", "json"))
    starts: list[int] = []
    well = asyncio.Event()

    async def loop() -> None:
        starts.append(clock.at)
        if len(starts) < 4:
            raise RuntimeError("no")
        well.set()
        await asyncio.Event().wait()

    supervisor.start("worker", loop)
    for count in (1, 2, 3):
        await until(lambda: supervisor.down == {"worker"})
        assert len(starts) == count
        began = clock.at
        while len(starts) == count:
            clock.advance(50)
            await asyncio.sleep(0)
        assert clock.at - began >= 200 * 2 ** (count - 1)
    await asyncio.wait_for(well.wait(), 5)
    assert supervisor.down == set()
    assert metrics.registry.get_sample_value("relevo_loop_restarts_total", {"loop": "worker"}) == 3
    await supervisor.stop()


async def test_a_loop_that_returns_is_finished() -> None:
    supervisor = Supervisor(HandClock(), Metrics(), configure("error", "json"))

    async def loop() -> None:
        return None

    supervisor.start("reload", loop)
    assert await supervisor.wait(["reload"], 5)
    assert await supervisor.wait(["never started"], 5)
    await supervisor.stop()


async def test_who_is_not_let_in_knocks_once() -> None:
    clock, metrics = HandClock(), Metrics()
    supervisor = Supervisor(clock, metrics, configure("error", "json"))
    knocks: list[int] = []

    async def adapter() -> None:
        knocks.append(clock.at)
        raise Unwelcome("RELEVO_PIGEON__TOKEN: the platform does not know this token")

    supervisor.start("adapter.pigeon", adapter)
    assert await supervisor.wait(["adapter.pigeon"], 5)
    clock.advance(3_600_000)
    await asyncio.sleep(0)
    assert len(knocks) == 1
    assert supervisor.down == set()
    assert supervisor.unwelcome == {"adapter.pigeon": "RELEVO_PIGEON__TOKEN: the platform does not know this token"}
    supervisor.start("adapter.pigeon", asyncio.Event().wait)  # type: ignore[arg-type]
    assert supervisor.unwelcome == {}
    await supervisor.stop()
