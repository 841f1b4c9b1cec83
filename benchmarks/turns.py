"""A durable turn, from receipt to delivery: its CPU time, its rate and its latency, beside a floor written with bare sqlite3.

Run as a program it is the measured process: `python -m benchmarks.turns FOLDER CUSTOMERS TURNS converse` (or alike; or ROUNDS and fill)
prints one JSON object.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from functools import partial
from itertools import cycle, pairwise
from pathlib import Path
from statistics import median
from typing import Any
from zlib import crc32

import bot  # noqa: F401  (before anything loads NumPy: it settles how many threads there are)
from adapters.memory import Memory, Sent
from conversations.events import CommandGiven, Event, Inbound, MessageReceived
from conversations.model import Address

WARM_UP = 3
"""Turns of each customer before the measurement: the first one begins the conversation."""

SAID = (
    "hola",
    "¿Qué prioridad pongo si mi servidor está caído?",
    "¿cuánto tardáis en responder a un ticket?",
    "how do I open a ticket?",
    "1",
    "is there a phone number?",
    "¿qué datos necesito para un incidente crítico?",
    "my cat likes fish",
    "gracias",
)


def worded(text: str, order: int) -> str:
    """A question as nobody else puts it, with the number of an order; what many people say in the same words stays as it is.

    The desk remembers what short texts came to. Nobody waits for it to find that out for "hola", but a question is a new one.
    """
    return f"{text} #{order}" if len(text) > ALIKE else text


ALIKE = 10
"""Characters of what comes again in the very same words: a greeting, thanks, a number."""

FILLED = (
    *("technical", "alta", "unreachable", "loss", "192.0.2.10, 2001:db8::7", "Servidor web 3", "ayer 14:05", "yes", "several"),
    *("Valencia, por fibra", "firewall", "64 bytes from 192.0.2.10: icmp_seq=1 ttl=54 time=9.81 ms", "ask_first"),
    *("Pierde paquetes a ratos desde ayer.", "omitir", "ana@example.com", "enviar"),
)
"""The answers to the ticket's questions, in their order: the critical incident, which asks most."""

FLOOR_BATCH = 64
PARTS = 6
"""Of a run, so long that whole batches fall into each."""


class Desk:
    """A desk in this process, with every file that a real message goes through. `tell` returns when the reply is delivered."""

    def __init__(self, database: Any, pipeline: Any, supervisor: Any, waiting: dict[str, asyncio.Future[None]]) -> None:
        self._database = database
        self._pipeline = pipeline
        self._supervisor = supervisor
        self._waiting = waiting

    @classmethod
    async def open(cls, folder: Path) -> Desk:
        from bot import memory
        from bot.clock import Clock, Ids
        from bot.knowledge import load_knowledge
        from bot.pipeline import Pipeline
        from bot.settings import BESIDE_THE_CODE
        from bot.supervision import Supervisor
        from bot.telemetry import Metrics, configure
        from conversations.engine import decide
        from storage import migrate
        from storage.engines import open_database

        url = f"sqlite:///{folder / 'bench.db'}"
        await asyncio.to_thread(migrate.upgrade, url)
        database = open_database(url)
        knowledge = load_knowledge(BESIDE_THE_CODE / "content" / "introserv", folder)
        waiting: dict[str, asyncio.Future[None]] = {}

        def show(sent: Sent) -> None:
            if sent.key.endswith(".0.0") and (reply := waiting.pop(sent.chat, None)) is not None:
                reply.set_result(None)

        clock, metrics, log = Clock(), Metrics(), configure("error", "json")
        supervisor = Supervisor(clock, metrics, log)
        pipeline = Pipeline(database, [Memory(sink=show)], decide, lambda: knowledge, clock, Ids(clock), metrics, log)
        pipeline.start(supervisor)
        memory.settle()
        return cls(database, pipeline, supervisor, waiting)

    async def tell(self, chat: str, key: str, event: Event) -> None:
        reply = self._waiting[chat] = asyncio.get_running_loop().create_future()
        await self._pipeline.intake.accept(Inbound(Address("memory", "desk", chat), key, event))
        await reply

    async def close(self) -> None:
        await self._pipeline.drain(self._supervisor, 10)
        await self._supervisor.stop()
        await self._database.close()


def order(customer: int, phase: str, turn: int) -> int:
    return 100_000 + (crc32(f"{customer}.{phase}.{turn}".encode()) % 90_000_000)


