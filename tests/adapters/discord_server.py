"""A Discord on loopback that the real library speaks to: REST and gateway, strict where Discord is, and broken where a test wants it.

Ids, tokens and the shapes of payloads are as in the developer docs (API v10). What it does not know it answers with 404.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from tests.adapters import discord_rules as rules
from tests.adapters.discord_gateway import Gateway
from tests.adapters.discord_parts import Fault, Interaction, actor_of, body_of, buttons, reply

BOT = "700000000000000001"
TOKEN = base64.urlsafe_b64encode(BOT.encode()).decode().rstrip("=") + ".Gabcde.abcdefghijklmnopqrstuvwxyz"
EPOCH_MS = 1_420_070_400_000
DEADLINE_S = 3.0


class DiscordServer:
    """`history` is what stands in each channel, oldest first, as Discord would give it out."""

    def __init__(self) -> None:
        self._count = itertools.count(1)
        self.history: dict[str, list[dict[str, Any]]] = {}
        self.guild_of: dict[str, str] = {}
        self.private: dict[str, str] = {}
        self.files: dict[str, bytes] = {}
        self.file_delay = 0.0
        self.interactions: dict[str, Interaction] = {}
        self.commands: list[dict[str, Any]] = []
        self.synced = 0
        self.faults: deque[Fault] = deque()
        self.calls: list[tuple[str, str, float]] = []
        self.refusals: list[str] = []
        self.closed_to: set[str] = set()
        self.repeats = 0
        self.flags = 0
        self.endpoint: str | None = None
        self.sessions_left = 1000
        self._nonces: dict[tuple[str, str], dict[str, Any]] = {}
        self.gateway = Gateway(TOKEN, self._ready)
        self._runner: web.AppRunner | None = None
        self.port = 0

    # --- its life ---

    async def start(self, port: int = 0) -> None:
        app = web.Application(client_max_size=64 * rules.MB, middlewares=[self._guard])
        v10 = "/api/v10"
        app.add_routes(
            [
                web.get(f"{v10}/users/@me", self._me),
                web.get(f"{v10}/gateway/bot", self._gateway),
                web.get(f"{v10}/oauth2/applications/@me", self._application),
                web.post(f"{v10}/users/@me/channels", self._open_private),
                web.post(f"{v10}/channels/{{channel}}/messages", self._create),
                web.get(f"{v10}/channels/{{channel}}/messages", self._read),
                web.post(f"{v10}/interactions/{{id}}/{{token}}/callback", self._answer),
                web.delete(f"{v10}/webhooks/{{id}}/{{token}}/messages/@original", self._remove),
                web.get(f"{v10}/applications/{{id}}/commands", self._commands),
                web.put(f"{v10}/applications/{{id}}/commands", self._sync),
                web.get("/files/{name}", self._file),
                web.get("/", self.gateway.attend),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port or self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.gateway.url = self.gateway_url

    async def stop(self) -> None:
        await self.gateway.drop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v10"

    @property
    def gateway_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/"

    # --- what people do ---

    def id(self) -> str:
        """A snowflake of now."""
        return str((int(time.time() * 1000) - EPOCH_MS) << 22 | (next(self._count) & 0x3FFFFF))

    def room(self, user: str) -> str:
        """This person's private channel with the bot."""
        if user not in self.private:
            self.private[user] = self.id()
            self.history[self.private[user]] = []
        return self.private[user]

    def channel(self, guild: str) -> str:
        """A new text channel of a server."""
        id = self.id()
        self.history[id], self.guild_of[id] = [], guild
        return id

    def user(self, id: str) -> dict[str, Any]:
        return {"id": id, "username": f"user{id[-4:]}", "discriminator": "0", "avatar": None, "global_name": "Ana", "bot": id == BOT}

    def post(self, channel: str, user: str, text: str, *, files: dict[str, bytes] | None = None, deliver: bool = True, **more: Any) -> Any:
        """Somebody writes; the message as the gateway tells it. `deliver=False`: the gateway tells nobody."""
        message = self._message(channel, user, text)
        message["attachments"] = [self.attach(name, content) for name, content in (files or {}).items()]
        message |= more
        message["mentions"] = self._mentions(message)
        self.history[channel].append(message)
        told = self._told(message)
        if deliver:
            self.gateway.publish("MESSAGE_CREATE", told)
        return told

    def _mentions(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        """Whom a message names, or answers. In private Discord tells of nobody that we would care for."""
        answered = (message.get("referenced_message") or {}).get("author", {}).get("id")
        named = message["channel_id"] in self.guild_of and (f"<@{BOT}>" in message["content"] or answered == BOT)
        return [self.user(BOT)] if named else []

    def _told(self, message: dict[str, Any]) -> dict[str, Any]:
        """As a bot without the intent message_content is told of it: in a server, what does not name the bot comes without its words."""
        if message["channel_id"] not in self.guild_of:
            return dict(message)
        ours = message["mentions"] or message["author"]["id"] == BOT
        held_back = {} if ours else {"content": "", "attachments": [], "embeds": [], "components": []}
        return message | held_back | {"guild_id": self.guild_of[message["channel_id"]]}

    def edit(self, channel: str, id: str, text: str) -> None:
        """Who wrote a message changes it."""
        message = next(message for message in self.history[channel] if message["id"] == id)
        message |= {"content": text, "edited_timestamp": datetime.now(UTC).isoformat()}
        message["mentions"] = self._mentions(message)
        self.gateway.publish("MESSAGE_UPDATE", self._told(message))

    def preview(self, channel: str, id: str) -> None:
        """Discord has drawn what a link in a message leads to."""
        message = next(message for message in self.history[channel] if message["id"] == id)
        message["embeds"] = [{"type": "link", "url": "https://a.example", "title": "A page"}]
        self.gateway.publish("MESSAGE_UPDATE", self._told(message))

    def delete(self, channel: str, *ids: str) -> None:
        """Several at once are a moderator's doing."""
        self.history[channel] = [message for message in self.history[channel] if message["id"] not in ids]
        where = {"channel_id": channel} | ({"guild_id": self.guild_of[channel]} if channel in self.guild_of else {})
        if len(ids) == 1:
            self.gateway.publish("MESSAGE_DELETE", {"id": ids[0], **where})
        else:
            self.gateway.publish("MESSAGE_DELETE_BULK", {"ids": list(ids), **where})

    def attach(self, name: str, content: bytes) -> dict[str, Any]:
        id = self.id()
        self.files[id] = content
        url = f"http://127.0.0.1:{self.port}/files/{id}?ex=1&name={name}"
        return {"id": id, "filename": name, "size": len(content), "url": url, "proxy_url": url, "content_type": "application/octet-stream"}

    def command(self, channel: str, user: str, name: str, locale: str = "en-US", **options: str) -> Interaction:
        given = [{"name": key, "type": 3, "value": value} for key, value in options.items()]
        return self._interact(2, channel, user, locale, {"id": self.id(), "type": 1, "name": name, "options": given})

    def press(self, message: dict[str, Any], label: str, user: str, locale: str = "en-US") -> Interaction:
        """The button or option with this label; where several have it, the first."""
        for part in (part for row in message["components"] for part in row["components"]):
            data = {"custom_id": part["custom_id"], "component_type": part["type"]}
            if part["type"] == 2 and part["label"] == label:
                return self._interact(3, message["channel_id"], user, locale, data, message)
            for option in part.get("options", []):
                if option["label"] == label:
                    return self._interact(3, message["channel_id"], user, locale, data | {"values": [option["value"]]}, message)
        raise LookupError(f"no button {label!r} among {buttons(message)}")

    def submit(self, opened: Interaction, answers: dict[str, Any], files: dict[str, bytes] | None = None) -> Interaction:
        """The modal is sent: `answers` by the label of the field (of the option, for a select or radio). The rest as it stood."""
        modal = opened.modal
        assert modal is not None
        assert answers.keys() <= {label["label"] for label in modal["components"]}, modal
        resolved: dict[str, Any] = {}
        components: list[dict[str, Any]] = []
        for label in modal["components"]:
            part, said = label["component"], answers.get(label["label"])
            filled: dict[str, Any] = {"type": part["type"], "custom_id": part["custom_id"], "id": len(components) + 2}
            chosen = [
                option["value"] for option in part.get("options", []) if option["label"] == said or (said is None and option.get("default"))
            ]
            match part["type"]:
                case 4:
                    filled["value"] = part.get("value", "") if said is None else said
                    assert len(filled["value"]) <= part.get("max_length", 4000)
                case 21:
                    filled["value"] = chosen[0] if chosen else None
                case 3:
                    filled["values"] = chosen
                case 19:
                    sent = [self.attach(name, content) for name, content in (files or {}).items()]
                    resolved |= {each["id"]: each for each in sent}
                    filled["values"] = [each["id"] for each in sent]
            # Discord's own programs let nobody send a form without what is required.
            assert not part.get("required", True) or filled.get("value") or filled.get("values"), f"{label['label']} is required"
            components.append({"type": 18, "id": 1, "component": filled})
        data = {"custom_id": modal["custom_id"], "components": components, "resolved": {"attachments": resolved} if resolved else {}}
        raw = opened.raw
        return self._interact(5, raw["channel_id"], actor_of(raw), raw["locale"], data, raw.get("message"))

    def known(self, raw: dict[str, Any]) -> None:
        """A payload made elsewhere counts as ours from here on, when it is an interaction: it can be answered."""
        if "token" in raw and raw["id"] not in self.interactions:
            self.interactions[raw["id"]] = Interaction(raw["id"], raw, time.monotonic() + DEADLINE_S)

    def said(self, channel: str) -> list[dict[str, Any]]:
        """What the bot wrote there."""
        return [message for message in self.history.get(channel, []) if message["author"]["id"] == BOT]

    def _interact(self, type: int, channel: str, user: str, locale: str, data: dict[str, Any], message: Any = None) -> Interaction:
        id = self.id()
        guild = self.guild_of.get(channel)
        who: dict[str, Any] = {"member": {"user": self.user(user), "roles": []}, "guild_id": guild} if guild else {"user": self.user(user)}
        raw = {
            **{"id": id, "application_id": BOT, "type": type, "token": f"token-{id}", "version": 1, "channel_id": channel},
            **{"locale": locale, "data": data, "entitlements": [], "attachment_size_limit": 10 * rules.MB, "context": 0 if guild else 1},
            **who,
        }
        if message is not None:
            raw["message"] = message
        interaction = self.interactions[id] = Interaction(id, raw, time.monotonic() + DEADLINE_S)
        self.gateway.publish("INTERACTION_CREATE", raw)
        return interaction

    def _message(self, channel: str, user: str, text: str) -> dict[str, Any]:
        return {
            **{
                "id": self.id(),
                "channel_id": channel,
                "author": self.user(user),
                "content": text,
                "type": 0,
                "pinned": False,
                "tts": False,
            },
            **{"timestamp": "2026-11-22T10:00:00+00:00", "edited_timestamp": None, "mention_everyone": False, "mention_roles": []},
            **{"mentions": [], "attachments": [], "embeds": [], "components": [], "flags": 0},
        }

    # --- REST ---

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.calls.append((request.method, request.path, time.monotonic()))
        if request.path.startswith("/api/") and request.headers.get("authorization") != f"Bot {TOKEN}":
            return reply({"message": "401: Unauthorized", "code": 0}, 401)
        try:
            return await handler(request)  # type: ignore[no-any-return]
        except web.HTTPException as error:
            return reply({"message": f"{error.status}: {error.reason}", "code": 0}, error.status)

    def _refuse(self, code: int, why: str, status: int = 400) -> web.Response:
        self.refusals.append(f"{code} {why}")
        return reply({"message": why, "code": code, "errors": {}}, status)

    async def _me(self, request: web.Request) -> web.Response:
        return reply(self.user(BOT))

    async def _application(self, request: web.Request) -> web.Response:
        facts = {"id": BOT, "name": "Relevo", "description": "", "icon": None, "bot_public": False, "bot_require_code_grant": False}
        return reply(
            facts | {"owner": self.user("1"), "verify_key": "0" * 64, "flags": self.flags, "interactions_endpoint_url": self.endpoint}
        )

    async def _gateway(self, request: web.Request) -> web.Response:
        limit = {"total": 1000, "remaining": self.sessions_left, "reset_after": 14_400_000, "max_concurrency": 1}
        return reply({"url": self.gateway_url, "shards": 1, "session_start_limit": limit})

    def _ready(self) -> dict[str, Any]:
        return {"v": 10, "user": self.user(BOT), "guilds": [], "application": {"id": BOT, "flags": 0}}

    async def _create(self, request: web.Request) -> web.StreamResponse:
        body, files = await body_of(request)
        channel = request.match_info["channel"]
        fault = self.faults.popleft() if self.faults else None
        if fault is not None and fault.kind not in ("lost", "slow"):
            return self._faulty(fault)
        if channel not in self.history:
            return self._refuse(10003, "Unknown Channel", 404)
        if channel in self.closed_to:
            return self._refuse(50007, "Cannot send messages to this user", 403)
        if wrong := rules.message(body, [(name, len(content)) for name, content in files]):
            return self._refuse(*wrong)
        if body.get("allowed_mentions", {}).get("parse") != []:
            return self._refuse(rules.INVALID, "this fake wants mentions to be switched off")
        known = self._nonces.get((channel, str(body.get("nonce")))) if body.get("enforce_nonce") else None
        if known is None:
            known = self._message(channel, BOT, body["content"].strip())
            known["components"] = body.get("components", [])
            known["attachments"] = [self.attach(name, content) for name, content in files]
            known |= {name: body[name] for name in ("nonce", "message_reference", "flags") if name in body}
            self.history[channel].append(known)
            if "nonce" in body:
                self._nonces[channel, str(body["nonce"])] = known
            self.gateway.publish("MESSAGE_CREATE", self._told(known))
        else:
            self.repeats += 1
        if fault is not None and fault.kind == "lost":
            assert request.transport is not None
            request.transport.abort()
        elif fault is not None:
            await asyncio.sleep(fault.after)
        return reply(known)

    def _faulty(self, fault: Fault) -> web.Response:
        match fault.kind:
            case 429:
                body = {"message": "You are being rate limited.", "retry_after": fault.after, "global": fault.whole}
                return reply(body, 429, {"Via": "1.1 google", "Retry-After": str(int(fault.after) + 1), "X-RateLimit-Scope": "user"})
            case 1015:
                return web.Response(status=429, text="<html>error code: 1015</html>", content_type="text/html")
            case int(status) if 500 <= status < 600:
                return web.Response(status=status, text="upstream connect error", content_type="text/plain")
            case code:
                return self._refuse(int(code), "refused", 403)

    async def _read(self, request: web.Request) -> web.Response:
        lines = self.history.get(request.match_info["channel"])
        if lines is None:
            return self._refuse(10003, "Unknown Channel", 404)
        after, limit = int(request.query.get("after", 0)), int(request.query.get("limit", 50))
        newer = sorted((line for line in lines if int(line["id"]) > after), key=lambda line: int(line["id"]))[:limit]
        return reply([{name: value for name, value in self._told(line).items() if name != "guild_id"} for line in newer[::-1]])

    async def _open_private(self, request: web.Request) -> web.Response:
        user = str((await request.json())["recipient_id"])
        return reply({"id": self.room(user), "type": 1, "recipients": [self.user(user)]})

    async def _answer(self, request: web.Request) -> web.Response:
        body, _ = await body_of(request)
        found = self.interactions.get(request.match_info["id"])
        if found is None or found.token != request.match_info["token"] or time.monotonic() > found.until:
            return self._refuse(10062, "Unknown interaction", 404)
        if found.answers:
            return self._refuse(40060, "Interaction has already been acknowledged")
        fault = None
        if body["type"] == 9:
            fault = "a modal cannot open a modal" if found.raw["type"] == 5 else next(rules.modal(body["data"]), None)
        elif body["type"] == 6:
            fault = "nothing to update" if found.raw.get("message") is None else None
        elif body["type"] == 4:
            fault = None if 0 < len(body["data"]["content"]) <= 2000 else "content"
        elif body["type"] != 5:
            fault = "type"
        if fault:
            return self._refuse(rules.INVALID, f"interaction: {fault}")
        found.answers.append(body)
        found.original = body["type"] in (4, 5)
        return web.Response(status=204)

    async def _remove(self, request: web.Request) -> web.Response:
        found = next((each for each in self.interactions.values() if each.token == request.match_info["token"]), None)
        if found is None or not found.original:
            return self._refuse(10008, "Unknown Message", 404)
        found.original = False
        return web.Response(status=204)

    async def _commands(self, request: web.Request) -> web.Response:
        return reply(self.commands)

    async def _sync(self, request: web.Request) -> web.Response:
        given = await request.json()
        if fault := next(rules.commands(given), None):
            return self._refuse(rules.INVALID, fault)
        # Discord adds to what it was told, and leaves out of it only that an option is not required, which is so anyway.
        for option in (option for command in given for option in command.get("options", [])):
            if not option.get("required"):
                option.pop("required", None)
        self.commands = [{"id": self.id(), "version": "1", "default_permission": True, "nsfw": False, **command} for command in given]
        self.synced += 1
        return reply(self.commands)

    async def _file(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self.file_delay)
        if request.headers.get("authorization"):
            self.refusals.append("the token went to the file store")
        content = self.files.get(request.match_info["name"])
        return web.Response(body=content) if content is not None else web.Response(status=404)
