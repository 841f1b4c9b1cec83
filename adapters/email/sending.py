"""Hands mail to the server over one connection, kept while there is more to send, and puts every way it can fail into the port's words."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from typing import TYPE_CHECKING, Final

import structlog

from adapters.base import Later, Refused, Unreachable
from adapters.email.settings import Server

if TYPE_CHECKING:
    from aiosmtplib import SMTP, SMTPResponseException

CONNECT_S: Final = 10.0
COMMAND_S: Final = 30.0
WHOLE_S: Final = 45.0
"""For all of one mail. Less than a lease lasts: after that another node would take the mail for abandoned."""

IDLE_S: Final = 10.0
MAILS_OF_ONE: Final = 50
"""Mails of one connection: servers that allow only so many say so by an error."""

FIRST_S: Final = 5.0
LAST_S: Final = 300.0
UNTIL_MENDED_S: Final = 300.0
"""Until it is tried again after something that only a person can mend."""

GREY_FIRST_S: Final = 60.0
GREY_LAST_S: Final = 1800.0
GIVE_UP_S: Final = 4 * 86_400.0
"""RFC 5321 (4.5.4.1): at least 4 to 5 days until a mail that is put off again and again is given up."""

_ENHANCED: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_log = structlog.get_logger(__name__)


async def connected(server: Server, host: str) -> SMTP:
    """A connection that has said who it is (`host`), over TLS and logged in as far as the server's settings ask for it.

    Raises aiosmtplib.SMTPException, OSError and ValueError.
    """
    from aiosmtplib import SMTP

    client = SMTP(
        hostname=server.host,
        port=server.port,
        local_hostname=host,
        timeout=COMMAND_S,
        use_tls=server.tls == "direct",
        start_tls=server.tls == "starttls",
        tls_context=ssl.create_default_context() if server.tls != "never" else None,
        username=server.user or None,
        password=server.password or None,
    )
    try:
        await client.connect(timeout=CONNECT_S)
        await client.ehlo()
    except BaseException:
        client.close()
        raise
    return client


class Sender:
    """One server, one mail at a time. `host` is who we say we are (EHLO)."""

    def __init__(self, server: Server, host: str) -> None:
        self._server = server
        self._host = host
        self._client: SMTP | None = None
        self._sent = 0
        self._failures = 0
        self._one = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def send(self, sender: str, to: str, full: bytes, lean: bytes | None, age: float) -> str:
        """Hand in one mail: `full`, or `lean` where the server says that it does not take so much. Gives the server's code.

        `age`: seconds since it was to be sent. Raises Later, Unreachable or Refused.
        """
        from aiosmtplib import SMTPException

        async with self._one:
            if self._idle is not None:
                self._idle.cancel()
            try:
                async with asyncio.timeout(WHOLE_S):
                    client = await self._connected()
                    limit = client.esmtp_extensions.get("size", "")
                    mail = lean if lean is not None and limit.isdecimal() and 0 < int(limit) < len(full) else full
                    _, reply = await client.sendmail(sender, [to], mail)
            except (SMTPException, OSError, ValueError) as error:  # a time-out is an OSError
                self._drop()
                raise self._verdict(error, age) from None
            except BaseException:
                self._drop()
                raise
            self._failures = 0
            self._sent += 1
            self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._close_idle)
            return reply

    async def close(self) -> None:
        """Take leave of the server, if it is there to hear it."""
        if self._idle is not None:
            self._idle.cancel()
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                await client.quit(timeout=1)
            client.close()

    def _close_idle(self) -> None:
        async def close() -> None:
            async with self._one:
                await self.close()

        if not self._one.locked():
            task = asyncio.create_task(close())
            # Held here, for the loop itself does not hold on to a task.
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _drop(self) -> None:
        """After an error nobody knows where the two of us stand: the next mail begins anew."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def _connected(self) -> SMTP:
        from aiosmtplib import SMTPException

        if self._client is not None and self._sent < MAILS_OF_ONE:
            try:
                await self._client.noop(timeout=5)
            except (SMTPException, OSError):
                self._drop()
            else:
                return self._client
        elif self._client is not None:
            await self.close()
        client = await connected(self._server, self._host)
        self._client, self._sent = client, 0
        return client

    # --- what an error means ---

    def _verdict(self, error: Exception, age: float) -> Exception:
        from aiosmtplib import (
            SMTPAuthenticationError,
            SMTPDataError,
            SMTPException,
            SMTPNotSupported,
            SMTPRecipientsRefused,
            SMTPResponseException,
            SMTPSenderRefused,
        )

        if isinstance(error, SMTPRecipientsRefused):
            return self._of_recipient(error.recipients[0], age)
        if isinstance(error, SMTPAuthenticationError) and error.code >= 500:
            return self._to_mend("the mail server does not take the user and password of RELEVO_EMAIL__SMTP_URL", error.code)
        if isinstance(error, SMTPSenderRefused) and error.code >= 500:
            if error.code == 552:
                return Refused(f"too large for the mail server ({_codes(error)})")
            return self._to_mend("the mail server does not let RELEVO_EMAIL__ADDRESS send", error.code)
        if type(error) in (SMTPException, SMTPNotSupported):
            return self._to_mend("the mail server does not offer what RELEVO_EMAIL__SMTP_URL asks for (STARTTLS, or a login)", 0)
        if isinstance(error, SMTPDataError):
            return Refused(f"the mail server refuses it ({_codes(error)})") if error.code >= 500 else self._put_off(error, age)
        if isinstance(error, SMTPResponseException):
            if error.code in (530, 535, 538):
                return self._to_mend("the mail server asks for a login that RELEVO_EMAIL__SMTP_URL does not give", error.code)
            return self._away(f"the mail server says {_codes(error)}")
        if isinstance(error.__cause__, ssl.SSLError) or isinstance(error, ssl.SSLError):
            return self._to_mend("the certificate of the mail server in RELEVO_EMAIL__SMTP_URL is not accepted", 0)
        if isinstance(error, ValueError) and not isinstance(error, SMTPException | OSError):
            return Unreachable("not an address that mail can be sent to")
        # Perhaps it was taken, perhaps not: the next try has the same Message-ID.
        return self._away(f"no answer from the mail server ({type(error).__name__})")

    def _of_recipient(self, refused: SMTPResponseException, age: float) -> Exception:
        if refused.code in (530, 535, 538):
            return self._to_mend("the mail server asks for a login that RELEVO_EMAIL__SMTP_URL does not give", refused.code)
        # 552 is said of a full mailbox, and to be taken for 452 (RFC 5321, 4.5.3.1.10).
        if refused.code < 500 or refused.code == 552:
            return self._put_off(refused, age)
        return Unreachable(f"the mail server refuses the address ({_codes(refused)})")

    def _put_off(self, error: SMTPResponseException, age: float) -> Exception:
        """Greylisting, a full mailbox: only this mail waits, the longer the older it is."""
        if error.code == 421:
            return self._away(f"the mail server says {_codes(error)}")
        if age > GIVE_UP_S:
            return Unreachable(f"put off for {GIVE_UP_S / 86_400:.0f} days ({_codes(error)})")
        return Later(min(GREY_LAST_S, max(GREY_FIRST_S, age / 2)), f"put off by the mail server ({_codes(error)})")

    def _away(self, why: str) -> Later:
        after = min(LAST_S, FIRST_S * 2 ** min(self._failures, 10))
        self._failures += 1
        _log.warning("email.away", cause=why, retry_in=after)
        return Later(after, why, whole=True)

    def _to_mend(self, why: str, code: int) -> Later:
        self._failures += 1
        _log.error("email.refused", cause=why, code=code, retry_in=UNTIL_MENDED_S)
        return Later(UNTIL_MENDED_S, f"{why} ({code})" if code else why, whole=True)


def _codes(error: SMTPResponseException) -> str:
    """The numbers alone: a server's words may hold anything, the address or the login included."""
    found = _ENHANCED.match(str(error.message))
    return f"{error.code} {found[0]}" if found else str(error.code)
