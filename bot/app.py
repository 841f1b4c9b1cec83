"""The composition root: builds every part of the desk from its settings and wires them; starts them in order and stops them gently."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Collection
from functools import partial

from adapters.portal import Portal
from adapters.webchat import WebChat, beginnings
from bot import area, memory
from bot.clock import Clock, Ids
from bot.codes import Codes
from bot.content import ContentInvalid
from bot.files import Files
from bot.knowledge import Library
from bot.lock import only_process, sqlite_path
from bot.orphans import Orphans
from bot.pipeline import Pipeline
from bot.platforms import Parts, client_area, live_chat, platforms
from bot.settings import Settings, WrongSetting, secret_key
from bot.sources import database_of, library_of, scanner_of
from bot.supervision import Supervisor
from bot.telemetry import Logger, Metrics, loop_fault
from bot.web import Web, address_of, application, listen
from bot.wellness import Wellness
from conversations.engine import decide
from storage import links, migrate, notices, proofs, sessions, turns
from storage.blobs import Blobs
from storage.engines import Connection, Database, SchemaTooNew, Unavailable

ROLES = ("adapters", "worker", "web")
DRAIN_SECONDS = 4.0
DAY_MS = 86_400_000

TURN_SECONDS = 0.0005
"""How long a thread that looks at a customer's file keeps the interpreter while the event loop waits for it. Python's own 5 ms add up: a
reply needs the interpreter a dozen times.
"""


class App:
    """One running desk."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        library: Library,
        pipeline: Pipeline,
        supervisor: Supervisor,
        wellness: Wellness,
        webchat: WebChat | None,
        portal: Portal | None,
        blobs: Blobs,
        clock: Clock,
        metrics: Metrics,
        log: Logger,
    ) -> None:
        self.settings = settings
        self.database = database
        self.library = library
        self.pipeline = pipeline
        self.supervisor = supervisor
        self.wellness = wellness
        self.webchat = webchat
        self.portal = portal
        self.blobs = blobs
        self.clock = clock
        self.metrics = metrics
        self.log = log
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Let `run` finish what is in hand and return."""
        self._stop.set()

    async def run(self, announce: Callable[[str], None] = lambda _: None) -> None:
        """From start to stop. `announce` is told the address (or "") once the desk is open. Raises WrongSetting."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(loop_fault(self.log))
        sys.setswitchinterval(TURN_SECONDS)
        secret_key(self.settings)
        with only_process(self.settings.database):
            # The port is tried first: nothing has been touched yet when it is taken.
            listener = listen(self.settings.http) if self.webchat is not None else None
            try:
                await self._prepare()
                self._heed_signals(loop)
                web = None
                if listener is not None and self.webchat is not None:
                    routes = [route for adapter in self.pipeline.adapters for route in getattr(adapter, "routes", tuple)()]
                    if self.portal is not None:
                        routes += self.portal.routes(address_of(self.settings.http, listener))
                    site = application(routes, self.wellness.checks(), self.wellness.figures)
                    web = Web(site, self.settings.http, listener)
                await self._serve(web, partial(announce, address_of(self.settings.http, listener) if listener else ""))
            finally:
                if listener is not None:
                    listener.close()
                await self.supervisor.stop()
                await self.database.close()

    async def _prepare(self) -> None:
        """Bring the tables up to date, and take over what the last run left."""
        try:
            await asyncio.to_thread(migrate.upgrade, self.settings.database)
            await self.database.write(self._take_over)
        except SchemaTooNew as error:
            raise WrongSetting(f"RELEVO_DATABASE_URL: {error}") from None
        except Unavailable as error:
            raise WrongSetting(f"RELEVO_DATABASE_URL: the database cannot be used ({type(error.__cause__ or error).__name__})") from None

        try:
            await asyncio.to_thread(self.blobs.tidy, self.clock.now())
        except OSError as error:
            raise WrongSetting(f"RELEVO_DATA_DIR: the files kept there cannot be used ({error.strerror})") from None

    def _take_over(self, connection: Connection) -> None:
        if sqlite_path(self.settings.database) is not None:
            turns.take_over(connection)
        # What a conversation was set aside for may be mended by this release or its content.
        turns.unpark(connection, self.clock.now())

    def _heed_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        def stop() -> None:
            # A second signal is somebody who will not wait: it ends the process, which loses nothing.
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
            self.stop()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: self.supervisor.start("reload", self.reload))

    async def reload(self) -> None:
        """Learn the desk's files anew. With a fault in them the desk goes on with what it knew."""
        try:
            await self.library.reload()
        except ContentInvalid as error:
            self.log.error("the content was not reloaded, what was known is kept", faults=[str(fault) for fault in error.faults])
            return
        await self.database.write(lambda connection: turns.unpark(connection, self.clock.now()))
        self.pipeline.worker.hint.ring()
        self.log.info("the content was reloaded", topics=len(self.library.current.topics))

    async def _serve(self, web: Web | None, announce: Callable[[], None]) -> None:
        self.pipeline.start(self.supervisor)
        self.pipeline.receive(self.supervisor)
        orphans = Orphans(self.database, self.blobs, self.clock, self.metrics, self.log)
        self.supervisor.start("orphans", orphans.run)
        if web is not None:
            self.supervisor.start("web", web.run)
            await web.started.wait()
        memory.settle()
        announce()
        self.log.info("the desk is open", topics=len(self.library.current.topics))
        await self._stop.wait()
        self.log.info("the desk is closing")
        self.wellness.stopping = True
        if not await self.pipeline.drain(self.supervisor, DRAIN_SECONDS):
            self.log.warning("not everything was sent in time; the next start goes on with it")
        # The live chat lets its browsers go before the server waits for them.
        await self.supervisor.stop(f"adapter.{adapter.name}" for adapter in self.pipeline.adapters)
        if web is not None:
            web.stop()
            await self.supervisor.wait(["web"], DRAIN_SECONDS)


