"""The gateway of the Discord on loopback: sessions that can be resumed, lost or refused (developer docs, Gateway, v10)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType, web

PRIVILEGED = (1 << 1) | (1 << 8) | (1 << 15)


class Session:
    """`sent` are its dispatches, to be replayed from any number on."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.sent: list[dict[str, Any]] = []
        self.line: web.WebSocketResponse | None = None
        self.writing = asyncio.Lock()


class Gateway:
    """`resumable`: whether a session lives on when its line breaks. `let_in`: the code that an IDENTIFY is turned away with, or 0."""

    def __init__(self, token: str, ready: Callable[[], dict[str, Any]]) -> None:
        self._token = token
        self._ready = ready
        self._names = itertools.count(1)
        self.url = ""
        self.sessions: dict[str, Session] = {}
        self.resumable = True
        self.turned_away = 0
        self.identified = 0
        self.resumed = 0
        self.intents = 0
        self._lines: set[web.WebSocketResponse] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def open(self) -> bool:
        """Whether a session is listening."""
        return any(session.line is not None for session in self.sessions.values())

    def publish(self, event: str, data: dict[str, Any]) -> None:
        """Tell every session that lives; one whose line is broken hears it when it resumes."""
        for session in self.sessions.values():
            self.tell(session, event, data)

    def tell(self, session: Session, event: str, data: dict[str, Any]) -> None:
        frame = {"op": 0, "t": event, "s": len(session.sent) + 1, "d": data}
        session.sent.append(frame)
        if session.line is not None:
            self._later(self._write(session, session.line, frame))

    def raw(self, text: str) -> None:
        """Any text at all to whoever listens."""
        for session in self.sessions.values():
            if session.line is not None:
                self._later(session.line.send_str(text))

    async def drop(self, code: int = 0) -> None:
        """Break every line: with a close frame, or (0) without a word."""
        for session in self.sessions.values():
            session.line = None
        if not self.resumable:
            self.sessions.clear()
        for line in list(self._lines):
            if code:
                await line.close(code=code)
            elif line._req is not None and line._req.transport is not None:
                line._req.transport.abort()

    async def invalidate(self) -> None:
        """Op 9: the session is over, and nothing of it can be replayed."""
        lines = [session.line for session in self.sessions.values() if session.line is not None]
        self.sessions.clear()
        for line in lines:
            await line.send_str(json.dumps({"op": 9, "d": False}))

    async def attend(self, request: web.Request) -> web.WebSocketResponse:
        line = web.WebSocketResponse(autoping=True)
        await line.prepare(request)
        self._lines.add(line)
        session: Session | None = None
        try:
            await line.send_str(json.dumps({"op": 10, "d": {"heartbeat_interval": 41_250}}))
            async for frame in line:
                if frame.type is not WSMsgType.TEXT:
                    break
                given = json.loads(frame.data)
                match given["op"]:
                    case 1:
                        await line.send_str(json.dumps({"op": 11}))
                    case 2:
                        session = await self._identify(line, given["d"])
                    case 6:
                        session = await self._resume(line, given["d"])
        except (ConnectionError, RuntimeError):
            pass
        finally:
            self._lines.discard(line)
            if session is not None and session.line is line:
                session.line = None
                if not self.resumable:
                    self.sessions.pop(session.id, None)
        return line

    async def _identify(self, line: web.WebSocketResponse, given: dict[str, Any]) -> Session | None:
        self.identified += 1
        self.intents = given["intents"]
        code = self.turned_away or (4004 if given["token"] != self._token else 4014 if self.intents & PRIVILEGED else 0)
        if code:
            await line.close(code=code)
            return None
        session = Session(f"session{next(self._names)}")
        session.line = line
        # One bot has one session here: a new one ends those that nobody listens to.
        self.sessions = {each.id: each for each in (*self.sessions.values(), session) if each.line is not None}
        ready = self._ready() | {"session_id": session.id, "resume_gateway_url": self.url}
        self.tell(session, "READY", ready)
        return session

    async def _resume(self, line: web.WebSocketResponse, given: dict[str, Any]) -> Session | None:
        found = self.sessions.get(given["session_id"])
        if found is None or given["token"] != self._token:
            await line.send_str(json.dumps({"op": 9, "d": False}))
            return None
        self.resumed += 1
        missed = found.sent[given["seq"] or 0 :]
        found.line = line
        for frame in missed:
            await self._write(found, line, frame)
        self.tell(found, "RESUMED", {})
        return found

    async def _write(self, session: Session, line: web.WebSocketResponse, frame: dict[str, Any]) -> None:
        async with session.writing:
            with contextlib.suppress(ConnectionError, RuntimeError):
                await line.send_str(json.dumps(frame))

    def _later(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
