"""How long a customer waits for a reply while five files of 20 MB are sent to the desk at once: the real program over HTTP.

Run as a program it is the five who send: `python -m benchmarks.uploads PORT` prints how many seconds that took.
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

from benchmarks.process import QUESTIONS, desk
from tests.crash.browser import Browser

AT_ONCE = 5
ROUNDS = 3
SIZE = 20 * 2**20 - 1024
QUIET_TURNS = 60


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


async def upload_all(port: int) -> float:
    contents = files(random.Random())
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for content in contents:
            group.create_task(upload(port, content))
    return time.perf_counter() - began


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


async def _sent_elsewhere(port: int) -> float:
    """The five in a process of their own: what they cost must not be counted as the desk's."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.uploads", str(port), stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("the files were not sent")
    return float(out)


async def measure(port: int) -> dict[str, float]:
    browser = Browser(port)
    await browser.open_session()
    screen = asyncio.create_task(browser.listen())
    talk = Talk(browser)
    for _ in range(QUIET_TURNS):
        await talk.ask()
    quiet, talk.times = sorted(talk.times[QUIET_TURNS // 6 :]), []
    took = [await talk.during(_sent_elsewhere(port)) for _ in range(ROUNDS)]
    screen.cancel()
    browser.close()
    usual, busy = median(quiet), sorted(talk.times)
    return {
        "upload_reply_max_ms": max(0.0, busy[-1] - usual),
        "upload_reply_p99_ms": max(0.0, busy[len(busy) * 99 // 100] - usual),
        "upload_quiet_max_ms": quiet[-1] - usual,
        "upload_s": median(took),
    }


def run() -> dict[str, float]:
    """About a quarter of a minute. Delays are over the median of the replies before, when nothing was sent."""
    with tempfile.TemporaryDirectory(prefix="relevo-bench-") as name, desk(Path(name)) as running:
        return asyncio.run(measure(running.port))


if __name__ == "__main__":
    print(asyncio.run(upload_all(int(sys.argv[1]))))
