"""What the tests of e-mail are told in: a mailbox of the desk's, a message for a customer, and the sending of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from adapters.base import Outbound
from adapters.email.adapter import Email
from adapters.email.settings import EmailSettings
from bot.files import Files
from conversations.model import Address, Message, paragraph
from storage.blobs import Blobs

ANA = Address("email", "support@desk.example", "ana@customer.example")
NOW = 1_800_000_000_000


def email(url: str, folder: Path, now: Callable[[], int] = lambda: NOW) -> Email:
    settings = EmailSettings(address="support@desk.example", smtp_url=SecretStr(url))
    return Email(settings, desk=lambda: "The Desk", blobs=Files(Blobs(folder)), now=now, key=b"k" * 32)


def letter(said: Message | str, key: str = "5.2.1", to: Address = ANA, at: int = NOW) -> Outbound:
    return Outbound(to, Message(paragraph(said), "es") if isinstance(said, str) else said, key, at)


async def send(adapter: Email, out: Outbound) -> str:
    [payload] = adapter.encode(out)
    return (await adapter.deliver(payload, f"{out.key}.0")).platform_id
