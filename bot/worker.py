"""Carries conversations on: claims those in which something happened, decides, and commits many of them in one transaction."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import msgspec
from msgspec.structs import replace

from bot import originals, states
from bot.clock import Clock, Ids
from bot.codes import Codes
from bot.decided import Decided, Failure, Taken, addressed_by
from bot.delivery import Lane
from bot.effects import Effects, Ways
from bot.held import Held
from bot.hints import Hint
from bot.telemetry import Logger, Metrics, fault
from conversations.engine import Decision
from conversations.events import Event, MessageDeleted, MessageEdited, Original, decoder, mirrors
from conversations.knowledge import Knowledge
from conversations.model import Message, State
from storage import mirror, proofs, turns
from storage.engines import Connection, Database, Unavailable
from storage.rows import HELD, Claim, Committed, Due, Turn
from storage.statements import EVENTS_PER_CLAIM

Decide = Callable[[State, Event, Knowledge], Decision]

BATCH = 256
LEASE_MS = 10_000
POLL_MS = 1_000
BREATH = 16
"""After so many conversations the loop lets others in, so that a full batch does not hold up the sockets."""


NOTHING = Committed(set(), [])


class Worker:
    """`lanes` are delivery by platform, `timers` the hint of the timers: they are told of what turns leave for them.

    `held` has the conversations whose states are in memory. With `alone`, for the one process of a desk, what comes for those does not
    go through the queue, and what they say goes to the lanes by hand.
    """

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
        lanes: Mapping[str, Lane],
        timers: Hint,
        held: Held,
        lease_ms: int = LEASE_MS,
        mail_account: str = "",
        codes: Codes | None = None,
        ids: Ids | None = None,
        ways: Ways = lambda platform, code: (),
        alone: bool = False,
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
        self._codes = codes or Codes()
        self._ids = ids or Ids(clock)
        self._ways = ways
        self._held = held
        self._alone = alone
        self._draining = False
        self._more = False
        self._look_at = 0
        # How often each lane had looked when the messages for it were written.
        self._looks: dict[str, int] = {}

    def drain(self) -> None:
        """Let `run` return as soon as nothing is left to claim."""
        self._draining = True
        self.hint.ring()

    @property
    def busy(self) -> bool:
        """Whether anything is under way that no queue knows of."""
        return self._held.busy

    async def run(self) -> None:
        decided: list[Decided] = []
        failures: list[Failure] = []
        # What was left from before does not wait for a hint, and may be in no queue.
        self._more = True
        self._held.clear()
        while True:
            if not (decided or failures or self._more or self._draining or self._held.ready or self._held.in_doubt):
                await self.hint.wait(self._look_at - self._clock.now())
            claimed_at = self._clock.now()
            addressed = addressed_by(decided)
            committed, claims = await self._exchange(decided, failures, addressed)
            self._publish(decided, committed, addressed)
            await self._tell_codes(decided, committed.conversations)
            taken = self._take(claims)
            if self._draining and not taken:
                return
            decided, failures = await self._decide_all(taken, claimed_at)

    def _take(self, claims: list[Claim]) -> list[Taken]:
        """What the queue gave, and then what needed none, with the states that are in memory."""
        taken = [Taken(claim, self._held.state(claim)) for claim in claims]
        for claim in claims:
            self._held.give_up(claim.conversation)
        taken += [Taken(claim, self._held.state(claim)) for claim in self._held.claims(BATCH - len(taken), EVENTS_PER_CLAIM)]
        return taken

    async def _exchange(self, decided: list[Decided], failures: list[Failure], addressed: Iterable[str]) -> tuple[Committed, list[Claim]]:
        """One transaction commits what was decided and claims what comes next.

        When the database is away it tries again until the leases of what it holds have nearly run out, and then lets go of it:
        the events are still there, and whoever claims them decides the same.
        """
        give_up_at = self._clock.now() + self._lease_ms * 2 // 3
        wait = 50.0
        lanes = {platform: self._lanes[platform] for platform in addressed if platform in self._lanes}
        while True:
            now = self._clock.now()
            # What comes of a proof or a link is an event that this very transaction makes.
            proving = any(one.turn.proofs or one.turn.links for one in decided)
            doubt, self._held.in_doubt = self._alone and self._held.in_doubt, False
            look = self.hint.take() or self._more or self._draining or proving or doubt or now >= self._look_at
            if not (look or decided or failures):
                return NOTHING, []
            exchange = self._database.write(lambda connection: self._unit(connection, decided, failures, look, doubt, lanes))  # noqa: B023
            # Delivery that claims now joins this transaction; only what goes to the conversations themselves is given.
            copied = {turns.platform_of(message.address) for one in decided for message in one.turn.messages if message.address}
            for platform, lane in lanes.items():
                if not lane.room or platform in copied:
                    lane.hint.ring()
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
                    self._held.in_doubt |= doubt
                self._log.warning("the database is away", retry_ms=round(wait), turns=len(decided), cause=type(error).__name__)
                if self._draining and not decided:
                    return NOTHING, []
                await self._clock.sleep(self._clock.spread(wait))
                wait = min(wait * 2, 2_000)
                if (decided or failures) and self._clock.now() > give_up_at:
                    self._log.error("turns were let go of because the database was away too long", turns=len(decided))
                    return NOTHING, []
            except Exception as error:
                if not decided and not failures:
                    raise
                self.hint.ring()
                self._held.in_doubt |= doubt
                self._log.error("turns could not be committed together", turns=len(decided), **fault(error))
                return await self._commit_singly(decided, failures, lanes), []

    def _unit(
        self,
        connection: Connection,
        decided: list[Decided],
        failures: list[Failure],
        look: bool,
        doubt: bool,
        lanes: Mapping[str, Lane],
    ) -> tuple[Committed, list[Claim]]:
        now = self._clock.now()
        self._looks = {platform: lane.hint.looks for platform, lane in lanes.items()}
        committed = NOTHING
        if decided:
            room = {platform: lane.room for platform, lane in lanes.items()} if self._alone else {}
            committed = turns.commit_and_give(connection, self._node, [one.turn for one in decided], now, room)
        self._fail(connection, failures, now)
        if doubt:
            turns.sweep(connection, now)
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

    async def _commit_singly(self, decided: list[Decided], failures: list[Failure], lanes: Iterable[str]) -> Committed:
        """A turn that the database will not have must not sink those beside it: it counts as failed, and the others go through."""
        committed = Committed(set(), [])
        # Nothing is given any more but what was given already, if an earlier attempt went through after all.
        room = dict.fromkeys(lanes, 0) if self._alone else {}
        for one in decided:
            try:
                done, given = await self._database.write(partial(self._commit_one, turn=one.turn, room=room))
                committed.conversations.update(done)
                committed.given.extend(given)
            except Unavailable:
                break
            except Exception as error:
                self._report(one.turn.claim, error)
                failures = [*failures, Failure(one.turn.claim, type(error).__name__)]
        await self._database.write(lambda connection: self._fail(connection, failures, self._clock.now()))
        return committed

    def _commit_one(self, connection: Connection, turn: Turn, room: Mapping[str, int]) -> Committed:
        return turns.commit_and_give(connection, self._node, [turn], self._clock.now(), room)

    async def _decide_all(self, taken: list[Taken], claimed_at: int) -> tuple[list[Decided], list[Failure]]:
        decided: list[Decided] = []
        failures: list[Failure] = []
        knowledge = self._knowledge()
        for count, (claim, state) in enumerate(taken, 1):
            try:
                about = await self._original(claim) if claim.events and mirrors(claim.events[0].payload) else None
                decided.append(self._decide_one(claim, state, knowledge, about))
            except Exception as error:
                self._report(claim, error)
                failures.append(Failure(claim, type(error).__name__))
                self._let_go(claim)
            if count % BREATH == 0:
                await asyncio.sleep(0)
                if self._clock.now() - claimed_at > self._lease_ms // 3:
                    claimed_at = self._clock.now()
                    await self._renew([claim for claim, _ in taken], claimed_at)
        return decided, failures

    async def _original(self, claim: Claim) -> Original | None:
        """What the first event is about, if it is about an earlier one. While the claim lasts nobody else changes it."""
        try:
            about = decoder.decode(claim.events[0].payload)
        except msgspec.DecodeError:
            return None
        if not isinstance(about, MessageEdited | MessageDeleted):
            return None
        return originals.read(await self._database.read(partial(mirror.find, place=claim[:2], key=about.of)))

    def _decide_one(self, claim: Claim, state: State | None, knowledge: Knowledge, original: Original | None = None) -> Decided:
        """All pending events of one conversation, in order, as one turn. Raises whatever makes the conversation fail.

        An event about an earlier one is decided as the first of its turn only: what it is about must have been committed to be found.
        """
        state, version = state or states.load(claim.state), claim.version
        effects = Effects(claim, knowledge, self._mail_account, self._codes, self._ids, self._ways)
        done: list[tuple[int, int]] = []
        for pending in claim.events:
            if done and mirrors(pending.payload):
                self.hint.ring()
                break
            version += 1
            try:
                event = decoder.decode(pending.payload)
            except msgspec.DecodeError as error:
                # Nothing can ever be made of it, and it must not stand in the way of what was said after it: a turn without effects.
                self._metrics.undecodable.inc()
                self._log.error("a stored event cannot be read", conversation=claim.conversation, event_id=pending.id, **fault(error))
                done.append((pending.id, version))
                continue
            event = replace(event, seq=pending.id, at=pending.received_at)
            if effects.shared:
                event = replace(event, shared=True)
            if isinstance(event, MessageEdited | MessageDeleted):
                event = replace(event, original=original)
            try:
                decision = self._decide(state, event, knowledge)
            except Exception as error:
                if not done:
                    raise
                # What was decided before it is committed now; this event is claimed again, and then fails alone.
                self._report(claim, error)
                version -= 1
                break
            state = decision.state
            effects.apply(version, decision.effects, event, state.locale)
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
            tuple(effects.proofs),
            tuple(effects.redactions),
            tuple(effects.mirrored),
            tuple(effects.links),
            effects.event_ids(),
            tuple(effects.subscriptions.items()),
        )
        received = tuple(pending.received_at for pending in claim.events[: len(done)])
        return Decided(turn, state, effects.said, tuple(effects.outcomes), received, tuple(effects.unmailed))

    def _report(self, claim: Claim, error: Exception) -> None:
        self._metrics.undecided.labels(type(error).__name__).inc()
        self._log.error("a turn failed", conversation=claim.conversation, attempts=claim.attempts + 1, **fault(error))

    async def _tell_codes(self, decided: list[Decided], committed: set[int]) -> None:
        """A desk that is only tried out has no mail: its keeper finds the codes in the log."""
        for one in decided:
            for new, code in one.unmailed if one.turn.claim.conversation in committed else ():
                place = one.turn.claim[:2]
                try:
                    live = await self._database.read(lambda c: proofs.live(c, place, new.email, new.code_hash))  # noqa: B023
                except Unavailable:
                    live = False
                if live:
                    self._log.warning("a one-time code, told here because this desk is only tried out", email=new.email, code=code)

    async def _renew(self, claims: list[Claim], now: int) -> None:
        try:
            await self._database.write(lambda connection: turns.renew(connection, self._node, claims, now, self._lease_ms))
        except Unavailable:
            # The commit will find out whether the conversations are still ours.
            return

    def _publish(self, decided: list[Decided], committed: Committed, addressed: Mapping[str, int]) -> None:
        if not decided:
            return
        # First of all: until a restart nobody else will send what was given to us.
        self._give(decided, committed.given, addressed)
        kept = [one for one in decided if self._settle(one, committed.conversations)]
        if any(one.turn.timers for one in kept):
            self._timers.ring()
        now = self._clock.now()
        self._metrics.turns.inc(sum(len(one.turn.events) for one in kept))
        self._metrics.turn_seconds.note([now - received_at for one in kept for received_at in one.received])
        self._metrics.count(self._metrics.outcomes, Counter(outcome for one in kept for outcome in one.outcomes))
        if len(kept) < len(decided):
            self._metrics.fenced.inc(len(decided) - len(kept))

    def _give(self, decided: list[Decided], given: list[Due], addressed: Mapping[str, int]) -> None:
        """What the commit gave goes to the lanes by hand; those with more to send are rung."""
        said = {one.turn.claim.conversation: one.said for one in decided}
        by_hand: defaultdict[str, list[tuple[Due, Message | None]]] = defaultdict(list)
        for due in given:
            by_hand[turns.platform_of(due.address)].append((due, said[due.conversation].get((due.version, due.ord))))
        for platform, rows in by_hand.items():
            self._lanes[platform].take(rows)
        for platform, looks in self._looks.items():
            if addressed[platform] > len(by_hand[platform]):
                self._lanes[platform].hint.ring_unless_seen(looks)

    def _settle(self, one: Decided, committed: set[int]) -> bool:
        """Whether the turn is committed. What came of it otherwise is for the queue."""
        claim = one.turn.claim
        if claim.conversation not in committed:
            self._let_go(claim)
            return False
        self._held.keep(claim, one.turn.version, one.state)
        if claim.gen == HELD and len(one.turn.events) < len(claim.events):
            self._let_go(claim)
        return True

    def _let_go(self, claim: Claim) -> None:
        """Leave the conversation to the queue, which counts how often it fails."""
        self._held.give_up(claim.conversation)
        self._held.in_doubt |= claim.gen == HELD
