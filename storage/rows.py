"""The plain records that go into and come out of the storage functions. Payloads, states and messages are opaque JSON text here."""

from __future__ import annotations

from typing import NamedTuple

from storage.link_rows import LinkStep


class NewEvent(NamedTuple):
    """An event to be stored. `id` is made by the application (63 bits, growing); (address, key) tells a redelivery."""

    id: int
    address: str
    key: str
    payload: str
    received_at: int


class StoredEvent(NamedTuple):
    """Where it went: the conversation, and whether it was new."""

    shard: int
    conversation: int
    fresh: bool


class PendingEvent(NamedTuple):
    id: int
    received_at: int
    payload: str


HELD = -1
"""The `gen` of a claim that was never in the queue: its conversation is held in memory by the only process there is."""


class Claim(NamedTuple):
    """A conversation that this node may work on until its lease ends. `state` is "" and `version` 0 before its first turn.

    `address` is the one the conversation is answered at. `events` are all that are pending, in order. `fence` tells this claim from
    every other of the conversation. A held one (`gen` is HELD) has no lease and no `state`: who holds it knows that.
    """

    shard: int
    conversation: int
    address: str
    version: int
    state: str
    fence: int
    gen: int
    attempts: int
    events: tuple[PendingEvent, ...]


class NewMessage(NamedTuple):
    """A message to be queued: it becomes outbox row (conversation, version, ord). `address`: where to, if not to the conversation's own."""

    version: int
    ord: int
    payload: str
    priority: int
    address: str = ""


class NewRequest(NamedTuple):
    key: str
    number: str
    locale: str
    text: str
    topic: str
    name: str
    email: str


class RequestAmendment(NamedTuple):
    key: str
    email: str
    text: str


class NewTicket(NamedTuple):
    """`answers` and `files` are JSON. `due_at` is when the first reply was promised, None when nothing was. `proof` is by what it was
    proven whose `account` (its number) it is, and when.
    """

    key: str
    number: str
    form: str
    version: int
    department: str
    priority: str
    title: str
    text: str
    answers: str
    files: str
    locale: str
    topic: str
    name: str
    email: str
    state: str
    due_at: int | None
    proof: str = ""
    proved_at: int | None = None
    account: str = ""


class NewChange(NamedTuple):
    """One step in a ticket's life: made only if the ticket stands at `before`; with `before` empty, the opening of one just added.

    `id` is the event's that made it, 0 for the opening. A step to the same state changes nothing and is kept for its `note`.
    """

    ticket: str
    id: int
    who: str
    place: str
    before: str
    state: str
    note: str
    at: int


class NewEntry(NamedTuple):
    """Something written to a ticket after it was opened. `author` is customer or team; `files` is JSON. The customer may have changed it
    since, or deleted it: then nothing of it is left.
    """

    ticket: str
    id: int
    author: str
    name: str
    text: str
    files: str
    at: int
    edited_at: int | None = None
    deleted_at: int | None = None


class NewRating(NamedTuple):
    ticket: str
    rating: int


class EntryMirror(NamedTuple):
    """What stands in a ticket in the place of what was written to it with event `id`. `files` is JSON."""

    ticket: str
    id: int
    text: str
    files: str
    edited_at: int | None
    deleted_at: int | None


class TicketMirror(NamedTuple):
    """The customer's own words in a ticket, as they are now. `answers` and `files` are JSON."""

    key: str
    title: str
    text: str
    answers: str
    files: str
    edited_at: int | None
    deleted_at: int | None


class RequestMirror(NamedTuple):
    """What stands in requests in the place of `old`, where that is one or more whole lines."""

    old: str
    new: str


class NewCode(NamedTuple):
    """A one-time code that was made for whoever reads the mail of `email`; it is sent and kept only if that is a registered address.

    `id` is of the event that says what came of it. `letter` goes to the address `to` as outbox row (version, ord); with `to` empty no mail
    is sent, and `way` says what becomes of the code: log, or nothing ("") when codes cannot be had here.
    """

    id: int
    email: str
    code_hash: str
    way: str
    version: int
    ord: int
    to: str
    letter: str


class CodeCheck(NamedTuple):
    """A code that was given back, as it would be kept for `email`. What it proves counts until `until`."""

    id: int
    email: str
    code_hash: str
    until: int


class Voucher(NamedTuple):
    """The page the chat is on proved that the customer is who has the address `email`."""

    id: int
    email: str
    until: int


