"""The socket half of the chat: what is new, pushed to a browser that said who it is and how far it has read."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from adapters.base import NotStored
from adapters.webchat import wire
from adapters.webchat.endpoints import speaks_spanish
from adapters.webchat.hub import Gone, Hub, Stopped, Watcher
from adapters.webchat.ports import Session
from adapters.webchat.refusals import Refusal
from adapters.webchat.settings import WebChatSettings
from adapters.webchat.visitors import Visitors

# Close codes (RFC 6455, 7.4: 4000 and above are the application's own).
RESTART: Final = 1012
TOO_BIG: Final = 1009
UNAUTHORISED: Final = 4401
TOO_MANY: Final = 4429
TOO_SLOW: Final = 4408
_CHATTER: Final = 60
"""After the first frame a browser has nothing to say on the socket: so many frames are put up with."""


class Live:
    """Sockets. Nothing is sent by a browser here but its first frame: what it has to say comes by POST."""

    def __init__(self, settings: WebChatSettings, visitors: Visitors, hub: Hub) -> None:
        self._limits = settings.limits
        self._visitors = visitors
        self._hub = hub

    async def attend(self, socket: WebSocket) -> None:
        """One socket from its handshake to its end."""
        network = self._visitors.network(socket)
        try:
            self._visitors.origin(socket)
            self._visitors.count_connect(network)
            if not self._visitors.by_ip.enter(network):
                raise Refusal("too_many", after=5)
        except Refusal as refusal:
            await socket.send_denial_response(refusal.response(speaks_spanish(socket.headers.get("accept-language", ""))))
            return
        try:
            with contextlib.suppress(WebSocketDisconnect):
                await socket.accept()
                await self._converse(socket, network)
        finally:
            self._visitors.by_ip.leave(network)

    async def _converse(self, socket: WebSocket, network: str) -> None:
        try:
            hello, session = await self._greet(socket, network)
        except Refusal as refusal:
            # A reason may be 123 bytes long: the code says it all.
            code = TOO_MANY if refusal.status == 429 else UNAUTHORISED
            await self._end(socket, code, refusal.code)
            return
        except NotStored:
            await self._end(socket, RESTART, "not_stored")
            return
        if not self._visitors.by_conversation.enter(session.address):
            await self._end(socket, TOO_MANY, "too_many")
            return
        watcher = self._hub.join(session.address, hello.after)
        listener = asyncio.create_task(self._listen(socket, watcher))
        try:
            await self._push(socket, watcher)
        finally:
            listener.cancel()
            self._hub.leave(watcher)
            self._visitors.by_conversation.leave(session.address)

    async def _greet(self, socket: WebSocket, network: str) -> tuple[wire.Hello, Session]:
        try:
            async with asyncio.timeout(self._limits.auth_seconds):
                frame = await socket.receive_text()
        except TimeoutError:
            raise Refusal("session_over") from None
        except KeyError:  # a binary frame
            raise Refusal("bad_json") from None
        if len(frame) > self._limits.frame:
            raise Refusal("too_large", limit=self._limits.frame)
        hello = wire.read(frame, wire.Hello)
        return hello, await self._visitors.session(hello.token, network)

    async def _push(self, socket: WebSocket, watcher: Watcher) -> None:
        """Send what is new, and a beat when nothing is: the browser takes silence for a dead line."""
        try:
            await self._send(socket, msgspec.json.encode({"ready": True, "beat": self._limits.beat_seconds}))
            while True:
                batch = await self._hub.next(watcher, self._limits.beat_seconds)
                await self._send(socket, batch or b'{"beat":true}')
        except Gone:
            return
        except Stopped:
            await self._end(socket, RESTART, "restart")
        except TimeoutError:
            await self._end(socket, TOO_SLOW, "too_slow")

    async def _send(self, socket: WebSocket, frame: bytes) -> None:
        async with asyncio.timeout(self._limits.send_seconds):
            await socket.send_text(frame.decode())

    async def _listen(self, socket: WebSocket, watcher: Watcher) -> None:
        """Notice that the browser has left, and show out one that talks too much."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            for _ in range(_CHATTER):
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    break
                if len(message.get("text") or message.get("bytes") or "") > self._limits.frame:
                    await self._end(socket, TOO_BIG, "too_large")
                    break
            else:
                await self._end(socket, TOO_MANY, "too_many")
        self._hub.leave(watcher)

    async def _end(self, socket: WebSocket, code: int, reason: str) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            async with asyncio.timeout(1):
                await socket.close(code, reason)
