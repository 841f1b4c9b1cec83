"""Edits and deletions through the pipeline: found by key in their own conversation, applied once, and none of the old words is left."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text as sql

from adapters.base import Outbound, Payload
from adapters.text import PLAIN
from bot.knowledge import load_knowledge
from conversations import events
from conversations.engine import decide
from conversations.events import Event, Inbound, MessageDeleted, MessageEdited, MessageReceived
from conversations.knowledge import Knowledge
from conversations.model import Address, Attachment
from storage import requests, tickets
from storage.engines import Database
from storage.rows import NewEntry, Ticket
from tests.bot.rig import Platform, Rig, rig

CONTENT = Path(__file__).parents[2] / "content" / "introserv"
WORDS = "The panel wants a pasword I do not have."
FILE = Attachment("ab" * 32, "trace.txt", "text/plain", 12)


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge(CONTENT, None)


class Plain(Platform):
    def encode(self, out: Outbound) -> list[Payload]:
        return [Payload(out.address, PLAIN.doc(out.message.doc))]


class Desk:
    """`does` returns when what was done has had its turn; `told` is what was said since the last time it was asked."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self._n = 0

    async def arrives(self, event: Event, key: str = "", chat: str = "ana") -> str:
        self._n += 1
        key = key or f"k{self._n}"
        await self.rig.pipeline.intake.accept(Inbound(Address("test", "desk", chat), key, event))
        return key

    async def does(self, event: Event, key: str = "", chat: str = "ana") -> str:
        key = await self.arrives(event, key, chat)
        await self.rig.decide_all()
        return key

    async def says(self, text: str, **more: Any) -> str:
        return await self.does(MessageReceived(text=text, locale="en"), **more)

    async def told(self, since: int = 0) -> list[str]:
        payloads = await self.ask("SELECT payload FROM outbox ORDER BY version, ord")
        messages = [msgspec.json.decode(payload) for (payload,) in payloads]
        return [str(message["doc"]) for message in messages[since:]]

    async def count(self) -> int:
        return len(await self.told())

    async def ask(self, statement: str) -> list[Any]:
        return await self.rig.database.read(lambda connection: list(connection.execute(sql(statement)).all()))

    async def everything(self) -> str:
        """All that is kept but what the desk itself has said."""
        found = ""
        for table in ("inbox", "conversation", "ticket", "ticket_entry", "ticket_change", "request"):
            found += str(await self.ask(f"SELECT * FROM {table}"))
        return found

    async def ticket(self) -> Ticket:
        [ticket] = await self.rig.database.read(tickets.list_all)
        return ticket

    async def entries(self) -> tuple[NewEntry, ...]:
        ticket = await self.ticket()
        return (await self.rig.database.read(lambda connection: tickets.history(connection, ticket))).entries

    async def opens(self, words: str = WORDS) -> str:
        """A short ticket; the key of the message that its text came from."""
        for said in ("/ticket", "technical", "regular", "skip", "skip"):
            if said == "/ticket":
                await self.does(events.CommandGiven(name="ticket", locale="en"))
            else:
                await self.says(said)
        key = await self.says(words)
        for said in ("skip", "skip", "send"):
            await self.says(said)
        return key

    async def replies(self, words: str) -> str:
        own = await self.ticket()
        await self.says("my tickets")
        await self.says(f"{own.number} · {own.title}")
        await self.says("Reply")
        return await self.says(words)


@pytest.fixture
async def desk(database: Database, knowledge: Knowledge) -> AsyncIterator[Desk]:
    async with rig(database, Plain(), decide=decide, start=False) as here:
        here.pipeline.worker._knowledge = lambda: knowledge
        yield Desk(here)


