"""Telegram as a platform: settings → decode → encode → deliver → run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from starlette.routing import BaseRoute, Route
from telegram import BotCommand
from telegram.error import BadRequest, Conflict, InvalidToken, RetryAfter, TelegramError

from adapters.base import Accept, Outbound, Payload, Receipt, Unwelcome
from adapters.ports import Blobs, Now, Said
from adapters.telegram import decode, encode, words
from adapters.telegram.albums import Albums
from adapters.telegram.api import connect, seconds
from adapters.telegram.decode import Me
from adapters.telegram.deliver import Afterwards, Deliver
from adapters.telegram.receive import Receive
from adapters.telegram.settings import Pace, TelegramSettings
from adapters.telegram.webhook import PATH, Webhook
from adapters.telegram.wire import WANTED
from conversations.events import Inbound

T = TypeVar("T")

REFUSED = "RELEVO_TELEGRAM__TOKEN: the server does not know this token (any more); get the valid one from BotFather, set it and start again"
RIVAL = "RELEVO_TELEGRAM__TOKEN: another program fetches this bot's messages; stop it, or give each program a bot of its own"
UNHOOKED = "RELEVO_HTTP__PUBLIC_URL: Telegram does not accept this address for its webhook"

log = logging.getLogger(__name__)


class Telegram:
    """One bot. `folder` is where parts of albums wait for the others; `hook` is the desk's public address, for the webhook.

    `notices`: the desk sends some, so there is a command for them.
    """

    name = decode.NAME
    capabilities = encode.CAPABILITIES

    def __init__(
        self,
        settings: TelegramSettings,
        *,
        blobs: Blobs,
        said: Said,
        now: Now,
        folder: Path,
        hook: str = "",
        notices: bool = False,
        pace: Pace | None = None,
    ) -> None:
        self.settings = settings
        self._pace = Pace() if pace is None else pace
        self._me = Me(int(settings.account))
        self._api, self._lines = connect(settings, self._pace)
        self._blobs, self._said = blobs, said
        self._albums = Albums(folder, now)
        self._hook = hook
        self._notices = notices
        self._afterwards = Afterwards()
        self._deliver = Deliver(self._api, blobs, now, self._afterwards)
        self._receive: Receive | None = None

    # --- decode ---

    def decode(self, raw: Any) -> Inbound | None:
        """From an update as the server sends it. Attachments are by Telegram's file ids; `run` has them fetched and kept."""
        return decode.read(raw, self._me)

    def way_in(self, code: str) -> str:
        """The address that opens a private chat with this bot and brings it a link code; "" while the bot's name is not known.

        https://core.telegram.org/bots/features#deep-linking
        """
        return f"https://t.me/{self._me.username}?start=link_{code}" if self._me.username else ""

    # --- encode ---

    def encode(self, out: Outbound) -> list[Payload]:
        return encode.encode(out)

    # --- deliver ---

    async def deliver(self, payload: Payload, key: str) -> Receipt:
        """Telegram has no keys by which a second send would be known: when a call's fate is unknown it is made again."""
        return await self._deliver(payload)

    # --- run ---

    async def run(self, accept: Accept) -> None:
        for line in self._lines:
            await line.initialize()
        try:
            me = await self._until_done(self._api.get_me)
            self._me = Me(self._me.id, me.username or "")
            receive = Receive(
                self._api,
                self._me,
                accept,
                self._blobs,
                self._said,
                self._albums,
                self._deliver,
                self._afterwards,
                self._pace,
            )
            self._receive = receive
            try:
                await receive.recover()
                await self._publish_commands()
                if self.settings.mode == "webhook":
                    await self._listen(receive)
                else:
                    await self._poll(receive)
            finally:
                self._receive = None
                await receive.close()
        finally:
            await self._afterwards.close()
            for line in self._lines:
                await line.shutdown()

    def routes(self) -> Sequence[BaseRoute]:
        """The webhook, where that is how updates come."""
        if self.settings.mode != "webhook":
            return []
        hook = Webhook(self.settings.webhook_secret.get_secret_value(), lambda: self._receive)
        return [Route(PATH, hook.answer, methods=["POST"])]

    async def _listen(self, receive: Receive) -> None:
        try:
            await self._until_done(
                lambda: self._api.set_webhook(
                    self._hook + PATH, allowed_updates=WANTED, secret_token=self.settings.webhook_secret.get_secret_value()
                )
            )
        except BadRequest:
            raise Unwelcome(UNHOOKED) from None
        while True:
            await asyncio.sleep(self._pace.album / 2)
            receive.heard(asyncio.get_running_loop().time())

    async def _poll(self, receive: Receive) -> None:
        """The next update is asked for, which confirms those before it, only when those are stored."""
        await self._until_done(self._unhook)
        under_way: dict[int, asyncio.Task[None]] = {}
        taken: set[int] = set()
        offset: int | None = None
        while True:
            asked_at = asyncio.get_running_loop().time()
            batch = await self._fetch(offset, 0 if under_way else 1 if receive.gathering else self._pace.poll)
            news = [raw for raw in batch if isinstance(raw, dict) and type(raw.get("update_id")) is int]
            if len(news) < len(batch):
                log.error("an update without a number cannot be confirmed")
                if not news:
                    await asyncio.sleep(self._pace.retry_limit)
            for raw in news:
                if raw["update_id"] not in taken:
                    taken.add(raw["update_id"])
                    under_way[raw["update_id"]] = receive.take(raw)
            receive.heard(asked_at)
            if under_way:
                # A long download must not keep the others waiting; but whoever asks again at once is told the same at once.
                await asyncio.wait(under_way.values(), timeout=self._pace.again)
                under_way = {id: task for id, task in under_way.items() if not task.done()}
            if under_way:
                offset = min(under_way)
            elif news:
                offset = max(raw["update_id"] for raw in news) + 1
            elif not batch:
                # All is confirmed. After a quiet week numbers begin anew, perhaps lower; without an offset none is passed over.
                offset = None
            taken = {id for id in taken if offset is not None and id >= offset}

    async def _unhook(self) -> bool:
        """While a webhook is set there is no polling. What it did not deliver is kept."""
        return await self._api.delete_webhook(drop_pending_updates=False)

    async def _fetch(self, offset: int | None, seconds: int) -> list[Any]:
        conflicts = 0

        async def ask() -> list[Any]:
            nonlocal conflicts
            while True:
                try:
                    return await self._api.raw_updates(offset, seconds, WANTED, self._pace)
                except Conflict as error:
                    # An earlier run's request may still be open; somebody else's stays.
                    conflicts += 1
                    if conflicts >= self._pace.conflicts:
                        raise Unwelcome(RIVAL) from None
                    await asyncio.sleep(self._pace.conflict)
                    if "webhook" in str(error.message).lower():
                        await self._unhook()

        return await self._until_done(ask)

    async def _until_done(self, call: Callable[[], Awaitable[T]]) -> T:
        """The result of a call that only a lost connection or a flood may hold up. Raises Unwelcome, BadRequest."""
        wait = self._pace.retry
        while True:
            try:
                return await call()
            except InvalidToken:
                raise Unwelcome(REFUSED) from None
            except BadRequest:
                raise
            except RetryAfter as error:
                await asyncio.sleep(seconds(error))
            except TelegramError as error:
                log.warning("Telegram cannot be reached (%s), trying again in %g s", type(error).__name__, wait)
                await asyncio.sleep(wait)
                wait = min(wait * 2, self._pace.retry_limit)

    async def _publish_commands(self) -> None:
        """The menu of commands, in each language; written only when it is not what stands there. The desk works without it."""
        for language in words.LANGUAGES:
            wanted = tuple(BotCommand(name, description) for name, description in words.commands(language, self._notices))
            try:
                if await self._api.get_my_commands(language_code=language or None) != wanted:
                    await self._api.set_my_commands(wanted, language_code=language or None)
            except InvalidToken:
                raise Unwelcome(REFUSED) from None
            except (TelegramError, TypeError, AttributeError):
                log.warning("the menu of commands could not be brought up to date")
                return
