"""The line to Discord through its library: logged in when first needed, its own waiting and retrying off, its errors told apart."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp
import discord
import msgspec
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from adapters.base import Later, Refused, Unreachable, Unwelcome
from adapters.discord.settings import DiscordSettings

CALL_S: Final = 25.0
"""One call may take so long; after it nobody knows whether it was made."""

LONGEST_WAIT_S: Final = 30.0
"""The least that the library allows for its own waiting on a bucket that it knows to be empty."""

IDENTIFY_APART_S: Final = 5.0
"""Discord lets a bot begin one session in five seconds (developer docs, gateway)."""

INTENTS: Final = discord.Intents(guild_messages=True, dm_messages=True)
"""What is written in private or to the bot by name carries its text without the privileged intent."""

_NOT_LET_IN: Final = {
    4004: "RELEVO_DISCORD__TOKEN: Discord does not accept it; make a new one (Developer Portal, Bot, Reset Token)",
    4013: "RELEVO_DISCORD__TOKEN: Discord does not know the intents that this release asks for; update Relevo",
    4014: "RELEVO_DISCORD__TOKEN: the application lacks a privileged intent (Developer Portal, Bot, Privileged Gateway Intents)",
}
_SETTLED: Final = frozenset({4010, 4011, 4012})
"""Close codes about sharding and versions, which trying again does not change either."""

# --- error codes (developer docs, "JSON Error Codes") ---

_NOBODY_THERE: Final = frozenset(
    {
        *(50007, 50278),  # cannot write to this person; no server in common
        *(10003, 10004, 10013),  # no such channel, server, person
        *(50001, 50013, 160002),  # no access, no permission: so until somebody at that server acts
        *(50083, 160005),  # an archived or locked thread
    }
)
_TOO_FAST_S: Final = {40003: 600.0, 40062: 10.0, 130000: 10.0}
"""Opening private channels too fast; a resource that is limited; a server that is overloaded. Seconds."""


class Turned(Exception):
    """The platform said "not now" (429, 5xx). Raised before the library would sleep and try again by itself."""

    def __init__(self, status: int, after: float, whole: bool) -> None:
        super().__init__(f"status {status}")
        self.status, self.after, self.whole = status, after, whole


# About voice, and about caches that nothing here uses.
for _name in ("discord.client", "discord.state"):
    logging.getLogger(_name).setLevel(logging.ERROR)

Take = Callable[[dict[str, Any]], None]


class _Client(discord.Client):
    """Hands on every payload of the gateway as it came, in its order. Nothing else is made of them: no cache, no views, no commands."""

    def __init__(self, take: Take, trace: aiohttp.TraceConfig) -> None:
        super().__init__(
            intents=INTENTS,
            enable_debug_events=True,
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            allowed_mentions=discord.AllowedMentions.none(),
            max_ratelimit_timeout=LONGEST_WAIT_S,
            http_trace=trace,
        )
        self._take = take
        # The library would make objects of every message, and the first that it cannot read would end the connection.
        parsers = self._connection.parsers
        self._connection.parsers = {name: parsers[name] for name in ("READY", "RESUMED")}

    async def on_socket_raw_receive(self, message: str) -> None:
        with contextlib.suppress(msgspec.DecodeError):
            raw = msgspec.json.decode(message)
            if isinstance(raw, dict) and raw.get("t"):
                self._take(raw)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        if not initial:
            await asyncio.sleep(IDENTIFY_APART_S)


class Link:
    """One account. `take` is given every dispatch of the gateway while `listen` runs."""

    def __init__(self, settings: DiscordSettings, take: Take) -> None:
        self._settings = settings
        self._take = take
        self._client: _Client | None = None
        self._session: aiohttp.ClientSession | None = None
        self._lock = asyncio.Lock()

    async def listen(self) -> None:
        """Receive until cancelled. Raises Unwelcome, and whatever else ended the connection for good."""
        client = await self._logged_in()
        try:
            await client.connect()
        except discord.PrivilegedIntentsRequired:
            raise Unwelcome(_NOT_LET_IN[4014]) from None
        except discord.ConnectionClosed as closed:
            if closed.code in _NOT_LET_IN:
                raise Unwelcome(_NOT_LET_IN[closed.code]) from None
            if closed.code in _SETTLED:
                raise Unwelcome(f"RELEVO_DISCORD__TOKEN: Discord closed the gateway with code {closed.code}") from None
            raise
        except AttributeError as error:
            if client.ws is not None:
                raise
            # The library, when its very first connection fails.
            raise ConnectionError("the gateway of Discord cannot be reached") from error
        raise ConnectionError("the gateway of Discord ended the connection")

    async def sign_in(self) -> None:
        """Raises Unwelcome when Discord does not let this account in, and what `call` raises."""
        try:
            await self._logged_in()
        except (Turned, discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError, RuntimeError) as error:
            raise told(error) from error

    async def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        query: Mapping[str, str | int] | None = None,
        files: Sequence[tuple[str, Path]] = (),
        **names: str,
    ) -> Any:
        """One request, `names` filled into the path. Raises Later, Unreachable, Refused, and discord.HTTPException's kin never."""
        try:
            client = await self._logged_in()
            more: dict[str, Any] = {}
            with contextlib.ExitStack() as opened:
                if files:
                    sent = await asyncio.to_thread(_opened, files)
                    for file in sent:
                        opened.callback(file.close)
                    listed = [{"id": n, "filename": file.filename} for n, file in enumerate(sent)]
                    form: list[dict[str, Any]] = [
                        {"name": "payload_json", "value": msgspec.json.encode({**json, "attachments": listed}).decode()}
                    ]
                    form += [
                        {"name": f"files[{n}]", "value": file.fp, "filename": file.filename, "content_type": "application/octet-stream"}
                        for n, file in enumerate(sent)
                    ]
                    more = {"form": form, "files": sent}
                elif json is not None:
                    more = {"json": json}
                if query:
                    more["params"] = query
                async with asyncio.timeout(CALL_S):
                    return await client.http.request(Route(method, path, **names), **more)
        except Unwelcome as error:
            raise Later(300, str(error), whole=True) from None
        except (Turned, discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError, RuntimeError) as error:
            raise told(error) from error

    async def application(self) -> str:
        """The id that commands belong to; for old bots it is not the bot's own. Raises Later."""
        try:
            return str((await self._logged_in()).application_id)
        except (Unwelcome, Turned, discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Later(0, type(error).__name__) from error

    async def fetch(self, url: str) -> aiohttp.ClientResponse:
        """A file by its address; to be read and released. Raises aiohttp.ClientError."""
        response = await self._downloads().get(url, raise_for_status=True)
        return response

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _downloads(self) -> aiohttp.ClientSession:
        # A session of its own: the token is for the API, and goes to no other address.
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60, connect=10), cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    async def _logged_in(self) -> _Client:
        async with self._lock:
            if self._client is not None and not self._client.is_closed():
                return self._client
            # The library keeps both addresses for the whole process.
            Route.BASE = self._settings.api_base_url
            DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(self._settings.gateway_url)
            client = _Client(self._take, _trace(self._settings.api_base_url))
            try:
                async with asyncio.timeout(CALL_S):
                    await client.login(self._settings.token.get_secret_value())
            except discord.LoginFailure:
                await client.close()
                raise Unwelcome(_NOT_LET_IN[4004]) from None
            except BaseException:
                await client.close()
                raise
            self._client = client
            return client


