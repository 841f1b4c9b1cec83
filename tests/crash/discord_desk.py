"""The desk that is killed in the Discord run, by the real adapter: `python -m tests.crash.discord_desk FOLDER TOKEN API GATEWAY`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

from adapters.discord.adapter import Discord
from adapters.discord.settings import DiscordSettings
from bot.heard import HeardLately
from bot.said import SaidBefore
from conversations.model import Address
from tests.crash.life import Parts, live

listening = asyncio.Event()


class Asked(HeardLately):
    async def __call__(self, platform: str, account: str) -> Sequence[tuple[Address, str]]:
        # Asked for whenever a session begins.
        listening.set()
        return await super().__call__(platform, account)


def build(parts: Parts) -> Discord:
    settings = DiscordSettings(token=SecretStr(sys.argv[2]), api_base_url=sys.argv[3], gateway_url=sys.argv[4])
    return Discord(settings, blobs=parts.files, said=SaidBefore(parts.database), heard=Asked(parts.database, parts.clock))


if __name__ == "__main__":
    live(Path(sys.argv[1]), build, listening.wait)
