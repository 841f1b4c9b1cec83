"""Sends what is committed: in order within a conversation, replies before anything that nobody waits for, each retry idempotent, and no
faster than the platform takes it.

A crash between a send and its mark leaves the message to be sent again. Where the platform drops a second send of the same key that
is invisible. Where it cannot, one message at a time is claimed, sent and marked, so that a crash can repeat at most that one (those of its
parts that were sent since it was claimed, when the platform needs several calls to show it).

What may not be sent yet is not waited for but given back, untried, until it may: nothing that is claimed holds up another chat.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Sequence

import msgspec

from adapters.base import Adapter, Later, Outbound, Refused, Unreachable
from bot.clock import Alarm, Clock
from bot.effects import INTERACTIVE
from bot.hints import Hint
from bot.outcomes import OUTCOMES, UNTRIED, address_of, back_off_ms, key_of, outcome_of, sent_before, so_far
from bot.pacing import Pacing
from bot.telemetry import Logger, Metrics, fault
from conversations.model import Address, Message
from storage import outbox
from storage.engines import Connection, Database, Unavailable
from storage.rows import Due, Outcome

IN_FLIGHT = 256
"""Messages claimed at once for a platform with idempotent sends."""

SENDERS = 16
"""Conversations served at the same time on such a platform."""

LEASE_MS = 60_000
"""Longer than any one call may take: after it another node takes the message for abandoned, and sends it."""

LEASE_IDEMPOTENT_MS = 10_000
"""Where a second send does no harm, a dead node's messages need not wait so long."""

LEASE_ALONE_MS = 86_400_000
"""Where there is no other node nobody can abandon a message but this process, and its next start takes over at once."""

POLL_MS = 1_000
LINGER_MS = 50
"""How long a mark may wait for company where a repeated send does no harm: it saves a transaction for most messages."""

UNEXPECTED_LIMIT = 8
"""After so many errors that the port does not know, the message is set aside."""

ERROR_LIMIT = 200

MOVES_LIMIT = 8
"""After so many tries a chat that is said to be elsewhere each time is taken for one that cannot be reached."""

_message: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


_Line = tuple[int, str]
"""What keeps an order: a conversation, and an address that it sends to."""


class _Queue:
    """The claimed messages of one conversation to one address, in order."""

    __slots__ = ("arrival", "rows")

    def __init__(self, arrival: int) -> None:
        self.arrival = arrival
        self.rows: list[Due] = []

    @property
    def turn(self) -> tuple[int, int, _Queue]:
        """When it is this one's turn: the most urgent first, then in the order of arrival, which no two share."""
        return self.rows[0].priority, self.arrival, self


