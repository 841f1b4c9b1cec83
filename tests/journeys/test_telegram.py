"""Telegram through the real program: a whole ticket by the official library, beside the web; and what it does when it is not let in."""

from __future__ import annotations

import asyncio
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.knowledge import load_knowledge
from bot.settings import BESIDE_THE_CODE
from storage.blobs import Blobs
from storage.engines import open_database
from tests.adapters.telegram_server import TOKEN, TelegramServer
from tests.bot.rig import until
from tests.e2e.program import Program
from tests.journeys.ticket_script import EXPECTED, FORM, SCREENSHOT, Team, facts, whole_ticket

ANA = 482113907
PRESSES = sum(step.act == "press" for step in FORM) + 1


class Telephone:
    """A Customer in a private chat."""

    def __init__(self, server: TelegramServer, chat: int = ANA) -> None:
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
        def shown() -> bool:
            return any(text in sent.text for sent in self.server.sent[self._from :] if sent.chat == self.chat)

        async with asyncio.timeout(30):
            try:
                await until(shown)
            except TimeoutError:
                seen = "\n---\n".join(self.server.texts(self.chat)[-3:])
                raise AssertionError(f"{text!r} is not shown; what is:\n{seen}") from None


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    with TelegramServer() as server:
        yield server


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the desk keeps of its files between starts: made once."""
    folder = tmp_path_factory.mktemp("learnt")
    load_knowledge(BESIDE_THE_CODE / "content" / "introserv", folder)
    return folder


def desk(folder: Path, server: TelegramServer, learnt: Path) -> Program:
    """Only the token and the address are set."""
    shutil.copytree(learnt, folder, dirs_exist_ok=True)
    return Program(folder, RELEVO_TELEGRAM__TOKEN=TOKEN, RELEVO_TELEGRAM__BASE_URL=server.url)


async def test_from_the_question_to_the_stars(server: TelegramServer, tmp_path: Path, learnt: Path) -> None:
    program = desk(tmp_path, server, learnt)
    await asyncio.to_thread(program.start)
    url = f"sqlite:///{tmp_path / 'relevo.db'}"
    database, ana = open_database(url), Telephone(server)
    try:
        ticket = await whole_ticket(ana, Team(url, tmp_path), database)
        assert facts(ticket) == EXPECTED
        # What was asked has become what was answered, and nothing that can be pressed is left of it.
        texts = server.texts(ANA)
        for answered in ("Department: Technical issues", "Still happening?: It comes and goes", "IP or order number · ← Back"):
            assert answered in texts, answered
        await until(lambda: open_questions(server) == [])
        assert len(server.alerts) == PRESSES
        # The web is served beside it.
        page = await asyncio.to_thread(lambda: urllib.request.urlopen(f"{program.url}/", timeout=5).read().decode())
        assert "support-chat" in page
        assert {language: len(menu) for language, menu in server.commands.items()} == {"": 8, "es": 8}
        # The picture is kept as what it is.
        path = Blobs(tmp_path / "blobs").find(json.loads(ticket.files)[0]["id"])
        assert path is not None
        assert path.read_bytes()[:8] == SCREENSHOT[:8]
        assert not server.webhook
    finally:
        await database.close()
        code = await asyncio.to_thread(program.stop)
    assert code == 0
    output = program.output()
    assert TOKEN not in output
    assert TOKEN.partition(":")[2] not in output
    assert "firewall" not in output
    setting = [method for method, _ in server.calls if method == "setMyCommands"]
    await asyncio.to_thread(program.start)
    try:
        await until(lambda: [method for method, _ in server.calls].count("getMyCommands") == 4)
    finally:
        assert await asyncio.to_thread(program.stop) == 0
    assert [method for method, _ in server.calls if method == "setMyCommands"] == setting


def open_questions(server: TelegramServer) -> list[str]:
    """Questions of the form that still have buttons."""
    return [
        message["text"]
        for message in server.shown(ANA)
        if any(button["text"] == "✕ Cancel" for row in message.get("reply_markup", {}).get("inline_keyboard", ()) for button in row)
    ]


async def test_a_link_to_the_bot_leads_where_it_says(server: TelegramServer, tmp_path: Path, learnt: Path) -> None:
    program = desk(tmp_path, server, learnt)
    await asyncio.to_thread(program.start)
    ana = Telephone(server)
    try:
        await ana.command("start topic_verification")
        await ana.see("Ownership is checked")
        await ana.command("start ticket")
        await ana.see("Which department is it for?")
        await ana.command("start topic_of-long-ago")
        await ana.see("automatic assistant")
    finally:
        assert await asyncio.to_thread(program.stop) == 0
