"""From a gateway payload to what happened. Pure; whatever is not as Discord sends it holds nothing for us.

`raw` is a dispatch of the gateway (`t`, `d`), with what had to be asked for meanwhile beside it: `kept`, the files that came with it and
were taken (by Discord's id of the attachment), `dm`, the private channel of whoever gave a command in a server, and `whose`, who wrote a
message that was deleted in one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from adapters.discord.wire import COMMAND, COMPONENT, FILL, MODAL, Changed, Content, Interaction, Removed, Said, content_of, frame_of
from adapters.discord.words import CODE, COMMANDS, LINK_CODE, QUESTION
from adapters.text import sendable
from conversations.events import ChoicePressed, CommandGiven, Event, FormAnswered, Inbound, MessageDeleted, MessageEdited, MessageReceived
from conversations.model import Address, Attachment

PLATFORM: Final = "discord"
PICK: Final = "pick:"
FORM: Final = "form:"
KEEP: Final = "~"
"""At the end of a field's custom_id: left empty, it stays as it is (what it holds could not be put into the modal)."""

_TYPED: Final = (0, 19)
"""Kinds of message that a person wrote: plain ones and replies."""

_KEY: Final = re.compile(r"[!-~]{1,40}")
_FIELD: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_FORM: Final = re.compile(r"form:([a-z][a-z0-9_]{0,39}):([0-9]{1,6}):([!-~]{0,60})")
_CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What may lead somewhere, as behind a link on the other platforms."""


def event_of(raw: Any, me: str) -> Inbound | None:
    """The event in a payload; `me` is the bot's own id. Keys come from Discord's ids, so a redelivery is the same event.

    They begin with `m` for messages and `i` for interactions, and are of one length, so that the greatest is the newest; with `e` for
    changes and `d` for deletions, which tell nothing of how far a channel was read.
    """
    dispatch = frame_of(raw)
    content = None if dispatch is None else content_of(dispatch)
    if dispatch is None or content is None:
        return None
    if isinstance(content, Said):
        event = _message(content, me, dispatch.kept)
        address = place_of(content, me)
        key = message_key(content.id)
    elif isinstance(content, Changed | Removed):
        event = _amendment(content, me)
        address = place_of(content, me, whose=dispatch.whose or "")
        key = "d" + content.id.zfill(20) if isinstance(content, Removed) else f"e{content.id.zfill(20)}.{ms(content.edited_timestamp)}"
    else:
        event = _interaction(content, dispatch.kept)
        address = place_of(content, me, dispatch.dm or "")
        key = "i" + content.id.zfill(20)
    return None if event is None or address is None else Inbound(address, key, event)


def place_of(content: Content, me: str, dm: str = "", whose: str = "") -> Address | None:
    """Where it is answered. In a server each person has a conversation of their own: two may ask in one channel.

    A command given in a server is answered in private (`dm`), where a ticket belongs. Of what is deleted there, nobody says whose it was
    (`whose`). None when that is not known.
    """
    if content.guild_id is None:
        return Address(PLATFORM, me, content.channel_id)
    if isinstance(content, Removed):
        return Address(PLATFORM, me, content.channel_id, whose) if whose else None
    if isinstance(content, Said | Changed):
        return Address(PLATFORM, me, content.channel_id, content.author.id)
    if content.is_command:
        return Address(PLATFORM, me, dm) if dm else None
    return Address(PLATFORM, me, content.channel_id, content.actor) if content.actor else None


def message_key(id: str) -> str:
    return "m" + id.zfill(20)


def mirrored(content: Changed | Removed, me: str) -> bool:
    """Whether it may change anything here: a person's message, when it tells who it was, and in a server one that names the bot (still). A
    text that Discord holds back there is no empty one.
    """
    if isinstance(content, Removed):
        return True
    if not _from_person(content, me) or ms(content.edited_timestamp) == 0:
        return False
    return content.guild_id is None or (_named(content, me) and bool(content.content))


def concerns(content: Said, me: str) -> bool:
    """Whether a message is for the desk: a person's, in private, or in a server when it names the bot or answers it."""
    return _from_person(content, me) and (content.guild_id is None or _named(content, me))


def _from_person(content: Said | Changed, me: str) -> bool:
    return not (content.author.bot or content.author.id == me or content.webhook_id is not None) and content.type in _TYPED


def _named(content: Said | Changed, me: str) -> bool:
    answered = content.referenced_message.author if content.referenced_message else None
    return any(user.id == me for user in content.mentions) or (answered is not None and answered.id == me)


