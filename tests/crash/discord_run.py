"""Kills a desk on Discord under people who write and give commands, while the platform repeats, breaks off and turns away."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.adapters.discord_markdown import read
from tests.adapters.discord_parts import Fault, Interaction
from tests.adapters.discord_server import TOKEN, DiscordServer
from tests.crash.edits import Edits
from tests.crash.memory_run import compare
from tests.crash.report import Found
from tests.crash.victim import Victim

CHATS = 12
AHEAD = 4
LOOK_SECONDS = 0.03
FIRST_SECONDS = 60.0
FAULTS = (Fault(429, 0.2), Fault(500), Fault(503), Fault("lost"), Fault("slow", 0.3), Fault(429, 0.1, whole=True))


class People:
    """Each has a private channel and writes numbered messages, a few ahead of the answers; now and then a command is given besides."""

    def __init__(self, server: DiscordServer, chance: random.Random, edits: Edits) -> None:
        self._server = server
        self.edits = edits
        self._chance = chance
        self.rooms = {f"chat{n}": server.room(str(80351110224678900 + n)) for n in range(CHATS)}
        self._users = {f"chat{n}": str(80351110224678900 + n) for n in range(CHATS)}
        self.said = dict.fromkeys(self.rooms, 0)
        self._written: list[dict[str, Any]] = []
        self.asked: dict[str, Interaction] = {}
        self.redelivered = 0
        self.talking = True

    def answered(self, chat: str) -> set[str]:
        return {heard_in(line) for line in self._server.said(self.rooms[chat])}

    @property
    def settled(self) -> bool:
        """Whether everything written, and every command that was acknowledged, is answered."""
        heard = {chat: self.answered(chat) for chat in self.rooms}
        written = all(f"{chat}-{n}" in heard[chat] for chat, count in self.said.items() for n in range(1, count + 1))
        asked = all(id in heard[id.partition(" ")[0]] for id, given in self.asked.items() if given.answers)
        return written and asked and self.edits.compare()[0] == 0

    def write(self, chat: str) -> None:
        self.said[chat] += 1
        self._written.append(self._server.post(self.rooms[chat], self._users[chat], f"{chat}-{self.said[chat]}"))

    def go_on(self) -> None:
        for chat in self.rooms:
            heard = sum(1 for id in self.answered(chat) if id.startswith(f"{chat}-"))
            while self.said[chat] - heard < self._chance.randint(1, AHEAD):
                self.write(chat)
        if self._chance.random() < 0.3:
            chat = self._chance.choice(list(self.rooms))
            id = f"{chat} asks {len(self.asked)}"
            self.asked[id] = self._server.command(self.rooms[chat], self._users[chat], "ask", question=id)
        if self._chance.random() < 0.2:
            self._change(self._chance.choice(self._written[-80:]))
        if self._chance.random() < 0.2:
            # A resumed session may repeat what was told, even long ago.
            self.redelivered += 1
            self._server.gateway.publish("MESSAGE_CREATE", self._chance.choice(self._written[-200:]))
        if self._chance.random() < 0.25 and len(self._server.faults) < 3:
            self._server.faults.append(self._chance.choice(FAULTS))

    def _change(self, said: dict[str, Any]) -> None:
        """Somebody mends what they wrote, be it stored by now or not."""
        if text := self.edits.change("m" + said["id"].zfill(20), said["content"], len(self._written)):
            self._server.edit(said["channel_id"], said["id"], text)

    async def watch(self, end: asyncio.Event) -> None:
        while not end.is_set():
            if self.talking and self._server.gateway.open:
                self.go_on()
            if self.talking and self._chance.random() < 0.01:
                # The line breaks, and the session with it or not.
                self._server.gateway.resumable = self._chance.random() < 0.5
                await self._server.gateway.drop()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(end.wait(), LOOK_SECONDS)


@lru_cache(100_000)
def shown(content: str) -> str:
    return read(content).text


def heard_in(line: dict[str, Any]) -> str:
    return shown(line["content"]).partition(" ")[2]


def judge(people: People, server: DiscordServer) -> tuple[int, int, int, int]:
    """Lost, doubled, reordered, shown twice."""
    posts = []
    asks: Counter[str] = Counter()
    keys: Counter[str] = Counter()
    for chat, room in people.rooms.items():
        for line in server.said(room):
            keys[str(line["nonce"])] += 1
            if heard_in(line).startswith(f"{chat} asks "):
                asks[heard_in(line)] += keys[str(line["nonce"])] == 1
            else:
                posts.append({"chat": chat, "key": str(line["nonce"]), "text": shown(line["content"])})
    lost, doubled, reordered, _ = compare(people.said, posts)
    lost += sum(1 for id, given in people.asked.items() if given.answers and not asks[id])
    doubled += sum(times - 1 for times in asks.values() if times > 1)
    return lost, doubled, reordered, sum(times - 1 for times in keys.values())


async def run(kills: int, chance: random.Random, folder: Path) -> Found:
    began = time.monotonic()
    server = DiscordServer()
    await server.start()
    server.gateway.resumable = False
    people = People(server, chance, Edits(folder))
    command = ["-m", "tests.crash.discord_desk", str(folder), TOKEN, server.api_url, server.gateway_url]
    victim = Victim(command, {}, folder)
    # A channel that was never heard of cannot be read afterwards: each is known before the killing begins.
    process = await victim.start()
    await victim.wait_until_up(process)
    async with asyncio.timeout(FIRST_SECONDS):
        dead = asyncio.create_task(process.wait())
        while not server.gateway.open:
            await asyncio.wait((dead,), timeout=LOOK_SECONDS)
        for chat in people.rooms:
            people.write(chat)
        while not people.settled:
            await asyncio.wait((dead,), timeout=LOOK_SECONDS)
    process.kill()
    await dead
    end = asyncio.Event()
    watching = asyncio.create_task(people.watch(end))
    while victim.kills < kills:
        await victim.live_and_die(chance)
        if watching.done():
            await watching
    people.talking = False
    server.faults.clear()
    await victim.settle(lambda: people.settled, watching, end)
    lost, doubled, reordered, repeated = judge(people, server)
    await server.stop()
    unchanged, twice = people.edits.compare()
    events = sum(people.said.values()) + sum(bool(given.answers) for given in people.asked.values()) + people.edits.made
    found = lost + unchanged, doubled + twice, reordered, repeated
    note = f"discord: {people.edits.made} of the events are changes of messages"
    return Found("discord", victim.kills, events, people.redelivered + server.repeats, *found, time.monotonic() - began, note)
