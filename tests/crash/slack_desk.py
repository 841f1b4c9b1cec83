"""The desk that is killed in the Slack run: the real adapter and library. `python -m tests.crash.slack_desk FOLDER BASE_URL`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

from adapters.slack.adapter import Slack
from adapters.slack.ports import Own
from adapters.slack.settings import SlackSettings
from bot.heard import HeardLately
from bot.said import SaidBefore
from conversations.model import Address
from tests.adapters.slack_wire import APP_TOKEN, BOT_TOKEN
from tests.crash.life import Parts, live


async def no_tickets(address: Address, locale: str) -> Sequence[Own]:
    return ()


def build(parts: Parts) -> Slack:
    slack = Slack(
        SlackSettings(bot_token=SecretStr(BOT_TOKEN), app_token=SecretStr(APP_TOKEN), base_url=sys.argv[2]),
        blobs=parts.files,
        said=SaidBefore(parts.database),
        heard=HeardLately(parts.database, parts.clock),
        tickets=no_tickets,
        now=parts.clock.now,
    )
    slack.catch_up.pace = 0.0
    return slack


if __name__ == "__main__":
    # The library reads these even for an address on this machine.
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        os.environ.pop(name, None)
    live(Path(sys.argv[1]), build)
