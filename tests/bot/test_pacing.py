"""Allowances: whatever the order in which sends are asked for, no span of time sees more of them than the rate says."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Rate
from bot.pacing import AHEAD_MS, TIDY_AT, Allowance, Pacing

RATES = st.builds(Rate, burst=st.integers(1, 12), every_ms=st.integers(1, 2_000))
BEGIN = 1_800_000_000_000
FULL = BEGIN + 10**6
"""Long after the start: every allowance is whole."""

Asked = list[tuple[int, int, bool]]
ASKED = st.lists(st.tuples(st.integers(0, 1_500), st.integers(0, 3), st.booleans()), max_size=150)
"""Milliseconds since the one before, which chat, and whether it is a reply."""


def most(times: list[int], span: int) -> int:
    """The most sends in any `span` milliseconds, both ends included; `times` in order."""
    return max((bisect_right(times, at + span) - nth for nth, at in enumerate(times)), default=0)


def keeps(times: list[int], rate: Rate) -> bool:
    """It is enough to look at the spans between two sends."""
    spans = {later - earlier for nth, earlier in enumerate(times) for later in times[nth:]}
    return all(most(times, span) <= rate.burst + span // rate.every_ms for span in spans)


@given(RATES, RATES, ASKED)
def test_in_no_span_of_time_there_are_more_sends_than_the_rates_allow(chat: Rate, account: Rate, asked: Asked) -> None:
    pacing = Pacing(chat, account, BEGIN)
    now, sent, by_chat = BEGIN, [], defaultdict(list)
    for wait, to, urgent in asked:
        now += wait
        if not pacing.take(str(to), urgent, now):
            sent.append(now)
            by_chat[to].append(now)
    assert keeps(sent, account)
    assert all(keeps(times, chat) for times in by_chat.values())


@given(RATES, ASKED, ASKED)
def test_a_restart_in_the_middle_allows_no_more(rate: Rate, before: Asked, after: Asked) -> None:
    now, sent = BEGIN, defaultdict(list)
    for asked in (before, after):
        pacing = Pacing(rate, None, now)
        for wait, to, urgent in asked:
            now += wait
            if not pacing.take(str(to), urgent, now):
                sent[to].append(now)
    assert all(keeps(times, rate) for times in sent.values())


@given(RATES, RATES, ASKED)
def test_who_comes_back_when_told_is_never_before_the_time_and_gets_there(chat: Rate, account: Rate, asked: Asked) -> None:
    """Nobody else asks for that chat meanwhile, so the first time that was told is right."""
    pacing = Pacing(chat, account, BEGIN)
    now = BEGIN
    for wait, to, urgent in asked:
        now += wait
        pacing.take(str(to), urgent, now)
    waits = 0
    while again_at := pacing.take("another", False, now):
        assert again_at > now
        now, waits = again_at, waits + 1
    assert waits <= 2


@given(RATES, st.integers(0, 5_000), st.integers(0, 20))
def test_as_many_as_are_left_may_be_sent_and_not_one_more(rate: Rate, later: int, sends: int) -> None:
    allowance = Allowance(rate, BEGIN)
    now = BEGIN + later
    for _ in range(min(sends, allowance.left(now))):
        allowance.take(now)
    left = allowance.left(now)
    for _ in range(left):
        assert allowance.opens_at(now) <= now
        allowance.take(now)
    assert allowance.left(now) == 0
    assert allowance.opens_at(now) > now


def test_the_last_of_an_accounts_allowance_is_for_replies() -> None:
    pacing = Pacing(None, Rate(burst=8, every_ms=100), BEGIN)
    sends = sum(pacing.take(f"b{n}", False, FULL) == 0 for n in range(20))
    assert sends == 6
    assert pacing.room(FULL, 50, 0) == (2, True)
    assert pacing.room(FULL, 50, 1) == (1, True)
    assert [pacing.take(f"r{n}", True, FULL) for n in range(3)] == [0, 0, FULL + 100]
    assert pacing.account_opens_at(FULL, urgent=False) == FULL + 300


def test_a_burst_of_two_keeps_one_and_a_burst_of_one_cannot() -> None:
    two, one = (Pacing(None, Rate(burst, 100), BEGIN) for burst in (2, 1))
    assert [two.take("a", False, FULL), two.take("b", False, FULL), two.take("c", True, FULL)] == [0, FULL + 100, 0]
    assert [one.take("a", False, FULL), one.take("b", True, FULL)] == [0, FULL + 100]


def test_those_who_wait_for_one_chat_are_told_a_time_each_and_replies_do_not_queue_behind_them() -> None:
    pacing = Pacing(Rate(1, 1_000), None, BEGIN)
    assert pacing.take("a", False, FULL) == 0
    assert [pacing.take("a", False, FULL) - FULL for _ in range(3)] == [1_000, 2_000, 3_000]
    assert pacing.take("a", True, FULL) - FULL == 1_000
    assert pacing.take("b", False, FULL) == 0
    many = [pacing.take("a", False, FULL) - FULL for _ in range(100)]
    assert max(many) == 1_000 + AHEAD_MS


def test_a_held_chat_waits_as_long_as_was_said_and_no_other_does() -> None:
    pacing = Pacing(None, None, BEGIN)
    pacing.hold("a", FULL + 7_000, FULL)
    assert pacing.take("a", True, FULL + 6_999) == FULL + 7_000
    assert pacing.take("a", True, FULL + 7_000) == 0
    assert pacing.take("b", True, FULL) == 0
    pacing.hold("a", FULL + 1, FULL + 7_000)
    assert pacing.take("a", True, FULL + 7_001) == 0


def test_a_clock_that_is_set_back_holds_nobody_up_for_longer_than_the_burst() -> None:
    pacing = Pacing(Rate(3, 100), None, BEGIN)
    assert pacing.take("a", True, FULL) == 0
    assert pacing.take("a", True, FULL - 100_000) <= FULL - 100_000 + 300


def test_chats_that_have_nothing_to_wait_for_are_forgotten() -> None:
    pacing = Pacing(Rate(1, 1_000), None, BEGIN)
    for n in range(20 * TIDY_AT):
        assert pacing.take(f"c{n}", False, FULL + 10 * n) == 0
    assert len(pacing._chats) <= TIDY_AT
    assert pacing.take(f"c{20 * TIDY_AT - 1}", False, FULL + 10 * 20 * TIDY_AT) > 0, "but none that has"
