"""Conversations as they last were, in memory: a state need not be read back, and the only process of a desk needs no queue for them."""

from __future__ import annotations

from collections.abc import Iterator

from conversations.model import State
from storage.rows import HELD, Claim, PendingEvent


class Talk:
    """One conversation as it is after the turn that made `version`.

    `waiting` are events that stand in no queue; `claimed`, that a turn is under way; `over`, that the queue has the conversation now.
    """

    __slots__ = ("address", "claimed", "conversation", "over", "shard", "state", "version", "waiting")

    def __init__(self, claim: Claim, version: int, state: State) -> None:
        self.shard = claim.shard
        self.conversation = claim.conversation
        self.address = claim.address
        self.version = version
        self.state = state
        self.waiting: list[PendingEvent] = []
        self.claimed = False
        self.over = False


class Held:
    """At most `limit` of them, or as many more as are being carried on; the one whose last turn is the longest ago is forgotten first.

    Rows are the truth. A talk is kept when its turn is committed, and counts only for the version of that. It is over as soon as the
    queue has the conversation, or something goes otherwise than it should: then this is `in_doubt`, for there may be pending events that
    stand in no queue. As after a start, `turns.sweep` finds them.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._talks: dict[int, Talk] = {}
        self._addresses: set[str] = set()
        # Those with something waiting and no turn under way, in the order in which it came.
        self._ready: dict[int, Talk] = {}
        self._under_way = 0
        self.in_doubt = False

    @property
    def ready(self) -> bool:
        """Whether anything can be claimed."""
        return bool(self._ready)

    @property
    def busy(self) -> bool:
        """Whether anything can be claimed, or was and is not committed."""
        return bool(self._ready) or self._under_way > 0

    # --- for the intake ---

    def knows(self, address: str) -> bool:
        """Whether what comes from there is probably for one of these."""
        return address in self._addresses

    def find(self, conversation: int, address: str, version: int) -> Talk | None:
        """What an event may be given to, when this is what the row says of its conversation, which stands in no queue."""
        talk = self._talks.get(conversation)
        if talk is None or talk.address != address:
            return None
        # While a turn is under way the row may already say what the talk will say in a moment.
        return talk if talk.claimed or talk.version == version else None

    def give(self, talk: Talk, event: PendingEvent) -> None:
        """An event that is committed, to the talk that was found in the same transaction."""
        if talk.over:
            # Whoever claimed the conversation found the event there, or will.
            return
        talk.waiting.append(event)
        if not talk.claimed:
            self._ready[talk.conversation] = self._talks[talk.conversation] = talk
            self._addresses.add(talk.address)

    # --- for the worker ---

    def claims(self, limit: int, at_most: int) -> Iterator[Claim]:
        """Claims on up to `limit` conversations, each with its oldest `at_most` events."""
        for talk in list(self._ready.values())[:limit]:
            del self._ready[talk.conversation]
            events, talk.waiting = tuple(talk.waiting[:at_most]), talk.waiting[at_most:]
            talk.claimed = True
            self._under_way += 1
            # Whatever claim of the conversation is committed at this version, it is one whose first event this is.
            yield Claim(talk.shard, talk.conversation, talk.address, talk.version, "", events[0].id, HELD, 0, events)

    def state(self, claim: Claim) -> State | None:
        """What the claim goes on from, if it is here."""
        talk = self._talks.get(claim.conversation)
        return talk.state if talk is not None and talk.version == claim.version else None

    def keep(self, claim: Claim, version: int, state: State) -> None:
        """The claim's turn is committed, with all of its events."""
        talk = self._talks.pop(claim.conversation, None)
        if talk is None or talk.version != claim.version:
            talk = Talk(claim, version, state)
        elif talk.claimed:
            self._under_way -= 1
        talk.version, talk.state, talk.claimed = version, state, False
        # Behind all the others.
        self._talks[claim.conversation] = talk
        self._addresses.add(talk.address)
        if talk.waiting:
            self._ready[claim.conversation] = talk
        elif len(self._talks) > self._limit:
            self._forget()

    def give_up(self, conversation: int) -> None:
        """The queue has it from now on, or will."""
        talk = self._talks.pop(conversation, None)
        if talk is not None:
            talk.over = True
            self._addresses.discard(talk.address)
            self._ready.pop(conversation, None)
            self._under_way -= talk.claimed

    def clear(self) -> None:
        for conversation in list(self._talks):
            self.give_up(conversation)
        self.in_doubt = True

    def _forget(self) -> None:
        for conversation, talk in self._talks.items():
            if not talk.claimed and not talk.waiting:
                del self._talks[conversation]
                self._addresses.discard(talk.address)
                return
