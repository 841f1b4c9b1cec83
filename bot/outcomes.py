"""What became of a send, as its row is told; what a message that goes back half sent says to the next try, and how long that waits."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from bot.effects import INTERACTIVE
from conversations.model import Address
from storage.rows import Due, Outcome

OUTCOMES = ("sent", "later", "moved", "unreachable", "refused", "failed")
"""What a delivery comes to, as the metrics show it."""

UNTRIED = ""
"""What became of a message that may not be sent yet: nothing that is counted."""

BACK_OFF_MS = 1_000
BACK_OFF_LIMIT_MS = 300_000
REPLY_BACK_OFF_LIMIT_MS = 30_000
"""Somebody waits for a reply: it goes out soon after a platform is back, however often that failed before."""

_receipt: msgspec.json.Decoder[tuple[int, list[str]]] = msgspec.json.Decoder(tuple[int, list[str]])


@lru_cache(512)
def address_of(address: str) -> Address:
    return Address.parse(address)


def so_far(sent: list[str], total: int) -> str:
    """What the next try is to know: how many parts there are, and the platform's ids of those that were sent."""
    return msgspec.json.encode((total, sent)).decode() if sent else ""


def sent_before(row: Due, total: int) -> list[str]:
    """What `so_far` said. A release that makes another number of parts of the message begins anew: better something twice than not."""
    if row.receipt:
        parts, sent = _receipt.decode(row.receipt)
        if parts == total:
            return sent
    return []


def outcome_of(row: Due, status: int, *, next_at: int = 0, platform_id: str = "", error: str = "") -> Outcome:
    return Outcome(row.shard, row.conversation, row.version, row.ord, status, next_at, platform_id, error)


def key_of(row: Due) -> str:
    """What tells a message from all others, wherever it is sent, and however often."""
    return f"{row.conversation}.{row.version}.{row.ord}"


def back_off_ms(row: Due) -> int:
    """How long a message waits that failed once more."""
    limit = REPLY_BACK_OFF_LIMIT_MS if row.priority <= INTERACTIVE else BACK_OFF_LIMIT_MS
    return min(limit, BACK_OFF_MS << min(row.attempt, 20))
