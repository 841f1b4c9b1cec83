"""The desk that is killed in the Telegram run: the real adapter and library. `python -m tests.crash.telegram_desk FOLDER URL TOKEN`."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import SecretStr

from adapters.telegram.adapter import Telegram
from adapters.telegram.settings import Pace, TelegramSettings
from bot.said import SaidBefore
from tests.crash.life import Parts, live

QUICK = Pace(album=0.3, retry=0.1, retry_limit=0.5, conflict=0.2, again=0.05)


def build(parts: Parts) -> Telegram:
    return Telegram(
        TelegramSettings(token=SecretStr(sys.argv[3]), base_url=sys.argv[2]),
        blobs=parts.files,
        said=SaidBefore(parts.database),
        now=parts.clock.now,
        folder=parts.folder / "telegram",
        pace=QUICK,
    )


if __name__ == "__main__":
    live(Path(sys.argv[1]), build)
