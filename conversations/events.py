"""Everything that can happen to a conversation: a closed union, so that a `match` over it is checked for completeness."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from conversations.model import Address, Attachment, Filling, Linked, OwnService, OwnTicket


class Happened(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every event carries: its own number (unique, growing), when it was received (epoch ms, UTC), and whether several people read
    where it happened.

    All are set by the desk; an adapter leaves them alone.
    """

    seq: int = 0
    at: int = 0
    shared: bool = False


class Started(Happened, frozen=True, tag="started"):
    """A customer opened the chat without saying anything yet. `locale` is the platform's hint, e.g. `es` or `en-GB`."""

    locale: str = ""


class MessageReceived(Happened, frozen=True, tag="message"):
    """A customer wrote something, or sent files, or both. `locale` is the platform's hint.

    `text` is as it was written, but for the secrets in it: the intake has hidden those, and says in `masked` what kinds they were.
    `edited`, `deleted`: when the customer changed it since, or took it back (epoch ms); of what was deleted, nothing is left.
    """

    text: str
    locale: str = ""
    files: tuple[Attachment, ...] = ()
    masked: tuple[str, ...] = ()
    edited: int = 0
    deleted: int = 0


class Opened(Struct, frozen=True):
    """A ticket of the conversation as it is kept, with the answers of its form: to see which of its words came from a message."""

    ticket: OwnTicket
    text: str
    answers: dict[str, Any]
    files: tuple[Attachment, ...] = ()
    edited_at: int = 0
    deleted_at: int = 0


class Original(Struct, frozen=True):
    """A message that was changed or deleted, as the desk has kept it: the number of its event, and the keys of the tickets that it was
    written to. `tickets` are all that were opened in the conversation.
    """

    seq: int
    message: MessageReceived
    entries: tuple[str, ...] = ()
    tickets: tuple[Opened, ...] = ()


class MessageEdited(Happened, frozen=True, tag="edited"):
    """A customer changed a message of theirs. `of` is the key that its Inbound had; `text` is the whole new text; `made` when it was
    changed, by the platform's clock (epoch ms; 0 when that is not told), so that changes that come in disorder end in the newest.

    `masked` as in MessageReceived. `original` is looked up before it is decided; None: the message never came to this conversation.
    """

    of: str
    text: str
    made: int = 0
    masked: tuple[str, ...] = ()
    original: Original | None = None


class MessageDeleted(Happened, frozen=True, tag="deleted"):
    """A customer deleted a message of theirs. `of` and `original` as in MessageEdited."""

    of: str
    original: Original | None = None


class ChoicePressed(Happened, frozen=True, tag="choice"):
    """A customer pressed a button. `key` is the Choice's key; `label` what the button said (for the transcript)."""

    key: str
    label: str = ""


class CommandGiven(Happened, frozen=True, tag="command"):
    """A command of the platform's own (`/help`, a menu entry): start, menu, help, language, person, ticket, tickets,
    link, links, notices.

    The argument of start is what a link into the chat asks for: `ticket`, `topic_` and a topic's id, `sub_` and the topic of notices, or
    `link_` and a link code; that of link is a link code.
    """

    name: str
    argument: str = ""
    locale: str = ""


class FormAnswered(Happened, frozen=True, tag="form"):
    """A native form came back: any of its fields by name, as they were typed (a text; for files a list of attachments).

    `key`, `form` and `version` are the sheet's. `key` is empty when the customer filled in a form that no conversation had begun. `send`:
    no review is wanted, only what is missing is to be asked. `masked` as in MessageReceived.
    """

    form: str
    version: int
    answers: dict[str, Any]
    key: str = ""
    send: bool = False
    locale: str = ""
    masked: tuple[str, ...] = ()


class CustomerIdentified(Happened, frozen=True, tag="identified"):
    """The page the chat is on proved who the customer is (a signed, unexpired token)."""

    subject: str
    name: str = ""
    email: str = ""
    locale: str = ""


class TicketReplied(Happened, frozen=True, tag="ticket_replied"):
    """The team wrote to a ticket. `ticket` is as they saw it; `state` what they want it to be now, when it is not what follows by itself.

    `name` is who wrote, `place` where.
    """

    ticket: OwnTicket
    text: str
    state: str = ""
    name: str = ""
    place: str = ""
    files: tuple[Attachment, ...] = ()


class TicketChanged(Happened, frozen=True, tag="ticket_changed"):
    """The team brings a ticket to another state. `note` is for the team's eyes only."""

    ticket: OwnTicket
    state: str
    name: str = ""
    place: str = ""
    note: str = ""


class CodeSent(Happened, frozen=True, tag="code_sent"):
    """A code was asked for and is on its way, if `email` is a registered address: which of the two must not be told.

    `left` is how often another may be asked for. `way`: by mail, or to the log of a desk that is only tried out.
    """

    email: str
    left: int = 0
    way: Literal["mail", "log"] = "mail"


class ProofGiven(Happened, frozen=True, tag="proof_given"):
    """It is proven whose account this is; as conversations.model.Proof keeps it. `proved_at`: when it was, if not just now."""

    account: int
    number: str
    name: str
    email: str
    how: Literal["code", "token", "link"]
    until: int
    services: tuple[OwnService, ...] = ()
    more: int = 0
    proved_at: int = 0


class ProofFailed(Happened, frozen=True, tag="proof_failed"):
    """No proof came of it. `wrong`: the code was another, and may be tried `left` times more; `expired`: there is no code that counts;
    `too_many`: no more codes are sent for now; `unavailable`: this desk sends none.
    """

    email: str
    reason: Literal["wrong", "expired", "too_many", "unavailable"]
    left: int = 0


