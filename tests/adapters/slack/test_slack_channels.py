"""Slack's channels: what people change and delete of what they asked the desk there, and what is no business of ours."""

from __future__ import annotations

import pytest

from adapters.base import NotStored
from adapters.slack.adapter import Slack
from conversations.events import MessageDeleted, MessageEdited, MessageReceived
from conversations.model import Address, Message, paragraph
from tests.adapters import slack_desk as desk
from tests.adapters.slack_desk import running, say
from tests.adapters.slack_people import People
from tests.adapters.slack_server import SlackServer
from tests.contracts.adapter import until

HELP = "C0HELP"


async def test_a_mention_and_its_reply_are_changed_and_deleted_where_they_went(
    server: SlackServer, adapter: Slack, people: People, memories: desk.Memories
) -> None:
    async with running(server, adapter) as intake:
        asked = await people.mention("U0ANA", HELP, "mi ip es 1.2.3.4")
        await asked.answer
        replied = await people.mention("U0ANA", HELP, "¿seguís?", asked.key)
        await replied.answer
        memories.heard.keep(*intake.calls)
        thread = Address("slack", "desk", HELP, asked.key)
        await say(adapter, Message(paragraph("Sí"), "es"), to=thread)
        await (await people.preview(HELP, asked.key)).answer
        await (await people.edit("U0ANA", HELP, asked.key, "@soporte mi ip es 1.2.3.5")).answer
        await (await people.edit("U0ANA", HELP, replied.key, "@soporte ¿y ahora?")).answer
        await (await people.delete("U0ANA", HELP, replied.key)).answer
        await (await people.delete("U0ANA", HELP, asked.key)).answer
    assert {inbound.address for inbound in intake.calls} == {thread}
    first, second, *amended = [inbound.event for inbound in intake.calls]
    assert isinstance(first, MessageReceived)
    assert isinstance(second, MessageReceived)
    assert [(type(each), each.of) for each in amended if isinstance(each, MessageEdited | MessageDeleted)] == [
        (MessageEdited, f"m:{asked.key}"),
        (MessageEdited, f"m:{replied.key}"),
        (MessageDeleted, f"m:{replied.key}"),
        (MessageDeleted, f"m:{asked.key}"),
    ]
    assert [each.text for each in amended if isinstance(each, MessageEdited)] == ["mi ip es 1.2.3.5", "¿y ahora?"]


async def test_what_others_say_change_and_delete_is_acknowledged_and_kept_nowhere(
    server: SlackServer, adapter: Slack, people: People, memories: desk.Memories
) -> None:
    async with running(server, adapter) as intake:
        chat = await people.chat("U0BEN", HELP, "entre nosotros")
        at = chat.key.split()[0]
        await chat.answer
        await (await people.edit("U0BEN", HELP, at, "entre nosotros dos")).answer
        # Named afterwards: what was said was said to others, and what it is now was never asked.
        await (await people.edit("U0BEN", HELP, at, "@soporte entre nosotros")).answer
        # One that names us, of a time when nobody was there to hear it.
        await (await people.edit("U0BEN", HELP, at, "@soporte ¿me oís?")).answer
        await (await people.delete("U0BEN", HELP, at)).answer
        assert intake.calls == []
        assert server.unacknowledged == 0


async def test_a_name_that_is_taken_out_leaves_what_was_asked(
    server: SlackServer, adapter: Slack, people: People, memories: desk.Memories
) -> None:
    async with running(server, adapter) as intake:
        asked = await people.mention("U0ANA", HELP, "¿cuánto cuesta?")
        await asked.answer
        memories.heard.keep(*intake.calls)
        await (await people.edit("U0ANA", HELP, asked.key, "olvidadlo")).answer
        assert len(intake.calls) == 1


async def test_whether_it_was_heard_is_asked_again_when_the_database_is_back(
    server: SlackServer, adapter: Slack, people: People, memories: desk.Memories, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unacknowledged, Slack tells it again."""
    async with running(server, adapter) as intake:
        asked = await people.mention("U0ANA", HELP, "mi ip es 1.2.3.4")
        await asked.answer
        memories.heard.keep(*intake.calls)
        tries = 0

        async def away(among: object, key: str) -> None:
            nonlocal tries
            tries += 1
            raise NotStored(0.01)

        with monkeypatch.context() as patched:
            patched.setattr(memories.heard, "place", away)
            edit = await people.edit("U0ANA", HELP, asked.key, "@soporte mi ip es 1.2.3.5")
            await until(lambda: tries == 1)
        assert not edit.answer.done()
        await server.offer_again()
        await edit.answer
        assert isinstance(intake.calls[-1].event, MessageEdited)
