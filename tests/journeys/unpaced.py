"""Journeys do not wait for the pace at which a platform may be called: that has tests of its own, with a simulated clock."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace


def unpace(adapter: Any) -> None:
    """To be called before delivery is told of the adapter."""
    adapter.capabilities = replace(adapter.capabilities, chat_rate=None, account_rate=None, room_rate=None)
