"""What was written, changed and deleted while no session was open: read from the history of the channels spoken in of late."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from adapters.base import Later, Refused, Unreachable
from adapters.discord.decode import message_key, ms
from adapters.discord.link import Link
from conversations.model import Address

OVERLAP_MS: Final = 86_400_000
"""So much is read again: what was changed or deleted is seen in it, and messages may have been stored out of their order before the end. A
day of one customer's chat fits into the page that is fetched anyway.
"""

APART_MS: Final = 60_000
PAGE: Final = 100
PAGES: Final = 20
AT_ONCE: Final = 8
PATIENCE: Final = 20
"""Attempts at one page, each as late as Discord said."""


class History(NamedTuple):
    """The messages of a channel, oldest first. `whole`: they are all, from where it was read on."""

    lines: list[dict[str, Any]]
    whole: bool

    def amended(self, stored: Mapping[str, int]) -> list[dict[str, Any]]:
        """What became of the messages that are stored, as the gateway would have told it: those that bear the time of a change that is
        not known, and those that are not there any more. A channel that shows nothing at all may not be shown to us.
        """
        found: list[dict[str, Any]] = []
        there = {message_key(str(line["id"])): line for line in self.lines}
        for key, line in there.items():
            when = line.get("edited_timestamp")
            if key in stored and isinstance(when, str) and stored[key] < ms(when):
                found.append({"t": "MESSAGE_UPDATE", "d": line})
        if self.whole and there:
            channel = self.lines[0].get("channel_id")
            gone = sorted(stored.keys() - there.keys())
            found += [{"t": "MESSAGE_DELETE", "d": {"id": str(int(key[1:])), "channel_id": channel}} for key in gone]
        return found


def since(newest: str) -> int:
    """The id from which a channel is read again whose newest stored message has this key."""
    return max(0, int(newest[1:]) - (OVERLAP_MS << 22))


def a_little_before(newest: int) -> int:
    """The id from which a server's channel is read again: people there do not wait for each other, so a message of the last moments may be
    stored, and an earlier one of somebody else not.
    """
    return max(0, newest - (APART_MS << 22))


async def read(link: Link, address: Address, after: int, free: asyncio.Semaphore) -> History:
    """The messages with an id above `after`. Raises Later when Discord does not answer."""
    lines: list[dict[str, Any]] = []
    for _ in range(PAGES):
        async with free:
            page = await _page(link, address.chat, after)
        if page is None:
            return History(lines, False)
        known = [line for line in page if isinstance(line, dict) and str(line.get("id", "")).isdecimal()]
        lines += sorted(known, key=lambda line: int(line["id"]))
        if len(page) < PAGE or not known:
            return History(lines, True)
        after = int(lines[-1]["id"])
    return History(lines, False)


async def _page(link: Link, channel: str, after: int) -> list[Any] | None:
    """None when it cannot be read (any more)."""
    attempt = 0
    while True:
        try:
            page = await link.call("GET", "/channels/{channel_id}/messages", query={"after": after, "limit": PAGE}, channel_id=channel)
            return page if isinstance(page, list) else []
        except (Unreachable, Refused):
            return None
        except Later as later:
            attempt += 1
            if attempt == PATIENCE:
                raise
            await asyncio.sleep(later.after or min(0.2 * 2**attempt, 10))
