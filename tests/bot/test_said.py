"""What was said is found again by the key of its delivery, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.said import SaidBefore
from conversations.model import Message, paragraph
from tests.bot.rig import opened, rig


async def test_a_message_is_found_by_the_key_it_was_sent_with(tmp_path: Path) -> None:
    async with opened(tmp_path / "relevo.db") as database, rig(database) as here:
        await here.say("ana", "hola")
        await here.say("ben", "adiós")
        await here.board.until(2)
        said = SaidBefore(database)
        keys = [call.rpartition(".")[0] for call in here.platform.calls]
        assert [await said(key) for key in keys] == [Message(paragraph(text), "en") for _, text in here.board.posts]


@pytest.mark.parametrize("key", ["", "1.1", "1.1.0", "a.b.c", "9" * 30 + ".1.0", "1.1.0; DROP", "-1.1.0", "١.1.0", "9" * 19 + ".1.0"])
async def test_what_is_no_key_of_ours_finds_nothing(tmp_path: Path, key: str) -> None:
    async with opened(tmp_path / "relevo.db") as database:
        assert await SaidBefore(database)(key) is None


async def test_without_a_database_nothing_was_said(tmp_path: Path) -> None:
    async with opened(tmp_path / "relevo.db") as database:
        said = SaidBefore(database)
    assert await said("1.1.0") is None