class ProofEnded(Happened, frozen=True, tag="proof_ended"):
    """`email` is the registered address of that account no longer, or was proven in a chat that is linked no longer: what it proved counts
    no more.
    """

    email: str


class TicketAnswered(Happened, frozen=True, tag="ticket_answered"):
    """The customer wrote to a ticket, but not in this conversation: in the client area or a linked chat (`place` is where).

    `ticket` is as they saw it. `masked` as in MessageReceived.
    """

    ticket: OwnTicket
    text: str
    place: str = ""
    files: tuple[Attachment, ...] = ()
    masked: tuple[str, ...] = ()


class TicketDecided(Happened, frozen=True, tag="ticket_decided"):
    """The customer closed, reopened or rated (1 to 5) a ticket, but not in this conversation. `ticket` is as they saw it."""

    ticket: OwnTicket
    what: Literal["close", "reopen", "rate"]
    place: str = ""
    rating: int = 0


class LinkOffered(Happened, frozen=True, tag="link_offered"):
    """The code that was given belongs to the conversation `peer` on `platform`, and is kept for this one until the customer agrees."""

    peer: int
    platform: str


class LinkFailed(Happened, frozen=True, tag="link_failed"):
    """Nothing was linked. `wrong`: there is no such code (any more), and `left` more may be tried; `tries`, `codes`: too many in an hour;
    `own`: the code is this chat's own; `already`: the two are linked; `full`: one person has too many chats; `lapsed`: it was agreed too
    late; `shared`: several people read here; `gone`: what was to be undone is undone.
    """

    reason: Literal["wrong", "tries", "codes", "own", "already", "full", "lapsed", "shared", "gone"]
    left: int = 0


class LinksChanged(Happened, frozen=True, tag="links_changed"):
    """`links` are all chats that this one is linked to. `given`: `peer`, on `platform`, gave back the code of this chat; `redeemed`: this
    chat gave back the code of `peer`; `joined`: `peer` was linked to another chat of the person's; `left`: this chat is linked no more, by
    what was done on `platform`; `lost`: `peer` is not.
    """

    what: Literal["given", "redeemed", "joined", "left", "lost"]
    peer: int
    platform: str
    links: tuple[Linked, ...] = ()


class PeerTold(Happened, frozen=True, tag="peer_told"):
    """How the linked conversation `peer` stands after its turn `turns`: as conversations.model.Peer keeps it."""

    turns: int
    draft: str
    tickets: tuple[OwnTicket, ...] = ()
    peer: int = 0


class DraftWanted(Happened, frozen=True, tag="draft_wanted"):
    """The form `key` is to be gone on with in the linked conversation `peer`; with `key` empty, whichever is under way here."""

    key: str = ""
    peer: int = 0
    place: str = ""


class DraftGiven(Happened, frozen=True, tag="draft_given"):
    """A form was handed over by the linked conversation `peer`, where it is no longer; with the topic and language it was begun in."""

    draft: Filling
    topic: str = ""
    locale: str = ""
    peer: int = 0
    place: str = ""


class DraftMissed(Happened, frozen=True, tag="draft_missed"):
    """The form `key` is not in the linked conversation `peer`; `number` when it was sent there."""

    key: str
    number: str = ""
    peer: int = 0


class NotPassed(Happened, frozen=True, tag="not_passed"):
    """What was to be passed to another conversation was not, for the two are linked no longer. A `draft` is back where it was."""

    what: str
    draft: Filling | None = None


class SubscriptionsEnded(Happened, frozen=True, tag="subscriptions_ended"):
    """A notice could not be delivered for good (the desk is blocked here, the chat is gone), so none of these `topics` is sent any more."""

    topics: tuple[str, ...]


class TimerFired(Happened, frozen=True, tag="timer"):
    """A timer set by the effect SetTimer came due."""

    name: str
    due_at: int


Event = (
    Started
    | MessageReceived
    | MessageEdited
    | MessageDeleted
    | ChoicePressed
    | CommandGiven
    | FormAnswered
    | CustomerIdentified
    | TicketReplied
    | TicketChanged
    | CodeSent
    | ProofGiven
    | ProofFailed
    | ProofEnded
    | TicketAnswered
    | TicketDecided
    | LinkOffered
    | LinkFailed
    | LinksChanged
    | PeerTold
    | DraftWanted
    | DraftGiven
    | DraftMissed
    | NotPassed
    | SubscriptionsEnded
    | TimerFired
)

Passed = TicketAnswered | TicketDecided | PeerTold | DraftWanted | DraftGiven | DraftMissed
"""What one conversation tells another that it is linked to."""

OURS: frozenset[type[Event]] = frozenset(
    (
        *(TicketReplied, TicketChanged, CodeSent, ProofGiven, ProofFailed, ProofEnded, TimerFired),
        *(LinkOffered, LinkFailed, LinksChanged, PeerTold, DraftWanted, DraftGiven, DraftMissed, NotPassed),
        SubscriptionsEnded,
    )
)
"""What only the desk itself may say happened: none of it comes from a platform."""

_MIRRORED = ('{"type":"edited"', '{"type":"deleted"')

encoder = msgspec.json.Encoder()
decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def mirrors(payload: str) -> bool:
    """Whether a stored event is about an earlier one, which is to be looked up before it is decided; told without reading it whole."""
    return payload.startswith(_MIRRORED)


class Inbound(Struct, frozen=True):
    """An event as it leaves an adapter: where it came from, and the platform's own id for it.

    The same `key` at the same address is the same event, however often it is delivered (at most 200 characters).
    """

    address: Address
    key: str
    event: Event
