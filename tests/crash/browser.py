"""A browser as far as the live chat can tell: posts messages with retries under the same id, and pulls what is new from its cursor."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

Gone = (OSError, EOFError, asyncio.IncompleteReadError, WebSocketException)
"""What a killed server looks like from outside."""


class Http:
    """One kept-alive HTTP/1.1 connection; made anew when it was lost."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, method: str, path: str, body: object = None, token: str = "") -> tuple[int, Any]:
        """Status and body. Raises one of Gone when there is no whole answer."""
        try:
            if self._reader is None or self._writer is None:
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            content = b"" if body is None else json.dumps(body).encode()
            head = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(content)}"]
            if content:
                head.append("content-type: application/json")
            if token:
                head.append(f"authorization: Bearer {token}")
            self._writer.write("\r\n".join([*head, "", ""]).encode() + content)
            answer = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            status = int(answer[0].split(" ")[1])
            length = next((int(line.split(":")[1]) for line in answer if line.lower().startswith("content-length:")), 0)
            content = await self._reader.readexactly(length)
        except BaseException:
            self.close()
            raise
        return status, json.loads(content) if content else None

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


class Browser:
    """One visitor. `entries` is what stands on its screen, in the order in which it came; `repeated` counts what came twice."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._http = Http(port)
        self.token = ""
        self.entries: list[dict[str, Any]] = []
        self.cursor = 0
        self.repeated = 0
        self.resets = 0
        self._seen: set[str] = set()
        self._news = asyncio.Condition()

    async def open_session(self) -> None:
        status, body = await self._http.ask("POST", "/chat/sessions", {"locale": "es"})
        if status != 201:
            raise RuntimeError(f"no session: {status} {body}")
        self.token = body["token"]

    async def send(self, id: str, what: str | Mapping[str, Any]) -> int:
        """The status of one attempt; 202 stored now, 200 stored before. `what`: a text, or the fields of a choice, a command or a form."""
        said = {"text": what} if isinstance(what, str) else what
        status, _ = await self._http.ask("POST", "/chat/messages", {"client_id": id, **said}, self.token)
        return status

    async def pull(self, after: int) -> dict[str, Any]:
        """The entries after a cursor and the cursor behind them, by the long poll."""
        status, body = await self._http.ask("GET", f"/chat/events?after={after}", token=self.token)
        if status != 200:
            raise RuntimeError(f"no transcript: {status} {body}")
        return dict(body)

    async def listen(self) -> None:
        """Hold a socket and take what it pushes, until it breaks (then one of Gone is raised, or it returns)."""
        async with connect(f"ws://127.0.0.1:{self._port}/chat/socket", compression=None, open_timeout=5, close_timeout=1) as socket:
            await socket.send(json.dumps({"token": self.token, "after": self.cursor}))
            async for frame in socket:
                batch = json.loads(frame)
                if "entries" in batch:
                    await self._take(batch)

    async def _take(self, batch: dict[str, Any]) -> None:
        if batch.get("reset"):
            self.resets += 1
            self.entries.clear()
            self._seen.clear()
        for entry in batch["entries"]:
            name = f"{entry['by']} {entry['id']}"
            if name in self._seen:
                self.repeated += 1
                continue
            self._seen.add(name)
            self.entries.append(entry)
        self.cursor = batch["cursor"]
        async with self._news:
            self._news.notify_all()

    def replies(self, id: str) -> list[dict[str, Any]]:
        """What stands on the screen under the message with this id, of the desk's."""
        turns = [entry["n"] // 1000 for entry in self.entries if entry["by"] == "you" and entry["id"] == id]
        return [entry for entry in self.entries if turns and entry["by"] == "desk" and entry["n"] // 1000 == turns[0]]

    async def until_answered(self, id: str) -> None:
        """Until the message with this id stands on the screen with something of the desk's under it."""
        async with self._news:
            await self._news.wait_for(lambda: bool(self.replies(id)))

    async def until_asked(self, id: str) -> dict[str, Any]:
        """The message under the one with this id that has something to press, as soon as it stands on the screen."""

        def asked() -> list[dict[str, Any]]:
            return [entry["message"] for entry in self.replies(id) if entry["message"].get("choices")]

        async with self._news:
            await self._news.wait_for(asked)
            return asked()[-1]

    def close(self) -> None:
        self._http.close()
