"""What is changed and deleted on Slack while the desk is down: found in the history, once, whenever the desk dies while it looks."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapters.base import Accepted, NotStored
from conversations.events import Inbound, MessageDeleted, MessageEdited, MessageReceived, Started
from conversations.model import Address, Message, paragraph
from tests.adapters import slack_desk as desk
from tests.adapters.heard import HeardBefore
from tests.adapters.slack_desk import adapter_for, closing, running, say
from tests.adapters.slack_people import People
from tests.adapters.slack_server import SlackServer
from tests.contracts.adapter import settle, until

HELP = "C0HELP"


class Storing:
    """The intake of a desk whose process may die: after `lives` events nothing is stored any more."""

    def __init__(self, heard: HeardBefore, lives: int = 1_000) -> None:
        self.heard = heard
        self.lives = lives
        self.offered = 0

    async def accept(self, inbound: Inbound) -> Accepted:
        self.offered += 1
        if self.lives == 0:
            raise NotStored(60)
        self.lives -= 1
        before = len(self.heard.events)
        self.heard.keep(inbound)
        return Accepted(len(self.heard.events) > before)


@pytest.fixture
def heard(memories: desk.Memories) -> HeardBefore:
    return memories.heard


async def attend(server: SlackServer, folder: Path, memories: desk.Memories, lives: int = 1_000) -> Storing:
    """One life of the desk: it comes up, reads on, and is gone."""
    storing = Storing(memories.heard, lives)
    async with closing(adapter_for(server, folder, memories)) as adapter:
        task, before = asyncio.create_task(adapter.run(storing.accept)), server.connections
        await server.until(lambda: server.connections > before)
        await until(lambda: storing.lives == 0 or not (adapter.catch_up._marks or adapter.catch_up._reading))
        await settle()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return storing


def amended(heard: HeardBefore) -> list[tuple[str, str]]:
    """What was changed (to what) and deleted (""), by the key of the message."""
    found = []
    for inbound in heard.events:
        if isinstance(inbound.event, MessageEdited | MessageDeleted):
            found.append((inbound.event.of, inbound.event.text if isinstance(inbound.event, MessageEdited) else ""))
    return found


async def spoken(server: SlackServer, people: People, folder: Path, memories: desk.Memories, *texts: str) -> list[str]:
    """Ana has said this in the direct chat, and the desk has answered."""
    said = []
    async with closing(adapter_for(server, folder, memories)) as adapter:
        task = asyncio.create_task(adapter.run(Storing(memories.heard).accept))
        for text in texts:
            envelope = await people.dm("U0ANA", text)
            await envelope.answer
            said.append(envelope.key)
        await say(adapter, Message(paragraph("Vale"), "es"))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return said


async def test_they_are_found_whenever_the_desk_dies_while_it_looks(
    server: SlackServer, people: People, memories: desk.Memories, tmp_path: Path, heard: HeardBefore
) -> None:
    one, two, three = await spoken(server, people, tmp_path, memories, "uno", "dos", "tres")
    await people.edit("U0ANA", "D0ANA", one, "uno y medio")
    await people.delete("U0ANA", "D0ANA", two)
    await people.preview("D0ANA", three)
    # So late that, once it is stored, what was said before is not looked at any more.
    server._last_ts += 130_000
    new = (await people.dm("U0ANA", "cuatro")).key
    await people.edit("U0ANA", "D0ANA", new, "cuatro y medio")
    server.forget()
    for _ in range(4):
        await attend(server, tmp_path, memories, lives=1)
    last = await attend(server, tmp_path, memories)
    assert amended(heard) == [(f"m:{one}", "uno y medio"), (f"m:{two}", "")]
    assert [inbound.event.text for inbound in heard.events if isinstance(inbound.event, MessageReceived)] == [
        *("uno", "dos", "tres", "cuatro y medio")
    ]
    # All that is there is known: nothing is told a second time, and no file fetched again.
    assert last.offered == 0


async def test_a_change_that_was_told_and_is_read_again_is_one(
    server: SlackServer, people: People, memories: desk.Memories, tmp_path: Path, heard: HeardBefore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As well when the desk has not yet decided what it was told."""
    [one] = await spoken(server, people, tmp_path, memories, "uno")
    async with closing(adapter_for(server, tmp_path, memories)) as adapter, running(server, adapter) as intake:
        for text in ("dos", "tres"):
            await (await people.edit("U0ANA", "D0ANA", one, text)).answer
        heard.keep(*intake.calls)
    assert [text for _, text in amended(heard)] == ["dos", "tres"]

    async def undecided(address: Address, since: str) -> dict[str, int]:
        return {f"m:{one}": 0}

    monkeypatch.setattr(heard, "messages", undecided)
    again = await attend(server, tmp_path, memories)
    assert again.offered == 1
    assert [text for _, text in amended(heard)] == ["dos", "tres"]


