"""After an outage: what customers wrote meanwhile, read from the history of the conversations that are open.

Slack delivers an event three more times within about five minutes and then forgets it. How far each conversation was read follows from the
messages that are stored; what is offered twice is known by its key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog

from adapters.base import NotStored
from adapters.ports import Heard
from adapters.slack.decode import NAME, names
from adapters.slack.deliver import key_of
from adapters.slack.settings import ACCOUNT
from adapters.slack.web import Failure, Web
from conversations.model import Address

CONVERSATIONS: Final = 200
OVERLAP_S: Final = 600.0
"""So much is read again: an event that came before the newest stored one may still have been on its way when the desk went down."""

PAGE: Final = 100
PAGES: Final = 10
PACE_S: Final = 1.3
"""Slack takes about 50 of these calls a minute."""

TRIES: Final = 5

_log = structlog.get_logger(__name__)


class CatchUp:
    """`take(body, files)` is given each message found, as the event it was, and the ids of files that are known to be refused.

    A conversation is read before anything newer in it is taken (`close_gap`), so that its order stays; the others follow at leisure.
    """

    def __init__(self, web: Web, heard: Heard, take: Callable[[dict[str, Any], list[str]], Awaitable[None]]) -> None:
        self.pace = PACE_S
        self.overlap = OVERLAP_S
        self._web = web
        self._heard = heard
        self._take = take
        self._bot = ""
        self._marks: dict[str, tuple[Address, str]] = {}
        self._reading: dict[str, asyncio.Task[None]] = {}

    async def mark(self, bot: str) -> None:
        """Note how far each open conversation is read. To be done before the next event is taken: it would hide the gap before it."""
        self._bot = bot
        while True:
            try:
                found = (await self._heard(NAME, ACCOUNT))[:CONVERSATIONS]
            except NotStored as error:
                await asyncio.sleep(error.after)
            else:
                self._marks = {str(address): (address, key) for address, key in found}
                return

    async def read(self) -> None:
        """Every conversation that was marked and is not read yet, the newest first."""
        while self._marks:
            await self.close_gap(next(iter(self._marks)))
            await asyncio.sleep(self.pace)

    async def close_gap(self, where: str) -> None:
        """Returns when the conversation at `where` is read, if it was marked."""
        task = self._reading.get(where)
        if task is None:
            mark = self._marks.pop(where, None)
            if mark is None:
                return
            task = self._reading[where] = asyncio.create_task(self._read_one(*mark))
            task.add_done_callback(lambda _: self._reading.pop(where, None))
        await asyncio.shield(task)

    def stop(self) -> None:
        self._marks = {}
        for task in self._reading.values():
            task.cancel()

    async def _read_one(self, address: Address, key: str) -> None:
        """Oldest to newest. What cannot be read is left out: it must not hold up what comes now."""
        try:
            oldest = float(key.split(":")[1]) - self.overlap
            messages = await self._since(address, oldest)
        except (Failure, ValueError, IndexError) as failure:
            _log.warning("slack.history_unread", reason=failure.error if isinstance(failure, Failure) else "no mark")
            return
        refused = [own.removeprefix("refused.") for each in messages if (own := key_of(each)).startswith("refused.")]
        for message in sorted(messages, key=lambda each: str(each.get("ts"))):
            if message.get("user") and not message.get("bot_id") and (body := event(message, address, self._bot)):
                await self._take(body, refused)
                if changed := edit(body):
                    await self._take(changed, refused)

    async def _since(self, address: Address, oldest: float) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = ""
        for _ in range(PAGES):
            answer = await self._page(address, oldest, cursor)
            messages = answer.get("messages")
            found += [each for each in messages if isinstance(each, dict)] if isinstance(messages, list) else []
            metadata = answer.get("response_metadata")
            following = metadata.get("next_cursor") if isinstance(metadata, dict) else ""
            if not isinstance(following, str) or not following:
                break
            cursor = following
        return found

    async def _page(self, address: Address, oldest: float, cursor: str) -> dict[str, Any]:
        arguments: dict[str, Any] = {"channel": address.chat, "oldest": f"{oldest:.6f}", "limit": PAGE, "include_all_metadata": True}
        if cursor:
            arguments["cursor"] = cursor
        for attempt in range(1, TRIES + 1):
            try:
                if address.thread:
                    return await self._web.call("conversations_replies", ts=address.thread, **arguments)
                return await self._web.call("conversations_history", **arguments)
            except Failure as failure:
                if not failure.transient or attempt == TRIES:
                    raise
                await asyncio.sleep(failure.after if failure.after is not None else attempt)
        raise Failure("unreadable")


def edit(body: dict[str, Any]) -> dict[str, Any] | None:
    """The change of a message that was read back and carries the mark of one. The message itself may have been stored before it: then
    this is news; else it says the same again.
    """
    message = body["event"]
    edited = message.get("edited")
    if not isinstance(edited, dict) or message["type"] != "message":
        return None
    told = {"type": "message", "subtype": "message_changed", "channel": message["channel"], "channel_type": "im", "ts": edited.get("ts")}
    return {**body, "event": {**told, "message": message}}


def event(message: dict[str, Any], address: Address, bot: str) -> dict[str, Any] | None:
    """The event that this message was when it was posted; None for what the desk would not have been told of."""
    direct = address.chat.startswith("D")
    if not direct and not names(message, {bot} - {""}):
        return None
    kind = "message" if direct else "app_mention"
    told = {**message, "type": kind, "channel": address.chat, "channel_type": "im" if direct else "channel"}
    return {"type": "event_callback", "event": told, "authorizations": [{"user_id": bot}]}
