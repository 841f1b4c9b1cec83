"""Takes updates in: each chat in its order, files fetched and kept, albums gathered; nothing counts as taken before it is stored."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from typing import Any

from msgspec.structs import replace
from telegram import MessageEntity
from telegram.error import BadRequest, RetryAfter, TelegramError

from adapters.base import Accept, Later, NotStored
from adapters.ports import Blobs, FileRefused, Said
from adapters.telegram import decode, words
from adapters.telegram.albums import Albums
from adapters.telegram.api import Api, meaning, seconds
from adapters.telegram.decode import Me
from adapters.telegram.deliver import Afterwards, Deliver, markup
from adapters.telegram.encode import answered
from adapters.telegram.settings import Pace
from adapters.uploads import name_of
from conversations.events import ChoicePressed, Inbound, MessageReceived
from conversations.model import Address, Attachment

FILE_LIMIT = 20_971_520
"""What a bot may download: https://core.telegram.org/bots/api#getfile"""

FETCHES = 2
"""Files in memory at the same time."""

FETCH_TRIES = 8
TELLS = 3
_RECORDINGS = ("audio/", "video/")
_UNDER_WAY = float("inf")
"""Instead of the time at which an album's newest part came: it is being passed on, and not to be begun with again."""

log = logging.getLogger(__name__)


