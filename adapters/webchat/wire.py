"""What travels between the widget and the desk: JSON from a browser → neutral event, and transcript → JSON for a browser."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final, Literal, TypeVar

import msgspec
from msgspec import Raw, Struct

from adapters.text import sendable
from adapters.webchat.identity import Identity
from adapters.webchat.ports import Entry
from adapters.webchat.refusals import Refusal
from conversations import events
from conversations.events import ChoicePressed, CommandGiven, CustomerIdentified, Inbound, MessageReceived
from conversations.model import Address

COMMANDS: Final = frozenset({"start", "menu", "help", "language", "person", "ticket"})
CLIENT_ID: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")
_CHOICE: Final = re.compile(r"[!-~]{1,40}")
_LOCALE: Final = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")
# Everything of category Cc except tab and new line: it has no business in a message, and NUL cannot even be stored by PostgreSQL.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_DAY_MS: Final = 86_400_000


class Sent(Struct, frozen=True):
    """The body of POST /chat/messages: exactly one of text, choice and command."""

    client_id: str
    text: str | None = None
    choice: str | None = None
    label: str = ""
    command: str | None = None
    argument: str = ""
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


def event_of(sent: Sent, address: Address, text_limit: int) -> Inbound:
    """The neutral event in what a browser sent. Pure; raises Refusal."""
    if not CLIENT_ID.fullmatch(sent.client_id):
        raise Refusal("bad_field", field="client_id (8 to 64 letters, digits, _ or -)")
    given = [name for name in ("text", "choice", "command") if getattr(sent, name) is not None]
    if len(given) != 1:
        raise Refusal("bad_field", field="exactly one of text, choice, command")
    locale = locale_hint(sent.locale)
    event: events.Event
    if sent.text is not None:
        text = plain(sent.text)
        if not text:
            raise Refusal("empty")
        if len(text) > text_limit:
            raise Refusal("too_long", limit=text_limit, length=len(text))
        event = MessageReceived(text=text, locale=locale)
    elif sent.choice is not None:
        if not _CHOICE.fullmatch(sent.choice):
            raise Refusal("bad_field", field="choice")
        event = ChoicePressed(key=sent.choice, label=plain(sent.label)[:75])
    else:
        if sent.command not in COMMANDS:
            raise Refusal("bad_field", field=f"command (one of {', '.join(sorted(COMMANDS))})")
        event = CommandGiven(name=sent.command, argument=plain(sent.argument)[:75], locale=locale)
    return Inbound(address=address, key=sent.client_id, event=event)


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
    message: Raw | None = None


_encoder: Final = msgspec.json.Encoder()


def line(entry: Entry) -> bytes | None:
    """One transcript entry as the widget is shown it, or None for what is not for the customer's eyes (starts, proofs, timers).

    A bot message is already JSON and is passed on as it stands: it was encoded once, when it was committed.
    """
    if entry.author == "bot":
        return _encoder.encode(_Line(entry.cursor, "desk", entry.key, entry.at, message=Raw(entry.payload.encode())))
    if entry.author != "customer":
        return None  # an author this version does not know is not shown: silence is safer than showing a note meant for somebody else
    try:
        event = events.decoder.decode(entry.payload)
    except msgspec.MsgspecError:
        return None  # written by a newer version: one line that cannot be read must not keep the rest of the conversation from its customer
    match event:
        case MessageReceived(text=text):
            shown = _Line(entry.cursor, "you", entry.key, entry.at, text=text)
        case ChoicePressed(key=key, label=label):
            shown = _Line(entry.cursor, "you", entry.key, entry.at, choice=key, label=label)
        case CommandGiven(name=name, argument=argument):
            shown = _Line(entry.cursor, "you", entry.key, entry.at, command=name, label=argument or None)
        case _:
            return None
    return _encoder.encode(shown)


def batch(lines: Sequence[bytes], cursor: int, *, reset: bool = False) -> bytes:
    """What a browser has missed, and the cursor it has now. `reset`: forget what you had, this is the whole story from the beginning."""
    head = b'{"reset":true,"entries":[' if reset else b'{"entries":['
    return head + b",".join(lines) + b'],"cursor":' + str(cursor).encode() + b"}"
