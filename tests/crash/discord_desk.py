"""The desk that is killed in the Discord runs: the real pipeline, adapter and library, with the Discord of the process outside.

`python -m tests.crash.discord_desk FOLDER TOKEN API GATEWAY`. The engine is that of the memory runs.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import uvloop
from pydantic import SecretStr

from adapters.discord.adapter import Discord
from adapters.discord.settings import DiscordSettings
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
from tests.crash.desk import echo


async def run(url: str, folder: Path, settings: DiscordSettings) -> None:
    clock, metrics, log = Clock(), Metrics(), configure("info", "json")
    database = open_database(url)
    await database.write(turns.take_over)
    files = Files(Blobs(folder / "blobs"))
    listening = asyncio.Event()

    class Asked(HeardLately):
        async def __call__(self, platform: str, account: str) -> Sequence[tuple[Address, str]]:
            # Asked for whenever a session begins.
            listening.set()
            return await super().__call__(platform, account)

    adapter = Discord(settings, blobs=files, said=SaidBefore(database), heard=Asked(database, clock))
    supervisor = Supervisor(clock, metrics, log)
    pipeline = Pipeline(database, [adapter], echo, lambda: cast(Knowledge, None), clock, Ids(clock), metrics, log)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    pipeline.start(supervisor)
    pipeline.receive(supervisor)
    # A process that is killed before it listens has nothing to lose.
    await listening.wait()
    sys.stdout.write("up\n")
    sys.stdout.flush()
    await stop.wait()
    await pipeline.drain(supervisor, 10)
    await supervisor.stop()
    await database.close()


def main() -> None:
    folder = Path(sys.argv[1])
    settings = DiscordSettings(token=SecretStr(sys.argv[2]), api_base_url=sys.argv[3], gateway_url=sys.argv[4])
    url = f"sqlite:///{folder / 'desk.db'}"
    with only_process(url):
        migrate.upgrade(url)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(url, folder, settings))


if __name__ == "__main__":
    main()
