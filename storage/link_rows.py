"""What a turn wants done about links between conversations: plain records, read by storage/links.py."""

from __future__ import annotations

from typing import NamedTuple


class NewLinkCode(NamedTuple):
    """A link code that was made: by its hash alone it is found. `letter`, with the code in it, goes out as outbox row (version, ord)."""

    code_hash: str
    version: int
    ord: int
    letter: str


class LinkTry(NamedTuple):
    """A link code that was given back, as it would be kept."""

    code_hash: str


class LinkAgreed(NamedTuple):
    """The customer agreed to be linked to `peer`, whose code was given back here."""

    peer: int


class Unlinking(NamedTuple):
    """`peer` is to be taken out of the person's chats; 0: this one."""

    peer: int


class LinkRefusal(NamedTuple):
    """Nothing can be linked at this address: several people read there."""


class Passing(NamedTuple):
    """An event (its payload) for the conversation `to`, if the two are linked; if not, `back` for this one."""

    to: int
    payload: str
    back: str


class Disproof(NamedTuple):
    """What was proven at this conversation's addresses is not to be lent."""


LinkStep = NewLinkCode | LinkTry | LinkAgreed | Unlinking | LinkRefusal | Passing | Disproof
