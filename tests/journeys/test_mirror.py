"""A reply to a ticket is edited and deleted at the platform, by the real libraries: the ticket says the same, to the team as well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import SecretStr

from adapters.telegram.adapter import Telegram
from adapters.telegram.settings import TelegramSettings
from bot.clock import Clock, Ids
from bot.files import Files
from bot.pipeline import Pipeline
from bot.said import SaidBefore
from bot.supervision import Supervisor
from bot.telemetry import Metrics, configure
from conversations.engine import decide
from conversations.knowledge import Knowledge
from storage import migrate, tickets
from storage.blobs import Blobs
from storage.engines import Database, open_database
from storage.rows import NewEntry, Ticket
from tests.adapters.discord_markdown import read
from tests.adapters.discord_server import DiscordServer
from tests.adapters.slack_server import slack
from tests.adapters.telegram_server import TOKEN, TelegramServer
from tests.bot.rig import until
from tests.journeys.discord_street import discord_street
from tests.journeys.slack_street import SlackCustomer, opened
from tests.journeys.telephone import Telephone
from tests.journeys.test_tickets import relevo

FORM: Sequence[tuple[str, str]] = (
    ("open a ticket", "Which department"),
    ("technical", "Which priority"),
    ("regular", "Which server"),
    ("skip", "What is the service called"),
    ("skip", "Tell me about the problem"),
    ("The panel wants a password.", "screenshots or logs"),
    ("skip", "Which e-mail address"),
    ("skip", "Look over your ticket"),
    ("send", "Your ticket is"),
    ("my tickets", "Your tickets in this chat"),
    ("1", "Opened:"),
    ("Reply", "Write your reply"),
)
WRONG, RIGHT = "it is sind yesterday", "it is since yesterday"


class Ways(NamedTuple):
    """What a customer does at their platform's own client, and the sight of what comes of it. `reply` writes and gives what undoes it."""

    say: Callable[[str], Awaitable[object]]
    see: Callable[[str], Awaitable[object]]
    edit: Callable[[str, str], Awaitable[object]]
    delete: Callable[[str], Awaitable[object]] | None


async def kept(database: Database) -> tuple[Ticket, tuple[NewEntry, ...]]:
    [ticket] = await database.read(tickets.list_all)
    return ticket, (await database.read(lambda connection: tickets.history(connection, ticket))).entries


async def journey(ways: Ways, database: Database, url: str, folder: Path) -> None:
    for said, then in FORM:
        await ways.say(said)
        await ways.see(then)
    await ways.say(WRONG)
    await ways.see("Added to ticket")
    ticket, [entry] = await kept(database)
    await ways.edit(WRONG, RIGHT)
    await ways.see("Changed in ticket")
    after, [edited] = await kept(database)
    assert (edited.text, edited.at, bool(edited.edited_at), edited.deleted_at) == (RIGHT, entry.at, True, None)
    assert after._replace(updated_at=ticket.updated_at) == ticket
    _, printed = await relevo(url, folder, "show", ticket.number)
    assert "[edited by the customer" in printed
    assert RIGHT in printed
    assert "sind" not in printed
    if ways.delete is None:
        return
    await ways.delete(RIGHT)
    await ways.see("is gone from ticket")
    after, [gone] = await kept(database)
    assert (gone.text, bool(gone.deleted_at)) == ("", True)
    assert after.state == ticket.state
    _, printed = await relevo(url, folder, "show", ticket.number)
    assert "[deleted by the customer" in printed
    assert "yesterday" not in printed


async def test_on_slack(tmp_path: Path, knowledge: Knowledge) -> None:
    url = f"sqlite:///{tmp_path / 'relevo.db'}"
    async with slack() as server, opened(server, url, tmp_path, knowledge) as street:
        ana = SlackCustomer(server)

        def named(text: str) -> str:
            return next(str(post["ts"]) for post in server.messages[ana.chat] if post.get("text") == text)

        async def edit(old: str, new: str) -> None:
            ana._look()
            ts = named(old)
            await (await ana.people.preview(ana.chat, ts)).answer
            await (await ana.people.edit(ana.user, ana.chat, ts, new)).answer

        async def delete(text: str) -> None:
            ana._look()
            await (await ana.people.delete(ana.user, ana.chat, named(text))).answer

        await journey(Ways(ana.say, ana.see, edit, delete), street.database, url, tmp_path)
        assert not server.problems


async def test_on_discord(tmp_path: Path, knowledge: Knowledge) -> None:
    url = f"sqlite:///{tmp_path / 'relevo.db'}"
    await asyncio.to_thread(migrate.upgrade, url)
    server = DiscordServer()
    await server.start()
    try:
        async with discord_street(url, knowledge, tmp_path, server) as street:
            ana = street.customer()
            seen = 0

            def named(text: str) -> str:
                return next(str(message["id"]) for message in server.history[ana.room] if message["content"] == text)

            async def say(text: str) -> None:
                nonlocal seen
                seen = len(ana.seen)
                server.post(ana.room, ana.user, text)

            async def see(text: str) -> None:
                try:
                    await until(lambda: any(text in read(message["content"]).text for message in ana.seen[seen:]))
                except TimeoutError:
                    raise AssertionError(f"{text!r} is not shown, but {[message['content'] for message in ana.seen[seen:]]}") from None

            async def edit(old: str, new: str) -> None:
                nonlocal seen
                seen = len(ana.seen)
                id = named(old)
                server.preview(ana.room, id)
                server.edit(ana.room, id, new)
                server.preview(ana.room, id)

            async def delete(text: str) -> None:
                nonlocal seen
                seen = len(ana.seen)
                server.delete(ana.room, named(text))

            await journey(Ways(say, see, edit, delete), street.database, url, tmp_path)
            assert len(ana.seen[seen:]) == 1
    finally:
        await server.stop()


@pytest.fixture
async def telegram(tmp_path: Path, knowledge: Knowledge) -> AsyncIterator[tuple[TelegramServer, Database]]:
    with TelegramServer() as server:
        async with on_telegram(server, tmp_path, knowledge) as database:
            yield server, database


@asynccontextmanager
async def on_telegram(server: TelegramServer, folder: Path, knowledge: Knowledge) -> AsyncIterator[Database]:
    url = f"sqlite:///{folder / 'relevo.db'}"
    await asyncio.to_thread(migrate.upgrade, url)
    clock, metrics, log = Clock(), Metrics(), configure("error", "json")
    database, supervisor = open_database(url), Supervisor(clock, metrics, log)
    adapter = Telegram(
        TelegramSettings(token=SecretStr(TOKEN), base_url=f"{server.url}/bot"),
        blobs=Files(Blobs(folder / "blobs")),
        said=SaidBefore(database),
        now=clock.now,
        folder=folder / "telegram",
    )
    pipeline = Pipeline(database, [adapter], decide, lambda: knowledge, clock, Ids(clock), metrics, log)
    pipeline.start(supervisor)
    pipeline.receive(supervisor)
    try:
        yield database
    finally:
        await supervisor.stop()
        await database.close()


async def test_on_telegram_which_tells_of_edits_only(telegram: tuple[TelegramServer, Database], tmp_path: Path) -> None:
    server, database = telegram
    ana = Telephone(server)

    said: dict[str, dict[str, Any]] = {}

    async def say(text: str) -> None:
        ana._act()
        said[text] = server.message(ana.chat, text=text)

    async def edit(old: str, new: str) -> None:
        ana._act()
        server.edit(said[old], new)

    await journey(Ways(say, ana.see, edit, None), database, f"sqlite:///{tmp_path / 'relevo.db'}", tmp_path)
