"""From Telegram's updates to neutral events; pure, and total on anything that a server may send."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from adapters.telegram import wire, words
from adapters.text import sendable
from conversations.events import ChoicePressed, CommandGiven, Event, Inbound, MessageEdited, MessageReceived, Started
from conversations.model import Address, Attachment

NAME: Final = "telegram"
TEXT_LIMIT: Final = 16_384
UNREAD: Final = ("poll", "story", "game", "checklist", "paid_media", "invoice", "giveaway", "web_app_data", "live_photo")
"""Kinds of messages that somebody wrote and that cannot be read here."""

_COMMAND: Final = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@([A-Za-z0-9_]{1,64}))?(?:\s+(.*))?", re.DOTALL)
_OTHER_NAMES: Final = {"lang": "language"}
_MIMES: Final = {"photo": "image/jpeg", "video": "video/mp4", "voice": "audio/ogg", "audio": "audio/mpeg", "file": ""}
_PEOPLE: Final = ("private", "group", "supergroup")
_JOINED: Final = ("member", "administrator", "restricted")


class Me(Struct, frozen=True):
    """The bot itself. Without its name, which the server tells, it is not recognised where it is mentioned."""

    id: int
    username: str = ""


class Part(NamedTuple):
    """One message of an album."""

    chat: str
    group: str
    update: int


def read(raw: Any, me: Me) -> Inbound | None:
    """The event in an update, or in the parts of an album: `{"album": [update, …]}`. Its attachments are still by Telegram's file ids."""
    if isinstance(raw, dict) and "album" in raw:
        return _album(raw["album"], me)
    update = update_of(raw)
    if update is None:
        return None
    if (press := update.callback_query) is not None:
        return _pressed(press, me)
    if (change := update.my_chat_member) is not None:
        return _joined(change, update.update_id, me)
    message = update.message or update.edited_message
    if message is None or not heard(message, me):
        return None
    if update.message is None:
        return _mended(message, update.update_id, me)
    files = attachments(message)
    return _inbound(message, f"m{message.message_id}", _event(message, files, me), me)


def update_of(raw: Any) -> wire.Update | None:
    try:
        return msgspec.convert(raw, wire.Update)
    except (msgspec.ValidationError, ValueError, OverflowError):  # ValueError: half a character where a number should be
        return None


def part_of(raw: Any) -> Part | None:
    """What album an update is a part of."""
    update = update_of(raw)
    if update is None or (message := update.message) is None or not message.media_group_id:
        return None
    return Part(str(message.chat.id), message.media_group_id, update.update_id)


def chat_of(raw: Any) -> str:
    """The chat whose order an update is part of, or ""."""
    update = update_of(raw)
    if update is None:
        return ""
    press, change = update.callback_query, update.my_chat_member
    message = update.message or update.edited_message or (press.message if press is not None else None)
    chat = message.chat if message is not None else change.chat if change is not None else None
    return "" if chat is None else str(chat.id)


def unread(raw: Any, me: Me) -> str:
    """Why somebody's message gives no event, when they should be told: a phrase's id, or ""."""
    update = update_of(raw)
    if update is None:
        return ""
    if (message := update.message) is not None and isinstance(raw, dict):
        return "unread" if message.chat.type == "private" and not raw["message"].keys().isdisjoint(UNREAD) else ""
    return ""


# --- messages ---


def heard(message: wire.Message, me: Me) -> bool:
    """Whether a message is a customer's and meant for the bot: in a group only what names it, answers it or commands it."""
    sender, kind = message.sender, message.chat.type
    # Who writes as a channel or as an anonymous administrator is nobody we could know again.
    if sender is None or sender.is_bot or message.sender_chat is not None or kind not in _PEOPLE:
        return False
    if kind == "private":
        return True
    answered = message.reply_to_message
    if answered is not None and answered.sender is not None and answered.sender.id == me.id:
        return True
    if command := _command(message.text):
        return command[1].lower() == me.username.lower() if command[1] else command[0] in words.COMMANDS
    return any(True for _ in _mentions(message, me))


def attachments(message: wire.Message) -> tuple[Attachment, ...]:
    """The files of a message, by Telegram's ids. What has no name is named by its kind."""
    # An animation comes with a document as well, for old clients.
    found: list[tuple[str, wire.File | None]] = [
        ("photo", message.photo[-1] if message.photo else None),
        ("video", message.animation or message.video or message.video_note),
        ("voice", message.voice),
        ("audio", message.audio),
        ("file", None if message.animation else message.document),
    ]
    return tuple(
        Attachment(
            sendable(file.file_id), sendable(file.file_name) or kind, sendable(file.mime_type) or _MIMES[kind], max(0, file.file_size)
        )
        for kind, file in found
        if file is not None and file.file_id
    )


def _event(message: wire.Message, files: tuple[Attachment, ...], me: Me) -> Event | None:
    locale = _locale(message.sender)
    text = _text(message, me)
    if not files and (given := _command(text)) is not None:
        name, _, argument = given
        # With more behind it, an unknown word after a slash is a path rather than a command.
        if name in words.COMMANDS or not argument:
            return CommandGiven(name=name, argument=argument, locale=locale)
    return MessageReceived(text=text, locale=locale, files=files) if text.strip() or files else None