class Lane:
    """Everything that goes out through one adapter: each has a lane of its own, so that a slow platform keeps no other waiting.

    With `alone`, for the one process of a desk, it can be given what was just committed; else it claims what there is.
    """

    def __init__(self, adapter: Adapter, database: Database, node: str, clock: Clock, metrics: Metrics, log: Logger, alone: bool) -> None:
        self._adapter = adapter
        # What was given and not read back from its row, by its key.
        self._said: dict[str, Message] = {}
        self._database = database
        self._node = node
        self._clock = clock
        self._counted = {name: metrics.deliveries.labels(adapter.name, name) for name in OUTCOMES}
        self._log = log
        idempotent = adapter.capabilities.idempotent_send
        # None where there is nothing to pace: most messages go through the live chat, which counts nothing.
        self._pacing: Pacing | None = None
        if adapter.capabilities.chat_rate or adapter.capabilities.account_rate or adapter.capabilities.room_rate:
            self._pacing = self._paced()
        self._lease_ms = LEASE_ALONE_MS if alone else LEASE_IDEMPOTENT_MS if idempotent else LEASE_MS
        self._capacity = IN_FLIGHT if idempotent else 1
        self._senders = SENDERS if idempotent else 1
        # A message that is given back for some milliseconds must be back by then.
        self._linger_ms = LINGER_MS if idempotent and self._pacing is None else 0
        self._ready: list[tuple[int, int, _Queue]] = []
        self._open: dict[_Line, _Queue] = {}
        self._arrivals = 0
        self._in_flight = 0
        # The last claim took all there was room for, so there may be more.
        self._more = False
        self._claiming = False
        # How many were given back that their rows do not say so of yet: what comes behind those must not be sent before them.
        self._returning = 0
        self._by_hand = alone and idempotent and self._pacing is None
        self._outcomes: list[Outcome] = []
        self._mark_alarm: Alarm | None = None
        self._mark_now = False
        # Parts already sent of a message that could not be finished: a retry by this process goes on behind them.
        self._parts_sent: dict[str, list[str]] = {}
        # All is claimed that may be.
        self._full = False
        # When those are due that were given back, soonest first.
        self._again_at: list[int] = []
        self._idle: list[asyncio.Future[None]] = []
        self._draining = False
        self._look_at = 0
        # Until then the platform wants nothing of the account, whatever the chat.
        self._held_until = 0
        self.hint = Hint(clock, serial=alone)

    @property
    def busy(self) -> bool:
        """Whether anything that was claimed, or is just being claimed, is not yet sent."""
        return self._claiming or self._in_flight > 0

    @property
    def room(self) -> int:
        """How many messages it can be given now by whoever commits them, before that ends."""
        if not self._by_hand or self._claiming or self._returning or self._clock.now() < self._held_until:
            return 0
        return max(0, self._capacity - self._in_flight)

    def take(self, given: Sequence[tuple[Due, Message | None]]) -> None:
        """Send these, which are committed and its own: in order, each with what it says if that is at hand."""
        if self._returning:
            # While they were committed something went back that may have to be sent before them: they go back behind it.
            now = self._clock.now()
            self._outcomes += [outcome_of(due, outbox.DUE, next_at=now) for due, _ in given]
            self._went_back(now)
            self._mark_soon()
            return
        for due, message in given:
            if message is not None:
                self._said[key_of(due)] = message
        self._take([due for due, _ in given])

    def drain(self) -> None:
        """Let `run` return as soon as nothing is due."""
        self._draining = True
        self.hint.ring()

    async def run(self) -> None:
        # What a crash of this loop left claimed is still ours to send.
        self._ready = [queue.turn for queue in self._open.values() if queue.rows]
        heapq.heapify(self._ready)
        self._idle = []
        async with asyncio.TaskGroup() as group:
            senders = [group.create_task(self._send_ready()) for _ in range(self._senders)]
            try:
                await self._feed()
            finally:
                for sender in senders:
                    sender.cancel()

    async def _feed(self) -> None:
        while True:
            try:
                await self._exchange()
            except Unavailable:
                self._log.warning("delivery waits for the database", platform=self._adapter.name, unmarked=len(self._outcomes))
                await self._clock.sleep(self._clock.spread(POLL_MS))
                continue
            now = self._clock.now()
            # With `_more` the account may send again in a moment; a flood wait is left to the next start.
            if self._draining and not self._in_flight and not self._outcomes and not (self._more and now >= self._held_until):
                return
            if not self._mark_now:
                # Without room only a send that ends makes a difference, and that wakes us.
                wait_ms = POLL_MS if self._full else max(self._next_look_at(), self._closed_until(now)) - now
                await self.hint.wait(wait_ms)

    async def _exchange(self) -> None:
        """One transaction marks what became of the last sends and claims the next.

        So where only one message may be in flight, the next one is not even claimed before the last one's mark is committed.
        """
        now = self._clock.now()
        room, least = max(0, self._capacity - self._in_flight), outbox.ANY
        asked = self.hint.take() or self._more or self._draining or now >= self._next_look_at()
        closed_until = self._closed_until(now)
        if asked and room and self._pacing is not None and now >= closed_until:
            waiting = max(0, self._in_flight - (self._senders - len(self._idle)))
            room, urgent = self._pacing.room(now, room, waiting)
            least = INTERACTIVE if urgent else outbox.ANY
        self._full = not room
        if asked and (not room or now < closed_until):
            # What rang is found with the look that comes when there is room again, or when the account may send again.
            asked, self._more = False, True
            self._look_at = min(self._look_at, closed_until)
        if not asked and not self._outcomes:
            return
        outcomes, self._outcomes = self._outcomes, []
        returning = self._returning
        self._mark_now = False
        if self._mark_alarm is not None:
            self._mark_alarm.cancel()
            self._mark_alarm = None

        def unit(connection: Connection) -> list[Due]:
            now = self._clock.now()
            if outcomes:
                outbox.mark(connection, self._node, outcomes, now)
            if not asked:
                return []
            self.hint.looked()
            return outbox.claim_due(connection, self._node, now, self._lease_ms, room, (self._adapter.name,), least)

        self._claiming = asked
        try:
            due = await self._database.write(unit)
            self._returning -= returning
            if asked:
                self._more = len(due) == room
                self._look_at = now + round(self._clock.spread(POLL_MS))
                if least != outbox.ANY and self._pacing is not None:
                    # What was not looked for is looked for as soon as it may be sent.
                    self._look_at = min(self._look_at, self._pacing.account_opens_at(now, urgent=False))
                while self._again_at and self._again_at[0] <= now:
                    heapq.heappop(self._again_at)
            self._take(due)
        except BaseException:
            # Neither the marks nor the look were kept.
            self._outcomes = outcomes + self._outcomes
            if asked:
                self.hint.ring()
            raise
        finally:
            self._claiming = False

    def _next_look_at(self) -> int:
        return min(self._look_at, self._again_at[0]) if self._again_at else self._look_at

    def _closed_until(self, now: int) -> int:
        """Until when nothing at all may be sent; in the past when something may."""
        return self._held_until if self._pacing is None else max(self._held_until, self._pacing.account_opens_at(now, urgent=True))

    def _paced(self) -> Pacing:
        return Pacing(self._adapter.capabilities.rate_in, self._adapter.capabilities.account_rate, self._clock.now())

    def _take(self, due: list[Due]) -> None:
        for row in due:
            line = (row.conversation, row.address)
            queue = self._open.get(line)
            if queue is None:
                self._arrivals += 1
                queue = self._open[line] = _Queue(self._arrivals)
                queue.rows.append(row)
                heapq.heappush(self._ready, queue.turn)
            else:
                queue.rows.append(row)
        self._in_flight += len(due)
        for _ in range(min(len(self._ready), len(self._idle))):
            self._idle.pop().set_result(None)

    async def _send_ready(self) -> None:
        """One sender: a conversation at a time, the most urgent first. Where sends do not wait, one sender does them all in one go."""
        while True:
            while self._ready:
                await self._send_queue(heapq.heappop(self._ready)[2])
            idle = asyncio.get_running_loop().create_future()
            self._idle.append(idle)
            await idle

    async def _send_queue(self, queue: _Queue) -> None:
        line = (queue.rows[0].conversation, queue.rows[0].address)
        while queue.rows:
            outcome, name = await self._send(queue.rows[0])
            del queue.rows[0]
            outcomes = [outcome]
            if outcome.status == outbox.DUE:
                # What was said later must not arrive earlier.
                outcomes += [outcome_of(row, outbox.DUE, next_at=outcome.next_at, platform_id=row.receipt) for row in queue.rows]
                self._went_back(outcome.next_at)
                queue.rows.clear()
            elif name == "unreachable":
                outcomes += [outcome_of(row, outbox.FAILED, error=outcome.error) for row in queue.rows]
                queue.rows.clear()
            if name != UNTRIED:
                self._counted[name].inc(len(outcomes))
            self._in_flight -= len(outcomes)
            self._outcomes += outcomes
            self._mark_soon()
        del self._open[line]

    def _went_back(self, next_at: int) -> None:
        self._returning += 1
        heapq.heappush(self._again_at, next_at)

    def _mark_soon(self) -> None:
        """Have the outcomes marked: at once when more is waiting to be claimed, otherwise after a moment, in which others may join."""
        if self._more or self._draining or not self._linger_ms:
            self._mark()
        elif self._mark_alarm is None:
            self._mark_alarm = self._clock.call_after(self._linger_ms, self._mark)

    def _mark(self) -> None:
        self._mark_now = True
        self.hint.wake()

    async def _send(self, row: Due) -> tuple[Outcome, str]:
        """What became of one message, for its row and for the metrics."""
        key = key_of(row)
        sent: list[str] = []
        total = 0
        try:
            message = self._said.pop(key, None) or _message.decode(row.payload)
            address = address_of(row.address)
            payloads = self._adapter.encode(Outbound(address, message, key, row.created_at))
            total = len(payloads)
            sent = self._parts_sent.get(key) or sent_before(row, total)
            for payload in payloads[len(sent) :]:
                if again_at := self._again_when(address, row.priority):
                    return outcome_of(row, outbox.DUE, next_at=again_at, platform_id=so_far(sent, total)), UNTRIED
                receipt = await self._adapter.deliver(payload, f"{key}.{payload.part}")
                sent.append(receipt.platform_id)
                self._parts_sent[key] = sent
        except Later as later:
            again_at = self._wait(row, later)
            # Only with an error does it count as an attempt.
            error = f"later: {later}"[:ERROR_LIMIT]
            return outcome_of(row, outbox.DUE, next_at=again_at, platform_id=so_far(sent, total), error=error), "later"
        except (Unreachable, Refused) as error:
            if isinstance(error, Unreachable) and error.moved is not None and self._may_follow(row, error.moved):
                again_at = await self._follow(row, str(error.moved))
                # Claimed again it has its new address. It counts as an attempt: two chats that name each other must end somewhere.
                return outcome_of(row, outbox.DUE, next_at=again_at, platform_id=so_far(sent, total), error="moved"), "moved"
            name = type(error).__name__.lower()
            self._log.warning("a message cannot be delivered", platform=self._adapter.name, message=key, reason=name)
            outcome = outcome_of(row, outbox.FAILED, error=f"{name}: {error}"[:ERROR_LIMIT])
        except msgspec.DecodeError:
            self._log.error("a stored message cannot be read", message=key)
            outcome, name = outcome_of(row, outbox.FAILED, error="undecodable"), "failed"
        except Exception as error:
            self._log.error("delivery failed", platform=self._adapter.name, message=key, attempt=row.attempt, **fault(error))
            if row.attempt < UNEXPECTED_LIMIT:
                again_at = self._clock.now() + math.ceil(self._clock.spread(back_off_ms(row)))
                why = type(error).__name__
                return outcome_of(row, outbox.DUE, next_at=again_at, platform_id=so_far(sent, total), error=why), "later"
            outcome, name = outcome_of(row, outbox.FAILED, error=type(error).__name__), "failed"
        else:
            outcome, name = outcome_of(row, outbox.SENT, platform_id=",".join(id for id in sent if id)), "sent"
        self._parts_sent.pop(key, None)
        return outcome, name

    def _again_when(self, address: Address, priority: int) -> int:
        """0 if a call to that chat may be made now, which then counts; otherwise when it may be asked again."""
        if self._pacing is None and not self._held_until:
            return 0
        now = self._clock.now()
        if now < self._held_until:
            return self._held_until
        return 0 if self._pacing is None else self._pacing.take(address.chat, priority <= INTERACTIVE, now)

    def _wait(self, row: Due, later: Later) -> int:
        """When the message may be tried again; until then its chat, or all of the account, is left alone if the platform asked for that."""
        now = self._clock.now()
        wait = math.ceil(later.after * 1000 if later.after > 0 else self._clock.spread(back_off_ms(row)))
        if later.whole:
            self._held_until = max(self._held_until, now + wait)
            self._log.warning("a platform wants nothing of the account for a while", platform=self._adapter.name, ms=wait)
        elif later.after > 0:
            # From the first such word on: another conversation in the same chat (a thread, say) must wait as well.
            self._pacing = self._pacing or self._paced()
            self._pacing.hold(address_of(row.address).chat, now + wait, now)
        return now + wait

    def _may_follow(self, row: Due, moved: Address) -> bool:
        """No adapter says where on another platform somebody is."""
        return moved.platform == self._adapter.name and str(moved) != row.address and row.attempt < MOVES_LIMIT

    async def _follow(self, row: Due, moved: str) -> int:
        """Have the chat's new address stored; returns when the message may be tried again."""
        try:
            await self._database.write(lambda connection: outbox.move(connection, row.shard, row.conversation, row.address, moved))
        except Exception as error:
            # Nothing of it is stored, and the next try at the old address is told the same.
            self._log.error("a chat's new address could not be stored", platform=self._adapter.name, **fault(error))
            return self._clock.now() + math.ceil(self._clock.spread(back_off_ms(row)))
        return self._clock.now()
