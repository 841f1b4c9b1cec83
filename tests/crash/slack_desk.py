"""The desk that is killed in the Slack runs: the real pipeline, storage, adapter and library; Slack itself lives in the process outside.

`python -m tests.crash.slack_desk FOLDER BASE_URL`. The engine is that of the memory runs: each reply shows which message it answers, and
how often its conversation has moved. It is no setting of the product: only this file can start it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import uvloop
from pydantic import SecretStr

from adapters.slack.adapter import Slack
from adapters.slack.ports import Own
from adapters.slack.settings import SlackSettings
from bot.clock import Clock, Ids
from bot.files import Files
from bot.heard import HeardLately
from bot.lock import only_process
from bot.pipeline import Pipeline
from bot.said import SaidBefore
from bot.supervision import Supervisor
from bot.telemetry import Metrics, configure
from conversations.knowledge import Knowledge
from conversations.model import Address
from storage import migrate, turns
from storage.blobs import Blobs
from storage.engines import open_database
from tests.adapters.slack_wire import APP_TOKEN, BOT_TOKEN
from tests.crash.desk import echo


async def no_tickets(address: Address, locale: str) -> Sequence[Own]:
    return ()


async def run(url: str, folder: Path, base_url: str) -> None:
    clock, metrics, log = Clock(), Metrics(), configure("info", "json")
    database = open_database(url)
    await database.write(turns.take_over)
    slack = Slack(
        SlackSettings(bot_token=SecretStr(BOT_TOKEN), app_token=SecretStr(APP_TOKEN), base_url=base_url),
        blobs=Files(Blobs(folder / "blobs")),
        said=SaidBefore(database),
        heard=HeardLately(database, clock),
        tickets=no_tickets,
        now=clock.now,
    )
    slack.catch_up.pace = 0.0
    supervisor = Supervisor(clock, metrics, log)
    pipeline = Pipeline(database, [slack], echo, lambda: cast(Knowledge, None), clock, Ids(clock), metrics, log)
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
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        os.environ.pop(name, None)
    folder, base_url = Path(sys.argv[1]), sys.argv[2]
    url = f"sqlite:///{folder / 'desk.db'}"
    with only_process(url):
        migrate.upgrade(url)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(url, folder, base_url))


if __name__ == "__main__":
    main()
