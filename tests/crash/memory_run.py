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
"""Messages of one chat that may be unanswered at once: enough for order to matter, and no more than can be caught up with."""

LOOK_SECONDS = 0.02


class Feed:
    """The platform's side of the line: says things, and says again whatever was not acknowledged before the line broke."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._said: dict[str, int] = dict.fromkeys((f"chat{n}" for n in range(CHATS)), 0)
        self._pending: dict[str, dict[str, str]] = {chat: {} for chat in self._said}
        self._acknowledged: list[tuple[str, str]] = []
        self._answered: dict[str, set[str]] = {chat: set() for chat in self._said}
        self._line: asyncio.StreamWriter | None = None
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

    @property
    def settled(self) -> bool:
        """Whether everything said is acknowledged and answered."""
        return not any(self._pending.values()) and all(len(self._answered[chat]) == count for chat, count in self._said.items())

    def hear(self, posts: list[dict[str, str]]) -> None:
        """The platform was shown these; where that answers something, the chat goes on."""
        for post in posts:
            self._answered[post["chat"]].add(post["text"].partition(" ")[2])
        self._talk()

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
            while self.talking and self._said[chat] - len(self._answered[chat]) < self._chance.randint(1, AHEAD):
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


class Screen:
    """What the platform was given so far: read on from where it was read to."""

    def __init__(self, sink: Path) -> None:
        self._sink = sink
        self._read = 0

    def news(self) -> list[dict[str, str]]:
        if not self._sink.exists():
            return []
        with self._sink.open("rb") as file:
            file.seek(self._read)
            # A last line that a kill cut short was never given.
            whole, end, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + len(end)
        return [json.loads(line) for line in whole.splitlines()]

    async def watch(self, feed: Feed, end: asyncio.Event) -> None:
        while not end.is_set():
            feed.hear(self.news())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(end.wait(), LOOK_SECONDS)


def shown(sink: Path) -> list[dict[str, str]]:
    """All that the platform was given, in order."""
    return Screen(sink).news()


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
    sink, end = folder / "sent.jsonl", asyncio.Event()
    watching = asyncio.create_task(Screen(sink).watch(feed, end))
    while victim.kills < kills:
        await victim.live_and_die(chance)
    feed.talking = False
    await victim.settle(lambda: feed.settled, watching, end)
    server.close()
    lost, doubled, reordered, repeated = compare(feed.said, shown(sink))
    seconds = time.monotonic() - began
    return Found("memory", victim.kills, sum(feed.said.values()), feed.redelivered, lost, doubled, reordered, repeated, seconds)
