"""What was heard at an address, for adapters that read a platform's history: with the time of the last change, without what is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.base import NotStored
from bot.clock import Clock
from bot.heard import HeardLately
from bot.knowledge import load_knowledge
from conversations.engine import Decision, decide
from conversations.events import ChoicePressed, Event, Inbound, MessageDeleted, MessageEdited, MessageReceived
from conversations.model import Address, State
from tests.bot.rig import opened, rig
from tests.bot.test_mirror import CONTENT, Plain

ANA = Address("test", "desk", "ana")


async def test_messages_with_their_changes_and_without_the_deleted(tmp_path: Path) -> None:
    knowledge = load_knowledge(CONTENT, None)

    def engine(state: State, event: Event, _: object) -> Decision:
        return decide(state, event, knowledge)

    async with opened(tmp_path / "relevo.db") as database, rig(database, Plain(), decide=engine, start=False) as here:
        happened: list[tuple[str, Event]] = [
            ("m1", MessageReceived(text="one")),
            ("m2", MessageReceived(text="two")),
            ("m3", ChoicePressed(key="9.9")),
            ("m4", MessageReceived(text="four", edited=7)),
            ("e1", MessageEdited(of="m1", text="won", made=5)),
            ("d2", MessageDeleted(of="m2")),
        ]
        for key, event in happened:
            await here.pipeline.intake.accept(Inbound(ANA, key, event))
            await here.decide_all()
        # Stored and not decided yet.
        await here.pipeline.intake.accept(Inbound(ANA, "m5", MessageReceived(text="five")))
        heard = HeardLately(database, Clock())
        assert await heard.messages(ANA, "m1") == {"m1": 5, "m4": 7, "m5": 0}
        assert await heard.messages(ANA, "m2") == {"m4": 7, "m5": 0}
        assert await heard.place((Address("test", "desk", "ben"), ANA), "m2") == ANA
        assert await heard.place((), "m2") is None


async def test_without_a_database_nothing_can_be_said(tmp_path: Path) -> None:
    async with opened(tmp_path / "relevo.db") as database:
        heard = HeardLately(database, Clock())
    for asked in (heard.messages(ANA, "m1"), heard.place((ANA,), "m1")):
        with pytest.raises(NotStored):
            await asked
