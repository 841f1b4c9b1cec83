"""Where several people read, no code is shown and none is taken, by each platform's real library; in private the same code counts."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from sqlalchemy import text as sql

from conversations.knowledge import Knowledge
from storage.engines import Database
from tests.adapters.discord_markdown import read
from tests.adapters.discord_server import BOT
from tests.adapters.slack_people import People
from tests.adapters.slack_wire import shown
from tests.adapters.telegram_server import TelegramServer
from tests.bot.rig import until
from tests.journeys.discord_street import Customer as DiscordCustomer
from tests.journeys.slack_street import SlackCustomer
from tests.journeys.telephone import Telephone
from tests.journeys.test_linking import both, code_in, linked
from tests.journeys.test_mirror import on_telegram

REFUSED = "Several people read here"
CODE = re.compile(r"(?:[0-9A-HJKMNP-TV-Z]{4}-?){4}")


async def refused(
    database: Database, code: str, room: Callable[[str], Awaitable[object]], heard: Callable[[], Sequence[str]], ask: str = "link my chats"
) -> None:
    """Somebody asks for a code in the room, and gives back one that came in private."""
    for n, words in enumerate((ask, f"link {code}"), 1):
        await room(words)
        await until(lambda: len(heard()) == n)  # noqa: B023
    assert all(REFUSED in said and not CODE.search(said) for said in heard())
    assert await linked(database) == []
    # Nobody guesses by it either: in a room no try is counted, and none is told from another.
    await room("link AAAABBBBCCCCDDDD")
    await until(lambda: len(heard()) == 3)
    assert heard()[2] == heard()[1]
    kept = await database.read(lambda conn: conn.execute(sql("SELECT payload FROM inbox")).scalars().all())
    assert not any(code in payload.replace("-", "") for payload in kept)


async def test_in_a_slack_channel(url: str, tmp_path: Path, knowledge: Knowledge) -> None:
    async with both(url, tmp_path, knowledge) as street:
        ana, ben = DiscordCustomer(street.discord), SlackCustomer(street.slack)
        await ana.command("link")
        code = code_in(ana.last)
        people, thread = People(street.slack), street.slack.post("C0HELP", {"user": "U0BEN", "text": "hi"})["ts"]

        async def room(words: str) -> None:
            await (await people.mention("U0BEN", "C0HELP", words, thread)).answer

        await refused(street.database, code, room, lambda: [shown(post) for post in street.slack.by_desk("C0HELP")])
        await ben.command(f"link {code}")
        await ben.see("Is that chat yours?")


async def test_on_a_discord_server(url: str, tmp_path: Path, knowledge: Knowledge) -> None:
    async with both(url, tmp_path, knowledge) as street:
        ana, ben = DiscordCustomer(street.discord), SlackCustomer(street.slack)
        await ben.command("link")
        await ben.see("Give the code to nobody")
        code = code_in("\n".join(ben.news()))
        channel = street.discord.channel("120000000000000001")

        async def room(words: str) -> None:
            street.discord.post(channel, ana.user, f"<@{BOT}> {words}")

        await refused(street.database, code, room, lambda: [read(said["content"]).text for said in street.discord.said(channel)])
        # The command is answered in private wherever it is given, so there it does what it says.
        count = len(ana.seen)
        street.discord.command(channel, ana.user, "link", "en-GB", code=code)
        await until(lambda: len(ana.seen) > count)
        assert "Is that chat yours?" in ana.last


async def test_in_a_telegram_group(tmp_path: Path, knowledge: Knowledge) -> None:
    group = -1001234567890
    with TelegramServer() as server:
        async with on_telegram(server, tmp_path, knowledge) as database:
            ana, ben = Telephone(server), Telephone(server, 482113908)
            await ben.command("link")
            await ben.see("Give the code to nobody")
            code = code_in(server.texts(ben.chat)[-1])

            async def room(words: str) -> None:
                server.message(group, text=f"/{words}", user=ana.chat)

            await refused(database, code, room, lambda: server.texts(group), "link")
            await ana.command(f"link {code}")
            await ana.see("Is that chat yours?")
