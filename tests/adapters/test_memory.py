"""The platform that is a list, and the one outside the process that a killed desk meets again."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.base import Adapter, Later, Outbound, Payload, Unreachable
from adapters.memory import Memory, Queue, Sent, SocketFeed, append_to
from conversations.events import ChoicePressed, CommandGiven, Inbound, MessageReceived, Started
from conversations.model import Address, Choice, Message, paragraph
from tests.contracts.adapter import FLOOD_S, AdapterContract, Intake, Sample, until

ANA = Address("memory", "desk", "ana")


class TestMemory(AdapterContract):
    samples = (
        Sample(
            {"id": "m1", "chat": "ana", "text": "¿Qué tal? 🎉", "locale": "es"},
            Inbound(ANA, "m1", MessageReceived(text="¿Qué tal? 🎉", locale="es")),
        ),
        Sample({"id": "m2", "chat": "ana", "press": "3.1", "label": "Sí"}, Inbound(ANA, "m2", ChoicePressed(key="3.1", label="Sí"))),
        Sample(
            {"id": "m3", "chat": "a:b/c", "command": "help"}, Inbound(Address("memory", "desk", "a:b/c"), "m3", CommandGiven(name="help"))
        ),
        Sample({"id": "m4", "chat": "ana", "start": True}, Inbound(ANA, "m4", Started())),
    )
    junk = ({"id": "m1", "chat": "ana"}, {"id": "", "chat": "ana", "text": "x"}, {"id": "m1\x00", "chat": "ana", "text": "x"})

    @pytest.fixture(params=[True, False], ids=["idempotent", "plain"])
    def adapter(self, request: pytest.FixtureRequest) -> Adapter:
        return Memory(idempotent_send=request.param, text_limit=300 if request.param else 4000)

    def shown(self, payload: Payload) -> str:
        return str(payload.body["text"])

    def buttons(self, payload: Payload) -> list[Choice]:
        return [Choice(*pair) for pair in payload.body["choices"]]

    async def offer(self, adapter: Adapter, raw: Any) -> None:
        queue(adapter).put(raw)

    def acknowledged(self, adapter: Adapter) -> int:
        return len(queue(adapter).acknowledged)

    async def screen(self, adapter: Adapter) -> str:
        assert isinstance(adapter, Memory)
        return "\n".join(sent.text for sent in adapter.sent)

    def flooded(self, adapter: Adapter) -> AbstractAsyncContextManager[None]:
        return failing(adapter, Later(FLOOD_S, "busy"))

    def gone(self, adapter: Adapter) -> AbstractAsyncContextManager[None]:
        return failing(adapter, Unreachable("blocked"))

    def breakages(self, adapter: Adapter) -> Iterable[AbstractAsyncContextManager[None]]:
        assert isinstance(adapter, Memory)

        @contextlib.asynccontextmanager
        async def full_disk() -> AsyncIterator[None]:
            def full(sent: Sent) -> None:
                raise OSError(28, "No space left on device")

            adapter._sink, kept = full, adapter._sink
            yield
            adapter._sink = kept

        yield full_disk()


@contextlib.asynccontextmanager
async def failing(adapter: Adapter, error: Exception) -> AsyncIterator[None]:
    assert isinstance(adapter, Memory)
    adapter.fault = lambda payload, key: error
    yield
    adapter.fault = None


def queue(adapter: Adapter) -> Queue:
    assert isinstance(adapter, Memory)
    assert isinstance(adapter.feed, Queue)
    return adapter.feed


async def test_a_chat_keeps_its_order_while_others_go_ahead() -> None:
    memory, first = Memory(), asyncio.Event()
    taken: list[str] = []

    async def accept(inbound: Inbound) -> Any:
        if inbound.key == "a1":
            await first.wait()
        taken.append(inbound.key)

    for chat, id in (("a", "a1"), ("a", "a2"), ("b", "b1"), ("a", "a3"), ("b", "b2")):
        queue(memory).put({"id": id, "chat": chat, "text": "x"})
    run = asyncio.create_task(memory.run(accept))
    await until(lambda: len(taken) == 2)
    assert taken == ["b1", "b2"]
    first.set()
    await until(lambda: len(queue(memory).acknowledged) == 5)
    assert taken == ["b1", "b2", "a1", "a2", "a3"]
    run.cancel()


async def test_what_means_nothing_is_acknowledged_or_it_would_come_for_ever() -> None:
    memory, intake = Memory(), Intake()
    run = asyncio.create_task(memory.run(intake.accept))
    queue(memory).put({"nonsense": 1})
    await until(lambda: queue(memory).acknowledged)
    assert intake.calls == []
    run.cancel()


async def test_deliveries_can_be_made_to_fail() -> None:
    errors: list[Exception | None] = [Later(3, "busy"), Unreachable("blocked"), None]
    memory = Memory(fault=lambda payload, key: errors.pop(0))
    (payload,) = memory.encode(Outbound(ANA, Message(paragraph("Hola"), "es"), "1.1.0"))
    with pytest.raises(Later) as later:
        await memory.deliver(payload, "1.1.0")
    assert later.value.after == 3
    with pytest.raises(Unreachable):
        await memory.deliver(payload, "1.1.0")
    await memory.deliver(payload, "1.1.0")
    assert list(memory.sent) == [Sent("ana", "1.1.0", "Hola")]


async def test_a_sink_outside_the_process_keeps_what_was_delivered(tmp_path: Path) -> None:
    out = Outbound(ANA, Message(paragraph("Hola"), "es", (Choice("1.1", "Sí"),)), "1.1.0")
    for _ in range(2):
        memory = Memory(sink=append_to(tmp_path / "sent.jsonl"))
        for payload in memory.encode(out):
            await memory.deliver(payload, out.key)
    lines = (tmp_path / "sent.jsonl").read_bytes().splitlines()
    assert [msgspec.json.decode(line, type=Sent) for line in lines] == [Sent("ana", "1.1.0", "Hola", (("1.1", "Sí"),))] * 2


async def test_a_feed_outside_the_process_is_acknowledged_and_found_again() -> None:
    acks: list[str] = []
    connections = 0

    async def platform(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for id in ("m1", "m2", "m3")[connections - 1 :]:
            writer.write(json.dumps({"id": id, "chat": "ana", "text": "Hola"}).encode() + b"\nnot json\n")
        writer.write(b'{"cut')
        acks.append(json.loads(await reader.readline())["ack"])
        writer.close()

    server = await asyncio.start_server(platform, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    memory, intake = Memory(feed=SocketFeed(host, port)), Intake()
    run = asyncio.create_task(memory.run(intake.accept))
    await until(lambda: len(acks) == 2)
    run.cancel()
    server.close()
    assert acks == ["m1", "m2"]
    assert connections >= 2