async def converse(folder: Path, customers: int, turns: int, *, alike: bool = False) -> dict[str, Any]:
    """Customers who each ask, wait for the reply, and ask again; with `alike`, all in the same few sentences.

    Beside the mean stands what a turn cost in the quietest part of the run: how far the two are apart is the machine's doing.
    """
    desk = await Desk.open(folder)
    latencies: list[float] = []
    each = max(1, turns // customers)
    count = each * customers
    part = max(1, count // PARTS)
    marks: list[float] = []

    async def customer(n: int, count: int, phase: str) -> None:
        said = cycle(SAID[n % len(SAID) :] + SAID[: n % len(SAID)])
        for turn in range(count):
            text = next(said)
            event = MessageReceived(text=text if alike else worded(text, order(n, phase, turn)))
            began = time.perf_counter()
            await desk.tell(f"c{n}", f"{phase}{turn}", event)
            latencies.append(time.perf_counter() - began)
            if len(latencies) % part == 0:
                marks.append(time.process_time())

    async with asyncio.TaskGroup() as group:
        for n in range(customers):
            group.create_task(customer(n, WARM_UP, "w"))
    latencies.clear()
    cpu, began = time.process_time(), time.perf_counter()
    marks[:] = [cpu]
    async with asyncio.TaskGroup() as group:
        for n in range(customers):
            group.create_task(customer(n, each, "t"))
    cpu, took = time.process_time() - cpu, time.perf_counter() - began
    await desk.close()
    latencies.sort()
    return {
        "cpu_ms": cpu * 1000 / count,
        "quiet_cpu_ms": min(end - start for start, end in pairwise(marks)) * 1000 / part,
        "rate": count / took,
        "p50_ms": latencies[count // 2] * 1000,
        "p99_ms": latencies[min(count - 1, count * 99 // 100)] * 1000,
    }


async def fill(folder: Path, customers: int, rounds: int) -> dict[str, Any]:
    """CPU of an answer turn and of a turn of the ticket form, by turns in one process, so that both meet the same machine.

    Half of the customers ask; the others fill in the ticket, a typed answer a turn, from the command that begins it to the word that
    sends it.
    """
    desk = await Desk.open(folder)
    form: list[Event] = [CommandGiven(name="ticket", locale="es"), *(MessageReceived(text=text) for text in FILLED)]
    asked: list[Event] = [*(MessageReceived(text=text) for text in SAID)] * (len(form) // len(SAID))

    async def customer(chat: str, phase: str, events: list[Event]) -> None:
        for turn, event in enumerate(events):
            if isinstance(event, MessageReceived) and event.text in SAID:
                event = MessageReceived(text=worded(event.text, order(int(chat.removeprefix("asking")), phase, turn)))
            await desk.tell(chat, f"{phase}.{turn}", event)

    async def crowd(prefix: str, phase: int, events: list[Event]) -> float:
        gc.collect()
        cpu = time.process_time()
        async with asyncio.TaskGroup() as group:
            for n in range(customers):
                group.create_task(customer(f"{prefix}{n}", str(phase), events))
        return (time.process_time() - cpu) * 1000 / (customers * len(events))

    found: list[tuple[float, float]] = []
    for phase in range(rounds + 1):
        found.append((await crowd("asking", phase, asked), await crowd("filling", phase, form)))
    await desk.close()
    # The first round begins every conversation.
    return {
        "answer_cpu_ms": median(asking for asking, _ in found[1:]),
        "cpu_ms": median(filling for _, filling in found[1:]),
        "ratio": median(filling / asking for asking, filling in found[1:]),
    }


def measure(folder: Path, customers: int, turns: int, what: str = "converse") -> dict[str, float]:
    """`converse` (`alike` or not) or `fill` in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.turns", str(folder), str(customers), str(turns), what]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def floor(folder: Path, turns: int) -> tuple[float, float]:
    """Turns a second, and CPU ms of each, of bare sqlite3: the rows that the desk wrote, 64 turns a commit, synchronous=FULL, no more.

    One turn here is: the event in, its turn noted, the state replaced, the message out, and its delivery marked.
    """
    source = sqlite3.connect(folder / "bench.db")
    one = {
        table: source.execute(f"SELECT * FROM {table} ORDER BY rowid DESC LIMIT 512").fetchall()
        for table in ("conversation", "inbox", "outbox")
    }
    names = {table: [row[1] for row in source.execute(f"PRAGMA table_info({table})")] for table in one}
    schema = [row[0] for row in source.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")]
    source.close()
    bare = sqlite3.connect(folder / "floor.db", isolation_level=None)
    bare.execute("PRAGMA journal_mode = WAL")
    bare.execute("PRAGMA synchronous = FULL")
    for statement in schema:
        bare.execute(statement)
    insert = {table: f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})" for table, columns in names.items()}
    at = {table: {name: n for n, name in enumerate(columns)} for table, columns in names.items()}
    conversations = [list(row) for row in one["conversation"]]
    bare.executemany(insert["conversation"], conversations)
    events, messages, next_id = [list(row) for row in one["inbox"]], [list(row) for row in one["outbox"]], 1
    cpu, began = time.process_time(), time.perf_counter()
    for _ in range(turns // FLOOR_BATCH):
        bare.execute("BEGIN IMMEDIATE")
        for _ in range(FLOOR_BATCH):
            talk = conversations[next_id % len(conversations)]
            event, message = events[next_id % len(events)], messages[next_id % len(messages)]
            shard, conversation = talk[at["conversation"]["shard"]], talk[at["conversation"]["id"]]
            for row, columns in ((event, at["inbox"]), (message, at["outbox"])):
                row[columns["shard"]], row[columns["conversation"]] = shard, conversation
            event[at["inbox"]["id"]], event[at["inbox"]["key"]], event[at["inbox"]["turn"]] = next_id, str(next_id), 0
            message[at["outbox"]["version"]], message[at["outbox"]["status"]] = next_id, 0
            bare.execute(insert["inbox"], event)
            bare.execute(
                "UPDATE inbox SET turn = ? WHERE shard = ? AND conversation = ? AND id = ?", (next_id, shard, conversation, next_id)
            )
            bare.execute(
                "UPDATE conversation SET version = ?, state = ? WHERE shard = ? AND id = ?",
                (next_id, talk[at["conversation"]["state"]], shard, conversation),
            )
            bare.execute(insert["outbox"], message)
            bare.execute(
                "UPDATE outbox SET status = 2 WHERE shard = ? AND conversation = ? AND version = ? AND ord = ?",
                (shard, conversation, next_id, message[at["outbox"]["ord"]]),
            )
            next_id += 1
        bare.execute("COMMIT")
    cpu, took = time.process_time() - cpu, time.perf_counter() - began
    bare.close()
    return (next_id - 1) / took, cpu * 1000 / (next_id - 1)


def run() -> dict[str, float]:
    """All of it: about half a minute."""
    with tempfile.TemporaryDirectory(prefix="relevo-bench-") as name:
        folder = Path(name)
        crowd = measure(folder, 200, 12_000)
        bare_rate, bare_cpu_ms = floor(folder, 12_000)
        with tempfile.TemporaryDirectory(prefix="relevo-bench-") as other:
            alike = measure(Path(other), 200, 12_000, "alike")
        with tempfile.TemporaryDirectory(prefix="relevo-bench-") as other:
            alone = measure(Path(other), 1, 300)
        with tempfile.TemporaryDirectory(prefix="relevo-bench-") as other:
            form = measure(Path(other), 100, 4, "fill")
    return {
        "turn_cpu_ms": crowd["cpu_ms"],
        "turn_quiet_cpu_ms": crowd["quiet_cpu_ms"],
        "turn_alike_cpu_ms": alike["cpu_ms"],
        "turn_rate": crowd["rate"],
        "turn_p50_ms": crowd["p50_ms"],
        "turn_p99_ms": crowd["p99_ms"],
        "turn_floor_rate": bare_rate,
        "turn_floor_ratio": crowd["rate"] / bare_rate,
        "turn_floor_cpu_ms": bare_cpu_ms,
        "turn_floor_cpu_ratio": crowd["cpu_ms"] / bare_cpu_ms,
        "turn_alone_cpu_ms": alone["cpu_ms"],
        "turn_alone_rate": alone["rate"],
        "turn_alone_p50_ms": alone["p50_ms"],
        "turn_alone_p99_ms": alone["p99_ms"],
        "form_turn_cpu_ms": form["cpu_ms"],
        "form_answer_cpu_ms": form["answer_cpu_ms"],
        "form_turn_ratio": form["ratio"],
    }


def main() -> None:
    import uvloop

    folder, customers, turns = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    runs: dict[str, Any] = {"converse": converse, "alike": partial(converse, alike=True), "fill": fill}
    run = runs[sys.argv[4]]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(run(folder, customers, turns))))


if __name__ == "__main__":
    main()
