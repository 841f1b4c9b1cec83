"""A customer with Telegram on a telephone, and the wait for what anybody's screen shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.adapters.telegram_server import TelegramServer
from tests.contracts.adapter import until


async def shown(text: str, news: Callable[[], Sequence[str]]) -> None:
    """Until one of the news has the text; else what there was instead is told."""
    try:
        await until(lambda: any(text in each for each in news()))
    except TimeoutError:
        raise AssertionError(f"{text!r} was never shown, but {news()!r}") from None


class Telephone:
    """A private chat."""

    uploads = True

    def __init__(self, server: TelegramServer, chat: int = 482113907) -> None:
        self.server = server
        self.chat = chat
        self._from = 0

    def _act(self) -> None:
        self._from = len(self.server.sent)

    async def say(self, text: str) -> None:
        self._act()
        self.server.message(self.chat, text=text)

    async def command(self, name: str) -> None:
        await self.say(f"/{name}")

    async def press(self, label: str) -> None:
        self._act()
        self.server.press(self.chat, label)

    async def upload(self, name: str, content: bytes) -> None:
        self._act()
        self.server.message(self.chat, document=self.server.file(content, name, "image/png"))

    async def see(self, text: str) -> None:
        await shown(text, lambda: [sent.text for sent in self.server.sent[self._from :] if sent.chat == self.chat])