async def test_what_a_ticket_was_opened_with_is_edited_and_then_gone(desk: Desk) -> None:
    key = await desk.opens()
    before = await desk.ticket()
    said = await desk.count()
    await desk.does(MessageEdited(of=key, text="The panel wants a password I do not have.", made=1_800_000_000_000))
    after = await desk.ticket()
    assert (after.title, after.text) == ("The panel wants a password I do not have", "The panel wants a password I do not have.")
    assert (after.edited_at, after.deleted_at) == (1_800_000_000_000, None)
    kept = ("number", "state", "priority", "department", "due_at", "created_at", "first_reply_at", "proof")
    assert {name: getattr(after, name) for name in kept} == {name: getattr(before, name) for name in kept}
    [told] = await desk.told(said)
    assert "Changed in ticket" in told
    assert before.number in told
    assert "pasword" not in await desk.everything()
    await desk.does(MessageDeleted(of=key))
    gone = await desk.ticket()
    assert (gone.title, gone.text) == ("(deleted by the customer)", "")
    assert gone.deleted_at is not None
    assert "do not have" not in await desk.everything()
    assert await desk.count() == said + 2
    history = await desk.rig.database.read(lambda connection: tickets.history(connection, gone))
    assert [(change.who, change.before, change.state, change.note) for change in history.changes[1:]] == [
        ("customer", "new", "new", "a message of theirs was changed"),
        ("customer", "new", "new", "a message of theirs was deleted"),
    ]


async def test_a_reply_is_edited_in_its_ticket_however_long_ago_it_was(desk: Desk) -> None:
    await desk.opens()
    key = await desk.replies("since yesterdai")
    await desk.says("and it is slow")
    await desk.does(MessageEdited(of=key, text="since yesterday"))
    assert [(entry.text, bool(entry.edited_at)) for entry in await desk.entries()] == [("since yesterday", True), ("and it is slow", False)]
    await desk.does(MessageEdited(of=key, text="since Monday"))
    await desk.does(MessageDeleted(of=key))
    assert [(entry.text, bool(entry.deleted_at)) for entry in await desk.entries()] == [("", True), ("and it is slow", False)]
    found = await desk.everything()
    assert not any(word in found for word in ("yesterda", "Monday"))


async def test_files_go_with_the_message_that_brought_them(desk: Desk) -> None:
    await desk.opens()
    await desk.replies("first")
    key = await desk.does(MessageReceived(text="see", locale="en", files=(FILE,)))
    assert FILE.id in await desk.everything()
    await desk.does(MessageEdited(of=key, text="see this"))
    assert [entry.files.count(FILE.id) for entry in await desk.entries()] == [0, 1]
    await desk.does(MessageDeleted(of=key))
    assert FILE.id not in await desk.everything()


async def test_a_redelivery_and_the_same_words_again_change_nothing_and_say_nothing(desk: Desk) -> None:
    key = await desk.opens()
    edit = MessageEdited(of=key, text="It is about a password.", made=5)
    await desk.does(edit, key="e1")
    said, ticket = await desk.count(), await desk.ticket()
    await desk.does(edit, key="e1")
    await desk.does(edit, key="e2")
    assert await desk.count() == said
    assert await desk.ticket() == ticket
    # One that was made earlier and comes later.
    await desk.does(MessageEdited(of=key, text="It is about a pass.", made=4), key="e3")
    assert await desk.ticket() == ticket
    await desk.does(MessageDeleted(of=key), key="d1")
    said = await desk.count()
    await desk.does(MessageDeleted(of=key), key="d1")
    await desk.does(MessageDeleted(of=key), key="d2")
    await desk.does(MessageEdited(of=key, text="It is back.", made=9), key="e4")
    assert await desk.count() == said
    assert "It is back" not in await desk.everything()


async def test_an_edit_that_comes_with_its_original_finds_it_and_one_that_comes_before_it_is_harmless(desk: Desk) -> None:
    await desk.opens()
    await desk.replies("first")
    await desk.arrives(MessageReceived(text="my adress", locale="en"), key="m1")
    await desk.arrives(MessageEdited(of="m1", text="my address"), key="e1")
    await desk.arrives(MessageEdited(of="m1", text="my new address"), key="e2")
    await desk.arrives(MessageReceived(text="and more", locale="en"), key="m2")
    await desk.arrives(MessageDeleted(of="m2"), key="d2")
    await desk.arrives(MessageEdited(of="m3", text="nobody knows it yet"), key="e3")
    await desk.arrives(MessageReceived(text="but now", locale="en"), key="m3")
    await desk.rig.decide_all()
    assert [entry.text for entry in await desk.entries()] == ["first", "my new address", "", "but now"]
    assert "nobody knows" not in await desk.everything()
    assert await desk.ask("SELECT count(*) FROM inbox WHERE turn = 0") == [(0,)]


