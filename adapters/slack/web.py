"""The Web API by the official client, with its own retries off: one call, and one kind of failure that says what is known about it."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import aiohttp
    from slack_sdk.web.async_client import AsyncWebClient

CREDENTIALS: Final = frozenset(
    {"account_inactive", "invalid_auth", "not_authed", "token_revoked", "token_expired", "missing_scope", "not_allowed_token_type"}
)
TRANSIENT: Final = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org", "ekm_access_denied"}
)
LIMITED: Final = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
PATIENCE_S: Final = 15.0
NO_HINT_S: Final = 30.0
"""How long to wait after a 429 that does not say how long."""


def quiet() -> logging.Logger:
    """The library's logs quote what customers wrote and single-use addresses. What matters in them is reported by us."""
    logger = logging.getLogger("relevo.slack.library")
    logger.setLevel(logging.CRITICAL + 1)
    return logger


class Failure(Exception):
    """A call that failed. `error` is Slack's code, or what happened to the connection.

    `after`: seconds that Slack wants to be left alone for, or None. `unknown`: it may have had its effect all the same. `transient`: the
    same call may work later.
    """

    def __init__(self, error: str, *, after: float | None = None, unknown: bool = False, transient: bool = False, needed: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.after = after
        self.unknown = unknown
        self.transient = transient or unknown or after is not None
        self.needed = needed


class Web:
    """Calls by the names of the client's methods (`chat_postMessage`). `lost` is why Slack does not let us in any more, or "".

    `headers` are those of the newest answer that was no failure.
    """

    def __init__(self, token: str, base_url: str) -> None:
        self.base_url = base_url
        self.token = token
        self.lost = ""
        self.headers: Any = None
        self._client: AsyncWebClient | None = None
        self._session: aiohttp.ClientSession | None = None

    def session(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            import aiohttp

            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S))
            self._client = None
        return self._session

    def client(self) -> AsyncWebClient:
        session = self.session()
        if self._client is None:
            from slack_sdk.web.async_client import AsyncWebClient

            # One layer retries, and it is the outbox: the client's own retry of a broken connection would post twice.
            self._client = AsyncWebClient(
                token=self.token, base_url=self.base_url, session=session, logger=quiet(), retry_handlers=[], timeout=int(PATIENCE_S)
            )
        return self._client

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        self._session = self._client = None

    async def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """What Slack answered. Raises Failure."""
        import aiohttp
        from slack_sdk.errors import SlackApiError, SlackClientError

        client = self.client()
        try:
            response = await getattr(client, method)(**arguments)
            data = response.data
            self.headers = response.headers
        except SlackApiError as error:
            failure = self._failure(error)
            if failure.error in CREDENTIALS and (failure.error != "missing_scope" or method == "chat_postMessage"):
                self.lost = failure.error + (f": {failure.needed}" if failure.needed else "")
            raise failure from None
        except (aiohttp.ClientConnectorError, aiohttp.ClientConnectorDNSError) as error:
            raise Failure(type(error).__name__, transient=True) from None
        except (TimeoutError, aiohttp.ClientError, OSError, SlackClientError, asyncio.IncompleteReadError) as error:
            raise Failure(type(error).__name__, unknown=True) from None
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            # An answer that is no answer of Slack's (a proxy's page, half a body): nothing is known of what happened.
            raise Failure(f"unreadable: {type(error).__name__}", unknown=True) from None
        if not isinstance(data, dict):
            raise Failure("unreadable", unknown=True)
        return data

    def _failure(self, error: Any) -> Failure:
        response = error.response
        status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0) or 0)
        found = getattr(response, "data", None)
        data = found if isinstance(found, dict) else {}
        code = str(data.get("error") or "")
        if status == 429 or code in LIMITED:
            return Failure(code or "ratelimited", after=_seconds(getattr(response, "headers", None)))
        if status >= 500 or code in TRANSIENT or not code:
            return Failure(code or f"status {status}", unknown=True)
        return Failure(code, needed=str(data.get("needed") or ""))


def header(headers: Any, wanted: str) -> str:
    """The header of this name (in small letters), or ""."""
    for name, value in headers.items() if headers is not None else ():
        if str(name).lower() == wanted:
            return str(value[0]) if isinstance(value, list) else str(value)
    return ""


def _seconds(headers: Any) -> float:
    """Retry-After, in seconds."""
    try:
        seconds = float(header(headers, "retry-after"))
    except ValueError:
        return NO_HINT_S
    return seconds if math.isfinite(seconds) and 0 < seconds <= 86_400 else NO_HINT_S
