"""One envelope from its arrival to its acknowledgement: looked up, stored, and only then answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, NamedTuple

import structlog

from adapters.base import Accept, NotStored
from adapters.ports import Blobs, Heard
from adapters.slack import decode as decoding
from adapters.slack.decode import at, words
from adapters.slack.deliver import Sender
from adapters.slack.encode import errors, home, view
from adapters.slack.files import fetch, refusal
from adapters.slack.forms import Asked, Forms, Recent, Waiting
from adapters.slack.ports import Tickets
from adapters.slack.settings import ACCOUNT
from adapters.slack.web import Failure, Web
from adapters.slack.words import say
from conversations.events import FormAnswered, Inbound, MessageDeleted, MessageEdited
from conversations.model import Address

ACK_S: Final = 2.5
"""Slack gives an envelope 3 s; what is shown to whoever waits for it must be on its way by then."""

NEXT_PAGE_S: Final = 2.0
EVENT_S: Final = 30.0
"""How long an event is tried to be stored: unacknowledged, Slack delivers it again by itself."""

LOOK_UP_S: Final = 1.5
LOCALES: Final = 5_000
LOCALE_S: Final = 86_400.0
FORGET_S: Final = 60.0

_log = structlog.get_logger(__name__)


class Answer(NamedTuple):
    """The acknowledgement; `stored` False: there must be none. `body` is what Slack shows or does with it."""

    stored: bool = True
    body: dict[str, Any] | None = None


NOT_STORED: Final = Answer(False)


class Receiver:
    """`accept` is there while the adapter runs. What happens at one place is taken in its order, different places side by side."""

    def __init__(self, web: Web, forms: Forms, sender: Sender, blobs: Blobs, tickets: Tickets, heard: Heard) -> None:
        self.accept: Accept | None = None
        self.bot = ""
        self.close_gap: Callable[[str], Awaitable[None]] | None = None
        self._web = web
        self._forms = forms
        self._sender = sender
        self._blobs = blobs
        self._tickets = tickets
        self._heard = heard
        self._under_way: dict[str, asyncio.Task[Answer]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}
        self._downloads = asyncio.Semaphore(4)
        self._locales: Recent[tuple[str, float]] = Recent(LOCALES)
        self._chats: Recent[str] = Recent(LOCALES)
        self._told: Recent[bool] = Recent(LOCALES)

    async def receive(self, body: Any, live: bool = True) -> Answer:
        """`body` as Slack sends it, by whatever way. The same envelope that comes again meanwhile shares the answer of the first.

        `live` False: it was read from the history, and waits for nothing that comes before it.
        """
        raw = envelope(body)
        name = identity(raw)
        task = self._under_way.get(name) if name else None
        if task is None:
            task = self._begin(self._take(raw, live))
            if name:
                self._under_way[name] = task
                task.add_done_callback(lambda _: self._under_way.pop(name, None))
        return await asyncio.shield(task)

    async def stop(self) -> None:
        """Let go of whatever is not stored yet: it was not acknowledged."""
        self.accept = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def told_already(self, files: list[str]) -> None:
        """Refusals of these files stand in the chat already."""
        for file in files:
            self._told.put(file, True)

    def _begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        # The loop holds its tasks only weakly.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- one envelope ---

    async def _take(self, raw: dict[str, Any], live: bool) -> Answer:
        began = asyncio.get_running_loop().time()
        try:
            event = decoding.event_of(raw)
            if words(event, "type") in ("tokens_revoked", "app_uninstalled"):
                self._web.lost = self._web.lost or words(event, "type")
            elif words(event, "type") == "app_home_opened":
                if words(event, "tab") in ("home", ""):
                    self._begin(self._show_home(raw))
            elif decoding.action_of(raw)[0] == decoding.SHEET:
                await self._open_form(raw)
            elif expected(raw):
                return await self._store(raw, began, live)
            # Whatever is not for us is acknowledged: else Slack would bring it again and again.
            return Answer()
        except NotStored:
            return NOT_STORED
        except Exception as error:
            _log.error("slack.envelope_failed", error=type(error).__name__, kind=words(raw, "type"))
            return NOT_STORED

    async def _store(self, raw: dict[str, Any], began: float, live: bool) -> Answer:
        user = decoding.user_of(raw)
        if decoding.needs_chat(raw):
            if not (chat := await self._direct_chat(user)):
                return NOT_STORED
            raw = {**raw, "found": {"chat": chat}}
        place = place_of(raw)
        if live and self.close_gap is not None and raw["type"] == "events_api":
            # What was said while the desk was down comes before what is said now.
            await self.close_gap(place)
        waiting: Waiting | None = None
        lock, users = self._locks.get(place, (asyncio.Lock(), 0))
        self._locks[place] = lock, users + 1
        try:
            async with lock:
                inbound = decoding.decode(await self._looked_up(raw, user))
                if inbound is None or await self._unheard(inbound):
                    return Answer()
                where = str(inbound.address)
                if isinstance(inbound.event, FormAnswered):
                    waiting = self._forms.wait(where, inbound.event.key)
                elif trigger := words(at(raw, "payload"), "trigger_id"):
                    self._forms.clicked(where, trigger, began)
                else:
                    self._forms.moved_on(where)
                patience = EVENT_S if raw["type"] == "events_api" else ACK_S
                stored = await self._accept(inbound, began + patience)
        finally:
            lock, users = self._locks[place]
            if users > 1:
                self._locks[place] = lock, users - 1
            else:
                del self._locks[place]
        if waiting is not None:
            try:
                return await self._next_page(raw, inbound, waiting, stored, began)
            finally:
                self._forms.leave(where, waiting)
        if stored and raw["type"] == "slash_commands" and words(at(raw, "payload"), "channel_id") != inbound.address.chat:
            text = say("answered_in_dm", await self._locale(user))
            return Answer(body={"response_type": "ephemeral", "text": text})
        return Answer(stored)

    async def _unheard(self, inbound: Inbound) -> bool:
        """Whether it is about a message that never came here. In channels people change what is no business of ours, and nothing is to be
        kept of that, not even that there is such a thread.
        """
        if not inbound.address.thread or not isinstance(inbound.event, MessageEdited | MessageDeleted):
            return False
        return await self._heard.place((inbound.address,), inbound.event.of) is None

    async def _accept(self, inbound: Inbound, until: float) -> bool:
        loop = asyncio.get_running_loop()
        while self.accept is not None:
            try:
                await self.accept(inbound)
            except NotStored as error:
                if loop.time() + error.after > until:
                    return False
                await asyncio.sleep(error.after)
            else:
                return True
        return False

    # --- what has to be looked up ---

    async def _looked_up(self, raw: dict[str, Any], user: str) -> dict[str, Any]:
        if decoding.amends(raw):
            return raw
        locale = await self._locale(user)
        found = {**(at(raw, "found") or {}), "locale": locale}
        kept: dict[str, Any] = {}
        if files := decoding.files_of(raw):
            address = address_of(raw)
            for file in files:
                async with self._downloads:
                    fetched = await fetch(self._web, self._blobs, file)
                if fetched.file is not None:
                    kept[words(file, "id")] = {name: getattr(fetched.file, name) for name in ("id", "name", "mime", "size")}
                elif address is not None and fetched.refused is not None and words(file, "id") not in self._told:
                    # Before anything is acknowledged: should we die now, it is said again rather than never.
                    try:
                        await self._sender.note(address, refusal(fetched.refused, file, locale), f"refused.{words(file, 'id')}")
                    except Failure as failure:
                        if failure.transient:
                            raise NotStored(failure.after or 1) from None
                        _log.warning("slack.refusal_not_told", reason=failure.error)
                    self._told.put(words(file, "id"), True)
        return {**raw, "found": {**found, "files": kept}}

    async def _locale(self, user: str) -> str:
        now = asyncio.get_running_loop().time()
        locale, until = self._locales.get(user, ("", 0.0))
        if not user or now < until:
            return locale
        try:
            async with asyncio.timeout(LOOK_UP_S):
                answer = await self._web.call("users_info", user=user, include_locale=True)
            locale, until = words(answer, "user", "locale"), now + LOCALE_S
        except (Failure, TimeoutError):
            # Without it the desk tells the language by what is written.
            until = now + FORGET_S
        self._locales.put(user, (locale, until))
        return locale

    async def _direct_chat(self, user: str) -> str:
        if not (chat := self._chats.get(user, "")) and user:
            try:
                async with asyncio.timeout(LOOK_UP_S):
                    chat = words(await self._web.call("conversations_open", users=user), "channel", "id")
            except (Failure, TimeoutError) as failure:
                _log.warning("slack.no_direct_chat", reason=str(failure) or "slow")
                return ""
            self._chats.put(user, chat)
        return chat

    # --- forms ---

    async def _open_form(self, raw: dict[str, Any]) -> None:
        """The button under a form's question: its value is the key of the message that asked."""
        payload, (_, action) = decoding.payload_of(raw, "interactive"), decoding.action_of(raw)
        chat, user, trigger = words(payload, "channel", "id"), decoding.user_of(raw), words(payload, "trigger_id")
        if not chat or not user or not trigger:
            return
        address = Address(decoding.NAME, ACCOUNT, chat, decoding.thread_of(payload, chat))
        try:
            async with asyncio.timeout(ACK_S):
                asked = await self._forms.recall(words(action, "value"))
                if asked is not None:
                    await self._web.call("views_open", trigger_id=trigger, view=view(asked.message, asked.sheet, asked.said, address))
                    return
        except (Failure, TimeoutError) as failure:
            _log.info("slack.form_not_opened", reason=str(failure) or "slow")
        # The button is still there, and so is the question above it.
        self._begin(self._say_too_late(address, user))

    async def _say_too_late(self, address: Address, user: str) -> None:
        await self._sender.whisper(address, user, say("too_late", await self._locale(user)))

    async def _next_page(self, raw: dict[str, Any], inbound: Inbound, waiting: Waiting, stored: bool, began: float) -> Answer:
        """The page that follows goes into the same window; whatever else the desk says comes in the chat, and the window closes."""
        submitted = decoding.submission_of(raw)
        shown = decoding.blocks_by_name(submitted)
        if not stored:
            if not shown:
                return NOT_STORED
            # Nothing was taken: what was typed stays where it is, and is said to be there.
            text = say("again", await self._locale(decoding.user_of(raw)))
            return Answer(body={"response_action": "errors", "errors": {next(iter(shown.values())): text}})
        asked: Asked | None = None
        try:
            left = min(NEXT_PAGE_S, began + ACK_S - asyncio.get_running_loop().time())
            asked = await asyncio.wait_for(asyncio.shield(waiting.answer), max(0.0, left))
        except TimeoutError:
            pass
        if asked is None:
            return Answer(body={"response_action": "clear"})
        if wrong := errors(asked.sheet, shown):
            return Answer(body={"response_action": "errors", "errors": wrong})
        return Answer(body={"response_action": "update", "view": view(asked.message, asked.sheet, asked.said, inbound.address)})

    # --- what is not for the desk ---

    async def _show_home(self, raw: dict[str, Any]) -> None:
        event = decoding.event_of(raw)
        user, chat = decoding.user_of(raw), words(event, "channel")
        if not user:
            return
        locale = await self._locale(user)
        chat = chat if chat.startswith("D") else await self._direct_chat(user)
        own = await self._tickets(Address(decoding.NAME, ACCOUNT, chat), locale) if chat else ()
        drawn = home(own, locale, words(at(raw, "payload"), "team_id"), words(at(raw, "payload"), "api_app_id"))
        try:
            await self._web.call("views_publish", user_id=user, view=drawn)
        except Failure as failure:
            _log.info("slack.home_not_shown", reason=failure.error)


def envelope(body: Any) -> dict[str, Any]:
    """A payload in the form in which Socket Mode brings it."""
    kind = words(body, "type")
    if kind == "event_callback":
        return {"type": "events_api", "payload": body}
    return {"type": "slash_commands" if words(body, "command") else "interactive", "payload": body}


def identity(raw: dict[str, Any]) -> str:
    """What stays the same when Slack brings the same thing again."""
    return words(raw, "payload", "event_id") or words(raw, "payload", "trigger_id")


def address_of(raw: dict[str, Any]) -> Address | None:
    """Where this will be answered, when there is anything in it for the desk."""
    inbound = decoding.decode({**raw, "found": {**_anything(raw), **(at(raw, "found") or {})}})
    return inbound.address if inbound else None


def expected(raw: dict[str, Any]) -> bool:
    """Whether there is anything in it for the desk, once what is missing has been looked up."""
    return address_of(raw) is not None


def place_of(raw: dict[str, Any]) -> str:
    return str(address_of(raw) or "")


def _anything(raw: dict[str, Any]) -> dict[str, Any]:
    return {"chat": "D0", "files": {words(file, "id"): {"id": "x"} for file in decoding.files_of(raw)}}