async def test_in_a_channels_thread_too(
    server: SlackServer, people: People, memories: desk.Memories, tmp_path: Path, heard: HeardBefore
) -> None:
    async with closing(adapter_for(server, tmp_path, memories)) as adapter:
        task = asyncio.create_task(adapter.run(Storing(heard).accept))
        root = await people.mention("U0ANA", HELP, "¿estáis?")
        await root.answer
        replies = [await people.mention("U0ANA", HELP, text, root.key) for text in ("uno", "dos", "tres")]
        await asyncio.gather(*(each.answer for each in replies))
        await say(adapter, Message(paragraph("Sí"), "es"), to=Address("slack", "desk", HELP, root.key))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    one, two, three = (each.key for each in replies)
    await people.edit("U0ANA", HELP, one, "@soporte uno y medio")
    await people.edit("U0ANA", HELP, two, "entre nosotros")
    await people.delete("U0ANA", HELP, three)
    await people.delete("U0ANA", HELP, root.key)
    server.forget()
    await attend(server, tmp_path, memories)
    assert amended(heard) == [(f"m:{one}", "uno y medio"), (f"m:{root.key}", ""), (f"m:{three}", "")]
    assert (await attend(server, tmp_path, memories)).offered == 0
    assert not any(isinstance(inbound.event, Started) for inbound in heard.events)


async def test_what_slack_keeps_elsewhere_forgets_by_rule_or_does_not_tell_is_not_deleted(
    server: SlackServer, people: People, memories: desk.Memories, tmp_path: Path, heard: HeardBefore
) -> None:
    [one] = await spoken(server, people, tmp_path, memories, "uno")
    # In a thread of the direct chat, which its history leaves out.
    server.messages["D0ANA"].append({"type": "message", "user": "U0ANA", "text": "dentro", "ts": server.ts(), "thread_ts": one})
    heard.keep(Inbound(desk.ANA, f"m:{server.messages['D0ANA'][-1]['ts']}", MessageReceived(text="dentro")))
    # Older than the shortest rule of retention, and nothing older is there to show that it is none.
    old = f"{float(one) - 2 * 86_400:.6f}"
    ben = Address("slack", "desk", "D0BEN")
    server.im("U0BEN")
    heard.keep(Inbound(ben, f"m:{old}", MessageReceived(text="antes")))
    await attend(server, tmp_path, memories)
    assert amended(heard) == []
    # The same with something older beside it: only that message is gone.
    server.messages["D0BEN"].append({"type": "message", "user": "U0BEN", "text": "primero", "ts": f"{float(old) - 9:.6f}"})
    server.faults["conversations.replies"].append(("5xx", 503))
    await attend(server, tmp_path, memories)
    assert amended(heard) == [(f"m:{old}", "")]


async def test_a_history_that_is_cut_short_tells_of_no_deletion(
    server: SlackServer, people: People, memories: desk.Memories, tmp_path: Path, heard: HeardBefore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.slack.catchup.PAGE", 2)
    monkeypatch.setattr("adapters.slack.catchup.PAGES", 1)
    one, *_ = await spoken(server, people, tmp_path, memories, "uno", "dos", "tres")
    await people.delete("U0ANA", "D0ANA", one)
    server.forget()
    await attend(server, tmp_path, memories)
    assert amended(heard) == []
