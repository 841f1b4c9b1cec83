"""The running program as its keeper meets it: how soon it is ready, and how much memory it holds, idle and under the live chat's load."""

from __future__ import annotations

import asyncio
import gzip
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.crash.browser import Browser
from tests.crash.web_run import UNLIMITED, free_port

ROOT = Path(__file__).resolve().parent.parent
STARTS = 3
CONVERSATIONS = 10_000
AT_ONCE = 100
SOCKETS = 200
READY_SECONDS = 60.0
QUESTIONS = (
    "¿Qué prioridad pongo si mi servidor está caído?",
    "how do I open a ticket?",
    "¿cuánto tardáis en responder?",
    "my cat likes fish",
)


class Desk:
    """`relevo run` in a process of its own; `ready_s` is what it took from the start of the process to the first 200 of /ready."""

    def __init__(self, folder: Path, program: Sequence[str] = ("bot",), **settings: str) -> None:
        self.port = free_port()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RELEVO_")}
        environment |= {
            "PYTHONPATH": str(ROOT),
            "RELEVO_DATA_DIR": str(folder),
            "RELEVO_HTTP__PORT": str(self.port),
            **UNLIMITED,
            **settings,
        }
        environment["RELEVO_LOG__LEVEL"] = "warning"
        began = time.perf_counter()
        self._process = subprocess.Popen([sys.executable, "-m", *program, "run"], env=environment, cwd=folder, stdout=subprocess.DEVNULL)
        while not self._ready():
            if self._process.poll() is not None or time.perf_counter() - began > READY_SECONDS:
                raise RuntimeError("the desk did not become ready")
            time.sleep(0.005)
        self.ready_s = time.perf_counter() - began

    def _ready(self) -> bool:
        # A refused connection is the quickest answer there is; only what listens is asked.
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.port)):
                return False
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready", timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    def resident_mb(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)


@contextmanager
def desk(folder: Path, program: Sequence[str] = ("bot",)) -> Iterator[Desk]:
    running = Desk(folder, program)
    try:
        yield running
    finally:
        running.stop()


async def visit(port: int, number: int) -> None:
    """A conversation without a socket: opened, asked in, answered, and left open."""
    browser = Browser(port)
    await browser.open_session()
    await browser.send(f"visit-{number:08d}", QUESTIONS[number % len(QUESTIONS)])
    cursor, answered = 0, False
    while not answered:
        batch = await browser.pull(cursor)
        cursor, answered = batch["cursor"], any(entry["by"] == "desk" for entry in batch["entries"])
    browser.close()


async def stay(port: int, number: int, everybody: asyncio.Barrier) -> None:
    """A conversation with an open socket: five questions, one after the other; it stays until it was weighed with all others."""
    browser = Browser(port)
    await browser.open_session()
    screen = asyncio.create_task(browser.listen())
    for turn in range(5):
        id = f"stay-{number:06d}-{turn}"
        await browser.send(id, QUESTIONS[(number + turn) % len(QUESTIONS)])
        await browser.until_answered(id)
    await everybody.wait()
    await everybody.wait()
    screen.cancel()
    browser.close()


async def load(running: Desk) -> dict[str, float]:
    numbers = iter(range(CONVERSATIONS))

    async def visitor() -> None:
        for number in numbers:
            await visit(running.port, number)

    began = time.perf_counter()
    await asyncio.gather(*(visitor() for _ in range(AT_ONCE)))
    took = time.perf_counter() - began
    carried = running.resident_mb()
    everybody = asyncio.Barrier(SOCKETS + 1)
    stays = [asyncio.create_task(stay(running.port, number, everybody)) for number in range(SOCKETS)]
    await everybody.wait()
    busy = running.resident_mb()
    await everybody.wait()
    await asyncio.gather(*stays)
    return {"rss_load_mb": max(carried, busy), "web_conversation_rate": CONVERSATIONS / took}


def widget_bytes() -> int:
    """What a page pays for a visitor who never chats."""
    return len(gzip.compress((ROOT / "adapters" / "webchat" / "static" / "widget.js").read_bytes(), 9))


def run() -> dict[str, float]:
    """About a minute. `rss_load_mb`: with 10,000 conversations open, carried by the live chat, and 200 sockets busy."""
    with tempfile.TemporaryDirectory(prefix="relevo-bench-") as name:
        folder = Path(name)
        with desk(folder) as first:
            first_s = first.ready_s
        starts = []
        for _ in range(STARTS):
            with desk(folder) as running:
                starts.append(running.ready_s)
                idle = running.resident_mb()
        with desk(folder) as running:
            loaded = asyncio.run(load(running))
    return {"start_s": min(starts), "start_first_s": first_s, "rss_idle_mb": idle, **loaded, "widget_gz_bytes": widget_bytes()}
