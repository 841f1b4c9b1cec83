"""What Slack needs from the rest of the desk beside files and what was said: narrow ports, implemented by whoever builds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Heard(NamedTuple):
    """A conversation on Slack: the key of its customer's newest message that is stored ("" for none), and when it last moved (epoch ms)."""

    address: str
    key: str
    at: int


class Chats(Protocol):
    async def __call__(self, since: int, limit: int) -> Sequence[Heard]:
        """The conversations in which something happened since `since` (epoch ms), the newest first. Empty when the database is away."""
        ...


class Own(NamedTuple):
    """A customer's ticket as it stands in a list: number, title, and its state in words."""

    number: str
    title: str
    state: str


class Tickets(Protocol):
    async def __call__(self, address: str, locale: str) -> Sequence[Own]:
        """The tickets of the conversation at `address`, newest first. Empty when there are none, or the database is away."""
        ...
