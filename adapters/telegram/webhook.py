"""The webhook: one route that takes updates from Telegram alone, and says yes when they are stored."""

from __future__ import annotations

import asyncio
import hmac
import logging
import math
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from adapters.telegram.receive import Receive

PATH = "/hooks/telegram"
BODY_LIMIT = 1_048_576
BODY_SECONDS = 15.0
STORE_SECONDS = 50.0
"""After a minute Telegram gives a request up and sends it again; it may as well be told."""

AGAIN_S = 5.0

log = logging.getLogger(__name__)


class Webhook:
    """`receive` gives what takes updates in, or None while the adapter does not run."""

    def __init__(self, secret: str, receive: Callable[[], Receive | None]) -> None:
        self._secret = secret.encode()
        self._receive = receive

    async def answer(self, request: Request) -> Response:
        # https://core.telegram.org/bots/api#setwebhook
        token = request.headers.get("x-telegram-bot-api-secret-token", "")
        if not hmac.compare_digest(token.encode(), self._secret):
            return Response(status_code=403)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(request)
        except TimeoutError:
            return Response(status_code=408)
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            return Response(status_code=413)
        receive = self._receive()
        if receive is None:
            return _later(AGAIN_S)
        try:
            raw: Any = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # It has the secret, so it is Telegram's; refused, it would come again for a day.
            log.error("an update that is not JSON was dropped")
            return Response(status_code=200)
        task = receive.take(raw)
        try:
            async with asyncio.timeout(STORE_SECONDS):
                # What is on its way goes on when Telegram hangs up: it will come again, and be known.
                await asyncio.shield(task)
        except TimeoutError:
            return _later(AGAIN_S)
        except asyncio.CancelledError:
            if task.cancelled():
                return _later(AGAIN_S)
            raise
        return Response(status_code=200)


def _later(seconds: float) -> Response:
    return Response(status_code=503, headers={"retry-after": str(math.ceil(seconds))})


async def _body(request: Request) -> bytes | None:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_LIMIT:
            return None
    return bytes(body)
