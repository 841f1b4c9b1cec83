"""What travels between the widget and the desk: JSON from a browser → neutral event, and transcript → JSON for a browser."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeVar

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from adapters.text import sendable
from adapters.webchat.identity import Identity
from adapters.webchat.ports import Entry
from adapters.webchat.refusals import Refusal
from adapters.webchat.settings import WebChatLimits
from conversations import events
from conversations.events import ChoicePressed, CommandGiven, CustomerIdentified, FormAnswered, Inbound, MessageReceived
from conversations.model import Address, Attachment, Message

COMMANDS: Final = frozenset({"start", "menu", "help", "language", "person", "ticket", "tickets", "services", "link", "links", "notices"})
LINK: Final = "🔗"
"""What is shown of a link that was followed into the chat."""
CLIENT_ID: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_KEY: Final = re.compile(r"[!-~]{0,60}")
_VERSIONS: Final = 1_000_000
FILES: Final = 10
"""Files of one message, or of one field of a form."""

_CHOICE: Final = re.compile(r"[!-~]{1,40}")
_LOCALE: Final = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")
# Everything of category Cc except tab and new line: it has no business in a message, and NUL cannot even be stored by PostgreSQL.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_DAY_MS: Final = 86_400_000


class Filled(Struct, frozen=True, omit_defaults=True):
    """A page of a form as it was filled in: texts as they were typed, and for files a list of attachments, by the name of the field."""

    form: str
    version: int
    answers: dict[str, str | tuple[Attachment, ...]]
    key: str = ""
    send: bool = False


class Sent(Struct, frozen=True):
    """The body of POST /chat/messages: exactly one of text, choice, command and form; a text may have files, or be files alone."""

    client_id: str
    text: str | None = None
    choice: str | None = None
    label: str = ""
    command: str | None = None
    argument: str = ""
    form: Filled | None = None
    files: tuple[Attachment, ...] = ()
    locale: str = ""


class Opened(Struct, frozen=True):
    """The body of POST /chat/sessions."""

    jwt: str = ""
    locale: str = ""


class Identified(Struct, frozen=True):
    """The body of POST /chat/identify."""

    jwt: str


class Hello(Struct, frozen=True):
    """The first frame a browser sends on the socket: nothing else is listened to before it."""

    token: str
    after: int = 0


class Arrived(Struct, frozen=True):
    """What `WebChat.decode` is given: a body together with the address of the conversation that its bearer may speak in."""

    address: str
    body: Sent


T = TypeVar("T")


def read(body: bytes | str, type: type[T]) -> T:
    """A request body as `type`; raises Refusal (bad_json, bad_field) on anything else."""
    try:
        return msgspec.json.decode(body, type=type)
    except msgspec.ValidationError as error:
        raise Refusal("bad_field", field=str(error)[:200]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal("bad_json") from None


def plain(text: str) -> str:
    """`text` with line ends made one, control characters taken out, and no white space around it."""
    return sendable(_CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))).strip()


def locale_hint(text: str) -> str:
    """`text` when it looks like a locale, otherwise ""."""
    return text if _LOCALE.fullmatch(text) else ""


Vouch = Callable[[str, Attachment], Attachment]
"""Gives back an attachment that was uploaded at this address; raises Refusal (file_unknown) for any other."""


def event_of(sent: Sent, address: Address, limits: WebChatLimits, vouch: Vouch) -> Inbound:
    """The neutral event in what a browser sent. Pure; raises Refusal."""
    if not CLIENT_ID.fullmatch(sent.client_id):
        raise Refusal("bad_field", field="client_id (8 to 64 letters, digits, _ or -)")
    given = [name for name in ("text", "choice", "command", "form") if getattr(sent, name) is not None]
    if len(given) > 1 or not (given or sent.files):
        raise Refusal("bad_field", field="exactly one of text, choice, command, form")
    if sent.files and given not in ([], ["text"]):
        raise Refusal("bad_field", field="files (with a text, or alone)")
    locale = locale_hint(sent.locale)
    event: events.Event
    if sent.text is not None or sent.files:
        text = plain(sent.text or "")
        if not (text or sent.files):
            raise Refusal("empty")
        if len(text) > limits.text:
            raise Refusal("too_long", limit=limits.text, length=len(text))
        event = MessageReceived(text=text, locale=locale, files=_vouched(sent.files, str(address), vouch))
    elif sent.form is not None:
        event = _filled(sent.form, str(address), locale, limits, vouch)
    elif sent.choice is not None:
        if not _CHOICE.fullmatch(sent.choice):
            raise Refusal("bad_field", field="choice")
        event = ChoicePressed(key=sent.choice, label=plain(sent.label)[:75])
    else:
        if sent.command not in COMMANDS:
            raise Refusal("bad_field", field=f"command (one of {', '.join(sorted(COMMANDS))})")
        event = CommandGiven(name=sent.command, argument=plain(sent.argument)[:75], locale=locale)
    return Inbound(address=address, key=sent.client_id, event=event)


def _filled(filled: Filled, address: str, locale: str, limits: WebChatLimits, vouch: Vouch) -> FormAnswered:
    if not (_NAME.fullmatch(filled.form) and 1 <= filled.version <= _VERSIONS and _KEY.fullmatch(filled.key)):
        raise Refusal("bad_field", field="form (a form, its version and its key)")
    if len(filled.answers) > limits.answers:
        raise Refusal("bad_field", field=f"answers (at most {limits.answers})")
    answers: dict[str, Any] = {}
    for name, given in filled.answers.items():
        if not _NAME.fullmatch(name):
            raise Refusal("bad_field", field="answers (names of fields)")
        if isinstance(given, str):
            answers[name] = plain(given)
            if len(answers[name]) > limits.answer:
                raise Refusal("too_long", limit=limits.answer, length=len(answers[name]))
        else:
            answers[name] = [msgspec.to_builtins(file) for file in _vouched(given, address, vouch)]
    return FormAnswered(form=filled.form, version=filled.version, answers=answers, key=filled.key, send=filled.send, locale=locale)


def _vouched(files: Sequence[Attachment], address: str, vouch: Vouch) -> tuple[Attachment, ...]:
    if len(files) > FILES:
        raise Refusal("bad_field", field=f"files (at most {FILES})")
    return tuple(vouch(address, file) for file in files)


def identified(who: Identity, address: Address, locale: str, now: int) -> Inbound:
    """The event that a page proved who its visitor is.

    A page proves it on every view, so the same facts on the same day are the same event. The key holds a colon, which no client_id can.
    """
    facts = "\0".join((who.subject, who.name, who.email, str(now // _DAY_MS)))
    key = "identified:" + hashlib.sha256(facts.encode()).hexdigest()[:40]
    event = CustomerIdentified(subject=who.subject, name=who.name, email=who.email, locale=locale)
    return Inbound(address=address, key=key, event=event)


# --- the transcript on its way to a browser ---


class _Line(Struct, frozen=True, omit_defaults=True, rename={"author": "by"}):
    n: int
    author: Literal["you", "desk"]
    id: str
    at: int
    text: str | None = None
    choice: str | None = None
    label: str | None = None
    command: str | None = None
    form: Mapping[str, Any] | None = None
    files: tuple[Attachment, ...] = ()
    message: Raw | None = None


_encoder: Final = msgspec.json.Encoder()


Seal = Callable[[Attachment], Attachment]
"""Gives a file the id by which the customer of one conversation can ask for a link to it."""


_sent: Final = msgspec.json.Decoder(Message)


def line(entry: Entry, seal: Seal) -> bytes | None:
    """One transcript entry as the widget is shown it, or None for what is not for the customer's eyes (starts, proofs, timers).

    A bot message is already JSON and is passed on as it stands: it was encoded once, when it was committed. Only files that are sent
    along are named beside it, sealed, and those that were attached to a form before it came here from a linked chat are sealed in it. (In a
    JSON text the quotes of a string are escaped, so nobody's words look like this key.)
    """
    if entry.author == "bot":
        files: tuple[Attachment, ...] = ()
        payload = entry.payload.encode()
        if '"files":[' in entry.payload:
            message = _sent.decode(entry.payload)
            files = tuple(map(seal, message.files))
            if message.sheet is not None:
                inputs = tuple(replace(each, files=tuple(map(seal, each.files))) for each in message.sheet.inputs)
                payload = _encoder.encode(replace(message, sheet=replace(message.sheet, inputs=inputs)))
        return _encoder.encode(_Line(entry.cursor, "desk", entry.key, entry.at, files=files, message=Raw(payload)))
    if entry.author != "customer":
        return None  # an author this version does not know is not shown: silence is safer than showing a note meant for somebody else
    try:
        event = events.decoder.decode(entry.payload)
    except msgspec.MsgspecError:
        return None  # written by a newer version: one line that cannot be read must not keep the rest of the conversation from its customer
    match event:
        case MessageReceived(text=text, files=files):
            shown = _Line(entry.cursor, "you", entry.key, entry.at, text=text, files=files)
        case FormAnswered(key=key, form=form, answers=answers):
            # Which of these may be shown, and under what names, is told by the sheet that was filled in.
            shown = _Line(entry.cursor, "you", entry.key, entry.at, form={"key": key, "form": form, "answers": answers})
        case ChoicePressed(key=key, label=label):
            shown = _Line(entry.cursor, "you", entry.key, entry.at, choice=key, label=label)
        case CommandGiven(name=name, argument=argument):
            # What a link into the chat carries is written for the desk, and tells a customer nothing.
            shown = _Line(entry.cursor, "you", entry.key, entry.at, command=name, label=LINK if name == "start" else argument or None)
        case _:
            return None
    return _encoder.encode(shown)


def batch(lines: Sequence[bytes], cursor: int, *, reset: bool = False) -> bytes:
    """What a browser has missed, and the cursor it has now. `reset`: forget what you had, this is the whole story from the beginning."""
    head = b'{"reset":true,"entries":[' if reset else b'{"entries":['
    return head + b",".join(lines) + b'],"cursor":' + str(cursor).encode() + b"}"
