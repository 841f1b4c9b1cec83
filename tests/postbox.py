"""A real mail server on loopback: keeps what it is handed, and refuses, forgets or falls silent when a test says so."""

from __future__ import annotations

import asyncio
import email.policy
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope

CERTIFICATE = Path(__file__).with_name("localhost.pem")
"""For localhost, made for these tests and signed by itself: with its key, so it is worth nothing anywhere else."""


class Postbox:
    """`mails` are what was taken, in order. `says` are answers to commands by their name, each given once, in place of what it would say.

    `taken` is called with each mail after it was taken and before the sender is told. `sessions` counts connections that said who they are.
    """

    def __init__(self, port: int, *, size: int) -> None:
        self.port = port
        self.size = size
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.senders: list[str] = []
        self.says: dict[str, str] = {}
        self.logins: list[tuple[bytes, bytes]] = []
        self.secure: list[bool] = []
        self.sessions = 0
        self.silent = False
        self.taken: Callable[[EmailMessage], None] = lambda mail: None
        self.password = b""

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}/"

    def hooks(self) -> SimpleNamespace:
        """What the server calls: the names are the library's."""
        return SimpleNamespace(handle_EHLO=self._greet, handle_MAIL=self._sender, handle_RCPT=self._recipient, handle_DATA=self._data)

    def authenticate(self, server: SMTP, session: Any, envelope: Envelope, _mechanism: str, given: Any) -> AuthResult:
        self.logins.append((given.login, given.password))
        return AuthResult(success=given.password == self.password, handled=False)

    async def _greet(self, server: SMTP, session: Any, envelope: Envelope, host: str, lines: list[str]) -> list[str]:
        self.sessions += 1
        session.host_name = host
        return lines

    async def _sender(self, server: SMTP, session: Any, envelope: Envelope, address: str, options: list[str]) -> str:
        if said := self.says.pop("MAIL", ""):
            return said
        envelope.mail_from = address
        return "250 OK"

    async def _recipient(self, server: SMTP, session: Any, envelope: Envelope, address: str, options: list[str]) -> str:
        if said := self.says.pop("RCPT", ""):
            return said
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def _data(self, server: SMTP, session: Any, envelope: Envelope) -> str:
        if said := self.says.pop("DATA", ""):
            return said
        assert isinstance(envelope.content, bytes)
        mail = BytesParser(EmailMessage, policy=email.policy.default).parsebytes(envelope.content)
        self.raw.append(envelope.content)
        self.senders.append(envelope.mail_from or "")
        self.secure.append(session.ssl is not None)
        self.mails.append(mail)
        self.taken(mail)
        if self.silent:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return "250 OK"


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    """One of the two forms of a mail's text."""
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def certified() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    return context


@asynccontextmanager
async def opened(
    *, tls: ssl.SSLContext | None = None, direct: bool = False, login: bytes = b"", size: int = 33_554_432, port: int = 0
) -> AsyncIterator[Postbox]:
    """`tls`: offered by STARTTLS and asked for, or from the first byte when `direct`. `login`: a password that is asked for."""
    box = Postbox(port, size=size)
    box.password = login

    def serve() -> SMTP:
        return SMTP(
            box.hooks(),
            data_size_limit=size,
            hostname="postbox.example",
            tls_context=None if direct else tls,
            require_starttls=tls is not None and not direct,
            authenticator=box.authenticate if login else None,
            auth_required=bool(login),
            auth_require_tls=tls is not None and not direct,
        )

    server = await asyncio.get_running_loop().create_server(serve, "127.0.0.1", port, ssl=tls if direct else None)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
