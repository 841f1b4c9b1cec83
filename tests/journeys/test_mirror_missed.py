"""What is changed and deleted while the desk is stopped is changed and gone when it is back, and stays so whenever it comes back again."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import text as sql

from conversations.knowledge import Knowledge
from storage import migrate
from storage.engines import Database
from tests.adapters.discord_server import DiscordServer
from tests.adapters.slack_people import People
from tests.adapters.slack_server import slack
from tests.bot.rig import until
from tests.journeys.discord_street import ANA, discord_street
from tests.journeys.slack_street import opened
from tests.journeys.test_mirror_rooms import BETTER, QUESTION, stands

SECRET = "my shoe size is 43"
KEPT = ((BETTER, True, False), ("", False, True))


async def arrived(database: Database) -> int:
    return int(await database.read(lambda conn: conn.scalar(sql("SELECT count(*) FROM inbox"))) or 0)


async def test_on_slack(tmp_path: Path, knowledge: Knowledge) -> None:
    url = f"sqlite:///{tmp_path / 'relevo.db'}"
    async with slack() as server:
        people = People(server)
        async with opened(server, url, tmp_path, knowledge) as street:
            said = [await people.dm("U0BEN", words) for words in (QUESTION, SECRET)]
            await asyncio.gather(*(each.answer for each in said))
            await stands(street.database, (QUESTION, False, False), (SECRET, False, False))
            # What was claimed by a desk that is gone is nobody's for ten seconds more.
            await until(street.pipeline.quiet)
        asked, told = (each.key for each in said)
        await people.edit("U0BEN", "D0BEN", asked, BETTER)
        await people.delete("U0BEN", "D0BEN", told)
        server.forget()
        async with opened(server, url, tmp_path, knowledge) as street:
            await stands(street.database, *KEPT)
            await until(street.pipeline.quiet)
            count = await arrived(street.database)
        async with opened(server, url, tmp_path, knowledge) as street:
            await (await people.dm("U0BEN", "thanks")).answer
            await stands(street.database, *KEPT, ("thanks", False, False))
            assert await arrived(street.database) == count + 1


async def test_on_discord(tmp_path: Path, knowledge: Knowledge) -> None:
    url = f"sqlite:///{tmp_path / 'relevo.db'}"
    await asyncio.to_thread(migrate.upgrade, url)
    server = DiscordServer()
    await server.start()
    server.gateway.resumable = False
    try:
        async with discord_street(url, knowledge, tmp_path, server) as street:
            room = server.room(ANA)
            asked, told = (server.post(room, ANA, words)["id"] for words in (QUESTION, SECRET))
            await stands(street.database, (QUESTION, False, False), (SECRET, False, False))
            await until(street.pipeline.quiet)
        await until(lambda: not server.gateway.open)
        server.edit(room, asked, BETTER)
        server.delete(room, told)
        async with discord_street(url, knowledge, tmp_path, server) as street:
            await stands(street.database, *KEPT)
            await until(street.pipeline.quiet)
            count = await arrived(street.database)
        await until(lambda: not server.gateway.open)
        async with discord_street(url, knowledge, tmp_path, server) as street:
            server.post(room, ANA, "thanks")
            await stands(street.database, *KEPT, ("thanks", False, False))
            assert await arrived(street.database) == count + 1
    finally:
        await server.stop()
