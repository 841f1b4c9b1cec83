"""What the app's home needs from the rest of the desk: a customer's tickets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from conversations.model import Address


class Own(NamedTuple):
    """A customer's ticket as it stands in a list: number, title, and its state in words."""

    number: str
    title: str
    state: str


class Tickets(Protocol):
    async def __call__(self, address: Address, locale: str) -> Sequence[Own]:
        """The tickets of the conversation at `address`, newest first. Empty when there are none, or the database is away."""
        ...
