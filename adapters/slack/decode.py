"""What Slack sends → neutral events. Pure: what had to be looked up first stands in the envelope under `found`.

An envelope is Socket Mode's `{"type", "payload"}` with type events_api, interactive or slash_commands; what comes by HTTP is put into the
same form. `found` may hold `locale` (the customer's), `chat` (the direct chat with the customer, where the payload names none) and `files`
(attachments that are kept, by the id of Slack's file). Nothing here raises on bad input.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple
from zlib import crc32

import msgspec
from msgspec.structs import replace

from adapters.slack.incoming import text_of
from adapters.slack.settings import ACCOUNT
from adapters.text import sendable
from conversations.events import (
    ChoicePressed,
    CommandGiven,
    Event,
    FormAnswered,
    Inbound,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    Started,
)
from conversations.model import Address, Attachment
from conversations.secrets import mask

NAME: Final = "slack"
CHOICE, PICK, SHEET, COMMAND, FORM = "choice", "pick", "sheet", "command", "sheet"
"""What our buttons, selects and modals are called in action_id and callback_id; what follows a colon only keeps them apart."""

COMMANDS: Final = frozenset({"start", "menu", "help", "language", "person", "ticket", "tickets", "link", "links", "notices"})
SUBTYPES: Final = frozenset({"", "file_share", "me_message", "thread_broadcast"})
"""Kinds of message that a person writes. All others are Slack's own remarks, changes of earlier ones, or bots."""

CHANGED, DELETED, TOMBSTONE = "message_changed", "message_deleted", "tombstone"
"""Kinds of event about an earlier message. Of one that had replies a tombstone is left, which is told as a change."""

FILES: Final = 10
ANSWER_LIMIT: Final = 10_000
LABEL_LIMIT: Final = 75

_ID: Final = re.compile(r"[A-Z0-9]{2,30}")
_TS: Final = re.compile(r"[0-9]{1,16}\.[0-9]{1,10}")
_CHOICE: Final = re.compile(r"[!-~]{1,40}")
_LED: Final = re.compile(r"ticket|notices|(topic|link|sub)_[A-Za-z0-9_-]{1,58}")
_CODE: Final = re.compile(r"(?:[A-Za-z0-9]{4}-?){4}")
_FIELD: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_KEY: Final = re.compile(r"[!-~]{0,60}")
_LOCALE: Final = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")
_VERSIONS: Final = 1_000_000


