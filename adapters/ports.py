"""What adapters need from the rest of the desk: narrow ports, implemented by whoever builds them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

from conversations.model import Address, Message


class FileRefused(Exception):
    """A file that is not taken: its type is none of ours, it is not whole, it is infected, or nobody can tell for now whether it is."""

    def __init__(self, reason: Literal["type", "broken", "infected", "unchecked"]) -> None:
        super().__init__(reason)
        self.reason = reason


class Kept(Protocol):
    """A file as it is kept: the SHA-256 (hex) of its content, its media type, its size in bytes."""

    @property
    def digest(self) -> str: ...
    @property
    def mime(self) -> str: ...
    @property
    def size(self) -> int: ...


class Blobs(Protocol):
    """Files by the digest of their content. The media type is told by the content, and is one of PNG, JPEG, WebP, PDF and plain text."""

    async def keep(self, parts: AsyncIterator[bytes]) -> Kept:
        """Durable when this returns. Raises FileRefused or adapters.base.NotStored, and what `parts` raises; then nothing is kept."""
        ...

    async def find(self, id: str) -> Path | None:
        """The file with this digest; None when there is none."""
        ...


class Uploads(Blobs, Protocol):
    """A file may be uploaded long before it is sent, and is not kept for ever for nobody."""

    async def renew(self, id: str) -> bool:
        """Keep it for so long again that what is about to refer to it can be stored; False when it is gone. Raises NotStored."""
        ...


class Now(Protocol):
    def __call__(self) -> int:
        """Epoch ms."""
        ...


class Said(Protocol):
    """What was said, by the key that its delivery had: `<conversation>.<version>.<ord>`."""

    async def __call__(self, key: str) -> Message | None:
        """None when there is no such message, or the database is away."""
        ...


class Heard(Protocol):
    """Where an account was spoken to of late: for platforms that forget what they could not deliver, and can be read afterwards."""

    async def __call__(self, platform: str, account: str) -> Sequence[tuple[Address, str]]:
        """Each address with the greatest of its events' keys that begin with `m` (for message), the newest first.

        Raises adapters.base.NotStored when the database is away.
        """
        ...

    async def place(self, among: Sequence[Address], key: str) -> Address | None:
        """At which of these addresses the event `key` came; None when at none of them, or none are given. Raises NotStored."""
        ...

    async def messages(self, address: Address, since: str) -> Mapping[str, int]:
        """The customer's messages there that are stored and not deleted, from the key `since` on, the newest thousand at most: when each
        was last changed (by the platform's clock, epoch ms; 0: never). Raises NotStored.
        """
        ...
