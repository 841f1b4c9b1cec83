"""Looks at the mail server as `relevo doctor` does: connects, asks for TLS, logs in and says NOOP. No mail is sent."""

from __future__ import annotations

import contextlib
import ssl

from adapters.base import Finding
from adapters.email.sending import connected
from adapters.email.settings import EmailSettings, Server, is_here

SMTP_URL = "RELEVO_EMAIL__SMTP_URL"


async def check(settings: EmailSettings) -> list[Finding]:
    from aiosmtplib import SMTPException

    server = settings.server
    try:
        client = await connected(server, settings.address.rpartition("@")[2])
        try:
            await client.noop(timeout=5)
        finally:
            with contextlib.suppress(Exception):
                await client.quit(timeout=1)
            client.close()
    except (SMTPException, OSError, ValueError) as error:
        return [Finding("FAIL", _fault(error, server))]
    way = {"direct": "TLS", "starttls": "STARTTLS", "never": "no TLS"}[server.tls]
    found = [Finding("ok", f"{server.host}:{server.port} is there ({way}, {'logged in' if server.user else 'no login'})")]
    if server.tls == "never" and not is_here(server.host):
        found.append(Finding("warn", f"{SMTP_URL}: mail and password can be read on their way to this server; use smtps:// or STARTTLS"))
    return found


def _fault(error: Exception, server: Server) -> str:
    """What a server says is left out but for its code: its words may hold the address or the login."""
    from aiosmtplib import SMTPAuthenticationError, SMTPException, SMTPNotSupported, SMTPResponseException

    if isinstance(error, SMTPAuthenticationError):
        return f"{SMTP_URL}: the mail server does not take the user and password ({error.code}); percent-encode what is no letter or digit"
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        return f"{SMTP_URL}: the certificate of {server.host} is not accepted; name your own authority's file in SSL_CERT_FILE"
    if type(error) in (SMTPException, SMTPNotSupported):
        return f"{SMTP_URL}: {server.host} does not offer what it asks for (STARTTLS, or a login); try smtps://, or another port"
    if isinstance(error, SMTPResponseException):
        return f"{SMTP_URL}: {server.host}:{server.port} answers {error.code}; its keeper knows why"
    return f"{SMTP_URL}: {server.host}:{server.port} cannot be reached ({type(error).__name__}); are host, port and the way out right?"
