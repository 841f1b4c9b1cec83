"""How soon the next send may be made: what a platform takes in one chat and from one account, and chats that were told to wait.

It is kept in memory alone, and begins with every allowance used up: the process before this one may have used it all a moment before it
ended, so whoever began with a full one would send twice as much as is allowed each time it is started.
"""

from __future__ import annotations

from collections.abc import Callable

from adapters.base import Rate

TIDY_AT = 1024
"""So many chats are remembered before those with nothing to wait for are forgotten, and later twice as many as were left the last time."""


AHEAD_MS = 60_000
"""No send is promised further ahead: a reply to the same customer must not come before it, and nobody knows yet that there will be one."""


class Allowance:
    """Sends at one rate: in any span of time at most `burst`, and one for each `every_ms` in it.

    All there is to remember is when the allowance will be whole again: every send moves that on by `every_ms`.
    """

    __slots__ = ("_rate", "_whole_at")

    def __init__(self, rate: Rate, used_up_at: int) -> None:
        self._rate = rate
        self._whole_at = used_up_at + rate.burst * rate.every_ms

    def opens_at(self, now: int, spared: int = 0) -> int:
        """When the next send may be made so that `spared` more could be made with it; not after `now` if that is at once."""
        # It is never further away than this, unless the clock was set back; then nobody should have to wait until it has caught up.
        self._whole_at = min(self._whole_at, now + self._rate.burst * self._rate.every_ms)
        return self._whole_at - (self._rate.burst - 1 - spared) * self._rate.every_ms

    def left(self, now: int, spared: int = 0) -> int:
        """How many sends may be made at once so that `spared` more could be made with them."""
        wait = self.opens_at(now, spared) - now
        return min(max(0, -wait // self._rate.every_ms + 1), self._rate.burst - spared)

    def take(self, now: int) -> None:
        """Count a send that is made now."""
        self._whole_at = max(self._whole_at, now) + self._rate.every_ms

    def whole(self, now: int) -> bool:
        """Whether it is as if nothing had ever been sent."""
        return self._whole_at <= now


class _Chat:
    """One chat: its allowance, until when it was told to wait, and up to when its sends are promised (to replies, and to the rest)."""

    __slots__ = ("allowance", "booked", "held_until")

    def __init__(self, allowance: Allowance | None) -> None:
        self.allowance = allowance
        self.held_until = 0
        self.booked = [0, 0]

    def opens_at(self, now: int) -> int:
        return self.held_until if self.allowance is None else max(self.held_until, self.allowance.opens_at(now))


class Pacing:
    """The allowances of one account and of its chats. Replies are `urgent`: of what the account may send, some is kept for them alone.

    `chat` tells the rate of a chat: one for all, or each chat's own, as not all kinds of chat take as much. A send is counted when its call
    is begun. Every time here is in epoch milliseconds.
    """

    def __init__(self, chat: Rate | Callable[[str], Rate | None] | None, account: Rate | None, now: int) -> None:
        self._rate_in = chat if callable(chat) else lambda _: chat
        self._account = None if account is None else Allowance(account, now)
        # A burst of one cannot be shared: there a reply waits for one send at most.
        self._kept = 0 if account is None else min(account.burst - 1, max(1, account.burst // 4))
        self._begun_at = now
        self._chats: dict[str, _Chat] = {}
        self._tidy_at = TIDY_AT

    def account_opens_at(self, now: int, urgent: bool) -> int:
        """When the account may send again, whatever the chat; not after `now` if it may."""
        return now if self._account is None else self._account.opens_at(now, 0 if urgent else self._kept)

    def room(self, now: int, at_most: int, waiting: int) -> tuple[int, bool]:
        """How many messages it is worth claiming now, and whether only replies: others would have to be given back.

        `waiting`: as many are claimed and not begun yet, and will take their share of the allowance first.
        """
        if self._account is None:
            return at_most, False
        left = self._account.left(now) - waiting
        urgent = left <= self._kept
        return max(0, min(at_most, left if urgent else left - self._kept)), urgent

    def take(self, chat: str, urgent: bool, now: int) -> int:
        """0 if a send to `chat` may be made now: it is counted, so make it. Otherwise when to ask again.

        When several wait for one chat each is told a time of its own, or all of them would come back for every send that is one's.
        Replies do not queue behind the rest: they take the next send there is, and whoever it was promised to is told another time.
        """
        account_at = self.account_opens_at(now, urgent)
        place = self._chats.get(chat)
        if place is None:
            if self._rate_in(chat) is None:
                if account_at > now:
                    return account_at
                if self._account is not None:
                    self._account.take(now)
                return 0
            place = self._remember(chat, now)
        opens_at = place.opens_at(now)
        if opens_at > now:
            booked_until = place.booked[not urgent]
            if booked_until >= opens_at:
                rate = self._rate_in(chat)
                opens_at = min(booked_until + (rate.every_ms if rate else 0), opens_at + AHEAD_MS)
            place.booked[not urgent] = opens_at
            return max(opens_at, account_at)
        if account_at > now:
            return account_at
        if place.allowance is not None:
            place.allowance.take(now)
        if self._account is not None:
            self._account.take(now)
        return 0

    def hold(self, chat: str, until: int, now: int) -> None:
        """Send nothing to `chat` before that: the platform said so. Whoever was told it waits for the first send then."""
        place = self._chats.get(chat) or self._remember(chat, now)
        place.held_until = max(place.held_until, until)
        place.booked = [max(booked, until) for booked in place.booked]

    def _remember(self, chat: str, now: int) -> _Chat:
        if len(self._chats) >= self._tidy_at:
            # A chat that may send all of its burst is like one not known, once what the last process may have sent does not count any more.
            self._chats = {name: place for name, place in self._chats.items() if not _forgettable(place, now)}
            self._tidy_at = max(TIDY_AT, 2 * len(self._chats))
        rate = self._rate_in(chat)
        place = self._chats[chat] = _Chat(None if rate is None else Allowance(rate, self._begun_at))
        return place


def _forgettable(place: _Chat, now: int) -> bool:
    return place.held_until <= now and max(place.booked) <= now and (place.allowance is None or place.allowance.whole(now))
