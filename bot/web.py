"""The HTTP server: mounts the adapters' routes, says whether the desk is well, and runs inside the program's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from ipaddress import ip_address

import uvicorn
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.settings import HttpSettings, WrongSetting

Check = Callable[[], Awaitable[str]]
"""Says what is wrong, or nothing ("")."""

GRACE_SECONDS = 3
KEEP_ALIVE_SECONDS = 15
FRAME_LIMIT = 65_536

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)


class SafeHeaders:
    """Adds to every answer what makes browsers careful, unless the answer has its own word on it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                present = {name.lower() for name, _ in headers}
                message["headers"] = headers + [(name, value) for name, value in HEADERS if name not in present]
            await send(message)

        await self._app(scope, receive, send_safely if scope["type"] == "http" else send)


def application(routes: Iterable[BaseRoute], checks: Mapping[str, Check], metrics: Callable[[], Awaitable[bytes]]) -> Starlette:
    """The whole site. It tells nobody how it is made: no generated pages, and errors without their insides."""

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> Response:
        found = {name: await check() for name, check in checks.items()}
        faults = {name: fault for name, fault in found.items() if fault}
        return JSONResponse(
            {"status": "not ready" if faults else "ready", "checks": {name: fault or "ok" for name, fault in found.items()}},
            503 if faults else 200,
            {"cache-control": "no-store"},
        )

    async def show_metrics(_: Request) -> Response:
        return Response(await metrics(), media_type=CONTENT_TYPE_LATEST, headers={"cache-control": "no-store"})

    async def refused(_: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        name = {404: "not_found", 405: "method_not_allowed", 500: "internal"}.get(status, "refused")
        headers = error.headers if isinstance(error, HTTPException) else None
        return JSONResponse({"error": name}, status, headers)

    return Starlette(
        routes=(Route("/health", health), Route("/ready", ready), Route("/metrics", show_metrics), *routes),
        middleware=(Middleware(SafeHeaders),),
        exception_handlers={HTTPException: refused, Exception: refused},
    )


def listen(settings: HttpSettings) -> socket.socket:
    """A bound socket, so that a port that is taken is found before anything else is started. Raises WrongSetting."""
    place = f"{settings.host}:{settings.port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError:
        raise WrongSetting(f"RELEVO_HTTP__HOST: there is no such address as {settings.host}") from None
    listener = socket.socket(family, kind, protocol)
    # A restart must not wait for the last run's connections to be forgotten.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(1)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise WrongSetting(f"RELEVO_HTTP__PORT: {place} is in use by another program; set another port") from None
        if error.errno == errno.EACCES:
            raise WrongSetting(f"RELEVO_HTTP__PORT: {place} may not be used without more rights; set a port above 1023") from None
        raise WrongSetting(f"RELEVO_HTTP__HOST: {place} cannot be listened on ({error.strerror})") from None
    listener.setblocking(False)
    return listener


def address_of(settings: HttpSettings, listener: socket.socket) -> str:
    """Where a browser on this machine finds us."""
    if settings.public_url:
        return settings.public_url
    host, port = listener.getsockname()[:2]
    # Listening everywhere is no address; this machine's own always is one.
    shown = "127.0.0.1" if ip_address(host).is_unspecified else host
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serves = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serves.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # The program as a whole decides what a signal means; the server is told when its turn to stop has come.
        yield


class Web:
    """The server around one application and one listening socket."""

    def __init__(self, app: ASGIApp, settings: HttpSettings, listener: socket.socket) -> None:
        proxies = [str(network) for network in settings.trusted_proxies]
        config = uvicorn.Config(
            app,
            http="httptools",
            ws="websockets-sansio",
            # Compression costs every idle socket 90 KB, and chat lines are short.
            ws_per_message_deflate=False,
            ws_max_size=FRAME_LIMIT,
            lifespan="off",
            log_config=None,
            # A query string may hold a token, and one line per request tells nobody anything.
            access_log=False,
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=proxies,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        self._server = _Server(config)
        self._listener = listener

    @property
    def started(self) -> asyncio.Event:
        return self._server.serves

    async def run(self) -> None:
        await self._server.serve(sockets=[self._listener])

    def stop(self) -> None:
        """Let `run` return: no new connections, and those there are are closed politely."""
        self._server.should_exit = True