class Receive:
    """`take` starts one update on its way; the task it returns is done when the update is stored, or means nothing, or is set aside."""

    def __init__(
        self,
        api: Api,
        me: Me,
        accept: Accept,
        blobs: Blobs,
        said: Said,
        albums: Albums,
        deliver: Deliver,
        afterwards: Afterwards,
        pace: Pace,
    ) -> None:
        self._api = api
        self._me = me
        self._accept = accept
        self._blobs = blobs
        self._said = said
        self._albums = albums
        self._deliver = deliver
        self._afterwards = afterwards
        self._pace = pace
        self._newest: dict[str, asyncio.Task[None]] = {}
        self._gathering: dict[str, dict[str, float]] = {}
        self._fetching = asyncio.Semaphore(FETCHES)
        self._tasks: set[asyncio.Task[None]] = set()

    async def recover(self) -> None:
        """Go on with the albums that an earlier run had begun."""
        while True:
            try:
                left = await self._albums.left()
                break
            except NotStored as error:
                await asyncio.sleep(error.after)
        parts = [part for raw in left if (part := decode.part_of(raw)) is not None]
        for chat, group in dict.fromkeys((part.chat, part.group) for part in parts):
            # The rest has still to be asked for.
            self._expect(chat, group)

    @property
    def gathering(self) -> bool:
        """Whether more of an album may come at any moment."""
        return bool(self._gathering)

    def heard(self, since: float) -> None:
        """All that the server had to tell at `since` (in the event loop's time) has been taken: albums without news for a while are whole.

        By the clock alone they are not: while the server is slow or cannot be reached, silence means nothing.
        """
        latest = min(since, asyncio.get_running_loop().time() - self._pace.album)
        for chat, waiting in self._gathering.items():
            for group, kept_at in list(waiting.items()):
                if latest < kept_at < _UNDER_WAY:
                    # The later ones wait with it, or they would come before it.
                    break
                if kept_at < _UNDER_WAY:
                    waiting[group] = _UNDER_WAY
                    self._chain(chat, None, group)

    def take(self, raw: Any) -> asyncio.Task[None]:
        return self._chain(decode.chat_of(raw), raw)

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _chain(self, chat: str, raw: Any, group: str = "") -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._take(chat, raw, group, self._newest.get(chat)))
        self._newest[chat] = task
        self._tasks.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if self._newest.get(chat) is task:
                del self._newest[chat]

        task.add_done_callback(done)
        return task

    async def _take(self, chat: str, raw: Any, group: str, earlier: asyncio.Task[None] | None) -> None:
        if earlier is not None:
            await asyncio.wait((earlier,))
        while True:
            try:
                if group:
                    await self._flush(chat, group)
                else:
                    await self._store(chat, raw)
                return
            except NotStored as error:
                await asyncio.sleep(error.after)
            except Exception as error:
                # Whatever it is, it would be so again; the others must not wait behind it for ever.
                log.error("an update could not be taken in and is set aside", exc_info=error)
                await self._park(raw)
                return

    async def _park(self, raw: Any) -> None:
        try:
            await self._albums.park(raw)
        except (NotStored, TypeError, ValueError):
            log.error("an update that could not be taken in could not be set aside either")

    async def _store(self, chat: str, raw: Any) -> None:
        part = decode.part_of(raw)
        if part is not None:
            if await self._albums.keep(part, raw):
                self._expect(part.chat, part.group)
            return
        # What was sent before comes before.
        for group in list(self._gathering.get(chat, ())):
            await self._flush(chat, group)
        await self._receive(raw)

    # --- albums ---

    def _expect(self, chat: str, group: str) -> None:
        self._gathering.setdefault(chat, {})[group] = asyncio.get_running_loop().time()

    async def _flush(self, chat: str, group: str) -> None:
        while raws := await self._albums.seal(chat, group):
            await self._receive({"album": raws})
            await self._albums.done(raws, chat, group)
        waiting = self._gathering.get(chat, {})
        waiting.pop(group, None)
        if not waiting:
            self._gathering.pop(chat, None)

    # --- one event ---

    async def _receive(self, raw: Any) -> None:
        inbound = decode.read(raw, self._me)
        if inbound is None:
            if why := decode.unread(raw, self._me):
                await self._tell_about(raw, why)
            return
        event = inbound.event
        told: list[str] = []
        if isinstance(event, MessageReceived) and event.files:
            kept, told = await self._fetch(event.files, event.locale)
            event = replace(event, files=kept)
            inbound = replace(inbound, event=event)
        if not isinstance(event, MessageReceived) or event.text.strip() or event.files:
            await self._accept(inbound)
        for text in told:
            await self._tell(inbound.address, text)
        if isinstance(event, ChoicePressed):
            self._settle(raw, inbound)

    async def _fetch(self, files: Iterable[Attachment], locale: str) -> tuple[tuple[Attachment, ...], list[str]]:
        """The files that are kept, now by their digest, and what is to be said about the others."""
        kept: list[Attachment] = []
        told: list[str] = []
        for file in files:
            known = file.name in ("photo", "video", "voice", "audio", "file")
            name = words.kind(file.name, locale) if known else file.name
            try:
                kept.append(await self._keep(file))
            except FileRefused as refused:
                told.append(words.sentence(refused.reason, locale, name=name, megabytes=_MEGABYTES))
            except _TooLarge:
                told.append(words.sentence("too_large", locale, name=name, megabytes=_MEGABYTES))
        return tuple(kept), told

    async def _keep(self, file: Attachment) -> Attachment:
        if file.size > FILE_LIMIT:
            raise _TooLarge
        if file.mime.startswith(_RECORDINGS):
            raise FileRefused("type")
        async with self._fetching:
            content = await self._content(file.id)
            kept = await self._blobs.keep(_whole(content))
        return Attachment(kept.digest, name_of(file.name, kept.mime), kept.mime, kept.size)

    async def _content(self, file_id: str) -> bytes:
        """Raises FileRefused and _TooLarge; when it cannot be fetched for minutes, it is held for broken, so that others can go on."""
        wait = self._pace.retry
        for _ in range(FETCH_TRIES):
            try:
                content = await self._api.content(file_id, FILE_LIMIT, self._pace)
            except BadRequest as error:
                if "too big" in str(error.message).lower():
                    raise _TooLarge from None
                break
            except RetryAfter as error:
                await asyncio.sleep(seconds(error))
            except TelegramError:
                await asyncio.sleep(wait)
                wait = min(wait * 2, self._pace.retry_limit)
            else:
                if content is None:
                    raise _TooLarge
                return content
        raise FileRefused("broken")

    # --- what the sender is told, and what becomes of a button ---

    async def _tell_about(self, raw: Any, why: str) -> None:
        update = decode.update_of(raw)
        message = None if update is None else update.message
        if message is not None and message.sender is not None and not message.sender.is_bot:
            locale = message.sender.language_code
            await self._tell(decode.address_of(message, self._me), words.sentence(why, locale))

    async def _tell(self, address: Address, text: str) -> None:
        """Said by the adapter itself: the desk knows nothing of what it was not given. Not for ever, if it cannot be said."""
        thread = int(address.thread) if address.thread else None
        for _ in range(TELLS):
            try:
                await self._api.send_message(chat_id=int(address.chat), text=text, message_thread_id=thread)
                return
            except TelegramError as error:
                found = meaning(error, address)
                if not isinstance(found, Later):
                    break
                await asyncio.sleep(min(found.after or self._pace.retry, self._pace.retry_limit))
        log.warning("a customer could not be told what was not taken")

    def _settle(self, raw: Any, inbound: Inbound) -> None:
        update = decode.update_of(raw)
        press = None if update is None else update.callback_query
        if press is None:
            return
        self._afterwards.add(self._api.answer_callback_query(press.id))
        if press.message is not None and press.message.text and press.message.reply_markup is not None:
            self._deliver.answered(str(inbound.address), press.message.message_id)
            self._afterwards.add(self._close(raw["callback_query"]["message"], press.data, decode.label_of(press)))

    async def _close(self, shown: dict[str, Any], data: str, label: str) -> None:
        """A question becomes its answer, and its buttons go."""
        key, _, delivery = data.partition(" ")
        said = await self._said(delivery) if delivery else None
        plain = ("type", "offset", "length", "url")
        entities = [
            {name: entity[name] for name in plain if name in entity}
            for entity in shown.get("entities") or ()
            if entity.get("type") in ("bold", "italic", "code", "text_link")
        ]
        body = answered({"text": shown["text"], "entities": entities}, said, key, label)
        await self._api.edit_message_text(
            chat_id=shown["chat"]["id"],
            message_id=shown["message_id"],
            text=body["text"],
            entities=[MessageEntity(**entity) for entity in body["entities"]],
            reply_markup=markup(None),
        )


_MEGABYTES = f"{FILE_LIMIT / 1_048_576:.3g}"


class _TooLarge(Exception):
    """More than a bot is given."""


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content
