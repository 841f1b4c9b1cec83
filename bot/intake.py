"""Stores what adapters received, before they acknowledge it: whatever arrives while one transaction is written goes into the next."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from functools import lru_cache, partial

import msgspec
from msgspec.structs import replace

from adapters.base import Accepted, NotStored
from bot.clock import Clock, Ids
from bot.held import Held, Talk
from bot.hints import Hint
from bot.telemetry import Logger, Metrics, fault
from conversations import secrets
from conversations.events import (
    OURS,
    CommandGiven,
    Event,
    FormAnswered,
    Inbound,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    TicketAnswered,
)
from conversations.model import Address
from storage import turns
from storage.engines import Connection, Database, Unavailable
from storage.rows import NewEvent, PendingEvent, StoredEvent

KEY_LIMIT = 200
BATCH = 512

_encoder = msgspec.json.Encoder()


class _Arrival:
    __slots__ = ("event", "platform", "stored")

    def __init__(self, event: NewEvent, platform: str, stored: asyncio.Future[Accepted]) -> None:
        self.event = event
        self.platform = platform
        self.stored = stored


class Intake:
    """`accept` is what every adapter is given. `worker` is told of what is stored; what is for a conversation that is `held` it is given,
    and no queue has it.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        metrics: Metrics,
        log: Logger,
        worker: Hint,
        held: Held | None = None,
        limit: int = 4096,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._metrics = metrics
        self._log = log
        self._worker = worker
        self._held = held
        self._waiting: deque[_Arrival] = deque()
        # One more writer is on its way and has not yet taken what it will write.
        self._called = False
        self._writers: set[asyncio.Task[None]] = set()
        # Back-pressure: whoever comes beyond the limit waits for room, and so does its platform.
        self._room = asyncio.Semaphore(limit)
        self._closed = False

    async def accept(self, inbound: Inbound) -> Accepted:
        """Returns once the event is committed, or was before. Raises NotStored when it could not be: do not acknowledge it then."""
        if len(inbound.key) > KEY_LIMIT:
            raise ValueError(f"an event's key has at most {KEY_LIMIT} characters")
        if type(inbound.event) in OURS:
            # Whatever a platform was made to believe: that something is proven, only the desk can say.
            raise ValueError(f"{type(inbound.event).__name__} does not come from a platform")
        if self._closed:
            raise NotStored(1)
        async with self._room:
            arrival = _Arrival(
                NewEvent(self._ids.new(), _written(inbound.address), inbound.key, _payload(inbound.event), self._clock.now()),
                inbound.address.platform,
                asyncio.get_running_loop().create_future(),
            )
            self._waiting.append(arrival)
            self._call_writer()
            return await arrival.stored

    async def close(self) -> None:
        """Take nothing more, and return when all that was taken is stored or refused."""
        self._closed = True
        while self._writers:
            await asyncio.wait(self._writers)

    def _call_writer(self) -> None:
        if not self._called:
            self._called = True
            writer = asyncio.get_running_loop().create_task(self._write())
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)

    async def _write(self) -> None:
        batch: list[_Arrival] = []
        talks: dict[int, Talk] = {}
        looks = 0

        def unit(connection: Connection) -> list[StoredEvent]:
            # What is written is chosen as late as possible, when the transaction is already open: while an earlier one was being
            # committed, everything that arrived has joined. A second attempt writes the same again.
            nonlocal looks
            looks = self._worker.looks
            if not batch:
                self._called = False
                while self._waiting and len(batch) < BATCH:
                    batch.append(self._waiting.popleft())
                if self._waiting:
                    self._call_writer()
            talks.clear()
            return self._store(connection, [arrival.event for arrival in batch], talks) if batch else []

        if self._held is None or not all(self._held.knows(arrival.event.address) for arrival in self._waiting):
            # A worker that claims now joins the same transaction.
            self._worker.ring()
        try:
            stored = await self._database.write(unit)
        except Unavailable:
            self._called = False
            self._refuse(batch or self._take_all())
        except Exception as error:
            self._called = False
            self._log.error("events could not be stored together", events=len(batch), **fault(error))
            await self._write_singly(batch or self._take_all())
        else:
            self._publish(batch, stored, talks, looks)

    def _store(self, connection: Connection, events: list[NewEvent], talks: dict[int, Talk]) -> list[StoredEvent]:
        """`talks`: to be filled with those that what is stored is to be given to, by their conversations."""
        held = self._held
        if held is None:
            return turns.accept(connection, events, self._clock.now())

        def holds(conversation: int, address: str, version: int) -> bool:
            if (talk := held.find(conversation, address, version)) is None:
                return False
            talks[conversation] = talk
            return True

        return turns.accept(connection, events, self._clock.now(), holds)

    async def _write_singly(self, batch: list[_Arrival]) -> None:
        """One event that the database will not have must not sink those beside it."""
        for arrival in batch:
            event = arrival.event
            try:
                stored = await self._database.write(partial(turns.accept, events=[event], now=self._clock.now()))
            except Unavailable:
                self._refuse([arrival])
            except Exception as error:
                self._log.error("an event could not be stored", platform=arrival.platform, event_id=event.id, **fault(error))
                self._refuse([arrival])
            else:
                self._publish([arrival], stored, {}, self._worker.looks)

    def _publish(self, batch: list[_Arrival], stored: list[StoredEvent], talks: dict[int, Talk], looks: int) -> None:
        queued = False
        for arrival, result in zip(batch, stored, strict=True):
            if not arrival.stored.done():
                arrival.stored.set_result(Accepted(result.fresh))
            if self._held is not None and (talk := talks.get(result.conversation)) is not None:
                if result.fresh:
                    self._held.give(talk, PendingEvent(arrival.event.id, arrival.event.received_at, arrival.event.payload))
            else:
                queued = True
        if queued:
            self._worker.ring_unless_seen(looks)
        else:
            self._worker.wake()
        self._metrics.count(
            self._metrics.accepted,
            Counter((arrival.platform, str(result.fresh).lower()) for arrival, result in zip(batch, stored, strict=True)),
        )

    def _refuse(self, batch: list[_Arrival]) -> None:
        for arrival in batch:
            if not arrival.stored.done():
                arrival.stored.set_exception(NotStored())
        self._metrics.not_stored.inc(len(batch))

    def _take_all(self) -> list[_Arrival]:
        """The unit never began, so it took nothing: these are the ones that wait for it."""
        batch = list(self._waiting)
        self._waiting.clear()
        return batch


