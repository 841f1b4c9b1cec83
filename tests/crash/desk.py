"""The desk that is killed in the memory runs: the real pipeline and storage, with a platform that lives in the process outside.

`python -m tests.crash.desk FOLDER PORT`. The engine says what it heard under the number of the turn, so that every reply shows which event
it answers and how often the conversation has moved. It is no setting of the product: only this file can start it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from adapters.memory import Memory, SocketFeed, append_to
from bot.clock import Clock, Ids
from bot.lock import only_process
from bot.pipeline import Pipeline
from bot.supervision import Supervisor
from bot.telemetry import Metrics, configure
from conversations.effects import Say
from conversations.engine import Decision
from conversations.events import Event, MessageReceived
from conversations.knowledge import Knowledge
from conversations.model import Message, State, paragraph
from storage import migrate, turns
from storage.engines import open_database


def echo(state: State, event: Event, knowledge: Knowledge) -> Decision:
    count = state.turns + 1
    heard = event.text if isinstance(event, MessageReceived) else "?"
    return Decision(msgspec.structs.replace(state, turns=count), (Say(Message(paragraph(f"{count} {heard}"), "en")),))


async def run(url: str, sink: Path, port: int) -> None:
    clock, metrics, log = Clock(), Metrics(), configure("info", "json")
    database = open_database(url)
    await database.write(turns.take_over)
    memory = Memory(feed=SocketFeed("127.0.0.1", port), sink=append_to(sink), idempotent_send=False)
    supervisor = Supervisor(clock, metrics, log)
    pipeline = Pipeline(database, [memory], echo, lambda: cast(Knowledge, None), clock, Ids(clock), metrics, log)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    pipeline.start(supervisor)
    pipeline.receive(supervisor)
    sys.stdout.write("up\n")
    sys.stdout.flush()
    await stop.wait()
    await pipeline.drain(supervisor, 10)
    await supervisor.stop()
    await database.close()


def main() -> None:
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    url = f"sqlite:///{folder / 'desk.db'}"
    with only_process(url):
        migrate.upgrade(url)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(url, folder / "sent.jsonl", port))


if __name__ == "__main__":
    main()