def _text(message: wire.Message, me: Me) -> str:
    """What was written, or what a sticker, a place or a contact says in words; without the bot's own name where it was called by it."""
    written = message.text or message.caption
    for start, end in sorted(_mentions(message, me), reverse=True):
        units = written.encode("utf-16-le", "surrogatepass")
        written = (units[: 2 * start] + units[2 * end :]).decode("utf-16-le", "replace").strip()
    if not written:
        written = _described(message)
    return sendable(written[:TEXT_LIMIT])


def _described(message: wire.Message) -> str:
    if (sticker := message.sticker or message.dice) is not None:
        return sticker.emoji
    if (venue := message.venue) is not None:
        return f"📍 {venue.title}, {venue.address} ({_place(venue.location)})"
    if (location := message.location) is not None:
        return f"📍 {_place(location)}"
    if (contact := message.contact) is not None:
        return f"👤 {f'{contact.first_name} {contact.last_name}'.strip()}, {contact.phone_number}"
    return ""


def _place(location: wire.Location) -> str:
    return f"{location.latitude:.6f}, {location.longitude:.6f}"


def _command(text: str) -> tuple[str, str, str] | None:
    """Name, whom it is for, and argument."""
    found = _COMMAND.fullmatch(text.strip()[:TEXT_LIMIT])
    if found is None:
        return None
    name = found[1].lower()
    return _OTHER_NAMES.get(name, name), found[2] or "", (found[3] or "").strip()


def _mentions(message: wire.Message, me: Me) -> list[tuple[int, int]]:
    """Where the bot is named, in UTF-16 units; in groups, where it is called by that."""
    if message.chat.type == "private":
        return []
    text = (message.text or message.caption).encode("utf-16-le", "surrogatepass")
    found = []
    for entity in message.entities or message.caption_entities:
        start, end = entity.offset, entity.offset + entity.length
        if not 0 <= start < end <= len(text) // 2:
            continue
        named = text[2 * start : 2 * end].decode("utf-16-le", "replace")
        if (entity.type == "mention" and me.username and named.lower() == f"@{me.username}".lower()) or (
            entity.type == "text_mention" and entity.user is not None and entity.user.id == me.id
        ):
            found.append((start, end))
    return found


def _mended(message: wire.Message, update: int, me: Me) -> Inbound | None:
    """A message that was changed; the server counts in seconds, so only the update tells two changes of one second apart.

    A place that moves is told as a change too, again and again: that is no change of words.
    """
    if not (message.text or message.caption or attachments(message)):
        return None
    text = _text(message, me)
    # A command was obeyed, and is no message that could be found.
    if _command(text) is not None and message.text:
        return None
    event = MessageEdited(of=f"m{message.message_id}", text=text, made=message.edit_date * 1000)
    return _inbound(message, f"e{message.message_id}.{update}", event, me)


def _album(parts: Any, me: Me) -> Inbound | None:
    """One message with all files; its key is that of its first part, so that what comes too late is a message of its own."""
    updates = [update for raw in parts if (update := update_of(raw)) is not None] if isinstance(parts, Sequence) else []
    messages = sorted((update.message for update in updates if update.message is not None), key=lambda message: message.message_id)
    if not messages or not any(heard(message, me) for message in messages):
        return None
    first = messages[0]
    if first.sender is None or any(message.chat.id != first.chat.id for message in messages):
        return None
    files = tuple(file for message in messages for file in attachments(message))
    text = "\n".join(text for message in messages if (text := _text(message, me)))
    event = MessageReceived(text=text, locale=_locale(first.sender), files=files) if files or text else None
    return _inbound(first, f"m{first.message_id}", event, me)


def _inbound(message: wire.Message, key: str, event: Event | None, me: Me) -> Inbound | None:
    return None if event is None else Inbound(address_of(message, me), key, event)


def address_of(message: wire.Message, me: Me) -> Address:
    # Outside topics a thread's number only says what is answered, and must not be sent back.
    thread = str(message.message_thread_id) if message.is_topic_message and message.message_thread_id else ""
    return Address(NAME, str(me.id), str(message.chat.id), thread)


def _locale(user: wire.User | None) -> str:
    return "" if user is None else sendable(user.language_code)[:35]


# --- buttons and membership ---


def _pressed(press: wire.Callback, me: Me) -> Inbound | None:
    message = press.message
    # The message may be too old for the server to know more of it than its place; the button works all the same.
    if message is None or message.chat.type not in _PEOPLE:
        return None
    id, key = sendable(press.id), sendable(choice_key(press.data))
    if not key or not id.isprintable() or not 0 < len(id) <= 150:
        return None
    return Inbound(address_of(message, me), f"q{id}", ChoicePressed(key=key, label=label_of(press)))


def choice_key(data: str) -> str:
    """A button carries its choice's key and, behind a blank, the key of the message it stands under."""
    return data.partition(" ")[0]


def label_of(press: wire.Callback) -> str:
    rows = press.message.reply_markup.inline_keyboard if press.message is not None and press.message.reply_markup is not None else []
    return sendable(next((button.text for row in rows for button in row if button.callback_data == press.data), ""))


def _joined(change: wire.Membership, update: int, me: Me) -> Inbound | None:
    """A group that the bot was added to is greeted. In a private chat who comes back says so with /start or a message."""
    chat = change.chat
    added = change.after.status in _JOINED and change.before.status not in _JOINED
    if not added or chat.type not in ("group", "supergroup"):
        return None
    return Inbound(Address(NAME, str(me.id), str(chat.id)), f"c{change.date}.{update}", Started(locale=_locale(change.sender)))
