"""Brings what was published to everybody who subscribes: a few at a time into the outbox, and from there what became of it into the ledger.

Whoever publishes is another process, so the tables are looked into every few seconds; they are all that is known here, and a restart goes
on where the last commit stood.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bot.clock import Clock, Ids
from bot.hints import Hint
from bot.telemetry import Logger
from conversations.knowledge import Knowledge
from storage.engines import Connection, Database, Unavailable
from storage.notice_rows import START, Notice, Place, Settled
from storage.notice_statements import WAITING

POLL_MS = 2_000
LOOK_MS = 1_000
PAUSE_LIMIT_MS = 30_000
"""How soon it is looked again at messages on their way, and how soon at the latest when nothing has become of any (a platform is away)."""

CHUNK = 100
"""Recipients planned in one transaction: few, because on SQLite a reply that wants to be committed waits for it."""

PAGE = 500
PAGES = 4
"""Recipients looked at in one transaction; how many of those for what is not at the front."""

LOST = "unreachable:"
"""How the outbox begins what it says of a chat that cannot be reached (bot.delivery)."""


class Notices:
    """`lanes` are the hints of delivery by platform, `worker` the one of those who decide turns."""

    def __init__(
        self,
        database: Database,
        knowledge: Callable[[], Knowledge],
        clock: Clock,
        ids: Ids,
        log: Logger,
        lanes: Mapping[str, Hint],
        worker: Hint,
    ) -> None:
        self._database = database
        self._knowledge = knowledge
        self._clock = clock
        self._ids = ids
        self._log = log
        self._lanes = lanes
        self._worker = worker
        self._pause_ms = LOOK_MS
        self._look_at = 0
        self._after: Place = START

    async def run(self) -> None:
        while True:
            try:
                wait = await self.carry_on()
            except Unavailable:
                self._log.warning("notices wait for the database")
                wait = POLL_MS
            await self._clock.sleep(self._clock.spread(wait))

    async def carry_on(self) -> int:
        """Do all there is to do now. Returns the milliseconds until it is worth looking again."""
        unplanned, unsettled = await self._database.read(lambda connection: connection.execute(WAITING).one())
        if unplanned:
            await self._plan_all()
            self._look_at, self._pause_ms = 0, LOOK_MS
        if not (unplanned or unsettled):
            return POLL_MS
        if self._clock.now() >= self._look_at:
            known = await self._look()
            self._pause_ms = LOOK_MS if known else min(self._pause_ms * 2, PAUSE_LIMIT_MS)
            self._look_at = self._clock.now() + self._pause_ms
        return LOOK_MS

    async def _plan_all(self) -> None:
        # Here, because a desk that has nothing to tell needs none of it.
        from storage import notices

        drawn: dict[tuple[int, str], str] = {}

        def draw(notice: Notice, locale: str) -> str:
            if (notice.id, locale) not in drawn:
                drawn[notice.id, locale] = drawn_in(self._knowledge(), notice, locale)
            return drawn[notice.id, locale]

        def unit(connection: Connection) -> set[str] | None:
            return notices.plan(connection, draw, self._clock.now(), CHUNK)

        while (platforms := await self._database.write(unit)) is not None:
            for platform in platforms & self._lanes.keys():
                self._lanes[platform].ring()

    async def _look(self) -> int:
        """Look at messages on their way; of how many it is known now what became of them.

        They go out in the order in which they are looked at, so most news is at the front. What stays there, for a platform that is away,
        must not hide what is behind it: so a part of the rest is looked at each time as well.
        """
        known, after = 0, START
        while True:
            settled = await self._settle(after)
            known += settled.known
            if settled.last is None:
                return known
            after = settled.last
            if not settled.known:
                break
        for _ in range(PAGES):
            settled = await self._settle(self._after)
            known += settled.known
            self._after = settled.last or START
            if settled.last is None:
                break
        return known

    async def _settle(self, after: Place) -> Settled:
        from storage import notices

        def unit(connection: Connection) -> Settled:
            return notices.settle(connection, self._ids.new, LOST, after, self._clock.now(), PAGE)

        settled = await self._database.write(unit)
        if settled.lost:
            self._log.info("chats that cannot be reached get no more notices", conversations=settled.lost)
            self._worker.ring()
        return settled


def drawn_in(knowledge: Knowledge, notice: Notice, locale: str) -> str:
    """The message, as the outbox keeps it."""
    import msgspec

    from conversations.flows import subscriptions

    texts = msgspec.json.decode(notice.texts, type=dict[str, str])
    return msgspec.json.encode(subscriptions.notice(knowledge, locale, notice.topic, texts)).decode()