class Filled(NamedTuple):
    """What a modal remembers of the sheet it draws: travels in its private_metadata.

    `said`: the delivery key of the message the sheet came with. `keep`: fields whose value is too long to be shown; left empty, they stay
    as they were. `files`: what was attached before, by field.
    """

    address: str
    said: str
    key: str
    form: str
    version: int
    keep: tuple[str, ...] = ()
    files: dict[str, tuple[Attachment, ...]] = {}  # noqa: RUF012 - a field of a tuple, read from JSON or given whole

    def written(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def read(cls, text: str) -> Filled | None:
        try:
            filled = msgspec.json.decode(text, type=cls)
            known = Address.parse(filled.address)
        except (msgspec.DecodeError, ValueError):
            return None
        fits = (known.platform, known.account) == (NAME, ACCOUNT) and str(known) == filled.address and _FIELD.fullmatch(filled.form)
        return filled if fits and _KEY.fullmatch(filled.key) and 0 <= filled.version < _VERSIONS else None


# --- looking into JSON that may be anything ---


def at(node: Any, *path: str | int) -> Any:
    """What stands at the end of `path`, or None."""
    for step in path:
        if isinstance(node, dict):
            node = node.get(step)
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            node = node[step]
        else:
            return None
    return node


def words(node: Any, *path: str | int) -> str:
    found = at(node, *path)
    return found if isinstance(found, str) else ""


def matching(pattern: re.Pattern[str], node: Any, *path: str | int) -> str:
    found = words(node, *path)
    return found if pattern.fullmatch(found) else ""


# --- what the envelope is about, for whoever looks things up before it is decoded ---


def payload_of(raw: Any, type: str) -> Any:
    payload = at(raw, "payload") if at(raw, "type") == type else None
    return payload if isinstance(payload, dict) else {}


def event_of(raw: Any) -> Any:
    event = at(payload_of(raw, "events_api"), "event")
    return event if isinstance(event, dict) else {}


def user_of(raw: Any) -> str:
    """Who did it: a user's id, or ""."""
    payload = at(raw, "payload")
    return (
        matching(_ID, event_of(raw), "user")
        or matching(_ID, event_of(raw), "previous_message", "user")
        or matching(_ID, event_of(raw), "message", "user")
        or matching(_ID, payload_of(raw, "interactive"), "user", "id")
        or matching(_ID, payload if at(raw, "type") == "slash_commands" else None, "user_id")
    )


def action_of(raw: Any) -> tuple[str, Any]:
    """What our pressed button is called, without what keeps several apart, and the action itself."""
    payload = payload_of(raw, "interactive")
    action = at(payload, "actions", 0) if at(payload, "type") == "block_actions" else None
    return words(action, "action_id").partition(":")[0], action


def needs_chat(raw: Any) -> bool:
    """Whether the payload does not say where its customer is answered: a slash command may be typed anywhere, and the home is no chat."""
    return at(raw, "type") == "slash_commands" or action_of(raw)[0] == COMMAND


def submission_of(raw: Any) -> Any:
    """The view of a form that was sent, or None."""
    payload = payload_of(raw, "interactive")
    return at(payload, "view") if at(payload, "type") == "view_submission" and at(payload, "view", "callback_id") == FORM else None


def amends(raw: Any) -> bool:
    """Whether it is about an earlier message."""
    return words(event_of(raw), "subtype") in (CHANGED, DELETED)


def files_of(raw: Any) -> list[dict[str, Any]]:
    """The files that came with a message or a form, as Slack describes them."""
    lists: list[Any] = [at(event_of(raw), "files")]
    lists += [value.get("files") for _, value in _values(submission_of(raw)) if value.get("type") == "file_input"]
    found = [file for files in lists if isinstance(files, list) for file in files if isinstance(file, dict) and words(file, "id")]
    return found[:FILES]


def bots_of(raw: Any) -> frozenset[str]:
    """The user ids by which the app itself is spoken to."""
    given = at(raw, "payload", "authorizations")
    return frozenset(user for each in (given if isinstance(given, list) else ()) if (user := matching(_ID, each, "user_id")))


def names(message: Any, bots: Collection[str]) -> bool:
    """Whether the message mentions us: in a channel, only such are for the desk."""
    return any(f"<@{bot}{end}" in words(message, "text") for bot in bots for end in ">|")


# --- decode ---


def decode(raw: Any) -> Inbound | None:
    match at(raw, "type"):
        case "events_api":
            return _amended(raw) if amends(raw) else _said(raw)
        case "interactive":
            return _filled(raw) if submission_of(raw) is not None else _pressed(raw)
        case "slash_commands":
            return _commanded(raw)
    return None


def inbound(chat: str, thread: str, key: str, event: Event) -> Inbound:
    return Inbound(Address(NAME, ACCOUNT, chat, thread), key, event)


def _said(raw: Any) -> Inbound | None:
    """A direct message, or a mention in a channel. One post may come as several events: it is known by where and when it stands."""
    event = event_of(raw)
    chat, user, ts = matching(_ID, event, "channel"), matching(_ID, event, "user"), matching(_TS, event, "ts")
    if not (chat and user and ts) or words(event, "bot_id") or words(event, "subtype") not in SUBTYPES or user in bots_of(raw):
        return None
    direct = chat.startswith("D")
    if at(event, "type") != ("message" if direct else "app_mention") or at(event, "hidden") is True:
        return None
    text = text_of(event, bots_of(raw))
    kept = _kept(raw)
    files = tuple(kept[id] for file in files_of(raw) if (id := words(file, "id")) in kept)
    if not text and not files and (direct or files_of(raw)):
        return None
    thread = "" if direct else matching(_TS, event, "thread_ts") or ts
    # Of one that is read in the history: its words may not be the first.
    edited = ms(made) if (made := matching(_TS, event, "edited", "ts")) else 0
    heard = MessageReceived(text=text, locale=_locale(raw), files=files, edited=edited)
    # A bare mention is a hello.
    return inbound(chat, thread, f"m:{ts}", heard if text or files else Started(locale=_locale(raw)))


def _amended(raw: Any) -> Inbound | None:
    """A person changed or deleted what they said to us. Slack also reports, in the same way, that it drew a preview, and what we change
    ourselves; of channels, what goes on between others. There a message is ours only while it names us: before the change and after it.
    """
    event = event_of(raw)
    chat, when = matching(_ID, event, "channel"), matching(_TS, event, "ts")
    before, after = at(event, "previous_message"), at(event, "message")
    gone = words(event, "subtype") == DELETED or words(after, "subtype") == TOMBSTONE
    written = before if isinstance(before, dict) else after
    ts, user = matching(_TS, before, "ts") or matching(_TS, after, "ts"), user_of(raw)
    if not (chat and when and ts and user) or words(written, "bot_id") or user in bots_of(raw):
        return None
    direct = chat.startswith("D")
    if not direct and not (names(written, bots_of(raw)) and (gone or names(after, bots_of(raw)))):
        return None
    thread = "" if direct else matching(_TS, written, "thread_ts") or ts
    if gone:
        return inbound(chat, thread, f"d:{ts}", MessageDeleted(of=f"m:{ts}"))
    if not isinstance(after, dict) or words(after, "subtype") not in SUBTYPES:
        return None
    text = text_of(after, bots_of(raw))
    # Without what it was before, only Slack's own mark tells a change of words from a preview.
    same = text == text_of(before, bots_of(raw)) if isinstance(before, dict) else at(after, "edited") is None
    made = matching(_TS, after, "edited", "ts") or when
    return None if same else inbound(chat, thread, f"e:{ts}:{made}:{_mark(text)}", MessageEdited(of=f"m:{ts}", text=text, made=ms(made)))


def _mark(text: str) -> str:
    """Keeps two changes of one second apart: Slack tells their time in whole seconds. It is the same whether a change is told or read in
    the history, and too short to be of use to whoever would guess what was hidden or deleted.
    """
    return f"{crc32(mask(text).text.encode()) & 0xFFFF:04x}"


def ms(ts: str) -> int:
    """The instant of one of Slack's timestamps (epoch ms)."""
    return int(float(ts) * 1000) % 2**53


def _pressed(raw: Any) -> Inbound | None:
    payload, (name, action) = payload_of(raw, "interactive"), action_of(raw)
    user, when = user_of(raw), matching(_TS, action, "action_ts")
    if not (user and when):
        return None
    # As a message's: what is stored tells how far the conversation is known, and a press counts for that as well.
    key = f"m:{when}:{user}"
    if name == COMMAND:
        command, chat = words(action, "value"), matching(_ID, raw, "found", "chat")
        return inbound(chat, "", key, CommandGiven(name=command, locale=_locale(raw))) if chat and command in COMMANDS else None
    chat = matching(_ID, payload, "channel", "id") or matching(_ID, payload, "container", "channel_id")
    picked = at(action, "selected_option") if name == PICK else action
    pressed = matching(_CHOICE, picked, "value")
    if name not in (CHOICE, PICK) or not chat or not pressed:
        return None
    label = sendable(words(picked, "text", "text"))[:LABEL_LIMIT]
    return inbound(chat, thread_of(payload, chat), key, ChoicePressed(key=pressed, label=label))


def thread_of(payload: Any, chat: str) -> str:
    """The thread that a press belongs to. Our direct chats are one conversation, whatever thread somebody opens in them."""
    return (
        "" if chat.startswith("D") else matching(_TS, payload, "message", "thread_ts") or matching(_TS, payload, "container", "thread_ts")
    )


def _commanded(raw: Any) -> Inbound | None:
    payload = payload_of(raw, "slash_commands")
    chat, trigger = matching(_ID, raw, "found", "chat"), words(payload, "trigger_id")
    if not chat or not trigger or not user_of(raw):
        return None
    said, locale = sendable(words(payload, "text")).strip(), _locale(raw)
    name, _, argument = said.partition(" ")
    event: Event
    if not said:
        event = Started(locale=locale)
    elif name.lower() in COMMANDS and (not argument or name.lower() == "language" or _leads(name, argument)):
        event = CommandGiven(name=name.lower(), argument=argument.strip()[:64], locale=locale)
    else:
        event = MessageReceived(text=said, locale=locale)
    return inbound(chat, "", f"s:{_digest(trigger)}", event)


def _leads(name: str, argument: str) -> bool:
    """Whether it says where to begin, as a link into the chat does, or brings a link code; "start my server" is a question."""
    led = _CODE if name.lower() == "link" else _LED if name.lower() == "start" else None
    return led is not None and led.fullmatch(argument.strip()) is not None


def _filled(raw: Any) -> Inbound | None:
    view = submission_of(raw)
    filled = Filled.read(words(view, "private_metadata"))
    if filled is None or not user_of(raw):
        return None
    kept, answers = _kept(raw), dict[str, Any]()
    for name, value in _values(view):
        answer = _answer(name, value, filled, kept)
        if answer is not None:
            answers[name] = answer
    # A trigger belongs to one press of the button; without one (an old client), what was sent stands for it.
    once = words(at(raw, "payload"), "trigger_id") or repr((words(view, "id"), words(view, "hash"), answers))
    to = Address.parse(filled.address)
    event = FormAnswered(form=filled.form, version=filled.version, answers=answers, key=filled.key, locale=_locale(raw))
    return inbound(to.chat, to.thread, f"v:{_digest(once)}", event)


def _answer(name: str, value: Mapping[str, Any], filled: Filled, kept: Mapping[str, Attachment]) -> Any:
    """As it was typed; None where nothing is to be changed."""
    match value.get("type"):
        case "plain_text_input":
            text = sendable(words(value, "value"))[:ANSWER_LIMIT]
            return None if not text and name in filled.keep else text
        case "static_select" | "radio_buttons":
            return sendable(words(value, "selected_option", "value"))[:ANSWER_LIMIT]
        case "file_input":
            files = value.get("files")
            ids = [words(file, "id") for file in files] if isinstance(files, list) else []
            before = filled.files.get(name, ())
            sent = [*before, *(kept[id] for id in ids if id in kept)]
            # Nothing chosen, and nothing taken away either: a modal cannot show what was attached before.
            return msgspec.to_builtins(sent) if len(sent) > len(before) or not before else None
    return None


def _values(view: Any) -> Iterable[tuple[str, dict[str, Any]]]:
    """Each field of a submitted modal by its name, in order. A block's id is the field's name and what keeps two pages apart."""
    values = at(view, "state", "values")
    for block, actions in values.items() if isinstance(values, dict) else ():
        name = block.partition("@")[0] if isinstance(block, str) else ""
        for value in actions.values() if isinstance(actions, dict) else ():
            if isinstance(value, dict) and _FIELD.fullmatch(name):
                yield name, value


def blocks_by_name(view: Any) -> dict[str, str]:
    """The block ids of a submitted modal, by the names of the fields."""
    values = at(view, "state", "values")
    return {block.partition("@")[0]: block for block in values if isinstance(block, str)} if isinstance(values, dict) else {}


def _kept(raw: Any) -> dict[str, Attachment]:
    files = at(raw, "found", "files")
    kept: dict[str, Attachment] = {}
    for id, file in files.items() if isinstance(files, dict) else ():
        try:
            found = msgspec.convert(file, Attachment)
        except ValueError:  # msgspec's own, and half a character where a field has a name
            continue
        kept[id] = replace(found, **{field: sendable(getattr(found, field)) for field in ("id", "name", "mime", "note")})
    return kept


def _locale(raw: Any) -> str:
    return matching(_LOCALE, raw, "found", "locale")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
