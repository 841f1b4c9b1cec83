"""Carries conversations on: claims those in which something happened, decides, and commits many of them in one transaction."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple, assert_never

import msgspec
from msgspec.structs import replace

from bot import states
from bot.clock import Clock
from bot.hints import Hint
from bot.telemetry import Logger, Metrics, fault
from conversations.effects import (
    AddToTicket,
    AmendRequest,
    CancelTimer,
    ChangeTicket,
    CountOutcome,
    Effect,
    Mail,
    OpenTicket,
    RateTicket,
    RecordRequest,
    Say,
    SetTimer,
)
from conversations.engine import Decision
from conversations.events import Event, decoder
from conversations.knowledge import Knowledge
from conversations.model import Address, State
from storage import turns
from storage.engines import Connection, Database, Unavailable
from storage.rows import (
    Claim,
    NewChange,
    NewEntry,
    NewMessage,
    NewRating,
    NewRequest,
    NewTicket,
    RequestAmendment,
    Turn,
)

Decide = Callable[[State, Event, Knowledge], Decision]

BATCH = 256
LEASE_MS = 10_000
POLL_MS = 1_000
INTERACTIVE = 0
"""The priority of a reply; what is sent to people who are not waiting has a larger number and is overtaken by it."""

BREATH = 16
"""After so many conversations the loop lets others in, so that a full batch does not hold up the sockets."""

_encoder = msgspec.json.Encoder()


class Failure(NamedTuple):
    claim: Claim
    error: str


class Decided(NamedTuple):
    """A turn to be committed, and what is to be told once it is."""

    turn: Turn
    outcomes: tuple[tuple[str, str], ...]
    received: tuple[int, ...]


class Effects:
    """The effects of one claim's events, sorted by the table they go to.

    `place` is the platform they happened on. `mail_account` is whose mail is sent; empty where the desk sends none.
    """

    def __init__(self, place: str, mail_account: str) -> None:
        self.place = place
        self.mail_account = mail_account
        self.messages: list[NewMessage] = []
        # By name: within one transaction only the last word on a timer counts.
        self.timers: dict[str, int | None] = {}
        self.requests: list[NewRequest] = []
        self.amendments: list[RequestAmendment] = []
        self.tickets: list[NewTicket] = []
        self.changes: list[NewChange] = []
        self.entries: list[NewEntry] = []
        self.ratings: list[NewRating] = []
        self.outcomes: list[tuple[str, str]] = []

    def apply(self, version: int, effects: Iterable[Effect], id: int, at: int) -> None:
        """Those of the event `id`, which was received at `at`."""
        ord = 0
        for effect in effects:
            match effect:
                case Say(message):
                    self.messages.append(NewMessage(version, ord, _encoder.encode(message).decode(), INTERACTIVE))
                    ord += 1
                case Mail(email, message):
                    if self.mail_account:
                        to = str(Address("email", self.mail_account, email))
                        self.messages.append(NewMessage(version, ord, _encoder.encode(message).decode(), INTERACTIVE, to))
                        ord += 1
                case SetTimer(name, due_at):
                    self.timers[name] = due_at
                case CancelTimer(name):
                    self.timers[name] = None
                case RecordRequest(key, number, kind, locale, text, topic, name, email):
                    self.requests.append(NewRequest(key, number, kind, locale, _storable(text), topic, _storable(name), _storable(email)))
                case OpenTicket():
                    self.tickets.append(_opened(effect))
                    self.changes.append(NewChange(effect.key, 0, "customer", self.place, "", "new", "", at))
                case ChangeTicket(key, before, state, who, place, note):
                    self.changes.append(NewChange(key, id, _storable(who), place or self.place, before, state, _storable(note), at))
                case AddToTicket(key, author, text, name, files):
                    self.entries.append(NewEntry(key, id, author, _storable(name), _storable(text), _json(files), at))
                case RateTicket(key, rating):
                    self.ratings.append(NewRating(key, rating))
                case AmendRequest(key, email, text):
                    self.amendments.append(RequestAmendment(key, _storable(email), _storable(text)))
                case CountOutcome(outcome, topic):
                    self.outcomes.append((outcome, topic))
                case _:
                    assert_never(effect)


def _opened(effect: OpenTicket) -> NewTicket:
    return NewTicket(
        effect.key,
        effect.number,
        effect.form,
        effect.version,
        effect.department,
        effect.priority,
        _storable(effect.title),
        _storable(effect.text),
        _json(effect.answers),
        _json(effect.files),
        effect.locale,
        effect.topic,
        _storable(effect.name),
        _storable(effect.email),
        "new",
        effect.due_at or None,
    )


def _json(value: object) -> str:
    return _encoder.encode(value).decode()


def _storable(text: str) -> str:
    # PostgreSQL has no NUL in text. Payloads are JSON, where it is escaped; these are plain columns.
    return text.replace("\x00", "")


class Worker:
    """`lanes` are the hints of delivery by platform, `timers` the one of the timers: they are told of what turns leave for them."""

    def __init__(
        self,
        database: Database,
        decide: Decide,
        knowledge: Callable[[], Knowledge],
        node: str,
        clock: Clock,
        metrics: Metrics,
        log: Logger,
        hint: Hint,
        lanes: Mapping[str, Hint],
        timers: Hint,
        lease_ms: int = LEASE_MS,
        mail_account: str = "",
    ) -> None:
        self._database = database
        self._decide = decide
        self._knowledge = knowledge
        self._node = node
        self._clock = clock
        self._metrics = metrics
        self._log = log
        self.hint = hint
        self._lanes = lanes
        self._timers = timers
        self._lease_ms = lease_ms
        self._mail_account = mail_account
        self._draining = False
        self._more = False
        self._look_at = 0
        # How often each lane had looked when the messages for it were written.
        self._looks: dict[str, int] = {}

    def drain(self) -> None:
        """Let `run` return as soon as nothing is left to claim."""
        self._draining = True
        self.hint.ring()

    async def run(self) -> None:
        decided: list[Decided] = []
        failures: list[Failure] = []
        # What was left from before does not wait for a hint.
        self._more = True
        while True:
            if not (decided or failures or self._more or self._draining):
                await self.hint.wait(self._look_at - self._clock.now())
            claimed_at = self._clock.now()
            committed, claims = await self._exchange(decided, failures)
            self._publish(decided, committed)
            if self._draining and not claims:
                return
            decided, failures = await self._decide_all(claims, claimed_at)

    async def _exchange(self, decided: list[Decided], failures: list[Failure]) -> tuple[set[int], list[Claim]]:
        """One transaction commits what was decided and claims what comes next.

        When the database is away it tries again until the leases of what it holds have nearly run out, and then lets go of it:
        the events are still there, and whoever claims them decides the same.
        """
        give_up_at = self._clock.now() + self._lease_ms * 2 // 3
        wait = 50.0
        platforms = {(message.address or one.turn.claim.address).partition(":")[0] for one in decided for message in one.turn.messages}
        lanes = {platform: self._lanes[platform] for platform in platforms if platform in self._lanes}
        while True:
            now = self._clock.now()
            look = self.hint.take() or self._more or self._draining or now >= self._look_at
            exchange = self._database.write(lambda connection: self._unit(connection, decided, failures, look, lanes))  # noqa: B023
            # Delivery that claims now joins this transaction.
            for lane in lanes.values():
                lane.ring()
            try:
                committed, claims = await exchange
                if look:
                    self._more = len(claims) == BATCH
                    self._look_at = now + round(self._clock.spread(POLL_MS))
                return committed, claims
            except Unavailable as error:
                if look:
                    # The look was undone with the rest.
                    self.hint.ring()
                self._log.warning("the database is away", retry_ms=round(wait), turns=len(decided), cause=type(error).__name__)
                if self._draining and not decided:
                    return set(), []
                await self._clock.sleep(self._clock.spread(wait))
                wait = min(wait * 2, 2_000)
                if (decided or failures) and self._clock.now() > give_up_at:
                    self._log.error("turns were let go of because the database was away too long", turns=len(decided))
                    return set(), []
            except Exception as error:
                if not decided and not failures:
                    raise
                self.hint.ring()
                self._log.error("turns could not be committed together", turns=len(decided), **fault(error))
                return await self._commit_singly(decided, failures), []

    def _unit(
        self, connection: Connection, decided: list[Decided], failures: list[Failure], look: bool, lanes: Mapping[str, Hint]
    ) -> tuple[set[int], list[Claim]]:
        now = self._clock.now()
        self._looks = {platform: lane.looks for platform, lane in lanes.items()}
        committed = turns.commit(connection, self._node, [one.turn for one in decided], now) if decided else set()
        self._fail(connection, failures, now)
        if not look:
            return committed, []
        self.hint.looked()
        return committed, turns.claim(connection, self._node, now, self._lease_ms, BATCH)

    def _fail(self, connection: Connection, failures: list[Failure], now: int) -> None:
        by_error: defaultdict[str, list[Claim]] = defaultdict(list)
        for claim, error in failures:
            by_error[error].append(claim)
        for error, claims in by_error.items():
            turns.fail(connection, self._node, claims, error, now)

    async def _commit_singly(self, decided: list[Decided], failures: list[Failure]) -> set[int]:
        """A turn that the database will not have must not sink those beside it: it counts as failed, and the others go through."""
        committed: set[int] = set()
        for one in decided:
            try:
                committed |= await self._database.write(partial(self._commit_one, turn=one.turn))
            except Unavailable:
                break
            except Exception as error:
                self._report(one.turn.claim, error)
                failures = [*failures, Failure(one.turn.claim, type(error).__name__)]
        await self._database.write(lambda connection: self._fail(connection, failures, self._clock.now()))
        return committed

    def _commit_one(self, connection: Connection, turn: Turn) -> set[int]:
        return turns.commit(connection, self._node, [turn], self._clock.now())

    async def _decide_all(self, claims: list[Claim], claimed_at: int) -> tuple[list[Decided], list[Failure]]:
        decided: list[Decided] = []
        failures: list[Failure] = []
        knowledge = self._knowledge()
        for count, claim in enumerate(claims, 1):
            try:
                decided.append(self._decide_one(claim, knowledge))
            except Exception as error:
                self._report(claim, error)
                failures.append(Failure(claim, type(error).__name__))
            if count % BREATH == 0:
                await asyncio.sleep(0)
                if self._clock.now() - claimed_at > self._lease_ms // 3:
                    claimed_at = self._clock.now()
                    await self._renew(claims, claimed_at)
        return decided, failures

    def _decide_one(self, claim: Claim, knowledge: Knowledge) -> Decided:
        """All pending events of one conversation, in order, as one turn. Raises whatever makes the conversation fail."""
        state, version = states.load(claim.state), claim.version
        effects = Effects(claim.address.partition(":")[0], self._mail_account)
        done: list[tuple[int, int]] = []
        for pending in claim.events:
            version += 1
            try:
                event = decoder.decode(pending.payload)
            except msgspec.DecodeError as error:
                # Nothing can ever be made of it, and it must not stand in the way of what was said after it: a turn without effects.
                self._metrics.undecodable.inc()
                self._log.error("a stored event cannot be read", conversation=claim.conversation, event_id=pending.id, **fault(error))
                done.append((pending.id, version))
                continue
            try:
                decision = self._decide(state, replace(event, seq=pending.id, at=pending.received_at), knowledge)
            except Exception as error:
                if not done:
                    raise
                # What was decided before it is committed now; this event is claimed again, and then fails alone.
                self._report(claim, error)
                version -= 1
                break
            state = decision.state
            effects.apply(version, decision.effects, pending.id, pending.received_at)
            done.append((pending.id, version))
        turn = Turn(
            claim,
            version,
            states.dump(state),
            state.locale,
            tuple(done),
            tuple(effects.messages),
            tuple(effects.timers.items()),
            tuple(effects.requests),
            tuple(effects.amendments),
            tuple(effects.tickets),
            tuple(effects.changes),
            tuple(effects.entries),
            tuple(effects.ratings),
        )
        return Decided(turn, tuple(effects.outcomes), tuple(pending.received_at for pending in claim.events[: len(done)]))

    def _report(self, claim: Claim, error: Exception) -> None:
        self._metrics.undecided.labels(type(error).__name__).inc()
        self._log.error("a turn failed", conversation=claim.conversation, attempts=claim.attempts + 1, **fault(error))

    async def _renew(self, claims: list[Claim], now: int) -> None:
        try:
            await self._database.write(lambda connection: turns.renew(connection, self._node, claims, now, self._lease_ms))
        except Unavailable:
            # The commit will find out whether the conversations are still ours.
            return

    def _publish(self, decided: list[Decided], committed: set[int]) -> None:
        if not decided:
            return
        kept = [one for one in decided if one.turn.claim.conversation in committed]
        for platform, looks in self._looks.items():
            self._lanes[platform].ring_unless_seen(looks)
        if any(one.turn.timers for one in kept):
            self._timers.ring()
        now = self._clock.now()
        self._metrics.turns.inc(sum(len(one.turn.events) for one in kept))
        for one in kept:
            for received_at in one.received:
                self._metrics.turn_seconds.observe((now - received_at) / 1000)
        self._metrics.count(self._metrics.outcomes, Counter(outcome for one in kept for outcome in one.outcomes))
        if len(kept) < len(decided):
            self._metrics.fenced.inc(len(decided) - len(kept))
