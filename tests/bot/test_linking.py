"""Linking dies and is done again: whichever transaction is the last of a process, there is one link, one form and one ticket."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import shutil
from pathlib import Path
from typing import Any, Literal, cast

import pytest
from sqlalchemy import text

from bot import states
from bot.clock import Ids
from bot.codes import Codes
from bot.held import Held
from bot.hints import Hint
from bot.knowledge import load_knowledge
from bot.telemetry import Metrics, configure
from bot.worker import LEASE_MS, Worker
from conversations.engine import decide
from conversations.events import ChoicePressed, CommandGiven, Event, MessageReceived, encoder
from conversations.flows.stack import drafts
from conversations.knowledge import Knowledge
from conversations.model import State
from storage import migrate, turns
from storage.engines import Database, open_database
from storage.rows import NewEvent
from tests.bot.rig import HandClock
from tests.conversations.test_engine import CONTENT

TELEGRAM, WEB = "telegram:bot:1", "web:site:2"
FILL = ("technical", "regular", "skip", "skip", "My mail queue is stuck since this morning.", "skip", "skip")
AGREE = "Yes, that chat is mine: link them"
When = Literal["before", "after"]


class Died(BaseException):
    """The process is gone: nothing in it can catch that."""


class _Lost(Exception):
    """What a database makes of a transaction whose process died: nothing of it is left."""


class Mortal:
    """A database whose process dies at its `nth` transaction, just before it would be committed or just after."""

    def __init__(self, inner: Database, nth: int = 0, when: When = "before") -> None:
        self._inner = inner
        self._left = nth
        self._when = when
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def write(self, unit: Any) -> Any:
        self.count += 1
        dying = self.count == self._left
        if dying and self._when == "before":

            def lost(connection: Any) -> None:
                unit(connection)
                raise _Lost

            with contextlib.suppress(_Lost):
                await self._inner.write(lost)
            raise Died
        found = await self._inner.write(unit)
        if dying:
            raise Died
        return found


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge(CONTENT, None)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "relevo.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


class Story:
    """A person with two chats, and workers one after the other, one of which does not live to its end."""

    def __init__(self, database: Database, knowledge: Knowledge, nth: int = 0, when: When = "before") -> None:
        self.database = database
        self.mortal = Mortal(database, nth, when)
        self.knowledge = knowledge
        self.clock = HandClock()
        self.ids = Ids(self.clock, 1)
        self.deaths = 0
        self._nodes = itertools.count(1)

    async def happens(self, address: str, event: Event) -> None:
        new = NewEvent(self.ids.new(), address, f"k{self.ids.new()}", encoder.encode(event).decode(), self.clock.now())
        await self.database.write(lambda conn: turns.accept(conn, [new], self.clock.now()))
        await self.settle()

    async def settle(self) -> None:
        while True:
            self.clock.advance(1000)
            log = configure("critical", "json")
            worker = Worker(
                cast(Database, self.mortal),
                decide,
                lambda: self.knowledge,
                f"node{next(self._nodes)}",
                self.clock,
                Metrics(),
                log,
                Hint(self.clock),
                {},
                Hint(self.clock),
                Held(1),
                codes=Codes(b"k" * 32),
                ids=self.ids,
            )
            worker.drain()
            try:
                await worker.run()
                return
            except Died:
                self.deaths += 1
                self.clock.advance(LEASE_MS)

    async def ask(self, sql: str) -> list[Any]:
        return await self.database.read(lambda conn: [tuple(row) for row in conn.execute(text(sql))])

    async def said(self, address: str) -> list[dict[str, Any]]:
        rows = await self.ask(f"SELECT payload FROM outbox WHERE address = '{address}' ORDER BY version, ord")
        return [json.loads(payload) for (payload,) in rows]

    async def press(self, address: str, label: str) -> None:
        choices = [choice for message in await self.said(address) for choice in message.get("choices", ())]
        await self.happens(address, ChoicePressed(key=next(each["key"] for each in reversed(choices) if each["label"] == label)))

    async def state(self, address: str) -> State:
        return states.load(await self.database.read(lambda conn: turns.state_at(conn, address)))

    async def told(self) -> None:
        """From the form's beginning on one platform to its end on the other, and back to the first for a look."""
        await self.happens(TELEGRAM, CommandGiven(name="ticket", locale="en"))
        for typed in FILL[:3]:
            await self.happens(TELEGRAM, MessageReceived(text=typed, locale="en"))
        await self.happens(TELEGRAM, CommandGiven(name="link", locale="en"))
        *_, letter, question = await self.said(TELEGRAM)
        [code] = set(re.findall(r"\b(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}\b", json.dumps(letter)))
        assert "sheet" in question, "what is under way is asked again below the code"
        await self.happens(WEB, CommandGiven(name="link", argument=str(code), locale="en"))
        await self.press(WEB, AGREE)
        await self.press(TELEGRAM, "↩ Go on with it here")
        await self.press(WEB, "↩ Go on with it here")
        for typed in (*FILL[3:], "send"):
            await self.happens(WEB, MessageReceived(text=typed, locale="en"))


async def transactions(database: Database, knowledge: Knowledge) -> int:
    story = Story(database, knowledge)
    await story.told()
    return story.mortal.count


@pytest.mark.parametrize("when", ["before", "after"])
async def test_whichever_transaction_is_the_last_there_is_one_link_one_form_and_one_ticket(
    when: When, empty: Path, tmp_path: Path, knowledge: Knowledge
) -> None:
    async def fresh(name: str) -> Database:
        shutil.copy(empty, tmp_path / name)
        return open_database(f"sqlite:///{tmp_path / name}")

    database = await fresh("whole.db")
    count = await transactions(database, knowledge)
    await database.close()
    assert count > 20
    for nth in range(1, count + 1):
        database = await fresh(f"{nth}.db")
        try:
            story = Story(database, knowledge, nth, when)
            await story.told()
            assert story.deaths == 1
            assert await story.ask("SELECT count(*), count(DISTINCT person) FROM link") == [(2, 1)], nth
            assert await story.ask("SELECT count(*) FROM ticket") == [(1,)], nth
            assert await story.ask("SELECT count(*) FROM inbox WHERE turn = 0") == [(0,)], nth
            assert await story.ask("SELECT count(*) FROM work") == [(0,)], nth
            here, there = await story.state(TELEGRAM), await story.state(WEB)
            assert (drafts(here), drafts(there)) == ((), ())
            assert [own.number for own in there.tickets] == [own.number for peer in here.links for own in peer.tickets]
        finally:
            await database.close()
