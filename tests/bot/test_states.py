"""States are read by the release that wrote them and by later ones; an older release refuses instead of guessing."""

from __future__ import annotations

import msgspec
import pytest

from bot import states
from conversations.model import SCHEMA, Contact, Idle, Offer, Prompt, State

FULL = State(
    turns=7,
    locale="es",
    frames=(Idle(), Contact("k", "A1")),
    prompts=(Prompt("3", (Offer("Sí", "helpful", "priorities"),)),),
    question="¿Qué? 🎉",
)


def test_round_trip() -> None:
    assert states.load(states.dump(FULL)) == FULL
    assert states.load(states.dump(State())) == State()


def test_before_the_first_turn() -> None:
    assert states.load("") == State()


def test_the_schema_is_always_written() -> None:
    # With every field at its default the state itself leaves it out, and a later release could not tell its age.
    assert msgspec.json.decode(states.dump(State()))["schema"] == SCHEMA


def test_a_newer_state_is_refused() -> None:
    newer = states.dump(State()).replace(f'"schema":{SCHEMA}', f'"schema":{SCHEMA + 1}')
    with pytest.raises(states.NewerState, match=str(SCHEMA + 1)):
        states.load(newer)


def test_an_older_state_is_brought_up_step_by_step() -> None:
    old = '{"schema":0,"state":{"turn_count":4}}'
    steps = {0: lambda data: {"turns": data["turn_count"] + 1, "topic": "priorities"}}
    assert states.load(old, 1, steps) == State(turns=5, topic="priorities")


def test_rubbish_is_a_decode_error() -> None:
    for rubbish in ("{", "[]", '{"schema":1}', '{"schema":1,"state":{"turns":"x"}}'):
        with pytest.raises(msgspec.DecodeError):
            states.load(rubbish)