class Turn(NamedTuple):
    """What a claimed conversation has become: to be committed whole or not at all.

    `version` is the new version (the claim's plus one per event decided). `events` are (inbox id, version it made).
    `timers` are (name, due_at), due_at None to cancel. `redactions` are (inbox id, what is kept in the place of its payload). `ids` are for
    events that come of `links` and of `proofs` that are lent. `subscriptions` are (topic of notices, whether it is wanted from now on).
    """

    claim: Claim
    version: int
    state: str
    locale: str
    events: tuple[tuple[int, int], ...]
    messages: tuple[NewMessage, ...]
    timers: tuple[tuple[str, int | None], ...]
    requests: tuple[NewRequest, ...]
    amendments: tuple[RequestAmendment, ...]
    tickets: tuple[NewTicket, ...] = ()
    changes: tuple[NewChange, ...] = ()
    entries: tuple[NewEntry, ...] = ()
    ratings: tuple[NewRating, ...] = ()
    proofs: tuple[NewCode | CodeCheck | Voucher, ...] = ()
    redactions: tuple[tuple[int, str], ...] = ()
    mirrored: tuple[EntryMirror | TicketMirror | RequestMirror, ...] = ()
    links: tuple[LinkStep, ...] = ()
    ids: tuple[int, ...] = ()
    subscriptions: tuple[tuple[str, bool], ...] = ()


class Due(NamedTuple):
    """An outbox row that this node may send now; `created_at` is when it was committed (epoch ms).

    `priority` is how urgent it is: its own, or that of the most urgent one claimed behind it. `receipt` is what the last try to send it
    left behind, if it was given back after a part of it had been sent.
    """

    shard: int
    conversation: int
    version: int
    ord: int
    address: str
    payload: str
    priority: int
    attempt: int
    created_at: int
    receipt: str


class Committed(NamedTuple):
    """The conversations whose turns are in, and the messages that are given to the caller to send, in their order."""

    conversations: set[int]
    given: list[Due]


class Outcome(NamedTuple):
    """What became of a send. `status` is one of outbox.SENT, DUE (try again at `next_at`), FAILED.

    With DUE, `platform_id` is what the next try should know of this one (Due.receipt).
    """

    shard: int
    conversation: int
    version: int
    ord: int
    status: int
    next_at: int = 0
    platform_id: str = ""
    error: str = ""


class Entry(NamedTuple):
    """One line of a transcript. `cursor` grows along a conversation: version * 1000 + (0 for what came in, 1 + ord for what went out).

    `author` is customer or bot. For the customer `key` is the platform's event key and `payload` an event; for the bot `key` is
    "<conversation>.<version>.<ord>" and `payload` a message.
    """

    cursor: int
    author: str
    at: int
    key: str
    payload: str


class Session(NamedTuple):
    """A web visitor's session: found by the SHA-256 of its token."""

    token_hash: str
    address: str
    created_at: int
    seen_at: int
    subject: str


class Request(NamedTuple):
    """What a customer wants the team to do, as the team sees it. `closed_at` is None while it is open."""

    shard: int
    conversation: int
    key: str
    number: str
    locale: str
    text: str
    topic: str
    name: str
    email: str
    created_at: int
    closed_at: int | None


class Ticket(NamedTuple):
    """A ticket as the team sees it: in the order of its table's columns."""

    shard: int
    conversation: int
    key: str
    number: str
    form: str
    version: int
    department: str
    priority: str
    title: str
    text: str
    answers: str
    files: str
    locale: str
    topic: str
    name: str
    email: str
    state: str
    created_at: int
    updated_at: int
    due_at: int | None
    first_reply_at: int | None
    resolved_at: int | None
    closed_at: int | None
    rating: int | None
    proof: str
    proved_at: int | None
    account: str
    edited_at: int | None
    deleted_at: int | None


class Account(NamedTuple):
    """A customer of the desk, as the billing panel knows them. `number` is the panel's; `locale` and `zone` are "" until chosen."""

    id: int
    number: str
    name: str
    locale: str
    zone: str
    created_at: int
    updated_at: int


class AccountAddress(NamedTuple):
    """Where an account gets mail of one category: conversations.identity's REGISTERED or one of its CATEGORIES.

    `verified_at` is None until a link that was mailed there was followed: nothing else may be sent there before.
    """

    account: int
    category: str
    email: str
    verified_at: int | None
    created_at: int


class Service(NamedTuple):
    """Something an account has ordered. `number` is its order's; `addresses` is JSON, its IP addresses as written in the import."""

    account: int
    number: str
    name: str
    kind: str
    addresses: str
    ended_at: int | None
