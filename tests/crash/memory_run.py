"""Kills a desk whose platform cannot tell a repeated send: what the platform was shown is compared with what was said."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import time
from collections import Counter, defaultdict
from pathlib import Path

from tests.crash.report import Found
from tests.crash.victim import Victim

CHATS = 30
AHEAD = 6
"""Messages of one chat that may be under way at once: enough for order to matter."""

SETTLE_SECONDS = 60.0


class Feed:
    """The platform's side of the line: says things, and says again whatever was not acknowledged before the line broke."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._said: dict[str, int] = dict.fromkeys((f"chat{n}" for n in range(CHATS)), 0)
        self._pending: dict[str, dict[str, str]] = {chat: {} for chat in self._said}
        self._acknowledged: list[tuple[str, str]] = []
        self._line: asyncio.StreamWriter | None = None
        self._silent = asyncio.Event()
        self.talking = True
        self.redelivered = 0
        self.port = 0

    @property
    def said(self) -> dict[str, int]:
        """How many messages each chat has said; they are numbered from 1."""
        return self._said

    async def open(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def until_acknowledged(self) -> None:
        """Say nothing new, and wait until everything said is acknowledged."""
        self.talking = False
        if any(self._pending.values()):
            self._silent.clear()
            await self._silent.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._line = writer
        with contextlib.suppress(OSError):
            for chat, pending in self._pending.items():
                for id in pending:
                    self.redelivered += 1
                    self._tell(chat, id)
            self._talk()
            while line := await reader.readline():
                self._take(json.loads(line)["ack"])
                await writer.drain()
        if self._line is writer:
            self._line = None
        writer.close()

    def _talk(self) -> None:
        for chat, pending in self._pending.items():
            while self.talking and len(pending) < self._chance.randint(1, AHEAD):
                self._said[chat] += 1
                id = f"{chat}-{self._said[chat]}"
                pending[id] = chat
                self._tell(chat, id)

    def _tell(self, chat: str, id: str) -> None:
        if self._line is not None and not self._line.is_closing():
            self._line.write(json.dumps({"id": id, "chat": chat, "text": id}).encode() + b"\n")

    def _take(self, id: str) -> None:
        chat = id.partition("-")[0]
        if self._pending[chat].pop(id, None) is not None:
            self._acknowledged.append((chat, id))
        if self._chance.random() < 0.05 and self._acknowledged:
            # A platform may well deliver what it had an acknowledgement for, even long ago.
            self.redelivered += 1
            self._tell(*self._chance.choice(self._acknowledged[-200:]))
        self._talk()
        if not self.talking and not any(self._pending.values()):
            self._silent.set()


def shown(sink: Path) -> list[dict[str, str]]:
    """What the platform was given, in order. A last line that a kill cut short was never given."""
    lines = sink.read_bytes().split(b"\n") if sink.exists() else []
    return [json.loads(line) for line in lines[:-1]]


def compare(said: dict[str, int], posts: list[dict[str, str]]) -> tuple[int, int, int, int]:
    """Lost, doubled, reordered, sent twice. A reply reads `<turn> <id of the message>`."""
    by_chat: defaultdict[str, list[tuple[str, int, str]]] = defaultdict(list)
    for post in posts:
        number, heard = post["text"].split(" ")
        by_chat[post["chat"]].append((post["key"], int(number), heard))
    lost = doubled = reordered = repeated = 0
    for chat, count in said.items():
        keys: set[str] = set()
        once: list[tuple[int, str]] = []
        for key, turn, id in by_chat[chat]:
            if key in keys:
                repeated += 1
                continue
            keys.add(key)
            once.append((turn, id))
        answered = Counter(id for _, id in once)
        lost += sum(1 for n in range(1, count + 1) if not answered[f"{chat}-{n}"])
        doubled += sum(times - 1 for times in answered.values())
        # Both the turns and the messages they answer must go up one by one.
        numbers = [int(id.rpartition("-")[2]) for _, id in once]
        reordered += sum(1 for a, b in itertools.pairwise(numbers) if b < a)
        reordered += sum(1 for a, b in itertools.pairwise(once) if b[0] < a[0])
    return lost, doubled, reordered, repeated


async def run(kills: int, chance: random.Random, folder: Path) -> Found:
    began = time.monotonic()
    feed = Feed(chance)
    server = await feed.open()
    victim = Victim(["-m", "tests.crash.desk", str(folder), str(feed.port)], {}, folder)
    while victim.kills < kills:
        await victim.live_and_die(chance)
    process = await victim.start()
    await victim.wait_until_up(process)
    async with asyncio.timeout(SETTLE_SECONDS):
        await feed.until_acknowledged()
    # The drain of a gentle stop sends what is still due.
    code = await victim.stop(process)
    if code != 0:
        raise RuntimeError(f"the desk did not stop cleanly: exit code {code}")
    server.close()
    lost, doubled, reordered, repeated = compare(feed.said, shown(folder / "sent.jsonl"))
    seconds = time.monotonic() - began
    return Found("memory", victim.kills, sum(feed.said.values()), feed.redelivered, lost, doubled, reordered, repeated, seconds)
