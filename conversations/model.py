"""The plain data every room speaks of: text trees, choices, messages, addresses and the state of a conversation."""

from __future__ import annotations

from typing import Any, Literal
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


class Choice(Struct, frozen=True, gc=False, omit_defaults=True):
    """A button. `key` is opaque, ASCII, at most 40 bytes, unique in its conversation: `<prompt id>.<n>`.

    The label (at most 75 characters) can also be typed, and so can its number where buttons are drawn as a list. `aside`: a way round the
    question (back, skip, cancel), not an answer to it; drawn after the others and less prominent, and never picked by a number, which
    may be the answer itself.
    """

    key: str
    label: str
    aside: bool = False


class Attachment(Struct, frozen=True, omit_defaults=True):
    """A file that came with a message and is kept: `id` finds it in the store, `note` is what was written with it."""

    id: str
    name: str = ""
    mime: str = ""
    size: int = 0
    note: str = ""


class Option(Struct, frozen=True, omit_defaults=True):
    """One of the answers that a field offers."""

    value: str
    label: str
    hint: str = ""


class Input(Struct, frozen=True, omit_defaults=True):
    """One field of a native form, worded. `limit`: characters, 0 when there is none. `value`: what stands in it; given back unedited, it
    changes nothing. `options`: for a line, what may be picked instead of typed. `error`: why what was typed could not be taken.
    `secret`: not to be shown while it is typed.
    """

    name: str
    kind: Literal["line", "lines", "one", "files"]
    label: str
    required: bool = False
    hint: str = ""
    options: tuple[Option, ...] = ()
    limit: int = 0
    value: str = ""
    files: tuple[Attachment, ...] = ()
    error: str = ""
    secret: bool = False


class Sheet(Struct, frozen=True, omit_defaults=True):
    """One page of a form, for platforms that draw it natively: `lead` and the inputs, in place of the message's text and answers.

    `page` counts from 1; `pages` is 0 while an answer on this page or after it can change how many there are. The message's choices that
    are no asides belong to the input `focus`. Its asides are for one question at a time: `ways` are drawn under the page instead, and
    lead round it as a whole. What is filled in comes back as FormAnswered with `key`, `form` and `version`: an input that is left empty is
    skipped, one that nobody edited is kept. A newer sheet with the same key replaces the one before.
    """

    key: str
    form: str
    version: int
    page: int
    pages: int
    inputs: tuple[Input, ...]
    focus: str = ""
    lead: Doc = ()
    ways: tuple[Choice, ...] = ()


class Message(Struct, frozen=True, gc=False, omit_defaults=True):
    """What is said to a customer in one go: a text tree and the choices under it, in `locale`.

    With a `sheet` it is a question of a form: a platform with native forms draws that, every other asks the question. `files` are sent
    along. `subject` and `about` are for mail: its subject, and the number of what it belongs to, by which a mail program keeps together
    what belongs together.
    """

    doc: Doc
    locale: str
    choices: tuple[Choice, ...] = ()
    sheet: Sheet | None = None
    files: tuple[Attachment, ...] = ()
    subject: str = ""
    about: str = ""


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

    @property
    def shared(self) -> bool:
        """Whether several people read there. Adapters tell it by how they write it: what goes on in a room has a thread, and the chat of a
        group is a negative number.
        """
        return bool(self.thread) or (self.chat.startswith("-") and self.chat[1:].isdecimal())

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
    aside: bool = False


class Prompt(Struct, frozen=True, gc=False, array_like=True):
    """A question that was put, and what its numbered choices mean. `about`: the key of the form it belongs to."""

    id: str
    offers: tuple[Offer, ...]
    about: str = ""


class Earlier(Struct, frozen=True, gc=False, array_like=True):
    """A question that was put before the newest: its buttons still work, but nobody types what stood on them.

    `meanings`: what each choice means, its action and, if there is one, `=` and the argument. Nearly every state has as many of these as
    are kept, written with every turn: hence so short.
    """

    id: str
    meanings: tuple[str, ...]
    about: str = ""


class Idle(Struct, frozen=True, gc=False, tag="idle"):
    """Nothing is under way: whatever is said is a question to the knowledge base."""


class Contact(Struct, frozen=True, gc=False, tag="contact"):
    """A person was asked for; the request is recorded already, and we are asking where the team may write to.

    `request` is the record's key, `number` what the customer sees; `asked` counts how often the question was put.
    """

    request: str
    number: str
    asked: int = 1


class Filling(Struct, frozen=True, omit_defaults=True, tag="filling"):
    """A guided form is being filled in.

    `key` is the draft's own for ever, and what it becomes when it is sent; `number` is what people will call that. `answers` are by field
    name (see conversations.forms), of the form's `version`. `asking`: the field `focus`, the review of all of them, which to change, or
    whether to give up. `held`: what was typed at the focus and taken for something else. `at`: when it was last touched (epoch ms).
    `typed`: the fields that were answered by a message, with the number of its event.
    """

    form: str
    version: int
    key: str
    number: str
    answers: dict[str, Any] = {}
    focus: str = ""
    asking: Literal["field", "review", "change", "cancel"] = "field"
    held: str = ""
    at: int = 0
    typed: dict[str, int] = {}


