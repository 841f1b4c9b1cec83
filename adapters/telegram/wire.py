"""The parts of Telegram's updates that are read, as they stand on the wire (https://core.telegram.org/bots/api#update)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

Number = Annotated[int, Meta(ge=-(2**52), le=2**52)]
"""Telegram's own promise: ids have at most 52 significant bits."""


class User(Struct):
    id: Number
    is_bot: bool = False
    language_code: str = ""


class Chat(Struct):
    id: Number
    type: str


class Entity(Struct):
    type: str
    offset: Number
    length: Number
    user: User | None = None


class File(Struct):
    """A photo's size, a document, a voice message, …; a photo has neither name nor type."""

    file_id: str
    file_size: Number = 0
    file_name: str = ""
    mime_type: str = ""


class Sticker(Struct):
    emoji: str = ""


class Location(Struct):
    latitude: float
    longitude: float


class Venue(Struct):
    location: Location
    title: str = ""
    address: str = ""


class Contact(Struct):
    phone_number: str
    first_name: str = ""
    last_name: str = ""


class Dice(Struct):
    emoji: str = ""


class Answered(Struct):
    """The message that another one replies to."""

    message_id: Number
    sender: User | None = field(name="from", default=None)


class Button(Struct):
    text: str = ""
    callback_data: str = ""


class Keyboard(Struct):
    inline_keyboard: list[list[Button]] = []


class Message(Struct):
    message_id: Number
    chat: Chat
    date: Number = 0
    edit_date: Number = 0
    sender: User | None = field(name="from", default=None)
    sender_chat: Chat | None = None
    message_thread_id: Number = 0
    is_topic_message: bool = False
    media_group_id: str = ""
    text: str = ""
    caption: str = ""
    entities: list[Entity] = []
    caption_entities: list[Entity] = []
    reply_to_message: Answered | None = None
    reply_markup: Keyboard | None = None
    photo: list[File] = []
    document: File | None = None
    voice: File | None = None
    video: File | None = None
    audio: File | None = None
    animation: File | None = None
    video_note: File | None = None
    sticker: Sticker | None = None
    location: Location | None = None
    venue: Venue | None = None
    contact: Contact | None = None
    dice: Dice | None = None


class Callback(Struct):
    """A button was pressed; `message` is the one it stands under."""

    id: str
    sender: User = field(name="from")
    message: Message | None = None
    data: str = ""


class Status(Struct):
    status: str


class Membership(Struct):
    """The bot's own standing in a chat has changed."""

    chat: Chat
    sender: User = field(name="from")
    date: Number = 0
    before: Status = field(name="old_chat_member", default_factory=lambda: Status(""))
    after: Status = field(name="new_chat_member", default_factory=lambda: Status(""))


class Update(Struct):
    update_id: Number
    message: Message | None = None
    edited_message: Message | None = None
    callback_query: Callback | None = None
    my_chat_member: Membership | None = None


WANTED = ("message", "edited_message", "callback_query", "my_chat_member")
"""What the server is asked for; it remembers the last list it was given, so it is given each time."""
