"""What a desk has heard so far, for adapters that are tested without a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from conversations.events import Inbound, MessageDeleted, MessageEdited, MessageReceived
from conversations.model import Address


class HeardBefore:
    """The port adapters.ports.Heard. `late` is where the account was spoken to of late; `keep` is what storing does."""

    def __init__(self) -> None:
        self.late: dict[Address, str] = {}
        self._kept: dict[tuple[Address, str], Inbound] = {}

    def keep(self, *inbounds: Inbound) -> None:
        for inbound in inbounds:
            self._kept.setdefault((inbound.address, inbound.key), inbound)
            if inbound.key.startswith("m"):
                self.late[inbound.address] = max(self.late.get(inbound.address, ""), inbound.key)

    @property
    def events(self) -> list[Inbound]:
        """What is stored, in the order of its coming, each once."""
        return list(self._kept.values())

    async def __call__(self, platform: str, account: str) -> Sequence[tuple[Address, str]]:
        return list(self.late.items())

    async def place(self, among: Sequence[Address], key: str) -> Address | None:
        return next((address for address in among if (address, key) in self._kept), None)

    async def messages(self, address: Address, since: str) -> Mapping[str, int]:
        here = [inbound for inbound in self._kept.values() if inbound.address == address]
        said = [each for each in here if isinstance(each.event, MessageReceived) and each.key[0] == "m" and each.key >= since]
        found = {each.key: each.event.edited for each in said if isinstance(each.event, MessageReceived)}
        for each in here:
            if isinstance(each.event, MessageEdited) and each.event.of in found:
                found[each.event.of] = max(found[each.event.of], each.event.made)
            elif isinstance(each.event, MessageDeleted):
                found.pop(each.event.of, None)
        return found
