"""Who may speak here: the origin of a page, the session of a visitor, and how much of everything one of them is given."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from adapters.limits import bucket_key, client_address
from adapters.ports import Now
from adapters.webchat.identity import Identity
from adapters.webchat.limits import Buckets, Counted
from adapters.webchat.ports import Session, Sessions
from adapters.webchat.refusals import Refusal
from adapters.webchat.settings import WebChatSettings
from conversations.model import Address

_PROVED: Final = "@"
"""How the name of a chat begins that belongs to a customer who was proved from the beginning."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_TOUCH_MS: Final = 3_600_000
_DAY_MS: Final = 86_400_000


def digest(token: str) -> str:
    """What is kept of a token. 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def beginnings(site: str) -> tuple[str, str]:
    """How the addresses of all of a site's chats begin; and of those that open again for the customer who was proved in them, while all
    others open for the one session that began them.
    """
    again = str(Address("web", site, _PROVED))
    return again[: again.rindex(":") + 1], again


class Visitors:
    """Sessions, origins and limits: asked before anything else is looked at."""

    def __init__(self, settings: WebChatSettings, sessions: Sessions, now: Now) -> None:
        limits = settings.limits
        self._settings = settings
        self._sessions = sessions
        self._now = now
        self._origins = frozenset(settings.allowed_origins) | ({settings.public_url} if settings.public_url else frozenset())
        self._opened = Buckets(limits.sessions, limits.remembered)
        self._strikes = Buckets(limits.strikes, limits.remembered)
        self._connects = Buckets(limits.connects, limits.remembered)
        self._messages = Buckets(limits.messages, limits.remembered)
        self._identifies = Buckets(limits.identifies, limits.remembered)
        self._files = Buckets(limits.files, limits.remembered, "too_many_files")
        self._uploads = Buckets(limits.uploads, limits.remembered)
        self.uploading = Counted(limits.uploads_at_once)
        self.by_ip = Counted(limits.sockets_per_ip)
        self.by_conversation = Counted(limits.sockets_per_conversation)

    # --- where from ---

    def origin(self, connection: HTTPConnection) -> str:
        """The foreign origin this comes from that we allow, or "" for our own page or a program; raises Refusal (foreign_origin).

        Browsers always name the origin of a POST and of a socket. A program may name any, so its absence proves nothing and grants nothing.
        """
        origin = connection.headers.get("origin")
        if origin is None:
            return ""
        if urlsplit(origin).netloc == connection.headers.get("host", "") != "":
            return ""
        if origin in self._origins:
            return origin
        raise Refusal("foreign_origin")

    def network(self, connection: HTTPConnection) -> str:
        """The key that limits per visitor's network are charged to."""
        peer = connection.client.host if connection.client else "local"
        forwarded = connection.headers.getlist("x-forwarded-for")
        return bucket_key(client_address(peer, forwarded, self._settings.trusted_proxies))

    # --- sessions ---

    async def open(self, who: Identity | None) -> tuple[str, Address]:
        """A new session: its token, which is not kept, and the address of its conversation.

        An anonymous visitor gets a conversation of their own; whoever is proved from the beginning joins the one of that customer.
        """
        token = secrets.token_urlsafe(32)
        chat = _PROVED + who.subject if who else secrets.token_hex(12)
        address = Address("web", self._settings.site, chat)
        await self._sessions.create(digest(token), str(address), who.subject if who else "", self._now())
        return token, address

    def count_opening(self, network: str) -> None:
        self._opened.take(network, self._now())

    async def session(self, token: str | None, network: str) -> Session:
        """The session of this token; raises Refusal (session_over; too_many for somebody who keeps guessing)."""
        now = self._now()
        self._strikes.check(network, now)
        if token is None or not _TOKEN.fullmatch(token):
            raise Refusal("session_over")
        key = digest(token)
        session = await self._sessions.find(key)
        if session is not None and session.seen_at < now - self._settings.limits.idle_days * _DAY_MS:
            await self._sessions.delete(key)
            session = None
        if session is None:
            self._strikes.take(network, now)
            raise Refusal("session_over")
        if session.seen_at < now - _TOUCH_MS:
            await self._sessions.touch(key, now)
        return session

    async def bind(self, token: str, session: Session, who: Identity) -> None:
        """Note who was proved to hold this session. Its conversation stays the one it is: merging two is never done by the way.

        Raises Refusal (identity_conflict) when it was somebody else.
        """
        if session.subject == who.subject:
            return
        if session.subject:
            raise Refusal("identity_conflict")
        await self._sessions.identify(digest(token), session.address, who.subject)

    async def close(self, token: str) -> None:
        await self._sessions.delete(digest(token))

    # --- how much ---

    def count_message(self, address: str) -> None:
        self._messages.take(address, self._now())

    def count_file(self, address: str, network: str) -> None:
        """One upload begins. Raises Refusal (too_many, too_many_files)."""
        self._files.check(address, self._now())
        self._uploads.take(network, self._now())

    def count_kept(self, address: str) -> None:
        """Only what was kept counts against a conversation: somebody who picks wrong files must still find the right one."""
        self._files.take(address, self._now())

    def count_identify(self, network: str) -> None:
        self._identifies.take(network, self._now())

    def count_connect(self, network: str) -> None:
        self._connects.take(network, self._now())


def bearer(connection: HTTPConnection) -> str | None:
    """The token of the Authorization header."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token else None
