"""Turns: a fault stays with the conversation it belongs to, is reported without a customer's words, and costs no event."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec
import pytest
from sqlalchemy import text

from bot import states
from conversations.effects import (
    AddToTicket,
    AmendRequest,
    CancelTimer,
    ChangeTicket,
    CountOutcome,
    OpenTicket,
    RateTicket,
    RecordRequest,
    Say,
    SetTimer,
)
from conversations.engine import Decision
from conversations.events import Event, MessageReceived, TimerFired
from conversations.knowledge import Knowledge
from conversations.model import Attachment, Message, State, paragraph
from storage import requests, tickets, turns
from storage.engines import Connection, Database
from storage.rows import Claim
from tests.bot.rig import BEGIN_MS, HandClock, echo, rig, until


def touchy(state: State, event: Event, knowledge: Knowledge) -> Decision:
    if isinstance(event, MessageReceived) and "boom" in event.text:
        raise LookupError(f"could not make sense of {event.text}")
    return echo(state, event, knowledge)


async def test_a_fault_parks_its_conversation_and_no_other(database: Database, capfd: pytest.CaptureFixture[str]) -> None:
    clock = HandClock()
    async with rig(database, clock=clock, decide=touchy) as here:
        await here.say("bad", "boom my secret word is hunter2")
        await here.say("good", "hello")
        assert await here.board.until(1) == [("good", "1: hello")]

        async def parked() -> bool:
            clock.advance(60_000)
            return (await database.read(turns.counts)).parked == 1

        await until(parked)
        assert here.figure("relevo_turns_failed_total", error="LookupError") == 10
        await here.say("good", "still there?")
        await here.board.until(2)
        # A new release may do better.
        here.pipeline.worker._decide = echo
        await database.write(lambda connection: turns.unpark(connection, clock.now()))
        here.pipeline.worker.hint.ring()
        await here.board.until(3)
        assert here.board.of("bad") == ["1: boom my secret word is hunter2"]
    logged = capfd.readouterr().err
    assert "hunter2" not in logged
    lines = [json.loads(line) for line in logged.splitlines()]
    assert len([line for line in lines if line["event"] == "a turn failed"]) == 10
    assert lines[0]["error"] == "LookupError"
    assert "touchy" in lines[0]["where"]


async def test_what_came_before_the_fault_is_answered(database: Database) -> None:
    async with rig(database, decide=touchy, start=False) as here:
        for said in ("one", "two", "boom", "four"):
            await here.say("ana", said)
        here.pipeline.start(here.supervisor)
        await here.board.until(2)
        assert here.board.of("ana") == ["1: one", "2: two"]
        pending = text("SELECT count(*) FROM inbox WHERE turn = 0")
        assert await database.read(lambda connection: connection.execute(pending).scalar_one()) == 2


async def test_an_event_that_cannot_be_read_is_passed_over(database: Database) -> None:
    async with rig(database, start=False) as here:
        await here.say("ana", "one")
        await here.say("ana", "two")
        await here.say("ana", "three")
        spoil = text("UPDATE inbox SET payload = '{\"type\": \"telepathy\"}' WHERE payload LIKE '%two%'")
        await database.write(lambda connection: connection.execute(spoil))
        here.pipeline.start(here.supervisor)
        await here.board.until(2)
        assert here.board.of("ana") == ["1: one", "2: three"]
        await here.drain()
        assert here.figure("relevo_events_undecodable_total") == 1
        pending = text("SELECT count(*) FROM inbox WHERE turn = 0")
        assert await database.read(lambda connection: connection.execute(pending).scalar_one()) == 0


async def test_a_state_of_a_newer_release_is_left_alone(database: Database) -> None:
    async with rig(database) as here:
        await here.say("ana", "one")
        await here.board.until(1)
        newer = states.dump(State(turns=1)).replace('"schema":1', '"schema":99')
        await database.write(lambda c: c.execute(text("UPDATE conversation SET state = :s, version = version + 1"), {"s": newer}))
        await here.say("ana", "two")
        await here.say("bob", "hello")
        await here.board.until(2)
        assert here.figure("relevo_turns_failed_total", error="NewerState") == 1
        kept = await database.read(lambda c: c.execute(text("SELECT state FROM conversation ORDER BY id LIMIT 1")).scalar_one())
        assert kept == newer


async def test_every_kind_of_effect_reaches_its_table(database: Database) -> None:
    clock = HandClock()

    def busy(state: State, event: Event, knowledge: Knowledge) -> Decision:
        if isinstance(event, TimerFired):
            effects = (
                Say(Message(paragraph(f"{event.name} at {event.due_at - BEGIN_MS}"), "en")),
                AmendRequest("r1", email="ana@example.com"),
            )
            return Decision(state, effects)
        return Decision(
            msgspec.structs.replace(state, turns=1, locale="es"),
            (
                SetTimer("never", clock.now() + 100),
                SetTimer("soon", clock.now() + 9_000),
                CancelTimer("never"),
                SetTimer("soon", clock.now() + 2_000),
                RecordRequest("r1", "A-1", "es", "help\x00 me", topic="priorities"),
                CountOutcome("ticket", "priorities"),
            ),
        )

    async with rig(database, clock=clock, decide=busy) as here:
        await here.say("ana", "x")
        await here.settled()
        [request] = await database.read(requests.list_open)
        assert (request.number, request.locale, request.text, request.email) == ("A-1", "es", "help me", "")
        assert here.figure("relevo_answers_total", outcome="ticket", topic="priorities") == 1
        clock.advance(1_900)
        await here.settled()
        assert here.board.posts == []

        def fired() -> bool:
            clock.advance(10)
            return bool(here.board.posts)

        await until(fired)
        assert await here.board.until(1) == [("ana", "soon at 2000")]
        await here.settled()
        assert (await database.read(lambda c: requests.find(c, "A-1"))).email == "ana@example.com"  # type: ignore[union-attr]


async def test_turns_that_another_node_overtook_change_nothing(database: Database) -> None:
    async with rig(database, start=False) as here:
        await here.say("ana", "one")
        # Another node holds the conversation; ours finds nothing to do.
        [claim] = await database.write(lambda c: turns.claim(c, "other", BEGIN_MS * 2, 60_000, 10))
        await here.decide_all()
        assert await database.read(lambda c: c.execute(text("SELECT count(*) FROM outbox")).scalar_one()) == 0
        assert claim.version == 0


async def test_leases_are_renewed_while_a_long_batch_is_decided(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = HandClock()

    def slow(state: State, event: Event, knowledge: Knowledge) -> Decision:
        clock.at += 400
        return echo(state, event, knowledge)

    renewed: list[int] = []
    renew = turns.renew

    def watched(connection: Connection, node: str, claims: Sequence[Claim], now: int, lease_ms: int) -> set[int]:
        held = renew(connection, node, claims, now, lease_ms)
        renewed.append(len(held))
        return held

    monkeypatch.setattr(turns, "renew", watched)
    async with rig(database, clock=clock, decide=slow, start=False) as here:
        for n in range(40):
            await here.say(f"c{n}", "hello")
        await here.decide_all()
        assert renewed == [40, 40]
        assert here.figure("relevo_turns_total") == 40
        assert here.figure("relevo_turns_fenced_total") == 0


async def test_tickets_go_to_their_tables_with_the_event_that_made_them(database: Database) -> None:
    clock = HandClock()

    def desk(state: State, event: Event, knowledge: Knowledge) -> Decision:
        assert isinstance(event, MessageReceived)
        if event.text == "open":
            opening = OpenTicket("k", "A-1", "ticket", 1, "es", "technical", "high", "Down\x00", "It is down", {"since": "14:05"}, due_at=9)
            return Decision(state, (opening, opening))
        effects = (
            AddToTicket("k", "customer", "more\x00", "Ana", (Attachment("f1", "a.png"),)),
            ChangeTicket("k", "new", "claimed", "Eva", "slack", "mine"),
            ChangeTicket("k", "open", "closed", "customer"),
            RateTicket("k", 4),
        )
        return Decision(state, effects)

    async with rig(database, clock=clock, decide=desk) as here:
        await here.say("ana", "open")
        await here.settled()
        clock.advance(1_000)
        await here.say("ana", "more")
        await here.settled()
        [ticket] = await database.read(tickets.list_open)
        assert (ticket.title, ticket.answers, ticket.due_at, ticket.state, ticket.rating) == ("Down", '{"since":"14:05"}', 9, "claimed", 4)
        changes, [entry] = await database.read(lambda conn: tickets.history(conn, ticket))
        assert [(one.who, one.place, one.state, one.at) for one in changes] == [
            ("customer", "test", "new", BEGIN_MS),
            ("Eva", "slack", "claimed", BEGIN_MS + 1_000),
        ]
        assert (entry.text, entry.name, entry.id) == ("more", "Ana", changes[1].id)
        assert entry.files == '[{"id":"f1","name":"a.png"}]'
