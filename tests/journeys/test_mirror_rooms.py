"""What is asked in a room is changed and deleted there, by the real libraries: the desk has the same, and nothing of what others do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import text as sql

from conversations.events import MessageReceived, decoder
from conversations.knowledge import Knowledge
from storage import migrate
from storage.engines import Database
from tests.adapters.discord_server import BOT, DiscordServer
from tests.adapters.slack_people import People
from tests.adapters.slack_server import slack
from tests.bot.rig import until
from tests.journeys.discord_street import ANA, discord_street
from tests.journeys.slack_street import opened

QUESTION, BETTER, OTHERS = "how do I pey my bill?", "how do I pay my bill?", "lunch?"


async def said(database: Database) -> list[tuple[str, bool, bool]]:
    """What is kept of what was said: the words, whether they were changed, whether they were taken back."""
    payloads = await database.read(lambda conn: conn.execute(sql("SELECT payload FROM inbox ORDER BY id")).scalars().all())
    heard = [event for payload in payloads if isinstance(event := decoder.decode(payload), MessageReceived)]
    return [(each.text, bool(each.edited), bool(each.deleted)) for each in heard]


async def stands(database: Database, *expected: tuple[str, bool, bool]) -> None:
    async def as_expected() -> bool:
        return await said(database) == list(expected)

    await until(as_expected)


async def conversations(database: Database) -> Any:
    return await database.read(lambda conn: conn.scalar(sql("SELECT count(*) FROM conversation")))


async def test_in_slacks_channels(tmp_path: Path, knowledge: Knowledge) -> None:
    url = f"sqlite:///{tmp_path / 'relevo.db'}"
    async with slack() as server, opened(server, url, tmp_path, knowledge) as street:
        people, channel = People(server), "C0HELP"
        asked = await people.mention("U0BEN", channel, QUESTION)
        await asked.answer
        await server.until(lambda: server.by_desk(channel))
        others = (await people.chat("U0ANA", channel, OTHERS)).key.split()[0]
        await (await people.edit("U0ANA", channel, others, "@soporte lunch?")).answer
        await (await people.edit("U0ANA", channel, others, "@soporte dinner?")).answer
        await (await people.delete("U0ANA", channel, others)).answer
        await (await people.edit("U0BEN", channel, asked.key, f"@soporte {BETTER}")).answer
        await stands(street.database, (BETTER, True, False))
        await (await people.delete("U0BEN", channel, asked.key)).answer
        await stands(street.database, ("", True, True))
        assert await conversations(street.database) == 1


async def test_on_discords_servers(tmp_path: Path, knowledge: Knowledge) -> None:
    url = f"sqlite:///{tmp_path / 'relevo.db'}"
    await asyncio.to_thread(migrate.upgrade, url)
    server = DiscordServer()
    await server.start()
    try:
        async with discord_street(url, knowledge, tmp_path, server) as street:
            channel = server.channel("120000000000000001")
            asked = server.post(channel, ANA, f"<@{BOT}> {QUESTION}")["id"]
            await until(lambda: bool(server.said(channel)))
            others = server.post(channel, "9", OTHERS)["id"]
            for words in ("lunch?", "dinner?"):
                server.edit(channel, others, f"<@{BOT}> {words}")
            server.delete(channel, others)
            server.edit(channel, asked, f"<@{BOT}> {BETTER}")
            await stands(street.database, (BETTER, True, False))
            server.delete(channel, asked)
            await stands(street.database, ("", True, True))
            assert await conversations(street.database) == 1
    finally:
        await server.stop()
