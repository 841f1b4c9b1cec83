"""Notices as the storage functions take and give them: plain records; texts and messages are opaque JSON here."""

from __future__ import annotations

from typing import NamedTuple

Place = tuple[int, int, int]
"""A recipient: shard, conversation and notice."""

START: Place = (-1, 0, 0)
"""Before all of them."""


class NewNotice(NamedTuple):
    """A notice to be published. `key`: whoever publishes it again does nothing. `texts` is JSON, by language."""

    id: int
    key: str
    topic: str
    texts: str
    created_at: int


class Notice(NamedTuple):
    """A notice as it is kept, in the order of its table's columns. Everybody up to (`at_shard`, `at_conversation`) has been planned for;
    `planned_at` is when there was nobody left.
    """

    id: int
    key: str
    topic: str
    texts: str
    created_at: int
    at_shard: int
    at_conversation: int
    planned_at: int | None


class Reach(NamedTuple):
    """How many recipients a notice was planned for and has yet to reach, has reached, could not be sent to, and cannot be sent to ever."""

    planned: int = 0
    sent: int = 0
    failed: int = 0
    unreachable: int = 0


class Reader(NamedTuple):
    """Somebody who subscribes: where they read, and their language ("" while that is not known)."""

    address: str
    locale: str


class Settled(NamedTuple):
    """A look at recipients whose outcome was not known. `last` is behind which the next look begins, None when there is none left; of
    `known` the outcome is known now, and `lost` conversations cannot be reached any more.
    """

    last: Place | None
    known: int
    lost: int
