"""What was written while no session was open: read from the history of the private channels that were spoken in of late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from adapters.base import Later, Refused, Unreachable
from adapters.discord.link import Link
from conversations.model import Address

OVERLAP_MS: Final = 120_000
"""Messages may have been stored out of their order before the end: what is read twice is known by its key."""

PAGE: Final = 100
PAGES: Final = 20
AT_ONCE: Final = 8
PATIENCE: Final = 20
"""Attempts at one page, each as late as Discord said."""


async def missed(link: Link, address: Address, newest: str, free: asyncio.Semaphore) -> AsyncIterator[dict[str, Any]]:
    """The messages of a private channel since the one with the key `newest`, oldest first. Raises Later when Discord does not answer."""
    after = max(0, int(newest[1:]) - (OVERLAP_MS << 22))
    for _ in range(PAGES):
        async with free:
            page = await _page(link, address.chat, after)
        lines = sorted(
            (line for line in page if isinstance(line, dict) and str(line.get("id", "")).isdecimal()), key=lambda one: int(one["id"])
        )
        for line in lines:
            yield line
        if len(page) < PAGE or not lines:
            return
        after = int(lines[-1]["id"])


async def _page(link: Link, channel: str, after: int) -> list[Any]:
    attempt = 0
    while True:
        try:
            page = await link.call("GET", "/channels/{channel_id}/messages", query={"after": after, "limit": PAGE}, channel_id=channel)
            return page if isinstance(page, list) else []
        except (Unreachable, Refused):
            return []
        except Later as later:
            attempt += 1
            if attempt == PATIENCE:
                raise
            await asyncio.sleep(later.after or min(0.2 * 2**attempt, 10))
