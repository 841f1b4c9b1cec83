"""Slack as an adapter: settings → decode → encode → deliver → run, and the route for those who are reached by HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from adapters.base import Accept, Outbound, Payload, Receipt, Unwelcome
from adapters.ports import Blobs, Heard, Now, Said
from adapters.slack import decode as decoding
from adapters.slack.catchup import CatchUp
from adapters.slack.deliver import Sender
from adapters.slack.encode import CAPABILITIES, encode
from adapters.slack.forms import Forms
from adapters.slack.ports import Tickets
from adapters.slack.receive import Answer, Receiver
from adapters.slack.settings import SlackSettings
from adapters.slack.socket import Socket
from adapters.slack.web import Failure, Web
from conversations.events import Inbound

BODY_LIMIT: Final = 3_000_000
"""Bytes of a request from Slack: a whole modal may be 250 kB and a message with its blocks more, but not like this."""

BODY_S: Final = 3.0
BACK_OFF_S: Final = 1.0
BACK_OFF_LIMIT_S: Final = 30.0

_log = structlog.get_logger(__name__)


class Slack:
    name = decoding.NAME
    capabilities = CAPABILITIES

    # --- settings ---

    def __init__(self, settings: SlackSettings, *, blobs: Blobs, said: Said, heard: Heard, tickets: Tickets, now: Now) -> None:
        self.settings = settings
        self._web = Web(settings.bot_token.get_secret_value(), settings.base_url)
        self._forms = Forms(said)
        self._sender = Sender(self._web, self._forms, blobs)
        self._receiver = Receiver(self._web, self._forms, self._sender, blobs, tickets, heard)
        self._now = now
        self.catch_up = CatchUp(self._web, heard, self._take_again, now)
        self._receiver.close_gap = self.catch_up.close_gap

    # --- decode ---

    def decode(self, raw: Any) -> Inbound | None:
        """`raw` is an envelope as Socket Mode brings it, with what was looked up for it under `found` (adapters.slack.decode)."""
        return decoding.decode(raw)

    def way_in(self, code: str) -> str:
        """What is typed, anywhere in Slack, to bring a link code into the chat with this app: the command as the manifest has it."""
        return f"/relevo link {code}"

    # --- encode ---

    def encode(self, out: Outbound) -> list[Payload]:
        return encode(out)

    # --- deliver ---

    async def deliver(self, payload: Payload, key: str) -> Receipt:
        return await self._sender.deliver(payload, key)

    async def close(self) -> None:
        """Let go of connections: for whoever delivers without running."""
        await self._web.close()

    # --- run ---

    async def run(self, accept: Accept) -> None:
        """Raises Unwelcome when Slack does not let us in (any more)."""
        self._web.lost = ""
        try:
            await self._sign_in()
            # Before anything new is stored: it would hide what is missing before it.
            await self.catch_up.mark(self._receiver.bot)
            self._receiver.accept = accept
            if self.settings.mode == "http":
                await self.catch_up.read()
                await self._until_lost()
            else:
                await self._attend()
        finally:
            self.catch_up.stop()
            await self._receiver.stop()
            await self._web.close()

    async def _sign_in(self) -> None:
        wait = BACK_OFF_S
        while True:
            try:
                answer = await self._web.call("auth_test")
            except Failure as failure:
                self._refuse_if_lost()
                if not failure.transient:
                    raise Unwelcome(f"RELEVO_SLACK__BOT_TOKEN: Slack does not take it ({failure.error})") from None
                _log.warning("slack.unreachable", reason=failure.error, retry_s=wait)
                await asyncio.sleep(failure.after or wait)
                wait = min(wait * 2, BACK_OFF_LIMIT_S)
            else:
                self._receiver.bot = decoding.words(answer, "user_id")
                return

    async def _attend(self) -> None:
        """One connection after the other: Slack closes each within hours, and networks sooner."""
        wait = BACK_OFF_S
        while True:
            socket = Socket(self._web, self.settings.app_token.get_secret_value(), self._receiver)
            reading: asyncio.Task[None] | None = None
            try:
                await socket.open()
                wait = BACK_OFF_S
                reading = asyncio.create_task(self.catch_up.read())
                await socket.attend(self._refuse_if_lost)
            except (Failure, OSError, TimeoutError) as broken:
                _log.warning("slack.disconnected", reason=broken.error if isinstance(broken, Failure) else type(broken).__name__)
            finally:
                if reading is not None:
                    reading.cancel()
                await socket.close()
            self._refuse_if_lost()
            await asyncio.sleep(wait)
            wait = min(wait * 2, BACK_OFF_LIMIT_S)
            await self.catch_up.mark(self._receiver.bot)

    async def _take_again(self, body: dict[str, Any], refused: list[str]) -> None:
        self._receiver.told_already(refused)
        await self._receiver.receive(body, live=False)

    async def _until_lost(self) -> None:
        while True:
            self._refuse_if_lost()
            await asyncio.sleep(1)

    def _refuse_if_lost(self) -> None:
        """Raises Unwelcome once Slack has said that it does not let us in any more."""
        if self._web.lost:
            raise Unwelcome(f"RELEVO_SLACK__BOT_TOKEN: Slack does not let the app in any more ({self._web.lost}); install it again")

    # --- by HTTP ---

    def routes(self) -> Sequence[BaseRoute]:
        """Where Slack's requests come to; nothing in Socket Mode."""
        return [Route("/hooks/slack", self._hear, methods=["POST"])] if self.settings.mode == "http" else []

    async def _hear(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(BODY_S):
                body = await _within(request)
        except (TimeoutError, ClientDisconnect):
            return JSONResponse({"error": "slow"}, 408)
        if body is None:
            return JSONResponse({"error": "too_large"}, 413)
        if not self._signed(request.headers, body):
            return JSONResponse({"error": "not_signed"}, 401)
        told = parsed(body, request.headers.get("content-type", ""))
        if told is None:
            return JSONResponse({"error": "unreadable"}, 400)
        if decoding.words(told, "type") == "url_verification":
            return JSONResponse({"challenge": decoding.words(told, "challenge")})
        answer: Answer = await self._receiver.receive(told)
        if not answer.stored:
            return JSONResponse({"error": "not_stored"}, 503)
        return Response() if answer.body is None else JSONResponse(answer.body)

    def _signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Signed by Slack within the last five minutes; compared in constant time.

        https://docs.slack.dev/authentication/verifying-requests-from-slack/
        """
        from slack_sdk.signature import Clock, SignatureVerifier

        class Ours(Clock):
            def now(clock) -> float:  # noqa: N805 - `self` is the adapter
                return self._now() / 1000

        try:
            return SignatureVerifier(self.settings.signing_secret.get_secret_value(), Ours()).is_valid(
                body, headers.get("x-slack-request-timestamp"), headers.get("x-slack-signature")
            )
        except (ValueError, TypeError, UnicodeError):
            # A time that is no number, a signature or a body that is no text.
            return False


def parsed(body: bytes, kind: str) -> dict[str, Any] | None:
    """A request of Slack's: JSON, a form with JSON in `payload`, or a slash command's form. None for anything else.

    By ourselves: Bolt 1.30 takes any form with the word `payload` in it for the second, so that a command's text is lost.
    """
    try:
        if kind.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
            form = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100))
            found = msgspec.json.decode(form["payload"]) if "payload" in form and "command" not in form else form
        else:
            found = msgspec.json.decode(body)
    except (ValueError, msgspec.DecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


async def _within(request: Request) -> bytes | None:
    """The body, or None when it is longer than decent."""
    read = bytearray()
    async for part in request.stream():
        read += part
        if len(read) > BODY_LIMIT:
            return None
    return bytes(read)