@lru_cache(512)
def _written(address: Address) -> str:
    return str(address)


def guarded(event: Event) -> Event:
    """`event` without the secrets that a customer typed: they are gone before anything is kept, and the event says what kinds they were."""
    match event:
        case MessageReceived(text=text, files=files):
            text, kinds = secrets.mask(text)
            if not files:
                return replace(event, text=text, masked=kinds) if kinds else event
            noted = [(file, *secrets.mask(file.note)) for file in files]
            found = dict.fromkeys((*kinds, *(kind for _, _, more in noted for kind in more)))
            if not found:
                return event
            files = tuple(replace(file, note=note) for file, note, _ in noted)
            return replace(event, text=text, files=files, masked=tuple(found))
        case MessageEdited(text=text):
            # What it is about is for the desk itself to look up.
            text, kinds = secrets.mask(text)
            return replace(event, text=text, masked=kinds, original=None)
        case MessageDeleted():
            return replace(event, original=None)
        case FormAnswered(answers=answers):
            typed = {name: secrets.mask(value) for name, value in answers.items() if isinstance(value, str)}
            found = dict.fromkeys(kind for value in typed.values() for kind in value.kinds)
            if not found:
                return event
            return replace(event, answers=answers | {name: value.text for name, value in typed.items()}, masked=tuple(found))
        case TicketAnswered(text=text):
            text, kinds = secrets.mask(text)
            return replace(event, text=text, masked=kinds) if kinds else event
        case CommandGiven(argument=argument) if argument:
            return replace(event, argument=secrets.mask(argument).text)
        case _:
            return event


def _payload(event: Event) -> str:
    event = guarded(event)
    try:
        return _encoder.encode(event).decode()
    except UnicodeEncodeError:
        # Half a surrogate pair is no character: no database stores it and no platform shows it.
        whole = {
            name: value.encode(errors="replace").decode()
            for name in event.__struct_fields__
            if isinstance(value := getattr(event, name), str)
        }
        return _encoder.encode(replace(event, **whole)).decode()
