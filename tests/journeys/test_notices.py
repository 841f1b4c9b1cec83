"""From a link into a chat to a notice in it and to none any more: on Telegram and in the live chat by the real program and its command,
on Slack and Discord by their own libraries.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, text

from bot.cli import main
from conversations.knowledge import Knowledge
from storage import notices
from storage.engines import Database, open_database
from storage.notice_rows import Reach
from tests.adapters.discord_server import DiscordServer
from tests.adapters.slack_server import slack
from tests.adapters.telegram_server import TOKEN, TelegramServer
from tests.bot.rig import until
from tests.e2e.program import Program
from tests.journeys.discord_street import discord_street
from tests.journeys.slack_street import SlackCustomer, opened
from tests.journeys.telephone import Telephone
from tests.journeys.test_linking import Browser

ANA, BEN = 482113907, 482113908
SECRET = "a key that the site and the desk share"
DONE = "from now on I send you notices of"


class Keeper:
    """Whoever has the shell: the real command, without waiting for a new interpreter each time."""

    def __init__(self, url: str, folder: Path) -> None:
        self._settings = {"RELEVO_DATA_DIR": str(folder), "RELEVO_DATABASE_URL": url}

    async def run(self, *words: str, code: int = 0) -> str:
        done = await asyncio.to_thread(CliRunner().invoke, main, ["notice", *words], env=self._settings)
        assert done.exit_code == code, done.output
        return done.output

    async def publish(self, words: str, *more: str, topic: str = "outage") -> str:
        return await self.run("publish", "--topic", topic, "--en", words, *more)

    async def reach(self) -> list[dict[str, Any]]:
        """What `relevo notice list` tells, the newest first: how many of each."""
        counts = ("planned", "sent", "failed", "unreachable")
        return [{name: notice[name] for name in counts if notice[name]} for notice in json.loads(await self.run("list", "--json"))]

    async def until(self, database: Database, **reach: int) -> None:
        """Of the newest notice it is known."""

        async def known() -> bool:
            [(_, found)] = await database.read(lambda conn: notices.newest(conn, 1))
            return found == Reach(**reach)

        await until(known)


async def subscriptions(database: Database) -> list[str]:
    sql = "SELECT address, topic FROM subscription JOIN conversation ON id = conversation ORDER BY address, topic"
    return await database.read(lambda conn: [f"{address} {topic}" for address, topic in conn.execute(text(sql))])


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    with TelegramServer() as server:
        yield server


async def test_from_a_link_to_the_bot_to_a_notice_and_to_none_any_more(server: TelegramServer, tmp_path: Path, learnt: Path) -> None:
    shutil.copytree(learnt, tmp_path, dirs_exist_ok=True)
    program = Program(tmp_path, RELEVO_TELEGRAM__TOKEN=TOKEN, RELEVO_TELEGRAM__BASE_URL=server.url)
    url = f"sqlite:///{tmp_path / 'relevo.db'}"
    await asyncio.to_thread(program.start)
    database, keeper = open_database(url), Keeper(url, tmp_path)
    ana, ben = Telephone(server, ANA), Telephone(server, BEN)
    try:
        browser = await asyncio.to_thread(Browser, program.url)
        await browser.command("start", "sub_outage")
        await browser.see(DONE)
        for someone in (ana, ben):
            await someone.command("start sub_outage")
            await someone.see(DONE)
        await ana.command("start sub_outage")
        await ana.see("are on already")
        assert len(await subscriptions(database)) == 3

        dry = await keeper.publish("The network is slow.", "--dry-run")
        assert "Recipients: 3 (telegram 2, web 1)" in dry
        assert "The network is slow." in dry
        assert await keeper.reach() == []

        told = await keeper.publish("The network is slow.", "--key", "n1")
        assert "Recipients: 3" in told
        assert "There is no text in es: 0 of them read es" in told
        for reader in (ana, ben, browser):
            await reader.see("The network is slow.")
        await keeper.until(database, sent=3)
        assert "Nothing was done" in await keeper.publish("The network is slow.", "--key", "n1")
        assert "another notice" in await keeper.run("publish", "--topic", "outage", "--en", "Other words.", "--key", "n1", code=1)

        # The button under it stops it, and the same place undoes that.
        await ana.press("🔕 Turn off: Outages")
        await ana.see("I send no more notices of Outages")
        await browser.press("🔕 Turn off: Outages")
        await browser.see("I send no more notices of")
        assert await subscriptions(database) == [f"telegram:{TOKEN.partition(':')[0]}:{BEN} outage"]

        # Published while nothing runs, it is sent once by whoever starts next.
        await asyncio.to_thread(program.kill)
        await keeper.publish("All is well again.")
        await asyncio.to_thread(program.start)
        await ben.see("All is well again.")
        await keeper.until(database, sent=1)
        assert not any("All is well again." in said for said in (*server.texts(ANA), *await browser.look()))
        assert sum("The network is slow." in said for said in server.texts(BEN)) == 1

        # Who blocks the bot is written to once more, and then never again.
        server.blocked.add(BEN)
        await keeper.publish("One more thing.")
        await keeper.until(database, unreachable=1)

        async def nobody() -> bool:
            return await subscriptions(database) == []

        await until(nobody)
        assert "nobody subscribes" in await keeper.publish("And another.")
        assert await keeper.reach() == [{}, {"unreachable": 1}, {"sent": 1}, {"sent": 3}]
        # Coming back is one step again.
        server.blocked.clear()
        await ben.command("start sub_outage")
        await ben.see(DONE)
    finally:
        await database.close()
        code = await asyncio.to_thread(program.stop)
    assert code == 0


async def test_a_visitor_who_stays_away_too_long_is_written_to_no_more_unless_they_can_come_back(tmp_path: Path, learnt: Path) -> None:
    shutil.copytree(learnt, tmp_path, dirs_exist_ok=True)
    program = Program(tmp_path, RELEVO_WEBCHAT__IDENTITY_SECRETS=SECRET)
    await asyncio.to_thread(program.start)
    database = open_database(f"sqlite:///{tmp_path / 'relevo.db'}")
    ana = jwt.encode({"sub": "customer 40", "aud": "desk", "exp": int(time.time()) + 120}, SECRET, algorithm="HS256")
    try:
        visitors = [await asyncio.to_thread(Browser, program.url, proof) for proof in ("", "", ana)]
        for visitor in visitors:
            await visitor.command("start", "sub_outage")
            await visitor.see(DONE)
        await asyncio.to_thread(program.kill)
        proved, away, here = await subscriptions(database)
        assert proved == "web:desk:%40customer%2040 outage"

        def a_month_passes(conn: Connection) -> None:
            conn.execute(text("UPDATE web_session SET seen_at = 0 WHERE address <> :here"), {"here": here.removesuffix(" outage")})

        await database.write(a_month_passes)
        await asyncio.to_thread(program.start)

        async def told() -> bool:
            return away not in await subscriptions(database)

        await until(told)
        assert await subscriptions(database) == [proved, here]
    finally:
        await database.close()
        await asyncio.to_thread(program.kill)


async def test_a_group_on_telegram_is_told_to_ask_in_private(server: TelegramServer, tmp_path: Path, learnt: Path) -> None:
    shutil.copytree(learnt, tmp_path, dirs_exist_ok=True)
    program = Program(tmp_path, RELEVO_TELEGRAM__TOKEN=TOKEN, RELEVO_TELEGRAM__BASE_URL=server.url)
    await asyncio.to_thread(program.start)
    database = open_database(f"sqlite:///{tmp_path / 'relevo.db'}")
    try:
        person = {"id": ANA, "is_bot": False, "first_name": "Ana", "language_code": "en"}
        group = {"id": -1001, "type": "supergroup", "title": "Everybody"}
        command = {"type": "bot_command", "offset": 0, "length": 6}
        message = {"message_id": 7, "date": 1, "from": person, "chat": group, "text": "/start sub_outage", "entities": [command]}
        server.push({"message": message})
        await until(lambda: any("private chat" in said for said in server.texts(-1001)))
        assert await subscriptions(database) == []
    finally:
        await database.close()
        assert await asyncio.to_thread(program.stop) == 0


async def test_on_slack_by_the_command(tmp_path: Path, knowledge: Knowledge) -> None:
    url = f"sqlite:///{tmp_path / 'relevo.db'}"
    async with slack() as server, opened(server, url, tmp_path, knowledge) as street:
        ben, keeper = SlackCustomer(server), Keeper(url, tmp_path)
        await ben.command("start sub_outage")
        await ben.see(DONE)
        await ben.command("notices")
        await ben.see("🔔 Turn on: Maintenance")
        await ben.press("🔔 Turn on: Maintenance")
        await ben.see(DONE)
        assert [each.rpartition(" ")[2] for each in await subscriptions(street.database)] == ["maintenance", "outage"]
        ben._look()
        await keeper.publish("The network is slow.")
        await ben.see("The network is slow.")
        await keeper.until(street.database, sent=1)
        await ben.press("🔕 Turn off: Outages")
        await ben.see("I send no more notices of")
        assert [each.rpartition(" ")[2] for each in await subscriptions(street.database)] == ["maintenance"]


async def test_on_discord_by_the_command(url: str, tmp_path: Path, knowledge: Knowledge) -> None:
    server = DiscordServer()
    await server.start()
    try:
        async with discord_street(url, knowledge, tmp_path, server) as street:
            ana, keeper = street.customer(), Keeper(url, tmp_path)
            await ana.command("start", code="sub_outage")
            assert DONE in ana.last
            await ana.command("notices")
            assert "🔔 Turn on: Maintenance" in ana.offered
            count = len(ana.seen)
            await keeper.publish("The network is slow.")
            await ana.until(count + 1)
            assert "The network is slow." in ana.last
            await keeper.until(street.database, sent=1)
            await ana.press("🔕 Turn off: Outages")
            assert "I send no more notices of" in ana.last
            assert await subscriptions(street.database) == []
    finally:
        await server.stop()
