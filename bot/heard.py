"""Where an account was spoken to of late: for platforms that forget what they could not deliver, and can be read afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from adapters.base import NotStored
from bot.clock import Clock
from conversations.events import MessageReceived, decoder
from conversations.model import Address
from storage import mirror, transcript
from storage.engines import Database, Unavailable

WINDOW_MS = 30 * 86_400_000
LIMIT = 2_000
MESSAGES = 1_000


class HeardLately:
    """The port `adapters.ports.Heard`: of the last thirty days, the 2,000 newest."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def __call__(self, platform: str, account: str) -> Sequence[tuple[Address, str]]:
        since = self._clock.now() - WINDOW_MS
        try:
            found = await self._database.read(lambda connection: transcript.heard(connection, platform, account, since, LIMIT))
        except Unavailable:
            raise NotStored from None
        return [(Address.parse(address), key) for address, key in found]

    async def place(self, among: Sequence[Address], key: str) -> Address | None:
        if not among:
            return None
        try:
            found = await self._database.read(lambda connection: mirror.place(connection, [str(address) for address in among], key))
        except Unavailable:
            raise NotStored from None
        return None if found is None else Address.parse(found)

    async def messages(self, address: Address, since: str) -> Mapping[str, int]:
        try:
            found = await self._database.read(lambda connection: mirror.said(connection, str(address), since, MESSAGES))
        except Unavailable:
            raise NotStored from None
        return {key: said.edited for key, payload in found if (said := _message(payload)) is not None and not said.deleted}


def _message(payload: str) -> MessageReceived | None:
    """None for whatever else came with such a key, or was written by a release that wrote it otherwise."""
    try:
        event = decoder.decode(payload)
    except msgspec.DecodeError:
        return None
    return event if isinstance(event, MessageReceived) else None