def _opened(files: Sequence[tuple[str, Path]]) -> list[discord.File]:
    return [discord.File(path, name) for name, path in files]


def _trace(base: str) -> aiohttp.TraceConfig:
    """Looks at each answer of the API before the library does: who waits, and for how long, is decided by delivery alone."""

    async def look(session: object, context: object, end: aiohttp.TraceRequestEndParams) -> None:
        response = end.response
        if (response.status == 429 or response.status >= 500) and str(response.url).startswith(base):
            body: Any = None
            with contextlib.suppress(msgspec.DecodeError, aiohttp.ClientError):
                body = msgspec.json.decode(await response.read())
            raise _turned(response.status, response.headers, body)

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(look)
    return trace


def _turned(status: int, headers: Mapping[str, str], body: Any) -> Turned:
    """How long to wait: as the body says, else as the header does; the whole account, when the limit is not of this one place."""
    if status != 429:
        return Turned(status, 0.0, False)
    said = body.get("retry_after") if isinstance(body, dict) else None
    if isinstance(said, int | float) and said > 0:
        return Turned(status, float(said), body.get("global") is True)
    try:
        after = float(headers.get("Retry-After", ""))
    except ValueError:
        after = 0.0
    # Without Discord's own words it is a gate in front of it, which counts by our address.
    return Turned(status, after if after > 0 else 60.0, True)


def told(error: Exception) -> Later | Unreachable | Refused:
    """What an error of the library means for a delivery (platforms.md, 4.9)."""
    if isinstance(error, Turned):
        return Later(error.after, f"Discord answered {error.status}", whole=error.whole)
    if isinstance(error, discord.RateLimited):
        return Later(error.retry_after, "rate limit")
    if isinstance(error, discord.HTTPException):
        if error.status == 401:
            return Later(300, "Discord does not accept the token", whole=True)
        if error.code in _TOO_FAST_S:
            return Later(_TOO_FAST_S[error.code], f"code {error.code}", whole=error.code == 40003)
        if error.code in _NOBODY_THERE:
            return Unreachable(f"code {error.code}")
        if error.code == 0 and error.status in (403, 408):
            # A gate in front of Discord, not Discord.
            return Later(60, f"status {error.status}", whole=True)
        return Refused(f"status {error.status}, code {error.code}")
    # No answer, or half of one: it may have arrived. The same nonce goes out again.
    return Later(0, type(error).__name__)


def nonce_of(key: str) -> str:
    """A delivery's key as a nonce: at most 25 characters (developer docs, Create Message)."""
    return hashlib.sha256(key.encode()).hexdigest()[:25]
