"""What Discord's gateway sends, as far as it is read here (developer docs, API v10). Whatever else it is, it is nothing for us."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from conversations.model import Attachment

FILL: Final = "fill:"
"""What the id of the button that opens a form begins with; the delivery key of its message follows."""

COMMAND, COMPONENT, MODAL = 2, 3, 5
"""Kinds of interaction."""

Id = Annotated[str, Meta(pattern=r"^[0-9]{1,20}\Z")]
"""A snowflake: the time in ms since 2015 and a count, so ids of one kind grow."""

_LOCALE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")


class User(Struct, frozen=True):
    id: Id
    bot: bool = False


class File(Struct, frozen=True):
    id: Id
    url: str
    filename: str = ""
    size: int = 0


class Reply(Struct, frozen=True):
    author: User | None = None


class Said(Struct, frozen=True):
    """A message (MESSAGE_CREATE, or a line of a channel's history)."""

    id: Id
    channel_id: Id
    author: User
    content: str = ""
    edited_timestamp: str | None = None
    type: int = 0
    guild_id: Id | None = None
    webhook_id: Id | None = None
    mentions: tuple[User, ...] = ()
    attachments: tuple[File, ...] = ()
    referenced_message: Reply | None = None


class Changed(Struct, frozen=True):
    """A message that was changed (MESSAGE_UPDATE). When only a preview of its links is drawn, it says no (new) time of a change.

    In a server its text is left out unless it names us: that is what the privileged intent message_content is for.
    """

    id: Id
    channel_id: Id
    author: User
    content: str
    edited_timestamp: str
    type: int = 0
    guild_id: Id | None = None
    webhook_id: Id | None = None
    mentions: tuple[User, ...] = ()
    referenced_message: Reply | None = None


class Removed(Struct, frozen=True):
    """A message that was deleted (MESSAGE_DELETE): nobody says whose it was."""

    id: Id
    channel_id: Id
    guild_id: Id | None = None


class Member(Struct, frozen=True):
    user: User


class Part(Struct, frozen=True):
    """A component: as it stands under a message, or as it was filled in."""

    type: int = 0
    custom_id: str = ""
    label: str = ""
    value: Any = None
    values: tuple[str, ...] = ()
    options: tuple[Mapping[str, Any], ...] = ()
    component: Part | None = None
    components: tuple[Part, ...] = ()


class Resolved(Struct, frozen=True):
    attachments: dict[str, File] = {}


class Given(Struct, frozen=True):
    """An interaction's data: of a command, of a component, or of a modal."""

    name: str = ""
    options: tuple[Mapping[str, Any], ...] = ()
    custom_id: str = ""
    values: tuple[str, ...] = ()
    components: tuple[Part, ...] = ()
    resolved: Resolved | None = None


class Under(Struct, frozen=True):
    components: tuple[Part, ...] = ()


class Interaction(Struct, frozen=True):
    id: Id
    type: int
    token: str
    application_id: Id
    channel_id: Id
    data: Given
    guild_id: Id | None = None
    user: User | None = None
    member: Member | None = None
    message: Under | None = None
    locale: str = ""

    @property
    def actor(self) -> str:
        """Whose it is: in a server it comes with the member, else with the user."""
        user = self.user or (self.member.user if self.member else None)
        return user.id if user else ""

    @property
    def hint(self) -> str:
        return self.locale if _LOCALE.fullmatch(self.locale) else ""

    @property
    def is_command(self) -> bool:
        return self.type == COMMAND

    @property
    def owner(self) -> str:
        """Whose question this component stands under; "" when it cannot be anybody else's."""
        return self.data.custom_id.partition("@")[2] if self.type == COMPONENT else ""

    @property
    def opens(self) -> str:
        """The delivery key of the form whose button this is, or ""."""
        id = self.data.custom_id.partition("@")[0]
        return id.removeprefix(FILL) if self.type == COMPONENT and id.startswith(FILL) else ""


class Dispatch(Struct, frozen=True):
    t: Literal["MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "INTERACTION_CREATE"]
    d: dict[str, Any]
    kept: dict[str, Attachment] = {}
    dm: Id | None = None
    whose: Id | None = None


Content = Said | Changed | Removed | Interaction


def read(raw: Any) -> Content | None:
    """What the payload is, as far as it is Discord's; None for any other."""
    dispatch = frame_of(raw)
    return None if dispatch is None else content_of(dispatch)


def files_of(content: Said | Interaction) -> Sequence[File]:
    """The files that came with it."""
    if isinstance(content, Said):
        return content.attachments
    return tuple(content.data.resolved.attachments.values()) if content.data.resolved else ()


def singly(raw: dict[str, Any]) -> list[dict[str, Any]]:
    """What a moderator deletes at one stroke (MESSAGE_DELETE_BULK), as so many deletions; anything else as it is."""
    stroke = raw.get("d") if raw.get("t") == "MESSAGE_DELETE_BULK" else None
    ids = stroke.get("ids") if isinstance(stroke, dict) else None
    if not isinstance(stroke, dict) or not isinstance(ids, list):
        return [raw]
    where = {name: stroke[name] for name in ("channel_id", "guild_id") if name in stroke}
    return [{"t": "MESSAGE_DELETE", "d": {**where, "id": id}} for id in ids]


def frame_of(raw: Any) -> Dispatch | None:
    try:
        return msgspec.convert(raw, Dispatch)
    except (msgspec.ValidationError, ValueError, OverflowError, RecursionError):
        return None


_KINDS: Final[Mapping[str, type[Content]]] = {
    "MESSAGE_CREATE": Said,
    "MESSAGE_UPDATE": Changed,
    "MESSAGE_DELETE": Removed,
    "INTERACTION_CREATE": Interaction,
}


def content_of(dispatch: Dispatch) -> Content | None:
    try:
        return msgspec.convert(dispatch.d, _KINDS[dispatch.t])
    except (msgspec.ValidationError, ValueError, OverflowError, RecursionError):
        return None
