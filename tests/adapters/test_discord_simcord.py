"""A second opinion: simcord, somebody else's model of Discord's rules, accepts what the adapter sends and is understood by it.

It stands in place of the library's HTTP client and feeds its parsers: of the line (gateway, sessions, time limits) it says nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import simcord

from adapters.base import Accepted, Outbound
from adapters.discord.adapter import Discord
from adapters.discord.commands import sync
from adapters.discord.link import _Client, _trace
from adapters.discord.settings import DiscordSettings
from conversations.events import ChoicePressed, CommandGiven, Event, FormAnswered, Inbound, MessageReceived
from conversations.model import Choice, Input, Message, Option, Paragraph, Sheet, Text, paragraph
from tests.adapters.discord_desk import Memories, MemoryBlobs
from tests.adapters.discord_markdown import read
from tests.contracts.adapter import NASTY

SHEET = Sheet(
    "7000000000000000001.3",
    "ticket",
    1,
    1,
    1,
    (
        Input("priority", "one", "Priority", True, options=(Option("high", "High", "Down"), Option("regular", "Regular"))),
        Input("method", "one", "Method", options=tuple(Option(f"m{n}", f"Method {n}") for n in range(20))),
        Input("title", "line", "Title", limit=40, value="Old title"),
        Input("details", "lines", "Details", True),
        Input("files", "files", "Files"),
    ),
)


class Desk:
    """Answers what comes with what is next in `script`."""

    def __init__(self, adapter: Discord, script: list[Message]) -> None:
        self.adapter = adapter
        self.script = script
        self.events: list[Event] = []

    async def accept(self, inbound: Inbound) -> Accepted:
        self.events.append(inbound.event)
        key = f"1.{len(self.events)}.0"
        for payload in self.adapter.encode(Outbound(inbound.address, self.script.pop(0), key)):
            await self.adapter.deliver(payload, f"{key}.{payload.part}")
        return Accepted(True)


@asynccontextmanager
async def simulated(*script: Message) -> AsyncIterator[tuple[Any, Desk]]:
    memories = Memories()
    adapter = Discord(DiscordSettings(), blobs=MemoryBlobs(), said=memories.said, heard=memories.heard)
    client = _Client(adapter._take, _trace("http://127.0.0.1"))
    feed = client._connection.parsers
    feed["MESSAGE_CREATE"] = lambda data: adapter._take({"op": 0, "t": "MESSAGE_CREATE", "d": data})
    feed["INTERACTION_CREATE"] = lambda data: adapter._take({"op": 0, "t": "INTERACTION_CREATE", "d": data})
    async with simcord.run(client) as env, asyncio.TaskGroup() as tasks:
        adapter.account = str(env.backend.bot_user.id)
        adapter._link._client = client
        desk = Desk(adapter, list(script))
        adapter._accept, adapter._tasks = desk.accept, tasks
        await sync(adapter._link)
        yield env, desk


async def test_a_question_a_command_buttons_and_a_form() -> None:
    nasty = tuple(Message((Paragraph((Text(text),)),), "es") for text in NASTY)
    script = (
        Message(paragraph("Welcome"), "en", (Choice("1.1", "Yes"), Choice("1.2", "No", aside=True))),
        Message(paragraph("Many"), "en", tuple(Choice(f"2.{n}", f"Topic {n}") for n in range(40))),
        Message(paragraph("The form"), "en", (Choice("3.1", "Cancel", aside=True),), sheet=SHEET),
        Message(paragraph("Thank you"), "en"),
        *nasty,
    )
    async with simulated(*script) as (env, desk):
        ana = env.create_user("ana")
        await ana.send_dm("hello <@1> *there*")
        welcome = ana.dm_channel.last_message
        pressed = await ana.click(welcome, label="No")
        assert pressed.acknowledged
        await ana.slash("ticket")
        opened = await ana.click(ana.dm_channel.last_message, label="Fill in the form")
        assert opened.modal["title"] == "Form"
        values = {"priority": "high", "method": ["m7"], "title": "New title", "details": "It *burns*"}
        await ana.submit_modal(opened, values)
        assert desk.events == [
            MessageReceived(text="hello <@1> *there*"),
            ChoicePressed(key="1.2", label="No"),
            CommandGiven(name="ticket", locale="en-US"),
            FormAnswered(
                form="ticket",
                version=1,
                key=SHEET.key,
                answers={"priority": "high", "method": "m7", "title": "New title", "details": "It *burns*", "files": []},
                locale="en-US",
            ),
        ]
        for text in NASTY:
            await ana.send_dm("next")
            assert read(ana.dm_channel.last_message.content).marks == (), text
            assert not ana.dm_channel.last_message.mentions