def build(settings: Settings, log: Logger, roles: Collection[str] = ROLES) -> App:
    """Every part of one desk, wired; nothing is started yet. Raises WrongSetting."""
    clock = Clock()
    ids = Ids(clock)
    metrics = Metrics()
    database = database_of(settings)
    library = library_of(settings, "mail" if settings.email.address else "log" if settings.tried_out else "")
    supervisor = Supervisor(clock, metrics, log)
    key = secret_key(settings).get_secret_value().encode()
    blobs = Blobs(settings.data_dir / "blobs")
    scanner = scanner_of(settings)
    desk = Parts(settings, database, library, Files(blobs, scanner, metrics, log), clock, key)
    webchat = live_chat(desk) if "web" in roles else None
    file = sqlite_path(settings.database)
    pipeline = Pipeline(
        database,
        [*([webchat] if webchat is not None else []), *(platforms(desk, web=webchat is not None) if "adapters" in roles else [])],
        decide,
        lambda: library.current,
        clock,
        ids,
        metrics,
        log,
        alone=file is not None,
        working="worker" in roles,
        chores=(
            lambda connection, now: sessions.expire(connection, now - settings.chat.limits.idle_days * DAY_MS),
            # Behind it, so that whoever was away too long is written to no more from this hour on.
            lambda connection, now: notices.abandon(connection, ids.new, *beginnings(settings.chat.site), now),
            lambda connection, now: proofs.expire(connection, now - DAY_MS),
            lambda connection, now: links.expire(connection, now - DAY_MS),
            area.tidy,
        ),
        mail_account=settings.email.address,
        codes=Codes(key),
    )
    portal = client_area(desk, pipeline, webchat, ids, log) if webchat is not None else None
    wellness = Wellness(
        database, library, supervisor, metrics, clock, file.parent if file else None, {"scanner": scanner.check} if scanner else {}
    )
    return App(settings, database, library, pipeline, supervisor, wellness, webchat, portal, blobs, clock, metrics, log)
