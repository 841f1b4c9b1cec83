"""How long a customer waits for a reply, and what is due in the event loop for its turn, while five files of 20 MB are sent to the desk at
once: the real program over HTTP, with a heartbeat inside (`benchmarks.heartbeat`).

Run as a program it is the five who send: `python -m benchmarks.uploads PORT` says `ready` when it has its files, sends them when it is told
a line, and prints how many seconds that took.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import heartbeat
from benchmarks.process import QUESTIONS, desk
from tests.crash.browser import Browser

AT_ONCE = 5
ROUNDS = 3
SIZE = 20 * 2**20 - 1024
WARMING_TURNS = 10
QUIET_SECONDS = 5.0


def files(chance: random.Random) -> list[bytes]:
    """A long log, which is looked at letter by letter, thrice; a document, and a picture, whose data are copied segment by segment."""
    line = b"2026-11-22T12:00:00Z host-%06d kernel: [%08d] TCP: out of memory -- consider tuning tcp_mem\n"
    logs = [b"".join(line % (chance.randrange(10**6), n) for n in range(SIZE // 93))[:SIZE] for _ in range(3)]
    noise = chance.randbytes(SIZE)
    picture = b"\xff\xd8\xff\xe0\x00\x10JFIF\0\x01\x02\0\0\x01\0\x01\0\0" + b"\xff\xda\x00\x08\x01\x01\0\0\0\0"
    picture += noise.replace(b"\xff", b"\xff\0")[: SIZE - 100].rstrip(b"\xff") + b"\xff\xd9"
    return [*logs, b"%PDF-1.7\n" + noise[:-9], picture]


async def upload(port: int, content: bytes) -> None:
    browser = Browser(port)
    await browser.open_session()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"POST /chat/files HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {browser.token}\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    writer.write(head.encode() + content)
    await writer.drain()
    status = (await reader.readline()).split(b" ")[1]
    writer.close()
    browser.close()
    if status != b"201":
        raise RuntimeError(f"a file was not taken: {status.decode()}")


async def upload_all(port: int) -> None:
    for _ in range(ROUNDS):
        contents = files(random.Random())
        print("ready", flush=True)
        sys.stdin.readline()
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for content in contents:
                group.create_task(upload(port, content))
        print(time.perf_counter() - began, flush=True)


class Talk:
    """A customer with an open socket; `times` are the milliseconds from a question to its reply on the screen."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._asked = 0
        self.times: list[float] = []

    async def ask(self) -> None:
        id = f"talk-{self._asked:08d}"
        question = QUESTIONS[self._asked % len(QUESTIONS)]
        self._asked += 1
        began = time.perf_counter()
        await self._browser.send(id, question)
        await self._browser.until_answered(id)
        self.times.append((time.perf_counter() - began) * 1000)

    async def during(self, what: Awaitable[float]) -> float:
        work = asyncio.ensure_future(what)
        while not work.done():
            await self.ask()
        return await work


class Senders:
    """The five in a process of their own: what they cost must not be counted as the desk's."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def start(self) -> None:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.uploads", str(self._port), stdin=pipe, stdout=pipe
        )

    async def ready(self) -> None:
        await self._line()

    async def send(self) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return float(await self._line())

    async def _line(self) -> str:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the files were not sent")
        return line.decode()

    async def end(self) -> None:
        await self._process.wait()


class Span(NamedTuple):
    """From when until when (seconds of the monotonic clock) customers were answered, and how many milliseconds each of them waited."""

    begun: float
    ended: float
    times: list[float]


async def talked(port: int) -> tuple[Span, list[Span], list[float]]:
    """Without files; with them, round by round; and how many seconds the files of each round took."""
    browser = Browser(port)
    await browser.open_session()
    screen = asyncio.create_task(browser.listen())
    talk = Talk(browser)
    for _ in range(WARMING_TURNS):
        await talk.ask()

    async def during(what: Awaitable[float]) -> tuple[float, Span]:
        talk.times, begun = [], time.perf_counter()
        took = await talk.during(what)
        return took, Span(begun, time.perf_counter(), talk.times)

    async def questions() -> float:
        await asyncio.sleep(QUIET_SECONDS)
        return 0.0

    _, quiet = await during(questions())
    senders = Senders(port)
    await senders.start()
    rounds = []
    for _ in range(ROUNDS):
        await senders.ready()
        rounds.append(await during(senders.send()))
    await senders.end()
    screen.cancel()
    browser.close()
    return quiet, [span for _, span in rounds], [took for took, _ in rounds]


def run() -> dict[str, float]:
    """About half a minute. Replies' delays are over the median of those that were asked for before any file was sent."""
    with tempfile.TemporaryDirectory(prefix="relevo-bench-") as name:
        beats = Path(name) / "beats"
        with desk(Path(name), ("benchmarks.heartbeat", str(beats))) as running:
            quiet, rounds, took = asyncio.run(talked(running.port))
        lates = heartbeat.read(beats)

    def within(spans: list[Span]) -> list[heartbeat.Late]:
        return [late for late in lates if any(span.begun <= late.at <= span.ended for span in spans)]

    usual, busy = median(quiet.times), sorted(time for span in rounds for time in span.times)
    return {
        "upload_loop_lag_ms": max((late.late_ms for late in within(rounds)), default=0.0),
        "upload_loop_held_ms": max((late.held_ms for late in within(rounds)), default=0.0),
        "upload_reply_max_ms": max(0.0, busy[-1] - usual),
        "upload_reply_p99_ms": max(0.0, busy[len(busy) * 99 // 100] - usual),
        "upload_quiet_loop_lag_ms": max((late.late_ms for late in within([quiet])), default=0.0),
        "upload_quiet_max_ms": max(quiet.times) - usual,
        "upload_s": median(took),
    }


if __name__ == "__main__":
    asyncio.run(upload_all(int(sys.argv[1])))
