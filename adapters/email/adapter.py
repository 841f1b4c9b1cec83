"""E-mail as a platform: settings → decode → encode → deliver → run. It sends; receiving by IMAP is not built yet."""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from adapters.base import Accept, Capabilities, Outbound, Payload, Receipt, Unreachable
from adapters.email.letter import Letter, compose
from adapters.email.sending import Sender
from adapters.email.settings import EmailSettings
from adapters.ports import Blobs, Now
from adapters.text import number_choices
from conversations.events import Inbound
from conversations.identity import mailbox
from conversations.model import Attachment

FILES_LIMIT: Final = 10 * 1_048_576
"""Bytes of files in one mail: a third more on the wire, which is about what most providers take."""


class Email:
    """One mailbox of the desk. `desk` gives the desk's name: the sender's and the subject's where nothing else is said.

    A second send of a key is a second mail, but with the same Message-ID, by which mail programs and servers know it again.
    """

    name = "email"
    capabilities = Capabilities(text_limit=1 << 30)

    def __init__(self, settings: EmailSettings, *, desk: Callable[[], str], blobs: Blobs, now: Now, key: bytes) -> None:
        """`key`: 32 secret bytes or more that stay the same and are the same on every node. Message ids are made with it, so that nobody

        outside can tell what they stand for, or make one that belongs to somebody's ticket.
        """
        self.settings = settings
        self._desk = desk
        self._blobs = blobs
        self._now = now
        self._key = hmac.digest(key, b"message ids of e-mail", "sha256")
        self._domain = settings.address.rpartition("@")[2]
        self._sender = Sender(settings.server, self._domain)

    def decode(self, raw: Any) -> Inbound | None:
        """Nothing is received yet."""
        return None

    def encode(self, out: Outbound) -> list[Payload]:
        """One mail. Nothing can be pressed in it: choices become numbered lines."""
        message = number_choices(out.message)
        files, left = _within(message.files, FILES_LIMIT)
        letter = Letter(
            sender=self.settings.address,
            sender_name=self.settings.name or self._desk(),
            to=mailbox(out.address.chat),
            subject=message.subject or self._desk(),
            id=self._id("message", out.key),
            thread=self._id("thread", message.about) if message.about else "",
            at=out.at,
            locale=message.locale,
            doc=message.doc,
            files=files,
            left=left,
        )
        return [Payload(out.address, letter)]

    async def deliver(self, payload: Payload, key: str) -> Receipt:
        letter: Letter = payload.body
        if not letter.to:
            raise Unreachable("not an e-mail address")
        contents = await asyncio.to_thread(_read, [(file.id, await self._blobs.find(file.id)) for file in letter.files])
        full = await asyncio.to_thread(compose, letter, contents)
        lean = await asyncio.to_thread(compose, letter, {}) if contents else None
        await self._sender.send(letter.sender, letter.to, full, lean, (self._now() - letter.at) / 1000)
        return Receipt(letter.id)

    async def run(self, accept: Accept) -> None:
        """Wait to be cancelled: there is nothing to receive. The connection for sending is closed then."""
        try:
            await asyncio.Event().wait()
        finally:
            await self._sender.close()

    def _id(self, kind: str, of: str) -> str:
        """A message id (RFC 5322, 3.6.4) that is the same for the same thing, for ever."""
        code = base64.b32encode(hmac.digest(self._key, f"{kind} {of}".encode(), "sha256")[:20]).decode().lower()
        return f"<{code}@{self._domain}>"


def _within(files: tuple[Attachment, ...], limit: int) -> tuple[tuple[Attachment, ...], tuple[Attachment, ...]]:
    """As many as may come along, in their order, and those that may not."""
    taken: list[Attachment] = []
    left: list[Attachment] = []
    for file in files:
        (taken if sum(each.size for each in taken) + file.size <= limit else left).append(file)
    return tuple(taken), tuple(left)


def _read(paths: list[tuple[str, Path | None]]) -> dict[str, bytes]:
    return {id: path.read_bytes() for id, path in paths if path is not None}
