"""The HTTP half of the chat: opening and closing a session, sending, long polling, proving who one is, configuration and files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from adapters.base import Accept, Accepted, NotStored
from adapters.ports import Now
from adapters.webchat import identity, wire
from adapters.webchat.assets import Assets
from adapters.webchat.files import Files
from adapters.webchat.hub import Gone, Hub, Stopped
from adapters.webchat.ports import Welcomes
from adapters.webchat.refusals import Refusal
from adapters.webchat.settings import WebChatSettings
from adapters.webchat.visitors import Visitors, bearer
from conversations.events import Inbound
from conversations.model import Address, Attachment

Serve = Callable[[Request], Awaitable[Response]]

_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "cross-origin",
}


def speaks_spanish(accept_language: str) -> bool:
    """Whether Spanish is named before English."""
    for part in accept_language.lower().split(","):
        tag = part.split(";")[0].strip()[:2]
        if tag in ("es", "en"):
            return tag == "es"
    return False


def _json(data: Any, status: int = 200, cache: str = "no-store") -> Response:
    return Response(msgspec.json.encode(data), status, {"cache-control": cache}, "application/json")


class Endpoints:
    """Plain Starlette endpoints: this is the hot path. `accept` is there while the adapter runs."""

    def __init__(self, settings: WebChatSettings, visitors: Visitors, hub: Hub, welcome: Welcomes, files: Files, now: Now) -> None:
        self.accept: Accept | None = None
        self.assets = Assets()
        self._settings = settings
        self._visitors = visitors
        self._hub = hub
        self._welcome = welcome
        self._files = files
        self._now = now

    def serve(self, methods: Mapping[str, Serve]) -> Serve:
        """One endpoint of several methods, with what they all share: the origin check, preflights, refusals as JSON, safe headers."""
        allowed = ", ".join(methods)

        async def answer(request: Request) -> Response:
            origin = ""
            try:
                origin = self._visitors.origin(request)
                if request.method == "OPTIONS":
                    response = Response(status_code=204)
                    response.headers["access-control-allow-methods"] = allowed
                    response.headers["access-control-allow-headers"] = "authorization, content-type, x-file-name"
                    response.headers["access-control-max-age"] = "7200"
                else:
                    response = await methods["GET" if request.method == "HEAD" else request.method](request)
            except Refusal as refusal:
                response = refusal.response(speaks_spanish(request.headers.get("accept-language", "")))
            except NotStored as error:
                response = Refusal("not_stored", after=error.after).response(speaks_spanish(request.headers.get("accept-language", "")))
            for name, value in _HEADERS.items():
                response.headers.setdefault(name, value)
            response.headers.setdefault("cache-control", "no-store")
            response.headers.add_vary_header("Origin")
            if origin:
                response.headers["access-control-allow-origin"] = origin
                response.headers["access-control-expose-headers"] = "Retry-After"
            return response

        return answer

    async def open(self, request: Request) -> Response:
        network = self._visitors.network(request)
        self._visitors.count_opening(network)
        opened = wire.read(await self._body(request), wire.Opened)
        who = identity.verify(opened.jwt, self._settings, self._now()) if opened.jwt else None
        token, address = await self._visitors.open(who)
        if who:
            await self._accept(wire.identified(who, address, wire.locale_hint(opened.locale), self._now()))
        return _json({"token": token, "limits": {"text": self._settings.limits.text}}, 201)

    async def close(self, request: Request) -> Response:
        token = bearer(request)
        await self._visitors.session(token, self._visitors.network(request))
        if token is not None:
            await self._visitors.close(token)
        return Response(status_code=204)

    async def send(self, request: Request) -> Response:
        session = await self._visitors.session(bearer(request), self._visitors.network(request))
        self._visitors.count_message(session.address)
        body = wire.read(await self._body(request), wire.Sent)
        sent: dict[str, Attachment] = {}

        def vouch(address: str, file: Attachment) -> Attachment:
            known = sent[file.id] = self._files.vouch(address, file)
            return known

        inbound = wire.event_of(body, Address.parse(session.address), self._settings.limits, vouch)
        for file in sent.values():
            await self._files.renew(file)
        accepted = await self._accept(inbound)
        return _json({"id": inbound.key, "fresh": accepted.fresh}, 202 if accepted.fresh else 200)

    async def link(self, request: Request) -> Response:
        """A short-lived link to a file of the visitor's own."""
        session = await self._visitors.session(bearer(request), self._visitors.network(request))
        file = self._files.vouch(session.address, wire.read(await self._body(request), Attachment))
        return _json({"url": self._files.link(file)})

    async def identify(self, request: Request) -> Response:
        network = self._visitors.network(request)
        self._visitors.count_identify(network)
        token = bearer(request)
        session = await self._visitors.session(token, network)
        body = wire.read(await self._body(request), wire.Identified)
        who = identity.verify(body.jwt, self._settings, self._now())
        if token is not None:
            await self._visitors.bind(token, session, who)
        await self._accept(wire.identified(who, Address.parse(session.address), "", self._now()))
        return _json({"subject": who.subject, "name": who.name})

    async def poll(self, request: Request) -> Response:
        network = self._visitors.network(request)
        session = await self._visitors.session(bearer(request), network)
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdigit() and len(after) <= 18):
            raise Refusal("bad_field", field="after (a cursor)")
        if not self._visitors.by_ip.enter(network):
            raise Refusal("too_many", after=5)
        try:
            if not self._visitors.by_conversation.enter(session.address):
                raise Refusal("too_many", after=5)
            try:
                batch = await self._wait(request, session.address, int(after), once=request.query_params.get("wait") == "0")
            finally:
                self._visitors.by_conversation.leave(session.address)
        finally:
            self._visitors.by_ip.leave(network)
        return Response(batch or wire.batch([], int(after)), 200, {"cache-control": "no-store"}, "application/json")

    async def _wait(self, request: Request, address: str, after: int, *, once: bool) -> bytes | None:
        watcher = self._hub.join(address, after, once=once)

        async def listen() -> None:
            # A browser that went away must not hold its place (and its count) until the poll ends.
            while (await request.receive())["type"] != "http.disconnect":
                pass
            self._hub.leave(watcher)

        listener = asyncio.create_task(listen())
        try:
            return await self._hub.next(watcher, self._settings.limits.poll_seconds)
        except Gone:
            return None
        except Stopped:
            raise NotStored(1) from None
        finally:
            listener.cancel()
            self._hub.leave(watcher)

    async def config(self, request: Request) -> Response:
        welcome = self._welcome(wire.locale_hint(request.query_params.get("locale", "")))
        body = {
            "name": welcome.name,
            "locale": welcome.locale,
            "locales": welcome.locales,
            "greeting": welcome.greeting,
            "suggestions": welcome.suggestions,
            "limits": {"text": self._settings.limits.text, "file": self._settings.limits.file, "files": wire.FILES},
        }
        return _json(body, cache="public, max-age=60")

    async def asset(self, request: Request) -> Response:
        return self.assets.respond(request.path_params["file"], request)

    async def _accept(self, inbound: Inbound) -> Accepted:
        if self.accept is None:
            raise NotStored(1)
        return await self.accept(inbound)

    async def _body(self, request: Request) -> bytes:
        """The body, read no further than the limit and waited for no longer than is decent."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refusal("not_json")
        limit = self._settings.limits.body
        length = request.headers.get("content-length", "0")
        if length.isascii() and length.isdigit() and int(length[:18]) > limit:
            raise Refusal("too_large", limit=limit)
        body = bytearray()
        try:
            async with asyncio.timeout(self._settings.limits.body_seconds):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > limit:
                        raise Refusal("too_large", limit=limit)
        except TimeoutError:
            raise Refusal("slow") from None
        except ClientDisconnect:
            raise Refusal("bad_json") from None
        return bytes(body)