class Replying(Struct, frozen=True, omit_defaults=True, tag="replying"):
    """What is said next belongs to the ticket `key`. `asked`: its reply was asked for; else the team has just written, and a question
    to the desk may come first. `until` (epoch ms) is when that has been too long ago.
    """

    key: str
    until: int
    asked: bool = False


class Proving(Struct, frozen=True, omit_defaults=True, tag="proving"):
    """We are finding out whose account this is. `email` is where a code went, "" while that is still asked for; `then` what was wanted
    and is done once it is proven.
    """

    then: Offer
    email: str = ""


Frame = Idle | Contact | Filling | Replying | Proving

IDLE: tuple[Frame, ...] = (Idle(),)
"""Nothing is on the stack. As the default of a state it is not written, if it is this very one."""


class OwnService(Struct, frozen=True, gc=False, array_like=True):
    """Something the customer's account has ordered; `addresses` are its IP addresses. Fields may be added at the end only."""

    number: str
    name: str
    kind: str = ""
    addresses: tuple[str, ...] = ()


class Proof(Struct, frozen=True, omit_defaults=True):
    """Whose account was proven: by a code mailed to its registered address, by a token of the page the chat is on, or in a chat that this
    one is linked to; then `at` and `until` are that proof's.

    `number` is the account's own in the billing panel. `at` is when, `until` how long it counts (epoch ms). `services` are the first of
    its services; `more` how many there are besides.
    """

    account: int
    number: str
    name: str
    email: str
    how: Literal["code", "token", "link"]
    at: int
    until: int
    services: tuple[OwnService, ...] = ()
    more: int = 0


class OwnTicket(Struct, frozen=True, omit_defaults=True):
    """One of the conversation's tickets, as far as the talk with the customer needs it. `state` is conversations.tickets.TicketState;
    `last` how the team's newest reply begins; `rating` 1 to 5, 0 when there is none; `email` where copies go, "" for nowhere.
    """

    key: str
    number: str
    title: str
    state: str = "new"
    opened_at: int = 0
    last: str = ""
    rating: int = 0
    email: str = ""


class Linked(Struct, frozen=True, gc=False, array_like=True):
    """Another conversation of the same person: its id, the platform it is on, and since when (epoch ms) the two are linked."""

    id: int
    platform: str
    since: int


class Peer(Struct, frozen=True, omit_defaults=True):
    """A linked conversation, with what it told at its turn `told`: the key of the form that is under way there, and its tickets."""

    id: int
    platform: str
    since: int
    told: int = 0
    draft: str = ""
    tickets: tuple[OwnTicket, ...] = ()


SCHEMA = 1


class State(Struct, frozen=True, gc=False, omit_defaults=True):
    """Everything the engine remembers of a conversation, as plain data; `frames[-1]` is what is under way.

    `prompts[-1]` is the newest question that was put, `earlier` are those before it; states of an earlier release have all in `prompts`.
    `question` and `topic` are the last question and what it was answered with; `misses` counts questions in a row without an answer;
    `asked_at` is when the question was put (epoch ms). `request` and `number` are of the last recorded request, `ticket` and
    `ticket_number` of the last ticket opened. `draft` is a form that was put aside, `spare` are further ones, which came from linked
    chats. `files` came outside any form. `tickets` are those not closed and the last that were, oldest first. `name` and `email` are
    proven, never merely typed; `proof` is what account matters need, and gone when it counts no longer. `said` is the number of the event
    with the newest words that were put to the desk and no form; 0 when anything has happened since that they are no answer to. `links` are
    the person's other chats; `link_at` is when it was last asked how to link one. `subscriptions` are the topics whose
    notices are sent here.
    """

    schema: int = SCHEMA
    turns: int = 0
    locale: str = ""
    locale_chosen: bool = False
    greeted: bool = False
    frames: tuple[Frame, ...] = IDLE
    prompts: tuple[Prompt, ...] = ()
    topic: str = ""
    question: str = ""
    asked_at: int = 0
    misses: int = 0
    request: str = ""
    number: str = ""
    ticket: str = ""
    ticket_number: str = ""
    draft: Filling | None = None
    files: tuple[Attachment, ...] = ()
    tickets: tuple[OwnTicket, ...] = ()
    name: str = ""
    email: str = ""
    proof: Proof | None = None
    said: int = 0
    spare: tuple[Filling, ...] = ()
    links: tuple[Peer, ...] = ()
    link_at: int = 0
    subscriptions: tuple[str, ...] = ()
    earlier: tuple[Earlier, ...] = ()
