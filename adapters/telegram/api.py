"""The calls to a Bot API server through python-telegram-bot, without its retries, and what its errors mean to the desk."""

from __future__ import annotations

import json
import re
import warnings
from typing import Any

from telegram import Bot
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.request import HTTPXRequest
from telegram.warnings import PTBDeprecationWarning

from adapters.base import Later, Refused, Unreachable
from adapters.telegram.settings import Pace, TelegramSettings
from conversations.model import Address

# A type will change in a later release of the library, which says so with each flood; it is pinned.
warnings.filterwarnings("ignore", category=PTBDeprecationWarning)

FLOOD_S = 5.0
"""How long to wait when the server says that it is too much, but not for how long."""

AWAY_S = 3.0
STOPPED_S = 30.0
_RETRY_AFTER = re.compile(r"retry after (\d{1,6})")

_GONE = (
    "chat not found",
    "user not found",
    "peer_id_invalid",
    "user is deactivated",
    "bot was kicked",
    "bot was blocked",
    "not a member",
    "group chat was deleted",
    "chat was deleted",
    "chat_write_forbidden",
    "have no rights to send",
    "not enough rights",
    "need administrator rights",
    "chat_restricted",
    "topic_closed",
    "topic is closed",
)
"""Parts of what a server says (https://core.telegram.org/bots/api has no list of them) of a place where nothing can be said any more."""

_THREAD_GONE = ("message thread not found", "topic_deleted", "topic_id_invalid")


class Request(HTTPXRequest):
    @staticmethod
    def parse_json_payload(payload: bytes) -> Any:
        # The library's own logs what it cannot read, and that may be what a customer wrote.
        try:
            return json.loads(payload.decode("utf-8", "replace"))
        except ValueError:
            raise TelegramError("Invalid server response") from None


class Api(Bot):
    """The library's bot, and the two calls of which it gives the desk too little: updates as they came, and a file's place."""

    async def raw_updates(self, offset: int | None, seconds: int, wanted: tuple[str, ...], pace: Pace) -> list[Any]:
        """Updates as the server sent them: one that nobody can read must not keep back the others."""
        data = {"offset": offset, "timeout": seconds, "limit": 100, "allowed_updates": list(wanted)}
        found = await self._post("getUpdates", data, read_timeout=pace.read + seconds)
        return found if isinstance(found, list) else []

    async def content(self, file_id: str, limit: int, pace: Pace) -> bytes | None:
        """A file; None when it is larger than `limit`. Raises TelegramError."""
        about = await self._post("getFile", {"file_id": file_id})
        path = about.get("file_path") if isinstance(about, dict) else None
        if not isinstance(path, str) or not path:
            raise BadRequest("Wrong file_id or the file is temporarily unavailable")
        size = about.get("file_size")
        if isinstance(size, int) and size > limit:
            return None
        content = await self.request.retrieve(f"{self.base_file_url}/{path}", read_timeout=pace.media)
        return content if len(content) <= limit else None


def connect(settings: TelegramSettings, pace: Pace) -> tuple[Api, tuple[Request, Request]]:
    """A bot and its two lines: one for long polls, one for everything else."""

    def line(size: int) -> Request:
        return Request(
            connection_pool_size=size,
            connect_timeout=pace.connect,
            read_timeout=pace.read,
            write_timeout=pace.read,
            media_write_timeout=pace.media,
            pool_timeout=pace.read,
        )

    polls, calls = line(1), line(32)
    api = Api(
        settings.token.get_secret_value(),
        base_url=settings.api,
        base_file_url=settings.files,
        request=calls,
        get_updates_request=polls,
    )
    return api, (polls, calls)


def meaning(error: TelegramError, address: Address) -> Later | Unreachable | Refused:
    """What a failed send comes to. The order matters: in the library a bad request is a kind of network error."""
    said = str(error.message).lower()
    match error:
        case RetryAfter():
            return Later(seconds(error), "flood")
        case ChatMigrated():
            moved = Address(address.platform, address.account, str(error.new_chat_id), address.thread)
            return Unreachable("the group became a supergroup", moved=moved)
        case Forbidden():
            return Unreachable(_brief(said))
        case InvalidToken() | Conflict():
            # `run` meets the same, and says so; the message is not at fault.
            return Later(STOPPED_S, type(error).__name__, whole=True)
        case BadRequest():
            if address.thread and any(part in said for part in _THREAD_GONE):
                return Unreachable("the topic is gone", moved=Address(address.platform, address.account, address.chat))
            return Unreachable(_brief(said)) if any(part in said for part in _GONE) else Refused(_brief(said))
        case TimedOut():
            # It may have arrived: nobody can tell, and there is no key by which the server would.
            return Later(0 if "pool timeout" not in said else AWAY_S, "timed out")
        case NetworkError():
            if "too many requests" in said:
                found = _RETRY_AFTER.search(said)
                return Later(float(found[1]) if found and int(found[1]) else FLOOD_S, "flood")
            away = "connecterror" in said or "connecttimeout" in said
            return Later(AWAY_S if away else 0, "no connection" if away else "network", whole=away)
        case _:
            return Later(0, type(error).__name__)


def seconds(error: RetryAfter) -> float:
    """How long the server says to wait."""
    wait = error.retry_after
    return float(wait) if isinstance(wait, int) else wait.total_seconds()


def _brief(said: str) -> str:
    return said[:120]
