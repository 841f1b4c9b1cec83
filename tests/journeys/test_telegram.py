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

from storage.blobs import Blobs
from storage.engines import open_database
from tests.adapters.telegram_server import TOKEN, TelegramServer
from tests.bot.rig import until
from tests.e2e.program import Program
from tests.journeys.telephone import Telephone
from tests.journeys.ticket_script import FORM, REVIEW, SCREENSHOT, Team, whole_ticket

ANA = 482113907
PRESSES = sum(step.act in ("press", "attach") for step in (*FORM, *REVIEW)) + 1


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    with TelegramServer() as server:
        yield server


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
        assert (ticket.title, ticket.rating) == ("Not responding · 185.10.20.31", 5)
        # What was asked has become what was answered, and nothing that can be pressed is left of it.
        texts = server.texts(ANA)
        for answered in ("Department: Technical issues", "Still happening?: It comes and goes", "IP or order number · ← Back"):
            assert answered in texts, answered
        await until(lambda: open_questions(server) == [])
        assert len(server.alerts) == PRESSES
        # The web is served beside it.
        page = await asyncio.to_thread(lambda: urllib.request.urlopen(f"{program.url}/", timeout=5).read().decode())
        assert "support-chat" in page
        assert {language: len(menu) for language, menu in server.commands.items()} == {"": 9, "es": 9}
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