def _message(said: Said, me: str, kept: Mapping[str, Attachment]) -> Event | None:
    if not concerns(said, me):
        return None
    text = _text(said, me)
    files = tuple(kept[file.id] for file in said.attachments if file.id in kept)
    if text or files:
        # Of one that is read in the history: its words may not be the first.
        return MessageReceived(text=text, files=files, edited=ms(said.edited_timestamp or ""))
    # Called by name and nothing else. A file that was not taken has been spoken of already.
    return CommandGiven(name="start") if said.guild_id is not None and not said.attachments else None


def _amendment(content: Changed | Removed, me: str) -> Event | None:
    if not mirrored(content, me):
        return None
    of = message_key(content.id)
    if isinstance(content, Removed):
        return MessageDeleted(of=of)
    return MessageEdited(of=of, text=_text(content, me), made=ms(content.edited_timestamp))


def _text(content: Said | Changed, me: str) -> str:
    """What was said; in a server, where it is said to the bot by name, without the name."""
    text = content.content if content.guild_id is None else re.sub(rf"<@!?{re.escape(me)}>", " ", content.content)
    return sendable(text).strip()


def ms(timestamp: str) -> int:
    """An ISO 8601 time in epoch ms; 0 for anything else."""
    try:
        at = datetime.fromisoformat(timestamp)
        return max(0, round(at.timestamp() * 1000)) if at.tzinfo else 0
    except (ValueError, OverflowError, OSError):
        return 0


def _interaction(given: Interaction, kept: Mapping[str, Attachment]) -> Event | None:
    if given.type == COMMAND:
        return _command(given)
    if given.type == COMPONENT:
        return _press(given)
    return _filled(given, kept) if given.type == MODAL else None


def _command(given: Interaction) -> Event | None:
    name = given.data.name
    if name not in COMMANDS:
        return None
    if name == "start":
        code = _option(given, CODE[0])
        return CommandGiven(name=name, argument=code if _CODE.fullmatch(code) else "", locale=given.hint)
    if name == "link":
        return CommandGiven(name=name, argument=_option(given, LINK_CODE[0])[:64], locale=given.hint)
    if name != "ask":
        return CommandGiven(name=name, locale=given.hint)
    text = _option(given, QUESTION[0])
    return MessageReceived(text=text, locale=given.hint) if text else CommandGiven(name="start", locale=given.hint)


def _option(given: Interaction, name: str) -> str:
    """What was typed behind a command; "" when nothing was."""
    texts = [option.get("value") for option in given.data.options if option.get("name") == name]
    return sendable(texts[0]).strip() if texts and isinstance(texts[0], str) else ""


def _press(given: Interaction) -> Event | None:
    id, _, owner = given.data.custom_id.partition("@")
    if id.startswith(FILL) or (owner and owner != given.actor):
        return None
    key = given.data.values[0] if id.startswith(PICK) and len(given.data.values) == 1 else id
    if not _KEY.fullmatch(key) or key.startswith(PICK):
        return None
    return ChoicePressed(key=key, label=sendable(_label(given, key))[:75])


def _label(given: Interaction, key: str) -> str:
    """What the button or the option said."""
    rows = given.message.components if given.message else ()
    for part in (part for row in rows for part in row.components):
        if part.custom_id.partition("@")[0] == key:
            return part.label
        for option in part.options:
            if option.get("value") == key and isinstance(option.get("label"), str):
                return str(option["label"])
    return ""


def _filled(given: Interaction, kept: Mapping[str, Attachment]) -> Event | None:
    form = _FORM.fullmatch(given.data.custom_id)
    if form is None:
        return None
    answers: dict[str, Any] = {}
    for outer in given.data.components:
        part = outer.component or outer
        name, keep = part.custom_id.removesuffix(KEEP), part.custom_id.endswith(KEEP)
        if not _FIELD.fullmatch(name):
            return None
        answer: Any
        if part.type == 19:  # files
            answer = [msgspec.to_builtins(kept[id]) for id in part.values if id in kept]
            if not answer and part.values:
                continue  # none of them was taken: what was there before stays
        elif part.type == 3:  # a select
            answer = sendable(part.values[0]) if part.values else ""
        else:
            answer = sendable(part.value) if isinstance(part.value, str) else ""
        if answer or not keep:
            answers[name] = answer
    return FormAnswered(form=form[1], version=int(form[2]), answers=answers, key=form[3], locale=given.hint)
