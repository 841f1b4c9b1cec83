"""Turns between being claimed and being told of: what was taken, what became of it, and for whom it has messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from conversations.model import Message, State
from storage import turns
from storage.rows import Claim, NewCode, Turn


class Failure(NamedTuple):
    claim: Claim
    error: str


class Decided(NamedTuple):
    """A turn to be committed, and what is to be told once it is; `said` are its messages by version and order."""

    turn: Turn
    state: State
    said: Mapping[tuple[int, int], Message]
    outcomes: tuple[tuple[str, str], ...]
    received: tuple[int, ...]
    unmailed: tuple[tuple[NewCode, str], ...] = ()


class Taken(NamedTuple):
    """A conversation to be carried on, with its state if that is in memory."""

    claim: Claim
    state: State | None


def addressed_by(decided: Iterable[Decided]) -> Counter[str]:
    """How many messages the turns have for each platform. A link may have one more, which its commit writes."""
    counted: Counter[str] = Counter()
    for one in decided:
        for message in one.turn.messages:
            counted[turns.platform_of(message.address or one.turn.claim.address)] += 1
        if one.turn.links:
            counted[turns.platform_of(one.turn.claim.address)] += 1
    return counted
