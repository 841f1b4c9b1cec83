"""Asks a virus scanner (ClamAV's clamd, its INSTREAM command) about a file before it is kept. No clear answer is no permission."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")

SECONDS: Final = 30.0
"""For one file, from the connection to the answer."""

PING_SECONDS: Final = 2.0
PART: Final = 131_072
AT_ONCE: Final = 4
"""clamd looks at ten files at once as it is shipped, and may serve others beside us."""

_REPLY_LIMIT: Final = 1_024
# `stream: OK`, `stream: Eicar-Test-Signature FOUND`; everything else is an error (clamd(8), INSTREAM).
_FOUND: Final = re.compile(rb"stream: ([\x21-\x7e]{1,200})(?: \([\x21-\x7e]{1,100}\))? FOUND")


class Unscanned(Exception):
    """The scanner is away, too slow, or said something that is neither yes nor no. The message is for the log."""


class Scanner:
    """`address`: `unix:/path`, `/path` or `tcp://host:port`."""

    def __init__(self, address: str, seconds: float = SECONDS, ping_seconds: float = PING_SECONDS) -> None:
        self._address = address
        self._seconds = seconds
        self._ping_seconds = ping_seconds
        self._free = asyncio.Semaphore(AT_ONCE)

    async def ask(self, path: Path) -> str:
        """The name of what the file is infected with, or "" when it is clean. Raises Unscanned, or OSError of the file."""
        file = await asyncio.to_thread(path.open, "rb")
        whole = False
        try:

            async def send(writer: asyncio.StreamWriter) -> None:
                nonlocal whole
                writer.write(b"zINSTREAM\0")
                while part := await asyncio.to_thread(file.read, PART):
                    writer.write(len(part).to_bytes(4, "big") + part)
                    await writer.drain()
                writer.write(bytes(4))
                whole = True
                await writer.drain()

            async def ask() -> bytes:
                async with self._free:
                    return await self._talk(send)

            reply = await _within(self._seconds, ask())
        finally:
            await asyncio.to_thread(file.close)
        if reply == b"stream: OK" and whole:
            return ""
        if found := _FOUND.fullmatch(reply):
            return found[1].decode("ascii")
        if reply == b"INSTREAM size limit exceeded. ERROR":
            raise Unscanned("the file is larger than clamd takes: raise its StreamMaxLength")
        raise Unscanned("it answered with an error" if reply.endswith(b"ERROR") else "it gave no clear answer")

    async def check(self) -> str:
        """For `/ready`: "" when it answers."""

        async def send(writer: asyncio.StreamWriter) -> None:
            writer.write(b"zPING\0")
            await writer.drain()

        try:
            return "" if await _within(self._ping_seconds, self._talk(send)) == b"PONG" else "it gives no clear answer; no file is taken"
        except Unscanned:
            return "it does not answer; no file is taken"

    async def _talk(self, send: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> bytes:
        """What it answers, without the zero that ends it. Raises OSError or Unscanned."""
        reader, writer = await self._connect()
        try:
            # Read at the same time: it may say in the middle that the file is too large, and close.
            sending = asyncio.ensure_future(send(writer))
            try:
                reply = await reader.readuntil(b"\0")
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                raise Unscanned("it broke off") from None
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
            return reply[:-1]
        finally:
            writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._address.startswith("tcp://"):
            host, _, port = self._address.removeprefix("tcp://").rpartition(":")
            return await asyncio.open_connection(host.strip("[]"), int(port), limit=_REPLY_LIMIT)
        return await asyncio.open_unix_connection(self._address.removeprefix("unix:"), limit=_REPLY_LIMIT)


async def _within(seconds: float, work: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise Unscanned("it is too slow") from None
    except OSError as error:
        raise Unscanned(f"it cannot be reached ({type(error).__name__})") from None