async def test_nobody_changes_what_somebody_else_wrote(desk: Desk) -> None:
    key = await desk.opens()
    before, said = await desk.ticket(), await desk.count()
    await desk.does(MessageEdited(of=key, text="hacked", made=9), chat="eve")
    await desk.does(MessageDeleted(of=key), key="d", chat="eve")
    assert await desk.ticket() == before
    assert await desk.count() == said
    assert "hacked" not in await desk.everything()


async def test_what_an_adapter_says_of_the_original_is_not_believed(desk: Desk) -> None:
    key = await desk.opens()
    forged = events.Original(1, MessageReceived(text="x"), ("nobody's",))
    await desk.does(MessageEdited(of="not there", text="hacked", original=forged))
    await desk.does(MessageDeleted(of="not there", original=forged))
    assert (await desk.ticket()).text == WORDS
    assert key


async def test_a_secret_in_an_edit_is_hidden_before_it_is_kept(desk: Desk) -> None:
    key = await desk.opens()
    said = await desk.count()
    await desk.arrives(MessageEdited(of=key, text="My password is Tr0ub4dor&3x, it is not taken."))
    assert "Tr0ub4dor" not in await desk.everything()
    await desk.rig.decide_all()
    assert "Tr0ub4dor" not in await desk.everything()
    assert "My password is [" in (await desk.ticket()).text
    assert ["🔒" in told for told in await desk.told(said)] == [True, False]


async def test_what_is_too_long_for_a_ticket_is_cut_and_said_to_be(desk: Desk) -> None:
    key = await desk.opens()
    said = await desk.count()
    await desk.does(MessageEdited(of=key, text="all of it " * 1_000))
    ticket = await desk.ticket()
    assert (len(ticket.text), len(ticket.title) <= 120) == (4_000, True)
    [told] = await desk.told(said)
    assert "4,000" in told or "4000" in told
    [(payload,)] = await desk.ask(f"SELECT payload FROM inbox WHERE key = '{key}'")
    assert len(payload) > 9_000


async def test_a_request_says_what_the_message_says_now(desk: Desk) -> None:
    await desk.says("talk to a person")
    key = await desk.says("it is about my inovice from last month")
    await desk.does(MessageEdited(of=key, text="it is about my invoice from last month"))
    [request] = await desk.rig.database.read(requests.list_open)
    assert request.text == "it is about my invoice from last month"
    await desk.does(MessageDeleted(of=key))
    [request] = await desk.rig.database.read(requests.list_open)
    assert request.text == ""


async def test_only_the_newest_question_is_answered_again_and_only_when_it_asks_something_else(desk: Desk) -> None:
    old = await desk.says("purple elephants")
    key = await desk.says("green elephants")
    said = await desk.count()
    await desk.does(MessageEdited(of=old, text="how long does it take to get a reply to a ticket?"))
    assert await desk.count() == said
    await desk.does(MessageEdited(of=key, text="how long does it take to get a reply to a ticket?"))
    [told] = await desk.told(said)
    assert "10 minutes" in told
    await desk.does(MessageEdited(of=key, text="how long does it take to get a reply to my ticket?"))
    await desk.does(MessageDeleted(of=key))
    assert await desk.count() == said + 1
    assert "how long" not in str(await desk.ask("SELECT state FROM conversation"))


async def test_a_deleted_answer_stays_in_its_form_and_that_is_said_once(desk: Desk) -> None:
    await desk.does(events.CommandGiven(name="ticket", locale="en"))
    for said in ("technical", "regular"):
        await desk.says(said)
    key = await desk.says("198.41.0.4")
    before = await desk.count()
    await desk.does(MessageDeleted(of=key), key="d1")
    await desk.does(MessageDeleted(of=key), key="d2")
    [told] = await desk.told(before)
    assert "The form still has that answer" in told
    [(state,)] = await desk.ask("SELECT state FROM conversation")
    assert "198.41.0.4" in state
