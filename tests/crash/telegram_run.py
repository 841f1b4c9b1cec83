"""Kills a desk on Telegram, through the official library, while the server is in a bad mood: floods, errors, connections that break."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from pathlib import Path

from tests.adapters.telegram_server import TOKEN, Sent, TelegramServer
from tests.adapters.telegram_wire import Json, Refusal
from tests.crash.edits import Edits
from tests.crash.memory_run import compare
from tests.crash.report import Found
from tests.crash.victim import Victim
from tests.pictures import png

CHATS = 20
AHEAD = 4
LOOK_SECONDS = 0.02
LIFE_SECONDS = 20.0


class Mood:
    """What the server does to a call. `repeats`: texts that were shown although their sender was never told, which must be sent again."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.on = True
        self.repeats: Counter[tuple[int, str]] = Counter()

    def __call__(self, method: str, form: Json) -> str | Refusal | None:
        if not self.on or method not in ("sendMessage", "getUpdates", "getFile") or self._chance.random() > 0.04:
            return None
        fault = self._chance.choice(("flood", "error", "html", "drop", "reset"))
        if fault == "flood":
            return Refusal(429, "Too Many Requests: retry after 1", retry_after=1)
        if fault == "error":
            return Refusal(500, "Internal Server Error")
        if fault == "reset" and method == "sendMessage":
            self.repeats[int(form["chat_id"]), form["text"]] += 1
        return fault


class Crowd:
    """Customers who say numbered things, some of them with an album, and go on when they are answered."""

    def __init__(self, server: TelegramServer, chance: random.Random, edits: Edits) -> None:
        self._server = server
        self.edits = edits
        self._written: list[Json] = []
        self._chance = chance
        self.said = dict.fromkeys(range(1001, 1001 + CHATS), 0)
        self._answered: dict[int, set[str]] = {chat: set() for chat in self.said}
        self._read = 0
        self.talking = True

    @property
    def settled(self) -> bool:
        answered = not self._server.updates and all(len(self._answered[chat]) == count for chat, count in self.said.items())
        return answered and self.edits.compare()[0] == 0

    def look(self) -> None:
        news = self._server.sent[self._read :]
        self._read += len(news)
        for sent in news:
            self._answered[sent.chat].add(sent.text.partition(" ")[2])
        for chat, answered in self._answered.items():
            while self.talking and self.said[chat] - len(answered) < self._chance.randint(1, AHEAD):
                self.said[chat] += 1
                self._say(chat, f"{chat}-{self.said[chat]}")
        if self.talking and self._written and self._chance.random() < 0.1:
            self._change(self._chance.choice(self._written[-100:]))

    def _change(self, said: Json) -> None:
        """Somebody mends what they wrote, be it fetched by now or not."""
        message = said["message"]
        if text := self.edits.change(f"m{message['message_id']}", message["text"], len(self._written)):
            self._server.edit(said, text)

    def _say(self, chat: int, text: str) -> None:
        if self._chance.random() < 0.9:
            self._written.append(self._server.message(chat, text=text))
            return
        for caption in ({"caption": text}, {}):
            picture = self._server.file(png(), "a.png", "image/png")
            self._server.message(chat, document=picture, media_group_id=text, **caption)


def judge(said: dict[int, int], sent: list[Sent], repeats: Counter[tuple[int, str]]) -> tuple[int, int, int, int]:
    """Lost, doubled, reordered, sent twice: those that the server itself made necessary do not count."""
    posts, split = [], 0
    excused = Counter(repeats)
    seen: set[tuple[int, str]] = set()
    for one in sent:
        if " " not in one.text:
            split += 1  # an album that came in two
            continue
        again = (one.chat, one.text) in seen
        seen.add((one.chat, one.text))
        if again and excused[one.chat, one.text] > 0:
            excused[one.chat, one.text] -= 1
            continue
        posts.append({"chat": str(one.chat), "key": one.text, "text": one.text})
    lost, doubled, reordered, repeated = compare({str(chat): count for chat, count in said.items()}, posts)
    return lost, doubled + split, reordered, repeated


async def live_and_die(victim: Victim, server: TelegramServer, chance: random.Random) -> None:
    """As Victim.live_and_die, but a life is as long as it takes to make so many calls: a slow machine's desk is killed at work, too.

    The first call is made while starting, so some never get as far as work.
    """
    process = await victim.start()
    enough, latest = len(server.calls) + chance.randint(1, 90), time.monotonic() + LIFE_SECONDS
    ended = asyncio.ensure_future(process.wait())
    while len(server.calls) < enough and time.monotonic() < latest and not ended.done():
        await asyncio.wait((ended,), timeout=0.001)
    if process.returncode is not None:
        raise RuntimeError("the desk ended by itself: see victim.log")
    victim.up.clear()
    process.kill()
    await ended
    victim.kills += 1


async def run(kills: int, chance: random.Random, folder: Path) -> Found:
    began = time.monotonic()
    with TelegramServer() as server:
        mood, crowd = Mood(random.Random(chance.random())), Crowd(server, chance, Edits(folder))
        server.fault, server.untidy = mood, True
        victim, end = Victim(["-m", "tests.crash.telegram_desk", str(folder), server.url, TOKEN], {}, folder), asyncio.Event()

        async def watch() -> None:
            over = asyncio.ensure_future(end.wait())
            while not end.is_set():
                crowd.look()
                await asyncio.wait((over,), timeout=LOOK_SECONDS)

        watching = asyncio.create_task(watch())
        while victim.kills < kills:
            await live_and_die(victim, server, chance)
        crowd.talking = mood.on = False
        await victim.settle(lambda: crowd.settled, watching, end)
        lost, doubled, reordered, repeated = judge(crowd.said, server.sent, mood.repeats)
    unchanged, twice = crowd.edits.compare()
    events = sum(crowd.said.values()) + crowd.edits.made
    found = lost + unchanged, doubled + twice, reordered, repeated
    note = f"telegram: {crowd.edits.made} of the events are changes of messages"
    return Found("telegram", victim.kills, events, server.handed_again, *found, time.monotonic() - began, note)
