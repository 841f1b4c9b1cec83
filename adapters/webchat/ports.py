"""What the live chat needs from the rest of the desk: narrow ports, implemented by whoever mounts it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from msgspec import Struct

from conversations.model import Doc

PAGE: Final = 200
"""The most entries of one conversation that one read is expected to return; a full page makes the hub read on."""


class Entry(Protocol):
    """One line of a transcript. `cursor` grows along a conversation and is never given twice.

    `author` is "customer" (`payload` is the JSON of an event, `key` the event's key) or "bot" (`payload` is the JSON of a Message,
    `key` the message's own for ever). `at` is epoch ms.
    """

    @property
    def cursor(self) -> int: ...
    @property
    def author(self) -> str: ...
    @property
    def at(self) -> int: ...
    @property
    def key(self) -> str: ...
    @property
    def payload(self) -> str: ...


class Log(Protocol):
    """The durable transcript: the one truth that every browser is brought up to date from."""

    async def since(self, asks: Sequence[tuple[str, int]]) -> Sequence[Sequence[Entry]]:
        """For each (address, cursor): the entries after that cursor, oldest first, from the oldest on, at most PAGE of them.

        One round trip to the database however many asks there are. An unknown address has no entries.
        """
        ...


class Session(Protocol):
    """A visitor's session. `address` is where its conversation is answered; `subject` is who was proved to hold it, or ""."""

    @property
    def address(self) -> str: ...
    @property
    def seen_at(self) -> int: ...
    @property
    def subject(self) -> str: ...


class Sessions(Protocol):
    """Sessions by the SHA-256 (hex) of their token: the token itself is never stored. Times are epoch ms.

    Any of these may raise adapters.base.NotStored.
    """

    async def create(self, token_hash: str, address: str, subject: str, at: int) -> None: ...
    async def find(self, token_hash: str) -> Session | None: ...
    async def touch(self, token_hash: str, at: int) -> None: ...
    async def identify(self, token_hash: str, address: str, subject: str) -> None: ...
    async def delete(self, token_hash: str) -> None: ...


class Welcome(Struct, frozen=True):
    """How the desk introduces itself in `locale`, one of its `locales`: its name, a greeting, and questions one might begin with."""

    name: str
    locale: str
    locales: tuple[str, ...]
    greeting: Doc
    suggestions: tuple[str, ...]


class Welcomes(Protocol):
    def __call__(self, locale: str) -> Welcome:
        """The welcome in the desk's locale nearest to `locale`, which may be anything; the default locale for an unknown one."""
        ...
