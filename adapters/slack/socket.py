"""Socket Mode by Bolt: envelopes come in over a WebSocket, and none is acknowledged before the receiver has answered for it.

Bolt acknowledges an event before any listener has run, and does not acknowledge at all what no listener matches. So there are no
listeners: everything is answered by a middleware that stands before Bolt's own steps, and is the only thing that ever answers.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import structlog

from adapters.base import Unwelcome
from adapters.slack.receive import NOT_STORED, Answer, Receiver
from adapters.slack.web import CREDENTIALS, Failure, Web, quiet

if TYPE_CHECKING:
    from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
    from slack_bolt.response import BoltResponse

PING_S: Final = 10.0
WATCH_S: Final = 0.5
HELLO_S: Final = 15.0
DOWN_S: Final = 20.0
"""A connection that the library has not brought back by then is made anew: it may be trying an address that was good only once."""

_log = structlog.get_logger(__name__)


class Socket:
    """One Socket Mode client, from `open` to `close`."""

    def __init__(self, web: Web, token: str, receiver: Receiver) -> None:
        self._web = web
        self._token = token
        self._receiver = receiver
        self._up: AsyncSocketModeHandler | None = None
        self._greeted = asyncio.Event()

    async def open(self) -> None:
        """Returns when Slack has said hello. Raises Unwelcome, Failure, OSError or TimeoutError."""
        from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
        from slack_bolt.async_app import AsyncApp

        try:
            answer = await self._web.call("apps_connections_open", app_token=self._token)
        except Failure as failure:
            if failure.error in CREDENTIALS or not failure.transient:
                self._web.lost = ""
                raise Unwelcome(f"RELEVO_SLACK__APP_TOKEN: Slack does not take it ({failure.error})") from None
            raise
        app = AsyncApp(
            client=self._web.client(),
            before_authorize=self._answered,
            logger=quiet(),
            name="relevo",
            request_verification_enabled=False,
            ssl_check_enabled=False,
            url_verification_enabled=False,
        )
        self._up = AsyncSocketModeHandler(app, self._token, logger=quiet(), ping_interval=PING_S)
        client = self._up.client
        client.message_listeners.append(self._heard)
        # The library would ask for an address by itself, and would ask for ever with a token that is not taken.
        client.wss_uri = str(answer.get("url") or "")
        async with asyncio.timeout(HELLO_S):
            await client.connect()  # type: ignore[no-untyped-call]
            await self._greeted.wait()

    async def attend(self, check: Callable[[], None]) -> None:
        """Until the connection is gone for good: then OSError, or what `check` raises."""
        if self._up is None:
            raise OSError("not open")
        client, loop = self._up.client, asyncio.get_running_loop()
        down_since: float | None = None
        while True:
            check()
            session = client.current_session
            if session is not None and not session.closed and await client.is_connected():
                down_since = None
            else:
                down_since = down_since or loop.time()
                # When Slack announces that it will close a connection, the library makes the next one by itself, and holds this lock.
                if not client.connect_operation_lock.locked() or loop.time() - down_since > DOWN_S:
                    # A new client rather than this one's next try: the address that it tries again with is good only once.
                    raise OSError("the connection is gone")
            await asyncio.sleep(WATCH_S)

    async def close(self) -> None:
        if self._up is not None:
            try:
                await self._up.close_async()  # type: ignore[no-untyped-call]
            except Exception as error:
                _log.info("slack.close_failed", error=type(error).__name__)
            self._up = None

    async def _heard(self, client: Any, message: dict[str, Any], raw: str | None) -> None:
        if message.get("type") == "hello":
            self._greeted.set()

    async def _answered(self, body: dict[str, Any]) -> BoltResponse:
        """The middleware. A status that is not 200 leaves the envelope unacknowledged, and Slack brings it again."""
        from slack_bolt.response import BoltResponse

        try:
            answer: Answer = await self._receiver.receive(body)
        except asyncio.CancelledError:
            # We are stopping: whatever this was, it is not stored.
            answer = NOT_STORED
        if not answer.stored:
            return BoltResponse(status=503, body="")
        if answer.body is None:
            return BoltResponse(status=200, body="")
        return BoltResponse(status=200, body=json.dumps(answer.body), headers={"content-type": "application/json"})
