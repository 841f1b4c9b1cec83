"""What is changed and deleted on Discord while no session is open: found in the history, once, whenever the desk dies while it looks."""

from __future__ import annotations

import asyncio

import pytest

from adapters.base import Accepted, NotStored
from adapters.discord import link
from conversations.events import Inbound, MessageDeleted, MessageEdited, MessageReceived
from conversations.model import Address, Message, paragraph
from tests.adapters.discord_server import BOT, DiscordServer
from tests.adapters.heard import HeardBefore
from tests.adapters.test_discord_wire import ANA, Here, running
from tests.contracts.adapter import settle, until


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "IDENTIFY_APART_S", 0.0)


def amended(heard: HeardBefore) -> list[tuple[str, str]]:
    """What was changed (to what) and deleted (""), by the key of the message."""
    found = []
    for inbound in heard.events:
        if isinstance(inbound.event, MessageEdited | MessageDeleted):
            found.append((inbound.event.of, inbound.event.text if isinstance(inbound.event, MessageEdited) else ""))
    return found


def key(id: str) -> str:
    return "m" + id.zfill(20)


async def spoken(here: Here, *texts: str) -> list[str]:
    """Ana has said this in private, and the desk has answered."""
    ids = [str(here.server.post(here.room, ANA, text)["id"]) for text in texts]
    await until(lambda: len(here.texts) == len(texts))
    here.memories.heard.keep(*here.intake.calls)
    await here.say(Message(paragraph("Vale"), "es"))
    return ids


async def new_session(here: Here, lives: int = 1_000) -> int:
    """The line breaks for longer than a session lives, and `lives` events are stored before the next ends; how many were offered."""
    offered = 0

    async def accept(inbound: Inbound) -> Accepted:
        nonlocal offered, lives
        offered += 1
        if lives == 0:
            raise NotStored(60)
        lives -= 1
        here.memories.heard.keep(inbound)
        return Accepted(True)

    here.adapter._accept = accept
    here.server.gateway.resumable = False
    sessions = here.server.gateway.identified
    await here.server.gateway.drop(4000)
    await until(lambda: here.server.gateway.identified == sessions + 1)
    await until(lambda: here.adapter._session is not None and here.adapter._session.done())
    missed = list(here.adapter._missed.values())
    await until(lambda: lives == 0 or all(task.done() for task in missed))
    await settle()
    for task in missed:
        task.cancel()
    await asyncio.gather(*missed, return_exceptions=True)
    return offered


def out_of_touch(server: DiscordServer) -> None:
    """From here on the gateway tells nobody anything."""
    server.gateway.resumable = False
    server.gateway.sessions.clear()


async def test_they_are_found_whenever_the_desk_dies_while_it_looks() -> None:
    async with running() as here:
        one, two, three = await spoken(here, "uno", "dos", "tres")
        out_of_touch(here.server)
        here.server.edit(here.room, one, "uno y medio")
        here.server.delete(here.room, two)
        here.server.preview(here.room, three)
        # So late that, once it is stored, what was said before is not looked at any more.
        new = here.server.post(here.room, ANA, "cuatro", id=str(int(three) + (130_000_000 << 22)))["id"]
        here.server.edit(here.room, new, "cuatro y medio")
        for _ in range(4):
            await new_session(here, lives=1)
        assert await new_session(here) == 0
        heard = here.memories.heard
        assert amended(heard) == [(key(one), "uno y medio"), (key(two), "")]
        said = [inbound.event.text for inbound in heard.events if isinstance(inbound.event, MessageReceived)]
        assert said == ["uno", "dos", "tres", "cuatro y medio"]


async def test_a_change_that_was_told_and_is_read_again_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As well when the desk has not yet decided what it was told."""
    async with running() as here:
        [one] = await spoken(here, "uno")
        here.server.edit(here.room, one, "dos")
        await until(lambda: len(here.intake.calls) == 2)
        here.memories.heard.keep(*here.intake.calls)

        async def undecided(address: Address, since: str) -> dict[str, int]:
            return {key(one): 0}

        monkeypatch.setattr(here.memories.heard, "messages", undecided)
        assert await new_session(here) == 1
        assert amended(here.memories.heard) == [(key(one), "dos")]


@pytest.mark.parametrize("how", ["refused", "cut short"])
async def test_a_history_that_is_not_whole_tells_of_no_deletion(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as here:
        one, *_ = await spoken(here, "uno", "dos", "tres")
        out_of_touch(here.server)
        if how == "refused":
            here.server.history[here.server.room("9")] = here.server.history.pop(here.room)
            await new_session(here)
            here.server.history[here.room] = []
            await new_session(here)
        else:
            monkeypatch.setattr("adapters.discord.missed.PAGE", 2)
            monkeypatch.setattr("adapters.discord.missed.PAGES", 1)
            here.server.delete(here.room, one)
            await new_session(here)
        assert amended(here.memories.heard) == []


async def test_what_was_said_longer_before_is_not_looked_at() -> None:
    async with running() as here:
        [new] = await spoken(here, "hoy")
        old = key(str(int(new) - (90_000_000 << 22)))
        here.memories.heard.keep(Inbound(Address("discord", BOT, here.room), old, MessageReceived(text="anteayer")))
        assert await new_session(here) == 0
