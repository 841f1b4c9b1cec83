"""The live chat as a platform: settings → decode → encode → deliver → run, and the routes to be mounted by whoever serves HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from starlette.routing import BaseRoute, Route, WebSocketRoute

from adapters.base import Accept, Capabilities, Outbound, Payload, Receipt
from adapters.ports import Now, Uploads
from adapters.webchat import wire
from adapters.webchat.endpoints import Endpoints, Serve
from adapters.webchat.files import Files
from adapters.webchat.hub import Hub
from adapters.webchat.live import Live
from adapters.webchat.page import Page
from adapters.webchat.ports import Log, Sessions, Welcomes
from adapters.webchat.refusals import Refusal
from adapters.webchat.settings import WebChatSettings
from adapters.webchat.visitors import Visitors
from conversations.events import Inbound
from conversations.model import Address, Attachment

_TEXT_LIMIT: Final = 1_000_000
_CHOICES: Final = 1_000
"""Buttons are a wrapping row in a window that scrolls: there may be any number. This one is only not infinite."""


class WebChat:
    """One live chat: its routes receive, its hub delivers.

    The browser draws the text tree itself, so there is nothing a message could lose on its way. Sends are idempotent because nothing is
    pushed but a wake-up: a message is in the log before it is delivered, and every browser pulls what follows its own cursor.
    """

    name = "web"
    capabilities = Capabilities(text_limit=_TEXT_LIMIT, choices=_CHOICES, label_limit=1_000, idempotent_send=True, several_chats=True)

    def __init__(
        self,
        settings: WebChatSettings,
        *,
        log: Log,
        sessions: Sessions,
        welcome: Welcomes,
        now: Now,
        blobs: Uploads,
        key: bytes,
        home: str = "",
    ) -> None:
        """`key`: 32 secret bytes or more that stay the same, and are the same on every node: they vouch for files and their links. `home`:
        where the desk's own page is, "" when nobody can tell.
        """
        self._home = home
        self.settings = settings
        self._visitors = Visitors(settings, sessions, now)
        self._files = Files(settings, self._visitors, blobs, key, now)
        self._hub = Hub(log, self._files.seal)
        self._endpoints = Endpoints(settings, self._visitors, self._hub, welcome, self._files, now)
        self._live = Live(settings, self._visitors, self._hub)
        self._page = Page(settings, welcome, self._endpoints.assets)

    def decode(self, raw: Any) -> Inbound | None:
        """`raw` is a request body beside the address that its bearer may speak at: `{"address": …, "body": {…}}`."""
        try:
            arrived = msgspec.convert(raw, wire.Arrived)
            address = Address.parse(arrived.address)
            known = (address.platform, address.account) == (self.name, self.settings.site) and str(address) == arrived.address
            return wire.event_of(arrived.body, address, self.settings.limits, self._files.vouch) if known else None
        except (msgspec.ValidationError, ValueError, Refusal):
            return None

    def way_in(self, code: str) -> str:
        """The address of the desk's page that brings a link code into its chat. What stands behind the # is sent to no server."""
        return f"{self._home}/#start=link_{code}" if self._home else ""

    def encode(self, out: Outbound) -> list[Payload]:
        return [Payload(out.address, msgspec.to_builtins(out.message))]

    async def deliver(self, payload: Payload, key: str) -> Receipt:
        """Wake the browsers of this conversation. With none open it is delivered all the same: the log keeps it until one comes."""
        self._hub.wake(str(payload.address))
        return Receipt(key)

    def link(self, file: Attachment) -> str:
        """The path of a download that works for ten minutes, for whoever has it."""
        return self._files.link(file)

    def wake(self, address: str) -> None:
        """Tell the browsers at `address` to look into the log: for what is written by another node."""
        self._hub.wake(address)

    async def run(self, accept: Accept) -> None:
        """Take messages and bring browsers up to date until cancelled; then open sockets are closed and long polls answered at once,

        so cancel this before waiting for the HTTP server to drain.
        """
        self._endpoints.accept = accept
        try:
            await self._hub.run()
        finally:
            self._endpoints.accept = None

    def routes(self) -> Sequence[BaseRoute]:
        """The chat under /chat and the desk's page at /."""
        http = self._endpoints

        def route(path: str, **methods: Serve) -> Route:
            return Route(path, http.serve(methods), methods=[*methods, "OPTIONS"])

        return [
            Route("/", self._page.show, methods=["GET"]),
            route("/chat/sessions", POST=http.open, DELETE=http.close),
            route("/chat/messages", POST=http.send),
            route("/chat/events", GET=http.poll),
            route("/chat/files", POST=self._files.receive),
            route("/chat/files/link", POST=http.link),
            route("/chat/files/{digest}", GET=self._files.show),
            route("/chat/identify", POST=http.identify),
            route("/chat/config", GET=http.config),
            WebSocketRoute("/chat/socket", self._live.attend),
            route("/chat/{file}", GET=http.asset),
        ]
