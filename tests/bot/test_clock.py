"""Ids grow and never repeat, whatever the clock does; hints are neither lost nor counted."""

from __future__ import annotations

import asyncio

from bot.clock import Ids
from bot.hints import Hint
from tests.bot.rig import HandClock


def test_ids_grow_within_a_millisecond_and_fit_63_bits() -> None:
    ids = Ids(HandClock())
    made = [ids.new() for _ in range(5_000)]
    assert made == sorted(set(made))
    assert made[0] > 0
    assert made[-1] < 2**63


def test_ids_grow_when_the_clock_is_set_back() -> None:
    clock = HandClock()
    ids = Ids(clock)
    before = ids.new()
    clock.at -= 3_600_000
    assert ids.new() > before


def test_two_processes_never_make_the_same_id() -> None:
    clock = HandClock()
    first, second = Ids(clock, 1), Ids(clock, 2)
    assert not {first.new() for _ in range(2_000)} & {second.new() for _ in range(2_000)}


def test_a_later_start_makes_larger_ids() -> None:
    clock = HandClock()
    before = Ids(clock, 8_191).new()
    clock.advance(1)
    assert Ids(clock, 0).new() > before


async def test_a_hint_given_before_the_wait_is_not_lost() -> None:
    hint = Hint(HandClock())
    hint.ring()
    hint.ring()
    await asyncio.wait_for(hint.wait(1_000), 5)
    assert hint.take()
    assert not hint.take()
    waiting = asyncio.create_task(hint.wait(1_000))
    await asyncio.sleep(0)
    assert not waiting.done(), "two rings were heard as one"
    hint.ring()
    await asyncio.wait_for(waiting, 5)


async def test_without_a_hint_the_wait_ends_with_its_time() -> None:
    clock = HandClock()
    hint = Hint(clock)
    waiting = asyncio.create_task(hint.wait(1_000))
    await asyncio.sleep(0)
    clock.advance(999)
    await asyncio.sleep(0)
    assert not waiting.done()
    clock.advance(1)
    await asyncio.wait_for(waiting, 5)


async def test_a_second_ring_is_spared_only_where_a_look_must_have_found_it() -> None:
    for serial, looked, rung in ((True, True, False), (True, False, True), (False, True, True)):
        hint = Hint(HandClock(), serial)
        before = hint.looks
        if looked:
            hint.looked()
        hint.ring_unless_seen(before)
        assert hint.take() is rung
