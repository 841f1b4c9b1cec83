"""One person on two platforms: a form begun on Telegram goes on in the live chat; codes given back by commands of Slack and Discord."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import shutil
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import text

from adapters.base import Adapter
from adapters.discord.adapter import Discord
from adapters.slack.adapter import Slack
from bot.clock import Clock, Ids
from bot.codes import Codes
from bot.files import Files
from bot.heard import HeardLately
from bot.home import OwnTickets
from bot.pipeline import Pipeline
from bot.said import SaidBefore
from bot.supervision import Supervisor
from bot.telemetry import Metrics, configure
from conversations.engine import decide
from conversations.knowledge import Knowledge
from storage import tickets
from storage.blobs import Blobs
from storage.engines import Database, open_database
from tests.adapters.discord_desk import library_restored, settings_for
from tests.adapters.discord_server import DiscordServer
from tests.adapters.slack_desk import settings as slack_settings
from tests.adapters.slack_server import SlackServer, slack
from tests.adapters.telegram_server import TOKEN, TelegramServer
from tests.bot.rig import until
from tests.e2e.program import Program
from tests.journeys.discord_street import Customer as DiscordCustomer
from tests.journeys.slack_street import SlackCustomer
from tests.journeys.telephone import Telephone
from tests.journeys.test_telegram import ANA
from tests.journeys.ticket_script import FORM, REVIEW, TICKET, Team, play, row

UPLOADED = next(n for n, step in enumerate(FORM) if step.act == "attach") + 1
LATER = {"state", "rating", "files"}
AGREE = "Yes, that chat is mine: link them"


class Browser:
    """A Customer in the live chat, who speaks its protocol."""

    uploads = True

    def __init__(self, url: str, jwt: str = "") -> None:
        self._url = url
        self._count = itertools.count(1)
        self._token = self._request("POST", "/chat/sessions", {"locale": "en"} | ({"jwt": jwt} if jwt else {}))["token"]
        self.lines: list[dict[str, Any]] = []
        self._cursor = self._from = 0

    def _request(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"content-type": "application/json"}
        if body is None or "client_id" in body:
            headers["authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self._url + path, data, headers, method=method), timeout=10) as answer:
            return json.load(answer)

    async def _put(self, **said: Any) -> None:
        await self.look()
        self._from = len(self.lines)
        await asyncio.to_thread(
            self._request, "POST", "/chat/messages", {"client_id": f"browser-{next(self._count):04}", "locale": "en", **said}
        )

    async def look(self) -> list[str]:
        """What the desk has said since the last act."""
        batch = await asyncio.to_thread(self._request, "GET", f"/chat/events?after={self._cursor}&wait=0")
        self.lines += batch["entries"]
        self._cursor = batch["cursor"]
        return [json.dumps(line["message"], ensure_ascii=False) for line in self.lines[self._from :] if line["by"] == "desk"]

    async def say(self, text: str) -> None:
        await self._put(text=text)

    async def command(self, name: str, argument: str = "") -> None:
        await self._put(command=name, argument=argument)

    async def press(self, label: str) -> None:
        await self.look()
        choices = [choice for line in self.lines if line["by"] == "desk" for choice in line["message"].get("choices", ())]
        key = next(choice["key"] for choice in reversed(choices) if choice["label"] == label)
        await self._put(choice=key, label=label)

    async def upload(self, name: str, content: bytes) -> None:
        raise NotImplementedError("the script's file comes before the form does")

    async def see(self, text: str) -> None:
        async with asyncio.timeout(30):
            while not any(text in said for said in await self.look()):
                await asyncio.to_thread(self._request, "GET", "/ready")


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    with TelegramServer() as server:
        yield server


@pytest.fixture
def program(tmp_path: Path, learnt: Path, server: TelegramServer) -> Program:
    shutil.copytree(learnt, tmp_path, dirs_exist_ok=True)
    return Program(tmp_path, RELEVO_TELEGRAM__TOKEN=TOKEN, RELEVO_TELEGRAM__BASE_URL=server.url)


def code_in(said: str) -> str:
    [code] = set(re.findall(r"\b(?:[0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}\b", said)) - {"4F7K-2M9Q-X3TB-8WRC"}
    return str(code).replace("-", "")


async def linked(database: Database) -> list[tuple[Any, ...]]:
    return await database.read(lambda conn: [tuple(row) for row in conn.execute(text("SELECT person, proof FROM link"))])


async def test_a_form_begun_on_telegram_is_finished_in_the_live_chat_whenever_the_desk_is_killed(
    program: Program, server: TelegramServer, tmp_path: Path
) -> None:
    await asyncio.to_thread(program.start)
    url = f"sqlite:///{tmp_path / 'relevo.db'}"
    database, ana = open_database(url), Telephone(server)
    try:
        browser = await asyncio.to_thread(Browser, program.url)
        await ana.command("ticket")
        await ana.see("Which department is it for?")
        await play(ana, FORM[:UPLOADED])
        await ana.command("link")
        await ana.see("Give the code to nobody")
        said = server.texts(ANA)[-1]
        code = code_in(said)
        assert f"{program.url}/#start=link_{code}" in said
        await browser.command("start", f"link_{code}")
        await asyncio.to_thread(program.kill)
        await asyncio.to_thread(program.start)
        await browser.see("Is that chat yours?")
        assert await linked(database) == []
        await browser.press(AGREE)
        await asyncio.to_thread(program.kill)
        await asyncio.to_thread(program.start)
        await browser.see("nothing was lost")
        await ana.see("where you left it here")
        assert len(await linked(database)) == 2
        # What is left of the question there only tells where the form is.
        await ana.press("↩ Go on with it here")
        await ana.see("nothing was lost")
        await browser.see("where you left it here")
        await browser.press("↩ Go on with it here")
        await browser.see("nothing was lost")
        await play(browser, (*FORM[UPLOADED:], *REVIEW))
        [ticket] = await database.read(tickets.list_open)
        # As on a single platform.
        own = {name: value for name, value in row(ticket).items() if name not in LATER}
        assert own == {name: value for name, value in TICKET.items() if name not in LATER}
        assert [file["name"] for file in row(ticket)["files"]] == TICKET["files"]
        # From the other side it is read, and answered where it lives.
        await ana.command("tickets")
        await ana.see(ticket.number)
        await ana.press(f"{ticket.number} · {ticket.title}")
        await ana.see("has not replied yet")
        await Team(url, tmp_path).run("reply", ticket.number, "It is mended.", "--as", "Eva")
        await browser.see("It is mended.")
        await ana.command("links")
        await ana.see("the web")
        await ana.press("Unlink the web")
        await browser.see("linked to your other chats no longer")
        assert await linked(database) == []
        kept = await database.read(lambda conn: conn.execute(text("SELECT payload FROM inbox")).scalars().all())
        assert kept
        assert not any(code in payload for payload in kept)
        assert code not in program.output()
    finally:
        await database.close()
        await asyncio.to_thread(program.stop)


async def test_a_link_into_telegram_that_counts_once(program: Program, server: TelegramServer, tmp_path: Path) -> None:
    await asyncio.to_thread(program.start)
    database, ana = open_database(f"sqlite:///{tmp_path / 'relevo.db'}"), Telephone(server)
    try:
        browser = await asyncio.to_thread(Browser, program.url)
        await browser.say("link my chats")
        await browser.see("t.me/")
        [way] = set(re.findall(r"https://t\.me/\w+\?start=link_\w+", "".join(await browser.look())))
        payload = way.rpartition("=")[2]
        await ana.command(f"start {payload}")
        await ana.see("If somebody sent it to you, do not.")
        await ana.press(AGREE)
        await ana.see("are linked")
        await browser.see("Was that not you?")
        assert len(await linked(database)) == 2
        await ana.command(f"start {payload}")
        await ana.see("That code does not count")
    finally:
        await database.close()
        assert await asyncio.to_thread(program.stop) == 0


# --- Slack and Discord ---


class Both(NamedTuple):
    database: Database
    slack: SlackServer
    discord: DiscordServer


@asynccontextmanager
async def both(url: str, folder: Path, knowledge: Knowledge) -> AsyncIterator[Both]:
    """One desk on the two platforms."""
    clock, metrics, log = Clock(), Metrics(), configure("error", "json")
    database, supervisor, blobs = open_database(url), Supervisor(clock, metrics, log), Files(Blobs(folder / "blobs"))
    heard, discord_server = HeardLately(database, clock), DiscordServer()
    await discord_server.start()
    async with slack() as slack_server:
        with library_restored():
            adapters: list[Adapter] = [
                Slack(
                    slack_settings(slack_server),
                    blobs=blobs,
                    said=SaidBefore(database),
                    heard=heard,
                    tickets=OwnTickets(database, lambda: knowledge),
                    now=clock.now,
                ),
                Discord(settings_for(discord_server), blobs=blobs, said=SaidBefore(database), heard=heard),
            ]
            alone = url.startswith("sqlite")
            pipeline = Pipeline(
                database, adapters, decide, lambda: knowledge, clock, Ids(clock), metrics, log, alone=alone, codes=Codes(b"k" * 32)
            )
            pipeline.start(supervisor)
            pipeline.receive(supervisor)
            try:
                await slack_server.until(lambda: slack_server.connections > 0)
                await until(lambda: discord_server.gateway.open)
                yield Both(database, slack_server, discord_server)
            finally:
                await supervisor.stop()
                await database.close()
                await discord_server.stop()


async def test_a_code_is_given_back_by_slacks_command(url: str, tmp_path: Path, knowledge: Knowledge) -> None:
    async with both(url, tmp_path, knowledge) as street:
        ana, ben = DiscordCustomer(street.discord), SlackCustomer(street.slack)
        await ana.command("ticket")
        await ana.press("Financial issues")
        await ana.command("link")
        code = code_in(ana.last)
        assert f"/relevo link {code}" in ana.last
        await ben.command(f"link {code}")
        await ben.see("Is that chat yours?")
        await ben.press(AGREE)
        await ben.see("nothing was lost")
        await until(lambda: "where you left it here" in ana.last)
        await ana.press("↩ Go on with it here")
        await until(lambda: "nothing was lost" in ana.last)
        assert len(await linked(street.database)) == 2


async def test_a_code_is_given_back_by_discords_command(url: str, tmp_path: Path, knowledge: Knowledge) -> None:
    async with both(url, tmp_path, knowledge) as street:
        ana, ben = DiscordCustomer(street.discord), SlackCustomer(street.slack)
        await ben.command("ticket")
        await ben.see("Which department is it for?")
        await ben.command("link")
        await ben.see("Give the code to nobody")
        code = code_in("\n".join(ben.news()))
        await ana.command("link", code=code)
        assert "Is that chat yours?" in ana.last
        await ana.press(AGREE, 2)
        await until(lambda: any("nothing was lost" in message["content"] for message in ana.seen))
        await ben.see("where you left it here")
        assert len(await linked(street.database)) == 2
