"""Kills `relevo run` under visitors of the live chat, who send again what was not acknowledged, and now and then what was."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import socket
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.crash.browser import Browser, Gone
from tests.crash.report import Found
from tests.crash.victim import Victim

VISITORS = 20
SETTLE_SECONDS = 60.0
SAID = ("hola", "¿cuánto tardáis en responder?", "how do I open a ticket?", "1", "mi gato come pescado", "gracias")

# Limits are for people; these visitors are in a hurry and come from one address.
UNLIMITED = {
    f"RELEVO_WEBCHAT__LIMITS__{kind}__{what}": "1000000"
    for kind in ("SESSIONS", "MESSAGES", "CONNECTS")
    for what in ("BURST", "PER_SECOND")
}


class Visitor:
    def __init__(self, name: str, port: int, victim: Victim, chance: random.Random) -> None:
        self.browser = Browser(port)
        self.acknowledged: list[str] = []
        self.redelivered = 0
        self._name = name
        self._numbers = itertools.count(1)
        self._victim = victim
        self._chance = chance

    async def talk(self, enough: asyncio.Event) -> None:
        """Open a session, then say one thing after the other; each is sent until it is acknowledged."""
        await self._until_done(self._open)
        async with asyncio.TaskGroup() as group:
            screen = group.create_task(self._watch())
            while not enough.is_set():
                await self._go_on()
            for id in self.acknowledged[-1:]:
                await self.browser.until_answered(id)
            screen.cancel()

    async def _go_on(self) -> None:
        id = await self.say(self._chance.choice(SAID))
        if self._chance.random() < 0.5:
            await self.browser.until_answered(id)

    async def transcript(self) -> list[dict[str, Any]]:
        """The whole conversation as the desk has it, read anew."""
        entries: list[dict[str, Any]] = []
        cursor = 0

        async def pull() -> bool:
            nonlocal cursor
            batch = await self.browser.pull(cursor)
            entries.extend(batch["entries"])
            cursor = int(batch["cursor"])
            return cursor >= self.browser.cursor

        await self._until_done(pull)
        return entries

    async def say(self, what: str | Mapping[str, Any]) -> str:
        """Send it until it is acknowledged, and perhaps once more; the id it has."""
        id = f"{self._name}-{next(self._numbers):06d}"
        attempts = 0

        async def send() -> bool:
            nonlocal attempts
            attempts += 1
            return await self.browser.send(id, what) in (200, 202)

        await self._until_done(send)
        self.redelivered += attempts - 1
        self.acknowledged.append(id)
        if self._chance.random() < 0.1:
            # The acknowledgement may have been lost on its way, so a browser may send what is stored long since.
            self.redelivered += 1
            again = self._chance.choice(self.acknowledged[-5:])

            async def send_again() -> bool:
                status = await self.browser.send(again, what)
                if status == 202:
                    raise RuntimeError(f"{again} was taken for new a second time")
                return status == 200

            await self._until_done(send_again)
        return id

    async def _open(self) -> bool:
        await self.browser.open_session()
        return True

    async def _watch(self) -> None:
        while True:
            await self._victim.up.wait()
            with contextlib.suppress(*Gone):
                await self.browser.listen()
            await asyncio.sleep(0)

    async def _until_done(self, attempt: Any) -> None:
        while True:
            await self._victim.up.wait()
            with contextlib.suppress(*Gone):
                if await attempt():
                    return
            await asyncio.sleep(0)


def judge(visitor: Visitor, transcript: list[dict[str, Any]]) -> tuple[int, int, int, int]:
    """Lost, doubled, reordered, shown twice."""
    said = [entry["id"] for entry in transcript if entry["by"] == "you"]
    answered = {entry["n"] // 1000 for entry in transcript if entry["by"] == "desk"}
    unanswered = sum(1 for entry in transcript if entry["by"] == "you" and entry["n"] // 1000 not in answered)
    times = Counter(said)
    lost = sum(1 for id in visitor.acknowledged if not times[id]) + unanswered
    doubled = sum(count - 1 for count in times.values())
    cursors = [entry["n"] for entry in transcript]
    reordered = sum(1 for a, b in itertools.pairwise(said) if b < a) + sum(1 for a, b in itertools.pairwise(cursors) if b <= a)
    screen = visitor.browser.entries
    on_screen = [entry["n"] for entry in screen]
    reordered += sum(1 for a, b in itertools.pairwise(on_screen) if b <= a)
    # What stands on the screen must be the transcript, entry by entry.
    lost += len({entry["n"] for entry in transcript} - set(on_screen))
    replies = Counter(entry["id"] for entry in transcript if entry["by"] == "desk")
    repeated = visitor.browser.repeated + visitor.browser.resets + sum(count - 1 for count in replies.values())
    return lost, doubled, reordered, repeated


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def run(kills: int, chance: random.Random, folder: Path) -> Found:
    began = time.monotonic()
    port = free_port()
    environment = {"RELEVO_HTTP__PORT": str(port), "RELEVO_DATA_DIR": str(folder / "var"), "RELEVO_LOG__FORMAT": "json", **UNLIMITED}
    victim = Victim(["-m", "bot", "run"], environment, folder)
    enough = asyncio.Event()
    visitors = [Visitor(f"visitor{n:02d}", port, victim, random.Random(chance.random())) for n in range(VISITORS)]
    talks = [asyncio.create_task(visitor.talk(enough)) for visitor in visitors]
    while victim.kills < kills:
        await victim.live_and_die(chance)
        if failed := next((talk for talk in talks if talk.done()), None):
            await failed
    process = await victim.start()
    await victim.wait_until_up(process)
    enough.set()
    async with asyncio.timeout(SETTLE_SECONDS):
        await asyncio.gather(*talks)
        found = [judge(visitor, await visitor.transcript()) for visitor in visitors]
    for visitor in visitors:
        visitor.browser.close()
    code = await victim.stop(process)
    if code != 0:
        raise RuntimeError(f"the desk did not stop cleanly: exit code {code}")
    lost, doubled, reordered, repeated = (sum(column) for column in zip(*found, strict=True))
    events = sum(len(visitor.acknowledged) for visitor in visitors)
    redelivered = sum(visitor.redelivered for visitor in visitors)
    return Found("web chat", victim.kills, events, redelivered, lost, doubled, reordered, repeated, time.monotonic() - began)
