"""Kills a desk on Slack, with the official library and a server that limits, fails, breaks connections and sometimes forgets events."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from pathlib import Path

from tests.adapters.slack_people import People
from tests.adapters.slack_server import SlackServer
from tests.adapters.slack_wire import Fault, event, shown
from tests.crash.edits import Edits
from tests.crash.memory_run import compare
from tests.crash.report import Found
from tests.crash.victim import Victim

CHATS = 8
AHEAD = 4
LOOK_SECONDS = 0.05
CONNECT_SECONDS = 60.0
FAULTS: tuple[Fault, ...] = (("429", 1), ("5xx", 500), ("5xx", 503), ("reset before",), ("reset after",), ("garbage",))
LOST_ON_THE_WAY = 0.06
FORGOTTEN = 0.3
"""How often Slack has given up its retries by the time the desk is up again: then only the history holds what was said."""


class Customers:
    """Each says numbered messages, a few ahead of the answers."""

    def __init__(self, server: SlackServer, chance: random.Random, edits: Edits) -> None:
        self.said = dict.fromkeys((f"chat{n}" for n in range(CHATS)), 0)
        self.talking = True
        self.redelivered = 0
        self._server = server
        self._people = People(server)
        self._chance = chance
        self.edits = edits
        self._written: list[tuple[str, str, str]] = []
        for chat in self.said:
            server.locales[self.user(chat)] = "en-GB"

    def user(self, chat: str) -> str:
        return f"U0{chat.upper()}"

    def posts(self) -> list[dict[str, str]]:
        """What stands in the chats, with the key of each message."""
        found = []
        for chat in self.said:
            for post in self._server.by_desk(self._server.im(self.user(chat))):
                text = shown(post).strip()
                found.append({"chat": chat, "key": post["metadata"]["event_payload"]["key"], "text": text})
        return found

    def answered(self, chat: str) -> int:
        return len({shown(post).strip().partition(" ")[2] for post in self._server.by_desk(self._server.im(self.user(chat)))})

    @property
    def settled(self) -> bool:
        return all(self.answered(chat) == count for chat, count in self.said.items()) and self.edits.compare()[0] == 0

    async def talk(self, end: asyncio.Event) -> None:
        while not end.is_set():
            for chat, count in self.said.items():
                if self.talking and count - self.answered(chat) < self._chance.randint(1, AHEAD):
                    self.said[chat] += 1
                    sent = await self._people.dm(self.user(chat), f"{chat}-{count + 1}")
                    self._written.append((chat, sent.key, f"{chat}-{count + 1}"))
            if self.talking and self._written and self._chance.random() < 0.25:
                await self._change(*self._chance.choice(self._written[-60:]))
            if self._chance.random() < 0.1:
                await self._again()
            if self._chance.random() < 0.03 and self._server.unacknowledged:
                self.redelivered += self._server.unacknowledged
                await self._server.offer_again()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(end.wait(), LOOK_SECONDS)

    async def _change(self, chat: str, ts: str, said: str) -> None:
        """Somebody mends what they wrote, be it stored by now or not."""
        if text := self.edits.change(f"m:{ts}", said, len(self._written)):
            await self._people.edit(self.user(chat), self._server.im(self.user(chat)), ts, text)

    async def _again(self) -> None:
        """Slack may well deliver what it had an acknowledgement for."""
        chat = self._server.im(self.user(self._chance.choice(list(self.said))))
        old = [post for post in self._server.messages[chat] if "bot_id" not in post and post["ts"] in set(self._server.acknowledged)]
        if old:
            self.redelivered += 1
            post = self._chance.choice(old[-20:])
            await self._server.offer("events_api", event({"channel": chat, "channel_type": "im", **post}), post["ts"])


async def run(kills: int, chance: random.Random, folder: Path) -> Found:
    began = time.monotonic()
    server = SlackServer()
    await server.start()
    faults = random.Random(chance.random())

    def some_fault(method: str) -> Fault | None:
        if method in ("apps.connections.open", "auth.test") or faults.random() > LOST_ON_THE_WAY:
            return None
        return faults.choice(FAULTS)

    server.chance = some_fault
    customers, end = Customers(server, chance, Edits(folder)), asyncio.Event()
    victim = Victim(["-m", "tests.crash.slack_desk", str(folder), server.base_url], {}, folder)
    talking = asyncio.create_task(customers.talk(end))
    while victim.kills < kills:
        connections = server.connections
        # Most of a start is the library's own: a life that ended before the first connection would show little.
        await victim.live_and_die(chance, lambda before=connections: server.until(lambda: server.connections > before, CONNECT_SECONDS))  # type: ignore[misc]
        if chance.random() < FORGOTTEN and all(customers.answered(chat) for chat in customers.said):
            server.forget()
        if chance.random() < 0.2:
            await server.drop()
        if talking.done():
            await talking
    customers.talking = False
    await victim.settle(lambda: customers.settled, talking, end)
    await server.stop()
    if server.problems:
        raise RuntimeError(f"Slack would not have taken this: {server.problems[:3]}")
    lost, doubled, reordered, repeated = compare(customers.said, customers.posts())
    unchanged, twice = customers.edits.compare()
    events = sum(customers.said.values()) + customers.edits.made
    found = lost + unchanged, doubled + twice, reordered, repeated
    note = f"slack: {customers.edits.made} of the events are changes of messages"
    return Found("slack", victim.kills, events, customers.redelivered, *found, time.monotonic() - began, note)
