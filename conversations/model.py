"""The plain data every room speaks of: text trees, choices, messages, addresses and the state of a conversation."""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote, unquote

from msgspec import Struct

# --- text: a tree, never markup. What a customer typed is only ever the `text` of a Text leaf. ---


class Text(Struct, frozen=True, gc=False, tag="text"):
    """A run of characters to be shown exactly as they are."""

    text: str


class Bold(Struct, frozen=True, gc=False, tag="bold"):
    children: tuple[Inline, ...]


class Italic(Struct, frozen=True, gc=False, tag="italic"):
    children: tuple[Inline, ...]


class Code(Struct, frozen=True, gc=False, tag="code"):
    """Something to be copied literally: an address, a command, an order number."""

    text: str


class Link(Struct, frozen=True, gc=False, tag="link"):
    """`url` is http(s) or mailto; content loading refuses any other scheme."""

    url: str
    children: tuple[Inline, ...]


class Break(Struct, frozen=True, gc=False, tag="break"):
    """A new line inside a paragraph."""


Inline = Text | Bold | Italic | Code | Link | Break


class Paragraph(Struct, frozen=True, gc=False, tag="paragraph"):
    children: tuple[Inline, ...]


class Bullets(Struct, frozen=True, gc=False, tag="bullets"):
    """A flat list: one level is all that every platform can draw."""

    items: tuple[tuple[Inline, ...], ...]


class Steps(Struct, frozen=True, gc=False, tag="steps"):
    """A flat list whose order matters; drawn with numbers from 1."""

    items: tuple[tuple[Inline, ...], ...]


Block = Paragraph | Bullets | Steps
Doc = tuple[Block, ...]


def paragraph(text: str) -> Doc:
    """One paragraph that shows `text` literally."""
    return (Paragraph((Text(text),)),)


# --- messages ---


class Choice(Struct, frozen=True, gc=False):
    """A button. `key` is opaque, ASCII, at most 40 bytes, unique in its conversation: `<prompt id>.<n>`.

    The label (at most 75 characters) can also be typed, and so can its number where buttons are drawn as a list.
    """

    key: str
    label: str


class Message(Struct, frozen=True, gc=False, omit_defaults=True):
    """What is said to a customer in one go: a text tree and the choices under it, in `locale`."""

    doc: Doc
    locale: str
    choices: tuple[Choice, ...] = ()


# --- addresses ---


class Address(Struct, frozen=True, gc=False):
    """Where to answer: one chat (and perhaps a thread in it) of one account on one platform."""

    platform: str
    account: str
    chat: str
    thread: str = ""

    def __str__(self) -> str:
        parts = (self.platform, self.account, self.chat, self.thread)
        return ":".join(quote(part, safe="") for part in parts).rstrip(":")

    @classmethod
    def parse(cls, text: str) -> Address:
        """The inverse of `str(address)`; raises ValueError on anything else."""
        parts = [unquote(part) for part in text.split(":")]
        if not 3 <= len(parts) <= 4 or not all(parts[:3]):
            raise ValueError("an address is platform:account:chat[:thread]")
        return cls(*parts)


# --- the state of a conversation ---


class Offer(Struct, frozen=True, gc=False, array_like=True):
    """What pressing a choice means, kept on our side so that a button need carry only its key.

    `action` is one of conversations.engine's actions; `argument` is a topic id, a locale, … or empty. A state holds dozens of these, read
    and written with every turn: hence an array, to which fields may be added at the end only.
    """

    label: str
    action: str
    argument: str = ""


class Prompt(Struct, frozen=True, gc=False, array_like=True):
    """A question that was put, and what its numbered choices mean."""

    id: str
    offers: tuple[Offer, ...]


class Idle(Struct, frozen=True, gc=False, tag="idle"):
    """Nothing is under way: whatever is said is a question to the knowledge base."""


class Contact(Struct, frozen=True, gc=False, tag="contact"):
    """A person or a ticket was asked for; the request is recorded already, and we are asking where the team may write to.

    `request` is the record's key, `number` what the customer sees; `asked` counts how often the question was put.
    """

    kind: Literal["person", "ticket"]
    request: str
    number: str
    asked: int = 1


Frame = Idle | Contact

SCHEMA = 1


class State(Struct, frozen=True, gc=False, omit_defaults=True):
    """Everything the engine remembers of a conversation, as plain data; `frames[-1]` is what is under way.

    `question` and `topic` are the last question and what it was answered with; `misses` counts questions in a row without an answer;
    `request` and `number` are of the last recorded request; `name` and `email` are proven, never merely typed.
    """

    schema: int = SCHEMA
    turns: int = 0
    locale: str = ""
    locale_chosen: bool = False
    greeted: bool = False
    frames: tuple[Frame, ...] = (Idle(),)
    prompts: tuple[Prompt, ...] = ()
    topic: str = ""
    question: str = ""
    misses: int = 0
    request: str = ""
    number: str = ""
    name: str = ""
    email: str = ""
