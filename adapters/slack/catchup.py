"""After an outage: what customers wrote, changed and deleted meanwhile, read from the history of the conversations that are open.

Slack delivers an event three more times within about five minutes and then forgets it. How far each conversation was read follows from the
messages that are stored, and so does what was done to them since; what is offered twice is known by its key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog

from adapters.base import NotStored
from adapters.ports import Heard, Now
from adapters.slack.decode import CHANGED, DELETED, NAME, TOMBSTONE, ms, names, words
from adapters.slack.deliver import key_of
from adapters.slack.settings import ACCOUNT
from adapters.slack.web import Failure, Web
from conversations.model import Address

CONVERSATIONS: Final = 200
OVERLAP_S: Final = 86_400.0
"""So much is read again: what was changed or deleted is seen in it, and an event that came before the newest stored one may still have been
on its way when the desk went down. A day of one customer's chat fits into the page that is fetched anyway.
"""

KEEPS_S: Final = 86_400.0
"""What is younger, no workspace's rule of retention has removed: a day is the shortest there is."""

PROBES: Final = 20
"""So many messages of one conversation are asked for singly; each is a call of its own."""

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

    def __init__(self, web: Web, heard: Heard, take: Callable[[dict[str, Any], list[str]], Awaitable[None]], now: Now) -> None:
        self.pace = PACE_S
        self.overlap = OVERLAP_S
        self._web = web
        self._heard = heard
        self._take = take
        self._now = now
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
        """First what became of that which is stored: as soon as something newer is, the next look would reach back less far, should we die
        in between. Then what is new, oldest to newest. What cannot be read is left out: it must not hold up what comes now.
        """
        try:
            oldest = max(0.0, float(key.split(":")[1]) - self.overlap)
            # Before the history, or what comes meanwhile would seem to be missing there.
            stored = await self._stored(address, oldest)
            history, whole = await self._since(address, oldest)
            gone = await self._gone(address, stored, history) if whole else []
        except (Failure, ValueError, IndexError) as failure:
            _log.warning("slack.history_unread", reason=failure.error if isinstance(failure, Failure) else "no mark")
            return
        refused = [own.removeprefix("refused.") for each in history.values() if (own := key_of(each)).startswith("refused.")]
        told = [body for ts, each in history.items() if theirs(each) and (body := event(each, address, self._bot)) and f"m:{ts}" in stored]
        for body in told:
            if (changed := edit(body)) and stored[f"m:{words(body, 'event', 'ts')}"] < ms(words(body, "event", "edited", "ts")):
                await self._take(changed, refused)
        for ts in gone:
            await self._take(deletion(ts, address, self._bot), refused)
        for ts, each in history.items():
            if f"m:{ts}" not in stored and theirs(each) and (body := event(each, address, self._bot)):
                await self._take(body, refused)

    async def _stored(self, address: Address, oldest: float) -> Mapping[str, int]:
        while True:
            try:
                return await self._heard.messages(address, f"m:{oldest:.6f}")
            except NotStored as error:
                await asyncio.sleep(error.after)

    async def _gone(self, address: Address, stored: Mapping[str, int], history: Mapping[str, dict[str, Any]]) -> list[str]:
        """The stored messages that were deleted: those of which a tombstone is left, and those that Slack does not know any more, while it
        still has older ones (or the message is too young), so that it is not the workspace that forgets by rule.
        """
        first, young = next(iter(history), ""), self._now() / 1000 - KEEPS_S
        missing = [ts for key in stored if (ts := key.removeprefix("m:")) not in history and ":" not in ts]
        suspect = sorted((ts for ts in missing if float(ts) > young or (first and ts > first)), reverse=True)[:PROBES]
        found = [ts for ts, each in history.items() if words(each, "subtype") == TOMBSTONE and f"m:{ts}" in stored]
        for ts in suspect:
            await asyncio.sleep(self.pace)
            # A direct chat's history leaves out what stands in its threads: so each is asked for by itself.
            if await self._unknown(address, ts):
                found.append(ts)
        return sorted(found)

    async def _unknown(self, address: Address, ts: str) -> bool:
        try:
            answer = await self._asked("conversations_replies", channel=address.chat, ts=ts, limit=1)
        except Failure as failure:
            return failure.error == "thread_not_found"
        return words(answer, "messages", 0, "subtype") == TOMBSTONE

    async def _since(self, address: Address, oldest: float) -> tuple[dict[str, dict[str, Any]], bool]:
        """The messages by their time, oldest first, and whether these are all."""
        found: dict[str, dict[str, Any]] = {}
        cursor = ""
        for _ in range(PAGES):
            answer = await self._page(address, oldest, cursor)
            messages = answer.get("messages")
            found |= {ts: each for each in (messages if isinstance(messages, list) else ()) if (ts := words(each, "ts"))}
            cursor = words(answer, "response_metadata", "next_cursor")
            if not cursor:
                break
        return dict(sorted(found.items())), not cursor

    async def _page(self, address: Address, oldest: float, cursor: str) -> dict[str, Any]:
        arguments: dict[str, Any] = {"channel": address.chat, "oldest": f"{oldest:.6f}", "limit": PAGE, "include_all_metadata": True}
        if cursor:
            arguments["cursor"] = cursor
        if address.thread:
            return await self._asked("conversations_replies", ts=address.thread, **arguments)
        return await self._asked("conversations_history", **arguments)

    async def _asked(self, method: str, **arguments: Any) -> dict[str, Any]:
        for attempt in range(1, TRIES + 1):
            try:
                return await self._web.call(method, **arguments)
            except Failure as failure:
                if not failure.transient or attempt == TRIES:
                    raise
                await asyncio.sleep(failure.after if failure.after is not None else attempt)
        raise Failure("unreadable")


def theirs(message: dict[str, Any]) -> bool:
    return bool(message.get("user")) and not message.get("bot_id")


def edit(body: dict[str, Any]) -> dict[str, Any] | None:
    """The change of a message that was read back, if it carries the mark of one."""
    message = body["event"]
    when = words(message, "edited", "ts")
    where = {name: message[name] for name in ("channel", "channel_type")}
    told = {"type": "message", "subtype": CHANGED, **where, "ts": when, "message": message}
    return {**body, "event": told} if when else None


def deletion(ts: str, address: Address, bot: str) -> dict[str, Any]:
    """As Slack would have told it. Who wrote the message is not known any more; that it was for us is, since it is stored."""
    was = {"user": "USLACKBOT", "ts": ts, "text": f"<@{bot}>", "thread_ts": address.thread}
    told = {"type": "message", "subtype": DELETED, "channel": address.chat, "ts": ts, "deleted_ts": ts, "previous_message": was}
    return {"type": "event_callback", "event": told, "authorizations": [{"user_id": bot}]}


def event(message: dict[str, Any], address: Address, bot: str) -> dict[str, Any] | None:
    """The event that this message was when it was posted; None for what the desk would not have been told of."""
    direct = address.chat.startswith("D")
    if not direct and not names(message, {bot} - {""}):
        return None
    kind = "message" if direct else "app_mention"
    told = {**message, "type": kind, "channel": address.chat, "channel_type": "im" if direct else "channel"}
    return {"type": "event_callback", "event": told, "authorizations": [{"user_id": bot}]}
