"""What is kept decoded counts only for the very text it became."""

from __future__ import annotations

from bot.fresh import Fresh


def test_a_value_is_had_once_and_only_for_its_text() -> None:
    fresh: Fresh[object] = Fresh(2)
    value = object()
    fresh.keep("a", "{}", value)
    assert fresh.take("a", '{"another":1}') is None, "the row was changed by somebody else"
    assert fresh.take("a", "{}") is None, "and what was kept is out of date from then on"
    fresh.keep("a", "{}", value)
    assert fresh.take("a", "{}") is value
    assert fresh.take("a", "{}") is None
    assert fresh.take("never kept", "") is None


def test_the_oldest_are_given_up_first() -> None:
    fresh: Fresh[int] = Fresh(2)
    for n, name in enumerate(("a", "b", "c")):
        fresh.keep(name, name, n)
    assert [fresh.take(name, name) for name in ("a", "b", "c")] == [None, 1, 2]
