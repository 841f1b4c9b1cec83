"""The life of a desk that is to be killed, on whatever platform: the real pipeline and storage, and an engine that shows what it heard.

The engine says what it heard under the number of the turn, so that every reply shows which event it answers and how often the
conversation has moved. An edit is mirrored as the desk's own engine does it, without a word. It is no setting of the product: only these
files can start it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple, cast

import uvloop
from msgspec.structs import replace

from adapters.base import Adapter
from bot.clock import Clock, Ids
from bot.files import Files
from bot.lock import only_process
from bot.pipeline import Pipeline
from bot.supervision import Supervisor
from bot.telemetry import Metrics, configure
from conversations.effects import KeepMessage, Say
from conversations.engine import Decision
from conversations.events import Event, MessageDeleted, MessageEdited, MessageReceived
from conversations.flows import mirror
from conversations.knowledge import Knowledge
from conversations.model import Message, State, paragraph
from storage import migrate, turns
from storage.blobs import Blobs
from storage.engines import Database, open_database

CHANGED: Final = "+"
"""Between what was said first and the number of its change."""

DATABASE: Final = "desk.db"


def echo(state: State, event: Event, knowledge: Knowledge) -> Decision:
    if isinstance(event, MessageEdited | MessageDeleted):
        return Decision(state, mirrored(event) if isinstance(event, MessageEdited) else ())
    count = state.turns + 1
    # What is read in the history may have been changed before it was ever heard.
    heard = event.text.partition(CHANGED)[0] if isinstance(event, MessageReceived) else "?"
    return Decision(replace(state, turns=count), (Say(Message(paragraph(f"{count} {heard}"), "en")),))


def mirrored(event: MessageEdited) -> tuple[KeepMessage, ...]:
    if event.original is None or not mirror.counts(event):
        return ()
    now = replace(event.original.message, text=event.text, edited=mirror.made_at(event), masked=())
    return (KeepMessage(event.original.seq, now),)


class Parts(NamedTuple):
    """What a platform's adapter is built from."""

    folder: Path
    database: Database
    clock: Clock
    files: Files


def live(folder: Path, build: Callable[[Parts], Adapter], up: Callable[[], Awaitable[object]] | None = None) -> None:
    """From the start until SIGTERM, or SIGKILL. It says that it is up when `up` returns: before, it has nothing to lose."""
    url = f"sqlite:///{folder / DATABASE}"
    with only_process(url):
        migrate.upgrade(url)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_live(url, folder, build, up))


async def _live(url: str, folder: Path, build: Callable[[Parts], Adapter], up: Callable[[], Awaitable[object]] | None) -> None:
    clock, metrics, log = Clock(), Metrics(), configure("info", "json")
    database = open_database(url)
    await database.write(turns.take_over)
    adapter = build(Parts(folder, database, clock, Files(Blobs(folder / "blobs"))))
    supervisor = Supervisor(clock, metrics, log)
    pipeline = Pipeline(database, [adapter], echo, lambda: cast(Knowledge, None), clock, Ids(clock), metrics, log)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    pipeline.start(supervisor)
    pipeline.receive(supervisor)
    if up is not None:
        await up()
    sys.stdout.write("up\n")
    sys.stdout.flush()
    await stop.wait()
    await pipeline.drain(supervisor, 10)
    await supervisor.stop()
    await database.close()
