"""A platform that is a Python list: for tests and benchmarks, and, with a feed and a sink outside the process, for runs that kill it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta, Struct

from adapters.base import Accept, Capabilities, Later, NotStored, Outbound, Payload, Receipt
from adapters.splitting import split
from adapters.text import PLAIN, fit_choices, name_files, sendable
from conversations.events import ChoicePressed, CommandGiven, Event, Inbound, MessageReceived, Started
from conversations.model import Address, Attachment

# --- settings ---

AT_ONCE = 1024
"""Events that may wait for `accept` together: it answers a whole group per commit, so waiting one by one would cost a commit each."""

RECONNECT_S = 0.1


class Feed(Protocol):
    """Where raw events come from. What was not acknowledged is the platform's to deliver again."""

    async def receive(self) -> Any: ...

    def acknowledge(self, raw: Any) -> None: ...


class Sent(Struct, frozen=True):
    """What stands on the platform: `chat`, the delivery's `key`, and the payload's `text` and `choices` (pairs of key and label)."""

    chat: str
    key: str
    text: str
    choices: tuple[tuple[str, str], ...] = ()


Sink = Callable[[Sent], None]
Fault = Callable[[Payload, str], Exception | None]


class Queue:
    """A feed inside the process."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[Any] = asyncio.Queue()
        self.acknowledged: list[Any] = []

    def put(self, raw: Any) -> None:
        self._waiting.put_nowait(raw)

    async def receive(self) -> Any:
        return await self._waiting.get()

    def acknowledge(self, raw: Any) -> None:
        self.acknowledged.append(raw)


class SocketFeed:
    """A feed over TCP: raw events come as lines of JSON, and each is acknowledged by the line `{"ack": <its id>}`.

    The other end is the platform: it keeps what was not acknowledged and sends it again to whoever connects next. When the connection is
    lost it is made again.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def receive(self) -> Any:
        while True:
            try:
                if self._reader is None:
                    self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=1 << 20)
                line = await self._reader.readline()
            except (OSError, ValueError):  # ValueError: a line without end
                line = b""
            if not line.endswith(b"\n"):
                self._drop()
                await asyncio.sleep(RECONNECT_S)
                continue
            with contextlib.suppress(msgspec.DecodeError):
                return msgspec.json.decode(line)

    def acknowledge(self, raw: Any) -> None:
        # An acknowledgement that does not arrive is a redelivery, which costs nothing but itself.
        if self._writer is not None and isinstance(raw, dict):
            self._writer.write(msgspec.json.encode({"ack": raw.get("id")}) + b"\n")

    def _drop(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


def append_to(path: Path) -> Sink:
    """A sink that adds one line of JSON (a Sent) to a file per delivery: what was written there survives the death of this process."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(sent: Sent) -> None:
        line = msgspec.json.encode(sent) + b"\n"
        if os.write(file, line) != len(line):  # One write, so that lines of several processes do not mix.
            raise OSError(f"{path}: a line was cut short")

    return write


class Memory:
    """The platform. `sent` is what its users see, `feed` what they do.

    `fault(payload, key)` may return an exception that this delivery raises. With `idempotent_send` a key shows once, however often sent.
    """

    name = "memory"

    def __init__(
        self,
        *,
        feed: Feed | None = None,
        sink: Sink | None = None,
        idempotent_send: bool = True,
        choices: int = 10,
        text_limit: int = 4000,
        account: str = "desk",
        fault: Fault | None = None,
    ) -> None:
        self.capabilities = Capabilities(text_limit=text_limit, choices=choices, idempotent_send=idempotent_send)
        self.account = account
        self.feed: Feed = Queue() if feed is None else feed
        self.sent: deque[Sent] = deque()
        self.fault = fault
        self._sink = self.sent.append if sink is None else sink
        self._receipts: dict[str, Receipt] = {}

    # --- decode ---

    def decode(self, raw: Any) -> Inbound | None:
        """From `{"id", "chat"}` and one of `text`, `press` (with `label`), `command` (with `argument`) or `start`; `locale` is the hint.

        A text may have `files`, which are kept already.
        """
        try:
            given = msgspec.convert(raw, _Given)
        except msgspec.ValidationError:
            return None
        event = _event(given)
        if event is None or not (given.id + given.chat).isprintable():
            return None
        return Inbound(Address(self.name, self.account, given.chat), given.id, event)

    # --- encode ---

    def encode(self, out: Outbound) -> list[Payload]:
        message = fit_choices(name_files(out.message), self.capabilities)
        parts = split(PLAIN.doc(message.doc), self.capabilities.text_limit, self.capabilities.text_unit) or [""]
        choices = tuple([(choice.key, sendable(choice.label)) for choice in message.choices])
        last = len(parts) - 1
        return [Payload(out.address, {"text": text, "choices": choices if part == last else ()}, part) for part, text in enumerate(parts)]

    # --- deliver ---

    async def deliver(self, payload: Payload, key: str) -> Receipt:
        if self.fault is not None and (error := self.fault(payload, key)) is not None:
            raise error
        if self.capabilities.idempotent_send and (receipt := self._receipts.get(key)) is not None:
            return receipt
        try:
            self._sink(Sent(payload.address.chat, key, payload.body["text"], payload.body["choices"]))
        except OSError as error:
            raise Later(1.0, str(error)) from error
        receipt = Receipt(key)
        if self.capabilities.idempotent_send:
            self._receipts[key] = receipt
        return receipt

    # --- run ---

    async def run(self, accept: Accept) -> None:
        """Chats side by side, each in its own order."""
        newest: dict[Address, asyncio.Task[None]] = {}
        free = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            while True:
                raw = await self.feed.receive()
                inbound = self.decode(raw)
                if inbound is None:
                    # Unacknowledged, it would come again for ever.
                    self.feed.acknowledge(raw)
                    continue
                await free.acquire()
                address = inbound.address
                task = tasks.create_task(self._receive(raw, inbound, newest.get(address), accept))
                newest[address] = task

                def done(task: asyncio.Task[None], address: Address = address) -> None:
                    free.release()
                    if newest.get(address) is task:
                        del newest[address]

                task.add_done_callback(done)

    async def _receive(self, raw: Any, inbound: Inbound, earlier: asyncio.Task[None] | None, accept: Accept) -> None:
        if earlier is not None:
            await asyncio.wait((earlier,))
        while True:
            try:
                await accept(inbound)
            except NotStored as error:
                await asyncio.sleep(error.after)
            else:
                self.feed.acknowledge(raw)
                return


class _Given(Struct):
    id: Annotated[str, Meta(min_length=1, max_length=200)]
    chat: Annotated[str, Meta(min_length=1, max_length=200)]
    text: str | None = None
    press: Annotated[str, Meta(max_length=200)] | None = None
    label: str = ""
    command: Annotated[str, Meta(max_length=50)] | None = None
    argument: Annotated[str, Meta(max_length=200)] = ""
    start: bool = False
    locale: Annotated[str, Meta(max_length=35)] = ""
    files: Annotated[tuple[Attachment, ...], Meta(max_length=10)] = ()


def _event(given: _Given) -> Event | None:
    locale = sendable(given.locale)
    if given.text is not None:
        return MessageReceived(text=sendable(given.text), locale=locale, files=given.files)
    if given.press is not None:
        return ChoicePressed(key=sendable(given.press), label=sendable(given.label))
    if given.command is not None:
        return CommandGiven(name=sendable(given.command), argument=sendable(given.argument), locale=locale)
    return Started(locale=locale) if given.start else None
