"""What is held of conversations: for one version, no longer than it is sure, and never without what waits for them."""

from __future__ import annotations

import msgspec

from bot.held import Held, Talk
from conversations.model import State
from storage.rows import HELD, Claim, PendingEvent
from storage.schema import shard_of


def claim(conversation: int, version: int = 0, gen: int = 1) -> Claim:
    return Claim(shard_of(conversation), conversation, f"test:desk:{conversation}", version, "", 9, gen, 0, (PendingEvent(1, 0, "{}"),))


def kept(held: Held, conversation: int, version: int = 1) -> State:
    state = msgspec.structs.replace(State(), turns=version)
    held.keep(claim(conversation, version - 1), version, state)
    return state


def begun(held: Held) -> Talk:
    """The talk of conversation 1, after its first turn."""
    kept(held, 1)
    talk = held.find(1, "test:desk:1", 1)
    assert talk is not None
    return talk


def test_a_state_counts_for_its_version_alone() -> None:
    held = Held(2)
    state = kept(held, 1)
    assert held.state(claim(1, 1)) is state
    assert held.state(claim(1, 2)) is None, "somebody else has gone on with it"
    assert held.find(1, "test:desk:1", 2) is None
    assert held.find(1, "test:desk:elsewhere", 1) is None
    assert held.find(1, "test:desk:1", 1) is not None


def test_the_longest_silent_one_is_forgotten_but_nothing_that_waits() -> None:
    held = Held(2)
    talk = begun(held)
    held.give(talk, PendingEvent(5, 0, "{}"))
    kept(held, 2)
    kept(held, 3)
    assert [held.state(claim(id, 1)) is not None for id in (1, 2, 3)] == [True, False, True]
    (found,) = held.claims(10, 50)
    assert (found.conversation, found.gen, found.version, found.fence, len(found.events)) == (1, HELD, 1, 5, 1)
    assert held.busy
    held.keep(found, 2, State())
    assert not held.busy


def test_one_that_was_forgotten_between_is_remembered_again() -> None:
    held = Held(1)
    talk = begun(held)
    kept(held, 2)
    assert held.state(claim(1, 1)) is None
    held.give(talk, PendingEvent(5, 0, "{}"))
    (found,) = held.claims(10, 50)
    assert held.state(found) is talk.state


def test_what_the_queue_took_over_is_given_to_nobody() -> None:
    held = Held(2)
    talk = begun(held)
    held.give_up(1)
    held.give(talk, PendingEvent(5, 0, "{}"))
    assert not held.ready
    assert not held.busy


def test_all_of_it_can_be_doubted() -> None:
    held = Held(2)
    talk = begun(held)
    held.give(talk, PendingEvent(5, 0, "{}"))
    assert len(list(held.claims(10, 50))) == 1
    held.clear()
    assert held.in_doubt
    assert not held.busy
    assert not held.knows("test:desk:1")


def test_events_beyond_the_limit_wait_for_the_next_turn() -> None:
    held = Held(2)
    talk = begun(held)
    for id in range(10, 13):
        held.give(talk, PendingEvent(id, 0, "{}"))
    (first,) = held.claims(10, 2)
    assert [event.id for event in first.events] == [10, 11]
    assert not held.ready
    held.keep(first, 3, State())
    (second,) = held.claims(10, 2)
    assert ([event.id for event in second.events], second.version) == ([12], 3)
