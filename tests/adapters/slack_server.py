"""Slack on loopback: its Web API and Socket Mode, as strict as Slack is, with people who use it and faults on demand.

The official library runs against it unmodified. What Slack would refuse is refused; what it would merely draw wrongly, and deadlines that
an app missed, are kept in `problems`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

from aiohttp import WSMsgType, web

from tests.adapters import slack_rules as rules
from tests.adapters.slack_wire import (
    APP,
    APP_TOKEN,
    BOT_ID,
    BOT_TOKEN,
    BOT_USER,
    TEAM,
    Envelope,
    Fault,
    arguments,
    cut,
    granted,
    hint,
    kept,
    page,
    shown,
    unpacked,
)

DEADLINE_S = 3.0


class SlackServer:
    """`messages` is what stands in each chat, `faults` what the next calls of a method suffer, `chance` asks for one at every call."""

    def __init__(self) -> None:
        self.port = 0
        self.revoked = self.missing = ""
        self.replay = True
        self.locales: dict[str, str] = {"U0ANA": "es-ES", "U0BEN": "en-GB"}
        self.channels = {"C0HELP": True}
        self.messages: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.views: dict[str, dict[str, Any]] = {}
        self.homes: dict[str, dict[str, Any]] = {}
        self.whispers: list[tuple[str, str, str]] = []
        self.files: dict[str, tuple[dict[str, Any], bytes]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.problems: list[str] = []
        self.faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self.chance: Callable[[str], Fault | None] = lambda method: None
        self.acknowledged: list[str] = []
        self.connections, self.trigger_s = 0, DEADLINE_S
        self._triggers: dict[str, tuple[float, bool]] = {}
        self._pending: dict[str, Envelope] = {}
        self._sockets: list[web.WebSocketResponse] = []
        self._tickets: set[str] = set()
        self.count = itertools.count(1)
        self._last_ts = 0.0
        self._runner: web.AppRunner | None = None
        self._changed = asyncio.Condition()
        self._methods: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "auth.test": self._auth_test,
            "apps.connections.open": self._apps_connections_open,
            "users.info": self._users_info,
            "conversations.open": self._conversations_open,
            "chat.postMessage": self._chat_postmessage,
            "chat.update": self._chat_update,
            "chat.postEphemeral": self._chat_postephemeral,
            "conversations.history": self._conversations_history,
            "conversations.replies": self._conversations_replies,
            "views.open": self._views_open,
            "views.publish": self._views_publish,
            "files.info": self._files_info,
            "files.getUploadURLExternal": self._files_getuploadurlexternal,
            "files.completeUploadExternal": self._files_completeuploadexternal,
        }

    # --- the servers ---

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/"

    async def start(self) -> None:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_get("/socket", self._socket)
        app.router.add_get("/files/{id}/{name}", self._download)
        app.router.add_post("/upload/{id}", self._uploaded)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, true: Callable[[], object], seconds: float = 20) -> None:
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: bool(true()))

    # --- the Web API ---

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        given = await arguments(request)
        self.calls.append((method, given))
        fault = self.faults[method].popleft() if self.faults[method] else self.chance(method)
        kind = fault[0] if fault else ""
        if kind == "429":
            return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=hint(fault))
        if kind == "5xx" and fault:
            return web.Response(text="<html>upstream</html>", status=fault[1], content_type="text/html")
        if kind == "reset before":
            return cut(request)
        if kind == "garbage":
            return web.Response(text='{"ok": tr', content_type="application/json")
        if kind == "refuse" and fault:
            return web.json_response({"ok": False, "error": fault[1]})
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        answer = self._answer(method, given, token)
        await self._tell()
        if kind == "slow" and fault:
            await fault[1].wait()
        if kind == "reset after":
            return cut(request)
        return web.json_response(answer, headers=granted(self.missing))

    def _answer(self, method: str, arguments: dict[str, Any], token: str) -> dict[str, Any]:
        if self.revoked:
            return {"ok": False, "error": self.revoked}
        if token != (APP_TOKEN if method == "apps.connections.open" else BOT_TOKEN):
            return {"ok": False, "error": "invalid_auth" if token else "not_authed"}
        call = self._methods.get(method)
        if call is None:
            self.problems.append(f"unknown method {method}")
            return {"ok": False, "error": "unknown_method"}
        try:
            return {"ok": True, **call(arguments)}
        except rules.Wrong as wrong:
            if wrong.code not in rules.TO_BE_EXPECTED:
                self.problems.append(f"{method}: {wrong}")
            return {"ok": False, "error": wrong.code}

    def _auth_test(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"url": "https://relevo.example/", "team_id": TEAM, "user_id": BOT_USER, "bot_id": BOT_ID, "user": "relevo"}

    def _apps_connections_open(self, arguments: dict[str, Any]) -> dict[str, Any]:
        ticket = f"ticket{next(self.count)}"
        self._tickets.add(ticket)
        return {"url": f"ws://127.0.0.1:{self.port}/socket?ticket={ticket}"}

    def _users_info(self, arguments: dict[str, Any]) -> dict[str, Any]:
        rules.need(arguments.get("user") in self.locales, "user", "user_not_found")
        return {"user": {"id": arguments["user"], "locale": self.locales[arguments["user"]]}}

    def _conversations_open(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"channel": {"id": self.im(arguments["users"])}}

    def _chat_postmessage(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._writable(arguments.get("channel"))
        rules.message(arguments)
        post = self.post(arguments["channel"], {"user": BOT_USER, "bot_id": BOT_ID, **kept(arguments)})
        return {"channel": arguments["channel"], "ts": post["ts"], "message": post}

    def _chat_update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        post = next((post for post in self.messages[arguments["channel"]] if post["ts"] == arguments["ts"]), None)
        rules.need(post is not None, "no such message", "message_not_found")
        rules.message(arguments, update=True)
        if post is not None:
            rules.need(post.get("bot_id") == BOT_ID, "somebody else's message", "cant_update_message")
            post |= kept(arguments)
            post["edits"] = post.get("edits", 0) + 1
        return {"channel": arguments["channel"], "ts": arguments["ts"]}

    def _chat_postephemeral(self, arguments: dict[str, Any]) -> dict[str, Any]:
        rules.message(arguments)
        self.whispers.append((arguments["channel"], arguments["user"], arguments["text"]))
        return {"message_ts": self.ts()}

    def _conversations_history(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._writable(arguments.get("channel"))
        found = [post for post in self.messages[arguments["channel"]] if post.get("thread_ts", post["ts"]) == post["ts"]]
        return page(list(reversed(found)), arguments)

    def _conversations_replies(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._writable(arguments.get("channel"))
        root, posts = arguments["ts"], self.messages[arguments["channel"]]  # of a reply: that alone
        rules.need(any(post["ts"] == root for post in posts), "no such message", "thread_not_found")
        return page([post for post in posts if root in (post["ts"], post.get("thread_ts"))], arguments)

    def _views_open(self, arguments: dict[str, Any]) -> dict[str, Any]:
        expires, used = self._triggers.get(arguments.get("trigger_id", ""), (0.0, False))
        rules.need(not used, "a trigger is good for one view", "exchanged_trigger_id")
        rules.need(time.monotonic() <= expires, "a trigger is good for three seconds", "expired_trigger_id")
        self._triggers[arguments["trigger_id"]] = expires, True
        drawn = unpacked(arguments["view"])
        rules.view(drawn)
        return {"view": self.show(f"V{next(self.count)}", drawn)}

    def _views_publish(self, arguments: dict[str, Any]) -> dict[str, Any]:
        drawn = unpacked(arguments["view"])
        rules.view(drawn)
        self.homes[arguments["user_id"]] = drawn
        return {"view": drawn}

    def _files_info(self, arguments: dict[str, Any]) -> dict[str, Any]:
        rules.need(arguments["file"] in self.files, "file", "file_not_found")
        return {"file": self.files[arguments["file"]][0]}

    def _files_getuploadurlexternal(self, arguments: dict[str, Any]) -> dict[str, Any]:
        id = f"F{next(self.count)}"
        self.files[id] = ({"id": id, "name": arguments["filename"], "size": int(arguments["length"])}, b"")
        return {"file_id": id, "upload_url": f"http://127.0.0.1:{self.port}/upload/{id}"}

    def _files_completeuploadexternal(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._writable(arguments.get("channel_id"))
        shared = []
        for each in unpacked(arguments["files"]):
            about, content = self.files[each["id"]]
            rules.need(len(content) == about["size"], "the bytes are not those announced", "upload_failed")
            shared.append({**about, "title": each.get("title", "")})
        thread = {"thread_ts": arguments["thread_ts"]} if arguments.get("thread_ts") else {}
        self.post(arguments["channel_id"], {"user": BOT_USER, "bot_id": BOT_ID, "text": "", "files": shared, **thread})
        return {"files": shared}

    async def _uploaded(self, request: web.Request) -> web.Response:
        about, _ = self.files[request.match_info["id"]]
        self.files[request.match_info["id"]] = about, await request.read()
        return web.Response(text="OK")

    async def _download(self, request: web.Request) -> web.Response:
        if request.headers.get("authorization") != f"Bearer {BOT_TOKEN}" or self.missing == "files:read":
            return web.Response(text="<html>Sign in to Slack</html>", content_type="text/html")
        fault = self.faults["download"].popleft() if self.faults["download"] else None
        if fault:
            return web.Response(status=fault[1])
        about, content = self.files[request.match_info["id"]]
        return web.Response(body=content, content_type=about.get("mimetype", "application/octet-stream"))

    # --- Socket Mode ---

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            raise web.HTTPForbidden
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        await socket.send_str(json.dumps({"type": "hello", "num_connections": 1, "connection_info": {"app_id": APP}}))
        self._sockets.append(socket)
        self.connections += 1
        if self.replay:
            for envelope in list(self._pending.values()):
                if envelope.kind == "events_api":
                    await self._send(envelope, again=True)
        await self._tell()
        try:
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    await self._take(json.loads(message.data))
        finally:
            if socket in self._sockets:
                self._sockets.remove(socket)
            await self._tell()
        return socket

    async def _take(self, ack: dict[str, Any]) -> None:
        envelope = self._pending.pop(ack.get("envelope_id", ""), None)
        if envelope is None:
            return
        if time.monotonic() - envelope.at > DEADLINE_S and envelope.kind != "events_api":
            self.problems.append(f"acknowledged late: {envelope.kind}")
        self.acknowledged.append(envelope.key)
        if not envelope.answer.done():
            envelope.answer.set_result(ack.get("payload") or {})
        await self._tell()

    async def _send(self, envelope: Envelope, *, again: bool = False) -> None:
        envelope.attempts += again
        envelope.at = time.monotonic()
        if self._sockets:
            try:
                await self._sockets[-1].send_str(envelope.written())
            except (ConnectionError, RuntimeError):
                return

    async def offer(self, kind: str, payload: dict[str, Any], key: str = "") -> Envelope:
        """Give the app something; it stays pending until it is acknowledged."""
        id = f"E{next(self.count)}"
        envelope = self._pending[id] = Envelope(id, kind, payload, key or id)
        await self._send(envelope)
        return envelope

    async def offer_again(self) -> None:
        """Slack's retry of every event that was not acknowledged."""
        for envelope in list(self._pending.values()):
            if envelope.kind == "events_api":
                await self._send(envelope, again=True)

    def forget(self) -> None:
        """Slack has given up on whatever was not acknowledged."""
        self._pending.clear()

    @property
    def unacknowledged(self) -> int:
        return len(self._pending)

    async def refresh(self) -> None:
        """Slack announces that it will close the connection, as it does every few hours."""
        await self._sockets[-1].send_str(json.dumps({"type": "disconnect", "reason": "refresh_requested"}))

    async def drop(self) -> None:
        """The connections break without a word."""
        for socket in list(self._sockets):
            request = socket._req
            if request is not None and request.transport is not None:
                request.transport.abort()

    async def babble(self, *frames: str) -> None:
        for frame in frames:
            await self._sockets[-1].send_str(frame)

    # --- what stands there ---

    def im(self, user: str) -> str:
        chat = "D" + user[1:]
        self.channels[chat] = True
        return chat

    def file(self, name: str, content: bytes, mime: str, **more: Any) -> str:
        """Somebody's file in Slack's store: its id."""
        id = f"F{next(self.count)}"
        url = f"http://127.0.0.1:{self.port}/files/{id}/{name}"
        about = {"id": id, "name": name, "mimetype": mime, "size": len(content), "mode": "hosted", "url_private_download": url, **more}
        self.files[id] = about, content
        return id

    def trigger(self) -> str:
        id = f"trigger.{next(self.count)}"
        self._triggers[id] = time.monotonic() + self.trigger_s, False
        return id

    def by_desk(self, chat: str) -> list[dict[str, Any]]:
        return [post for post in self.messages[chat] if post.get("bot_id") == BOT_ID]

    def screen(self, chat: str) -> str:
        """All that the desk said in a chat, as its reader sees it."""
        return "\n".join(shown(post) for post in self.by_desk(chat))

    def _writable(self, channel: Any) -> None:
        rules.need(channel in self.channels, "channel", "channel_not_found")
        rules.need(self.channels[channel], "channel", "not_in_channel")

    def post(self, chat: str, post: dict[str, Any]) -> dict[str, Any]:
        post = {"type": "message", "ts": self.ts(), "team": TEAM, **post}
        self.messages[chat].append(post)
        return post

    def ts(self) -> str:
        self._last_ts = max(time.time(), self._last_ts + 0.000_01)
        return f"{self._last_ts:.6f}"

    def show(self, id: str, drawn: dict[str, Any]) -> dict[str, Any]:
        self.views[id] = {**drawn, "id": id, "hash": f"{self.ts()}.hash"}
        return self.views[id]


@asynccontextmanager
async def slack() -> AsyncIterator[SlackServer]:
    """A server for one test, which must have found nothing that Slack would not take."""
    server = SlackServer()
    with patch.dict(os.environ):
        # The library reads these even for an address on this machine.
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            os.environ.pop(name, None)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()
    assert server.problems == []
