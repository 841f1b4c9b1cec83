"""The desk that is killed in the Telegram run: the real pipeline, storage, adapter and library, with the engine of tests.crash.desk.

`python -m tests.crash.telegram_desk FOLDER URL TOKEN`. It is no setting of the product: only this file can start it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import cast

import uvloop
from pydantic import SecretStr

from adapters.telegram.adapter import Telegram
from adapters.telegram.settings import Pace, TelegramSettings
from bot.clock import Clock, Ids
from bot.files import Files
from bot.lock import only_process
from bot.pipeline import Pipeline
from bot.said import SaidBefore
from bot.supervision import Supervisor
from bot.telemetry import Metrics, configure
from conversations.knowledge import Knowledge
from storage import migrate, turns
from storage.blobs import Blobs
from storage.engines import open_database
from tests.crash.desk import echo

QUICK = Pace(album=0.3, retry=0.1, retry_limit=0.5, conflict=0.2, again=0.05)


async def run(url: str, folder: Path, server: str, token: str) -> None:
    clock, metrics, log = Clock(), Metrics(), configure("info", "json")
    database = open_database(url)
    await database.write(turns.take_over)
    telegram = Telegram(
        TelegramSettings(token=SecretStr(token), base_url=server),
        blobs=Files(Blobs(folder / "blobs")),
        said=SaidBefore(database),
        now=clock.now,
        folder=folder / "telegram",
        pace=QUICK,
    )
    supervisor = Supervisor(clock, metrics, log)
    pipeline = Pipeline(database, [telegram], echo, lambda: cast(Knowledge, None), clock, Ids(clock), metrics, log)
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
    folder, server, token = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    url = f"sqlite:///{folder / 'desk.db'}"
    with only_process(url):
        migrate.upgrade(url)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(url, folder, server, token))


if __name__ == "__main__":
    main()
