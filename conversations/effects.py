"""Everything the engine can ask to be done: a closed union of plain data, applied in the transaction that ends the turn."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from conversations.events import MessageReceived, Passed
from conversations.model import Attachment, Message


class Say(Struct, frozen=True, tag="say"):
    """Queue `message` for the conversation's address."""

    message: Message


class Mail(Struct, frozen=True, tag="mail"):
    """Queue `message` for an e-mail address as well: as a copy of what is said here, or because it is not for this chat.

    `email` is as conversations.identity.mailbox gives it. Where the desk sends no mail, nothing happens.
    """

    email: str
    message: Message


class SetTimer(Struct, frozen=True, tag="set_timer"):
    """Wake this conversation with TimerFired(name) at `due_at` (epoch ms). One timer per name: a new one replaces the old."""

    name: str
    due_at: int


class CancelTimer(Struct, frozen=True, tag="cancel_timer"):
    name: str


class RecordRequest(Struct, frozen=True, tag="record_request"):
    """Keep for the team that a customer wants a person. `key` makes a retry a no-op; `number` is shown to people."""

    key: str
    number: str
    locale: str
    text: str
    topic: str = ""
    name: str = ""
    email: str = ""


class AmendRequest(Struct, frozen=True, tag="amend_request"):
    """Add to a recorded request what became known later. `text` is appended; an empty field changes nothing."""

    key: str
    email: str = ""
    text: str = ""


class OpenTicket(Struct, frozen=True, tag="open_ticket"):
    """Open a ticket from a form that was sent. `key` makes a retry, and a second press of *send*, a no-op; `number` is shown to people.

    `answers` are those of the fields that apply, by name, as `form` in its `version` declares them. `title` and `text` are what it is
    about, in the customer's words; `due_at` is when the first reply was promised (epoch ms). `email` is where to write to, proven or not.
    `proof` is by what it was proven whose `account` (its number) it is, and when; empty when it was not.
    """

    key: str
    number: str
    form: str
    version: int
    locale: str
    department: str
    priority: str
    title: str
    text: str
    answers: dict[str, Any]
    files: tuple[Attachment, ...] = ()
    due_at: int = 0
    topic: str = ""
    name: str = ""
    email: str = ""
    proof: Literal["", "code", "token", "link"] = ""
    proved_at: int = 0
    account: str = ""


class ChangeTicket(Struct, frozen=True, tag="change_ticket"):
    """Bring a ticket from state `before` to `state`; nothing happens when it is not at `before`. `who` did it: customer, desk, or a name
    in the team; `place` where, the conversation's own platform when empty. With `state` as `before` only the `note` is kept.
    """

    key: str
    before: str
    state: str
    who: str
    place: str = ""
    note: str = ""


class AddToTicket(Struct, frozen=True, tag="add_to_ticket"):
    """Keep what was written to a ticket after it was opened."""

    key: str
    author: Literal["customer", "team"]
    text: str
    name: str = ""
    files: tuple[Attachment, ...] = ()


class KeepMessage(Struct, frozen=True, tag="keep_message"):
    """Keep `message` in the place of the one that came with event `seq`. Of the event that says so, keep the words no longer."""

    seq: int
    message: MessageReceived


class MirrorEntry(Struct, frozen=True, tag="mirror_entry"):
    """What was written to a ticket with event `seq` is now what `message` says."""

    key: str
    seq: int
    message: MessageReceived


class MirrorTicket(Struct, frozen=True, tag="mirror_ticket"):
    """The words a ticket was opened with are now these. Its number, state, department, priority and promise stay."""

    key: str
    title: str
    text: str
    answers: dict[str, Any]
    files: tuple[Attachment, ...]
    edited_at: int = 0
    deleted_at: int = 0


class MirrorRequest(Struct, frozen=True, tag="mirror_request"):
    """In the conversation's requests `new` stands in the place of `old`, where that is whole lines."""

    old: str
    new: str


class RateTicket(Struct, frozen=True, tag="rate_ticket"):
    """How satisfied the customer was, 1 to 5. The last word counts."""

    key: str
    rating: int


class SendCode(Struct, frozen=True, tag="send_code"):
    """Mail a one-time code to `email` if it is a registered address. CodeSent or ProofFailed comes of it."""

    email: str


class CheckCode(Struct, frozen=True, tag="check_code"):
    """See whether `code` is the one that was sent to `email` here. ProofGiven (which counts until `until`, epoch ms) or ProofFailed comes
    of it.
    """

    email: str
    code: str
    until: int


class Recognise(Struct, frozen=True, tag="recognise"):
    """The page the chat is on vouched for `email`: ProofGiven comes of it if that is a registered address, else nothing."""

    email: str
    until: int


class DropProof(Struct, frozen=True, tag="drop_proof"):
    """Somebody else is here now: what was proven in this conversation is not to be lent to any other."""


class OfferLink(Struct, frozen=True, tag="offer_link"):
    """Say, with a new link code, how another chat is linked to this one. LinkFailed comes of it when no code may be had."""


class RedeemLink(Struct, frozen=True, tag="redeem_link"):
    """See whose link code `code` is (as conversations.identity.link_code gives it). LinkOffered or LinkFailed comes of it."""

    code: str


class ConfirmLink(Struct, frozen=True, tag="confirm_link"):
    """Link this conversation to `peer`, whose code was given here. LinksChanged or LinkFailed comes of it, and LinksChanged of all others
    that the two are linked to.
    """

    peer: int


class Unlink(Struct, frozen=True, tag="unlink"):
    """Take the conversation `peer` (0: this one) out of the person's chats. LinksChanged comes of it for all of them."""

    peer: int = 0


class Pass(Struct, frozen=True, tag="pass"):
    """Tell the linked conversation `to` what happened. Its own id and platform are put in; it comes back as NotPassed when the two are
    linked no longer.
    """

    to: int
    event: Passed


class Subscribe(Struct, frozen=True, tag="subscribe"):
    """Send the notices of `topic` to this conversation from now on. A second time renews since when it is wanted."""

    topic: str


class Unsubscribe(Struct, frozen=True, tag="unsubscribe"):
    """Send the notices of `topic` no more. Nothing happens when they are not sent."""

    topic: str


class Redact(Struct, frozen=True, tag="redact"):
    """Keep `text` in the place of what the customer wrote with this event: its text, or the argument of its command."""

    text: str


class CountOutcome(Struct, frozen=True, tag="count_outcome"):
    """What became of a question, for the metrics: never holds what was asked."""

    outcome: Literal["answered", "offered", "unknown", "helpful", "unhelpful", "person", "ticket", "proven", "linked"]
    topic: str = ""


Effect = (
    Say
    | Mail
    | SetTimer
    | CancelTimer
    | RecordRequest
    | AmendRequest
    | OpenTicket
    | ChangeTicket
    | AddToTicket
    | KeepMessage
    | MirrorEntry
    | MirrorTicket
    | MirrorRequest
    | RateTicket
    | SendCode
    | CheckCode
    | Recognise
    | DropProof
    | OfferLink
    | RedeemLink
    | ConfirmLink
    | Unlink
    | Pass
    | Subscribe
    | Unsubscribe
    | Redact
    | CountOutcome
)
