"""Telegram, Slack and Discord all on, each against its server on loopback: how soon the desk hears them all, and what memory that takes."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from benchmarks.process import Desk, desk
from tests.adapters.discord_server import TOKEN as DISCORD_TOKEN
from tests.adapters.discord_server import DiscordServer
from tests.adapters.slack_server import slack
from tests.adapters.slack_wire import APP_TOKEN, BOT_TOKEN
from tests.adapters.telegram_server import TOKEN as TELEGRAM_TOKEN
from tests.adapters.telegram_server import TelegramServer

STARTS = 3
SETTLED_S = 2.0
"""Long enough for what is loaded after the first connection: commands brought up to date, catching up."""


async def measure() -> dict[str, float]:
    starts, resident = [], []
    with tempfile.TemporaryDirectory(prefix="relevo-bench-") as name:
        # What the first start of all makes is no part of this.
        await asyncio.to_thread(_once, Path(name))
        for _ in range(STARTS):
            discord = DiscordServer()
            await discord.start()
            try:
                with TelegramServer() as telegram:
                    async with slack() as workspace:
                        settings = {
                            "RELEVO_TELEGRAM__TOKEN": TELEGRAM_TOKEN,
                            "RELEVO_TELEGRAM__BASE_URL": telegram.url,
                            "RELEVO_SLACK__BOT_TOKEN": BOT_TOKEN,
                            "RELEVO_SLACK__APP_TOKEN": APP_TOKEN,
                            "RELEVO_SLACK__BASE_URL": workspace.base_url,
                            "RELEVO_DISCORD__TOKEN": DISCORD_TOKEN,
                            "RELEVO_DISCORD__API_BASE_URL": discord.api_url,
                            "RELEVO_DISCORD__GATEWAY_URL": discord.gateway_url,
                        }
                        began = time.perf_counter()
                        running = await asyncio.to_thread(Desk, Path(name), **settings)
                        try:
                            while not (workspace.connections and discord.gateway.open and _polled(telegram)):  # noqa: ASYNC110 - what is awaited is in other processes
                                await asyncio.sleep(0.005)
                            starts.append(time.perf_counter() - began)
                            await asyncio.sleep(SETTLED_S)
                            resident.append(running.resident_mb())
                        finally:
                            await asyncio.to_thread(running.stop)
            finally:
                await discord.stop()
    return {"start_platforms_s": min(starts), "rss_platforms_mb": max(resident)}


def _once(folder: Path) -> None:
    with desk(folder):
        pass


def _polled(telegram: TelegramServer) -> bool:
    return any(method == "getUpdates" for method, _ in telegram.calls)


def run() -> dict[str, float]:
    """About a quarter of a minute. `start_platforms_s`: ready, and each of the three connected."""
    return asyncio.run(measure())
