"""Finds again what was said, by the key that its delivery had: for adapters that are asked about a message they sent long ago."""

from __future__ import annotations

import re

import msgspec

from conversations.model import Message
from storage import transcript
from storage.engines import Database, Unavailable

_KEY = re.compile(r"(\d{1,19})\.(\d{1,18})\.(\d{1,3})", re.ASCII)
_LARGEST = 2**63 - 1
_message: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


class SaidBefore:
    """The port `adapters.ports.Said`. A key comes back from outside, so it may be anything."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, key: str) -> Message | None:
        found = _KEY.fullmatch(key)
        if found is None or (conversation := int(found[1])) > _LARGEST:
            return None
        version, ord = int(found[2]), int(found[3])
        try:
            payload = await self._database.read(lambda connection: transcript.find(connection, conversation, version, ord))
            return None if payload is None else _message.decode(payload)
        except (Unavailable, msgspec.DecodeError):
            return None
