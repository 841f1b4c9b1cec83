"""Discord as a platform: settings → decode → encode → deliver → run. The gateway receives, the REST API sends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final

from adapters.base import Accept, Later, NotStored, Outbound, Payload, Receipt, Refused, Unreachable
from adapters.discord import decode as received
from adapters.discord import encode as drawn
from adapters.discord import missed, wire
from adapters.discord.answers import Answers
from adapters.discord.commands import sync
from adapters.discord.encode import NO_MENTIONS, Call
from adapters.discord.files import Files, Taken
from adapters.discord.link import Link, nonce_of
from adapters.discord.markup import parts_of
from adapters.discord.recent import Recent
from adapters.discord.settings import DiscordSettings
from adapters.discord.wire import Changed, Content, Interaction, Removed, Said
from adapters.discord.words import word
from adapters.ports import Blobs, Heard
from adapters.ports import Said as Recall
from conversations.events import Inbound
from conversations.model import Address, Sheet, paragraph

_LOG = logging.getLogger(__name__)

REMEMBERED: Final = 2_000
FILES_S: Final = 60.0
FILES_OF_MODAL_S: Final = 1.5
"""An interaction must be answered in three seconds, and is answered once it is stored."""


class Discord:
    """One bot account. A person's private channel with it is a conversation; in servers, each person in each channel has one.

    Everything is said by ordinary messages: Discord drops a second one with the same nonce, while what answers an interaction directly has
    none. So an interaction is only acknowledged, and its token used for what may be lost: opening a modal, a word for one person alone.

    `notices`: the desk sends some, so there is a command for them.
    """

    name = received.PLATFORM
    capabilities = drawn.CAPABILITIES

    def __init__(self, settings: DiscordSettings, *, blobs: Blobs, said: Recall, heard: Heard, notices: bool = False) -> None:
        self.account = settings.account
        self._link = Link(settings, self._take)
        self._blobs = blobs
        self._files = Files(self._link, blobs)
        self._said = said
        self._heard = heard
        self._notices = notices
        self._sheets: Recent[str, tuple[Sheet, str]] = Recent(REMEMBERED)
        self._locales: Recent[Address, str] = Recent(REMEMBERED)
        self._last: Recent[Address, str] = Recent(REMEMBERED)
        self._private: Recent[str, str] = Recent(REMEMBERED)
        self._answers = Answers(self._link)
        self._accept: Accept | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._newest: dict[str, asyncio.Task[None]] = {}
        self._session: asyncio.Task[None] | None = None
        self._missed: dict[str, asyncio.Task[None]] = {}

    # --- decode ---

    def decode(self, raw: Any) -> Inbound | None:
        return received.event_of(raw, self.account)

    def way_in(self, code: str) -> str:
        """What is typed to bring a link code into the private chat with this bot."""
        return f"/link code:{code}"

    # --- encode ---

    def encode(self, out: Outbound) -> list[Payload]:
        return drawn.calls(out)

    # --- deliver ---

    async def deliver(self, payload: Payload, key: str) -> Receipt:
        call: Call = payload.body
        json = {**call.json, "nonce": nonce_of(key), "enforce_nonce": True}
        if payload.address.thread and (last := self._last.get(payload.address)):
            json["message_reference"] = {"message_id": last, "fail_if_not_exists": False}
        if call.sheet is not None:
            self._sheets.put(key.rpartition(".")[0], (call.sheet, call.locale))
        files = []
        for file in call.files:
            if (path := await self._blobs.find(file.id.partition(".")[0])) is not None:
                files.append((file.name or "file", path))
        if len(files) < len(call.files):
            names = ", ".join(file.name or "?" for file in call.files)
            json["content"] = f"{json['content']}\n\n{parts_of(paragraph(word('unsent', call.locale, names=names)))[0]}"[:2_000]
        made = await self._link.call("POST", "/channels/{channel_id}/messages", json, files=files, channel_id=payload.address.chat)
        self._locales.put(payload.address, call.locale)
        self._answers.done(payload.address)
        if not isinstance(made, dict):
            raise Later(0, "no answer of Discord's")
        return Receipt(str(made.get("id", "")))

    # --- run ---

    async def run(self, accept: Accept) -> None:
        """Receive until cancelled. Conversations go side by side, each in its own order; an interaction is answered when it is stored."""
        self._accept = accept
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                tasks.create_task(self._sync())
                await self._link.listen()
        except BaseExceptionGroup as errors:
            # Whoever supervises this is told of one error, not of a group.
            raise errors.exceptions[0] from None
        finally:
            self._tasks = None
            self._newest.clear()
            self._missed.clear()
            self._session = None
            await self._link.close()

    async def close(self) -> None:
        """Let go of the line, when it was only delivered over."""
        await self._link.close()

    def _take(self, raw: dict[str, Any]) -> None:
        """One dispatch of the gateway, in the order of their coming."""
        for each in wire.singly(raw) if self._tasks is not None else ():
            self._take_one(each)

    def _take_one(self, raw: dict[str, Any]) -> None:
        if raw["t"] == "READY":
            # A new session: what came after the end of the last one was sent to nobody.
            self._missed.clear()
            self._session = self._begin(self._catch_up())
            return
        content = wire.read(raw)
        if content is None or (isinstance(content, Said) and not received.concerns(content, self.account)):
            return
        if isinstance(content, Changed | Removed) and not received.mirrored(content, self.account):
            return
        if isinstance(content, Interaction) and (content.opens or content.owner not in ("", content.actor)):
            # Nothing happened yet: a form is looked at, or somebody pressed what is not theirs.
            self._begin(self._show(content))
            return
        strand = content.channel_id if content.guild_id is None else f"{content.channel_id} {_actor(content)}"
        earlier = [self._newest[strand]] if strand in self._newest else []
        if isinstance(content, Removed) and content.guild_id is not None:
            # Anybody's there: whose it was is found once all that was written is stored.
            earlier = [task for name, task in self._newest.items() if name.startswith(strand)]
        self._queue(strand, self._in_turn(strand, raw, content, earlier))

    def _queue(self, strand: str, work: Coroutine[Any, Any, None]) -> None:
        task = self._newest[strand] = self._begin(work)

        def done(task: asyncio.Task[None]) -> None:
            if self._newest.get(strand) is task:
                del self._newest[strand]

        task.add_done_callback(done)

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        assert self._tasks is not None  # noqa: S101 - `_take` has looked
        return self._tasks.create_task(work)

    async def _in_turn(self, strand: str, raw: dict[str, Any], content: Content, earlier: list[asyncio.Task[None]]) -> None:
        """After what came before it in its conversation, and after what was missed of that."""
        if self._session is not None:
            await asyncio.wait((self._session,))
        missed = self._missed.get(content.channel_id)
        if before := [*earlier, *([missed] if missed else [])]:
            await asyncio.wait(before)
        await self._taken(raw, content)

    async def _taken(self, raw: dict[str, Any], content: Content) -> None:
        try:
            if isinstance(content, Changed | Removed):
                if (inbound := await self._amendment(raw, content)) is not None:
                    await self._store(inbound)
            else:
                await self._receive(raw, content)
        except Exception as error:
            # It would come again with every new session, and end that too.
            _LOG.error("an event was set aside", extra={"event_id": content.id, "error": type(error).__name__})

    async def _receive(self, raw: dict[str, Any], content: Said | Interaction) -> None:
        """Store one event, with the files that came with it, however long that takes; then let Discord and its customer know."""
        taken = await self._with_files(raw, content)
        if isinstance(content, Interaction) and content.is_command and content.guild_id is not None:
            dm = await self._private_channel(content.actor)
            if not dm:
                await self._answers.note(content, word("closed", content.hint))
                return
            raw["dm"] = dm
        inbound = self.decode(raw)
        if inbound is not None:
            await self._store(inbound)
        if isinstance(content, Said):
            if content.guild_id is not None and inbound is not None:
                self._last.put(inbound.address, content.id)
        elif inbound is not None:
            if content.hint:
                self._locales.put(inbound.address, content.hint)
            await self._answers.received(content, inbound.address)
        address = inbound.address if inbound is not None else received.place_of(content, self.account)
        if address is not None and taken.refused:
            await self._tell(address, taken, content.id)

    async def _amendment(self, raw: dict[str, Any], content: Changed | Removed) -> Inbound | None:
        """In a server, only of a message that is stored: most of what is changed and deleted there was never said to the desk."""
        if content.guild_id is not None:
            spoken_to = [address for address in self._last if address.chat == content.channel_id]
            among = spoken_to if isinstance(content, Removed) else [Address(self.name, self.account, content.channel_id, content.author.id)]
            place = await self._place(among, received.message_key(content.id))
            if place is None:
                return None
            raw["whose"] = place.thread
        return self.decode(raw)

    async def _place(self, among: Sequence[Address], key: str) -> Address | None:
        while True:
            try:
                return await self._heard.place(among, key)
            except NotStored as error:
                await asyncio.sleep(error.after)

    async def _store(self, inbound: Inbound) -> None:
        assert self._accept is not None  # noqa: S101 - set before anything is received
        while True:
            try:
                await self._accept(inbound)
                return
            except NotStored as error:
                await asyncio.sleep(error.after)

    async def _with_files(self, raw: dict[str, Any], content: Said | Interaction) -> Taken:
        files = wire.files_of(content)
        if not files:
            return Taken({}, {})
        seconds = FILES_S if isinstance(content, Said) else FILES_OF_MODAL_S
        while True:
            try:
                taken = await self._files.take(files, seconds)
            except NotStored as error:
                await asyncio.sleep(error.after)
            else:
                raw["kept"] = taken.kept
                return taken

    async def _tell(self, address: Address, taken: Taken, id: str) -> None:
        """Say which files were not taken. When that fails, the customer sees it by their absence."""
        text = parts_of(paragraph(taken.told(self._locales.get(address) or "")))[0]
        json = {"content": text, "allowed_mentions": NO_MENTIONS, "nonce": nonce_of(f"refused {id}"), "enforce_nonce": True}
        for _ in range(3):
            try:
                await self._link.call("POST", "/channels/{channel_id}/messages", json, channel_id=address.chat)
                return
            except Later as later:
                await asyncio.sleep(min(later.after or 0.5, 30))
            except (Unreachable, Refused):
                return

    async def _show(self, pressed: Interaction) -> None:
        """Open a form's modal, from memory or from what was said: this alone cannot wait for the desk."""
        if pressed.owner not in ("", pressed.actor):
            await self._answers.note(pressed, word("not_yours", pressed.hint))
            return
        found = self._sheets.get(pressed.opens)
        if found is None and (message := await self._said(pressed.opens)) is not None and message.sheet is not None:
            found = message.sheet, message.locale
            self._sheets.put(pressed.opens, found)
        if found is None:
            await self._answers.note(pressed, word("gone", pressed.hint))
        else:
            await self._answers.modal(pressed, drawn.modal_of(*found))

    async def _private_channel(self, user: str) -> str:
        """The channel in which this person is written to alone, or "" when there can be none."""
        if known := self._private.get(user):
            return known
        try:
            made = await self._link.call("POST", "/users/@me/channels", {"recipient_id": user})
        except (Later, Unreachable, Refused):
            return ""
        id = str(made.get("id", "")) if isinstance(made, dict) else ""
        if id.isdecimal():
            self._private.put(user, id)
            return id
        return ""

    async def _catch_up(self) -> None:
        """Queue what was missed in each channel that was spoken in, before anything that comes there now."""
        while True:
            try:
                heard = await self._heard(self.name, self.account)
                break
            except NotStored as error:
                await asyncio.sleep(error.after)
        for address, newest in reversed(heard):
            if address.thread and self._last.get(address) is None:
                self._last.put(address, str(int(newest[1:])))
        free = asyncio.Semaphore(missed.AT_ONCE)
        rooms: dict[str, int] = {}
        for address, newest in heard:
            if address.thread:
                rooms[address.chat] = max(rooms.get(address.chat, 0), int(newest[1:]))
            else:
                self._missed[address.chat] = self._begin(self._read_on(address, newest, free))
        for channel, id in rooms.items():
            self._missed[channel] = self._begin(self._read_room(channel, id, free))

    async def _read_on(self, address: Address, newest: str, free: asyncio.Semaphore) -> None:
        """First what became of that which is stored: as soon as something newer is, the next look would reach back less far, should we die
        in between.
        """
        after = missed.since(newest)
        # Before the history, or what comes meanwhile would seem to be missing there.
        stored = await self._stored(address, received.message_key(str(after)))
        history = await missed.read(self._link, address, after, free)
        for raw in history.amended(stored):
            content = wire.read(raw)
            if isinstance(content, Changed | Removed) and received.mirrored(content, self.account):
                await self._taken(raw, content)
        for line in history.lines:
            raw = {"t": "MESSAGE_CREATE", "d": line}
            content = wire.read(raw)
            if not isinstance(content, Said) or not received.concerns(content, self.account):
                continue
            key = received.message_key(content.id)
            if key != newest and key not in stored:
                await self._taken(raw, content)

    async def _read_room(self, channel: str, newest: int, free: asyncio.Semaphore) -> None:
        """What was asked of the bot in a server's channel, by whomever. Of what is not for it Discord shows no text: it is passed over."""
        history = await missed.read(self._link, Address(self.name, self.account, channel), missed.a_little_before(newest), free)
        for line in history.lines:
            # A history does not say what server it is of, but what stands in one is told apart by having a server.
            raw = {"t": "MESSAGE_CREATE", "d": line | {"guild_id": channel}}
            content = wire.read(raw)
            if not isinstance(content, Said) or not received.concerns(content, self.account):
                continue
            asked_in = Address(self.name, self.account, channel, content.author.id)
            if await self._place([asked_in], received.message_key(content.id)) is None:
                await self._taken(raw, content)

    async def _stored(self, address: Address, since: str) -> Mapping[str, int]:
        while True:
            try:
                return await self._heard.messages(address, since)
            except NotStored as error:
                await asyncio.sleep(error.after)

    async def _sync(self) -> None:
        """The commands' list. Without it everything else works, so nothing stops for it."""
        while True:
            try:
                await sync(self._link, self._notices)
                return
            except Later as later:
                await asyncio.sleep(later.after or 30)
            except (Unreachable, Refused):
                return


def _actor(content: Content) -> str:
    match content:
        case Interaction():
            return content.actor
        case Said() | Changed():
            return content.author.id
        case Removed():
            return ""
