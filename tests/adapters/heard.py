"""What a desk has heard so far, for adapters that are tested without a database."""

from __future__ import annotations

from collections.abc import Sequence

from conversations.events import Inbound
from conversations.model import Address


class HeardBefore:
    """The port adapters.ports.Heard. `late` is where the account was spoken to of late; `kept` are the keys of what is stored."""

    def __init__(self) -> None:
        self.late: dict[Address, str] = {}
        self.kept: dict[Address, set[str]] = {}

    def keep(self, *inbounds: Inbound) -> None:
        for inbound in inbounds:
            self.kept.setdefault(inbound.address, set()).add(inbound.key)

    async def __call__(self, platform: str, account: str) -> Sequence[tuple[Address, str]]:
        return list(self.late.items())

    async def place(self, among: Sequence[Address], key: str) -> Address | None:
        return next((address for address in among if key in self.kept.get(address, ())), None)
