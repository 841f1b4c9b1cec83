"""One script of a whole ticket on every platform, by its own library and on its own server: the tickets are equal, byte for byte."""

from __future__ import annotations

import shutil
from pathlib import Path

from bot.files import Files
from conversations.knowledge import Knowledge
from storage.blobs import Blobs
from tests.journeys.ticket_script import SCREENSHOT, Team, expected, told, whole_ticket
from tests.journeys.ways import WAYS, desk_on, parts


async def test_the_same_script_ends_in_the_same_ticket_on_every_platform(tmp_path: Path, learnt: Path, knowledge: Knowledge) -> None:
    found: dict[str, bytes] = {}
    without_files: set[str] = set()
    for n, name in enumerate(WAYS):
        folder = shutil.copytree(learnt, tmp_path / str(n))
        async with desk_on(name, folder, knowledge) as (url, way):
            ticket = await whole_ticket(way.customer, Team(url, folder), way.database)
            found[name] = await told(way.database, ticket)
            assert list(way.problems()) == [], name
            if not way.customer.uploads:
                without_files.add(name)
    kept = await Files(Blobs(tmp_path / "blobs")).keep(parts(SCREENSHOT))
    # Nobody can send a file in a terminal; there, and nowhere else, the ticket has none.
    assert without_files == {"terminal"}
    assert found == {name: expected(None if name in without_files else kept) for name in WAYS}
