"""The way of a message inside the process: intake → worker → delivery, with timers, notices and upkeep, wired to each other by hints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from adapters.base import Adapter
from bot.clock import Clock, Ids
from bot.codes import Codes
from bot.delivery import Lane
from bot.held import Held
from bot.hints import Hint
from bot.intake import Intake
from bot.notices import Notices
from bot.supervision import Supervisor
from bot.telemetry import Logger, Metrics
from bot.timers import Timers
from bot.upkeep import Chore, Upkeep
from bot.worker import Decide, Worker
from conversations.knowledge import Knowledge
from storage import outbox, turns
from storage.engines import Connection, Database

SETTLING_MS = 5


def ways_in(adapters: Sequence[Adapter], platform: str, code: str) -> list[tuple[str, str]]:
    """What is to be opened or typed on each platform to bring a link code there; a platform may have no such way. On the one given only
    where somebody may have a second chat.
    """
    others = (adapter for adapter in adapters if adapter.name != platform or adapter.capabilities.several_chats)
    ways = ((adapter.name, getattr(adapter, "way_in", lambda code: "")(code)) for adapter in others)
    return [(name, way) for name, way in ways if way]


TALKS_HELD = 256
"""Conversations that are kept in memory: those that are just being had, whose next turn comes within the minute."""

GRACE_MS = 10_000
"""What the only process was given and has not come to in so long is looked for in the tables, whatever it believes it has in memory."""


class Pipeline:
    """Every part is told early, when what it waits for is on its way to the database, and again when it is committed.

    The early word lets the next step join the transaction that is about to be written; the late one makes up for one that came too
    early. Neither carries anything: what there is to do stands in the tables, so a lost hint costs a second and no message.

    `alone`: no other process works on this database. Then what is stored for a conversation that is just being had is given on by hand, and
    so is what it says: the tables hold it all the same, and whoever starts after a crash finds it there.

    `working`: this process decides turns, and does not only receive and send.
    """

    def __init__(
        self,
        database: Database,
        adapters: Sequence[Adapter],
        decide: Decide,
        knowledge: Callable[[], Knowledge],
        clock: Clock,
        ids: Ids,
        metrics: Metrics,
        log: Logger,
        alone: bool = True,
        working: bool = True,
        chores: Sequence[Chore] = (),
        mail_account: str = "",
        codes: Codes | None = None,
    ) -> None:
        self.node = str(ids.new())
        self.adapters = adapters
        self._database = database
        self._clock = clock
        self._working = working
        worker, timers = Hint(clock, serial=alone), Hint(clock)
        held = Held(TALKS_HELD)
        self.intake = Intake(database, clock, ids, metrics, log, worker, held if alone and working else None)
        # A platform of another node is not among them: it is not ours to wake.
        self.lanes = {each.name: Lane(each, database, self.node, clock, metrics, log, alone) for each in adapters}
        hints = {name: lane.hint for name, lane in self.lanes.items()}
        self.worker = Worker(
            database,
            decide,
            knowledge,
            self.node,
            clock,
            metrics,
            log,
            worker,
            self.lanes,
            timers,
            held,
            mail_account=mail_account,
            codes=codes,
            ids=ids,
            ways=partial(ways_in, adapters),
            alone=alone,
        )
        self.timers = Timers(database, clock, ids, metrics, log, timers, worker)
        self.notices = Notices(database, knowledge, clock, ids, log, hints, worker)
        self.upkeep = Upkeep(database, clock, metrics, log, (worker, *hints.values()), chores, GRACE_MS if alone else 0)

    def start(self, supervisor: Supervisor) -> None:
        """Start every loop but the adapters' own: what was left from before is carried on first."""
        if self._working:
            supervisor.start("worker", self.worker.run)
            supervisor.start("timers", self.timers.run)
            supervisor.start("upkeep", self.upkeep.run)
            supervisor.start("notices", self.notices.run)
        for name, lane in self.lanes.items():
            supervisor.start(f"delivery.{name}", lane.run)

    def receive(self, supervisor: Supervisor) -> None:
        """Let the adapters take what comes from outside."""
        for adapter in self.adapters:
            supervisor.start(f"adapter.{adapter.name}", partial(adapter.run, self.intake.accept))

    async def drain(self, supervisor: Supervisor, seconds: float) -> bool:
        """Take nothing new, finish what was taken and send what is due; whether that was done in time. What was not stays in the tables."""
        await self.intake.close()
        self.worker.drain()
        finished = await supervisor.wait(["worker"], seconds)
        for lane in self.lanes.values():
            lane.drain()
        return await supervisor.wait([f"delivery.{name}" for name in self.lanes], seconds) and finished

    async def settled(self) -> None:
        """Returns once nothing is pending any more, anywhere: for a desk with a single customer."""
        while not await self.quiet():
            await self._clock.sleep(SETTLING_MS)

    async def quiet(self) -> bool:
        """Whether nothing waits for a turn or to be sent."""

        def unit(connection: Connection) -> int:
            return turns.counts(connection).waiting + outbox.counts(connection).due

        # The worker and the lanes are asked after the tables: what was claimed before they were read is in flight, or has been sent.
        return not await self._database.read(unit) and not self.worker.busy and not any(lane.busy for lane in self.lanes.values())
