"""Makes the calls: sends texts and files, takes away the buttons of questions that are answered, and tells floods apart."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, InputFile, LinkPreviewOptions, Message, MessageEntity
from telegram.error import BadRequest, TelegramError

from adapters.base import Later, Payload, Receipt, Refused
from adapters.ports import Blobs, Now
from adapters.telegram.api import Api, meaning

REMEMBERED = 10_000

CALL_S = 55.0
"""Delivery takes a message for abandoned after a minute; by then its call must be over, also that of a large file on a slow line."""

AFTERWARDS = 200
"""Calls that nobody waits for, at the same time."""

_PLAIN = LinkPreviewOptions(is_disabled=True)

log = logging.getLogger(__name__)

K = TypeVar("K")
V = TypeVar("V")


class Remembered(OrderedDict[K, V], Generic[K, V]):
    """The newest few of what would be convenient to know: losing it costs no message."""

    def keep(self, key: K, value: V) -> None:
        self[key] = value
        self.move_to_end(key)
        if len(self) > REMEMBERED:
            self.popitem(last=False)


class Afterwards:
    """Calls that make a chat tidier and that nobody waits for. When there are too many of them, or they fail, they are left out."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, *calls: Coroutine[Any, Any, Any]) -> None:
        """One after the other."""
        if len(self._tasks) >= AFTERWARDS:
            for call in calls:
                call.close()
            return
        task = asyncio.get_running_loop().create_task(self._make(calls))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _make(self, calls: tuple[Coroutine[Any, Any, Any], ...]) -> None:
        for call in calls:
            try:
                await call
            except TelegramError:
                pass  # the message is gone, too old, or is so already
            except Exception as error:
                log.error("a chat could not be tidied", exc_info=error)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Deliver:
    """`__call__` is the adapter's `deliver`."""

    def __init__(self, api: Api, blobs: Blobs, now: Now, afterwards: Afterwards) -> None:
        self._api = api
        self._blobs = blobs
        self._now = now
        self._afterwards = afterwards
        # Content that the server has already, by method and digest.
        self._file_ids: Remembered[tuple[str, str], str] = Remembered()
        # The question that stands open in a chat, to take its buttons away when the talk has gone on.
        self._open: Remembered[str, int] = Remembered()
        self._floods: Remembered[str, int] = Remembered()

    async def __call__(self, payload: Payload) -> Receipt:
        chat = payload.address.chat
        try:
            async with asyncio.timeout(CALL_S):
                message = await self._send(payload)
        except TimeoutError:
            raise Later(0, "timed out") from None
        except TelegramError as error:
            raise self._judged(meaning(error, payload.address), chat) from None
        except OSError:
            raise Later(5.0, "a kept file cannot be read") from None
        self._tidy(str(payload.address), chat, message, payload.body)
        return Receipt(str(message.message_id))

    def answered(self, address: str, message_id: int) -> None:
        """The buttons of this message were pressed: they are seen to already."""
        if self._open.get(address) == message_id:
            del self._open[address]

    def _judged(self, error: Exception, chat: str) -> Exception:
        """A flood in one chat is that chat's; in two at the same time it is the account's, and going on would make it worse."""
        if isinstance(error, Later) and str(error) == "flood":
            now = self._now()
            elsewhere = any(until > now for other, until in self._floods.items() if other != chat)
            self._floods.keep(chat, now + round(error.after * 1000))
            for other in [other for other, until in self._floods.items() if until <= now]:
                del self._floods[other]
            return Later(error.after, "flood", whole=elsewhere)
        return error

    def _tidy(self, address: str, chat: str, message: Message, body: dict[str, Any]) -> None:
        before = self._open.pop(address, None)
        if before is not None and before != message.message_id:
            self._afterwards.add(self._api.edit_message_reply_markup(chat_id=int(chat), message_id=before, reply_markup=None))
        if body.get("asks"):
            self._open.keep(address, message.message_id)

    # --- calls ---

    async def _send(self, payload: Payload) -> Message:
        body, address = payload.body, payload.address
        where: dict[str, Any] = {"chat_id": int(address.chat)}
        if address.thread:
            where["message_thread_id"] = int(address.thread)
        if body["method"] != "sendMessage":
            return await self._send_file(where, body)
        entities = [MessageEntity(**entity) for entity in body["entities"]]
        sent = {"text": body["text"], "reply_markup": markup(body.get("keyboard")), "link_preview_options": _PLAIN}
        try:
            return await self._api.send_message(**where, **sent, entities=entities)
        except BadRequest as error:
            if not entities or "entit" not in str(error.message).lower():
                raise
            # Its looks are worth less than what it says.
            return await self._api.send_message(**where, **sent)

    async def _send_file(self, where: dict[str, Any], body: dict[str, Any]) -> Message:
        known = (body["method"], body["digest"])
        if file_id := self._file_ids.get(known):
            try:
                return await self._sent(body["method"], where, file_id)
            except BadRequest:
                # It may be an id that the server has forgotten; if it is something else, that is told again.
                del self._file_ids[known]
        path = await self._blobs.find(body["digest"])
        if path is None:
            raise Refused("the file is not kept any more")
        content = await asyncio.to_thread(path.read_bytes)
        file = InputFile(content, filename=body["name"])
        try:
            message = await self._sent(body["method"], where, file)
        except BadRequest:
            if body["method"] != "sendPhoto":
                raise
            # Too long, too wide, or no picture after all: as a file it can be any.
            message = await self._sent("sendDocument", where, InputFile(content, filename=body["name"]))
        if message.photo:
            self._file_ids.keep(("sendPhoto", body["digest"]), message.photo[-1].file_id)
        elif message.document is not None:
            self._file_ids.keep(known, message.document.file_id)
        return message

    async def _sent(self, method: str, where: dict[str, Any], file: str | InputFile) -> Message:
        if method == "sendPhoto":
            return await self._api.send_photo(**where, photo=file)
        return await self._api.send_document(**where, document=file, disable_content_type_detection=True)


def markup(rows: list[list[dict[str, Any]]] | None) -> InlineKeyboardMarkup | None:
    return None if rows is None else InlineKeyboardMarkup([[InlineKeyboardButton(**button) for button in row] for row in rows])
