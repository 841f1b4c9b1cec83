"""A small server that speaks clamd's wire on loopback, and misbehaves on request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

# Put together here, or scanners of this machine would take this file away.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}" + b"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


class Clamd:
    """`fault`: "" speaks as it should; error, garbage, early, dies, silent, endless."""

    def __init__(self, limit: int = 25 * 2**20) -> None:
        self.limit = limit
        self.fault = ""
        self.seen: list[bytes] = []
        self.parts: list[int] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            command = await reader.readuntil(b"\0")
            if self.fault == "silent":
                await reader.read()
            elif command == b"zPING\0":
                writer.write(b"PONG\0" if not self.fault else b"WHAT\0")
            elif command == b"zINSTREAM\0":
                writer.write(await self._scan(reader))
            else:
                writer.write(b"UNKNOWN COMMAND\0")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _scan(self, reader: asyncio.StreamReader) -> bytes:
        content = b""
        if self.fault == "early":
            return b"stream: OK\0"
        while size := int.from_bytes(await reader.readexactly(4), "big"):
            if len(content) + size > self.limit:
                return b"INSTREAM size limit exceeded. ERROR\0"
            self.parts.append(size)
            content += await reader.readexactly(size)
            if self.fault == "dies":
                return b""
        self.seen.append(content)
        match self.fault:
            case "error":
                return b"Can't allocate memory ERROR\0"
            case "garbage":
                return b"stream: OK, or so\nstream: OK\0"
            case "endless":
                return b"stream: OK" * 1_000
        return b"stream: Eicar-Test-Signature FOUND\0" if EICAR in content else b"stream: OK\0"


@asynccontextmanager
async def serving(clamd: Clamd, path: str = "") -> AsyncIterator[str]:
    """The address of its setting: of a socket at `path`, or of a free port of this machine."""
    if path:
        server = await asyncio.start_unix_server(clamd.serve, path)
    else:
        server = await asyncio.start_server(clamd.serve, "127.0.0.1", 0)
    try:
        yield f"unix:{path}" if path else f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
