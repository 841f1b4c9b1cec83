"""What the client area needs from the rest of the desk: narrow ports, implemented by whoever mounts it. Times are epoch ms."""

from __future__ import annotations

from typing import Literal, Protocol

from msgspec import Struct

from conversations.model import Attachment, Doc, Message, OwnTicket

Sending = Literal["mail", "log", "nowhere"]
"""How links get to people: by mail; into the desk's own log, on a machine where it is only tried out; not at all."""

Group = Literal["", "open", "waiting", "finished"]
"""Which tickets to list: all, those under way, those that wait for the customer, those that are finished."""


Who = Literal["customer", "team", "desk"]


class About(Struct, frozen=True):
    """The desk: its name, the languages the area can be shown in (the first is the default), its own time zone."""

    name: str
    locales: tuple[str, ...]
    zone: str


class Account(Struct, frozen=True):
    """`locale` and `zone` are "" while nobody chose one."""

    id: int
    number: str
    name: str
    locale: str
    zone: str


class Guest(Struct, frozen=True):
    """Who is signed in: a proven e-mail address, and the accounts that are registered with it. `locale` is the session's own choice."""

    email: str
    locale: str
    created_at: int
    seen_at: int
    accounts: tuple[Account, ...]


class Link(Struct, frozen=True):
    """A link that still works: it signs `email` in, or proves it as an address for `category`."""

    purpose: Literal["sign_in", "address"]
    email: str
    category: str


class Listed(Struct, frozen=True):
    """A ticket in a list. `state` is conversations.tickets.TicketState, `state_shown` the same in words."""

    number: str
    title: str
    state: str
    state_shown: str
    opened_at: int
    updated_at: int


class Step(Struct, frozen=True):
    """Something that happened to a ticket: a text was written, or (with `state`, in words) it came to another state.

    `name` is who of the team wrote, where they gave one. `pending`: it is stored, and will be added in a moment. `edited_at`, `deleted_at`:
    when the customer changed it since, or took it back; 0 when they did not.
    """

    at: int
    who: Who
    name: str = ""
    text: str = ""
    files: tuple[Attachment, ...] = ()
    state: str = ""
    pending: bool = False
    edited_at: int = 0
    deleted_at: int = 0


class Shown(Struct, frozen=True):
    """A whole ticket. `fields` are label and answer in words; `ways` what its customer may do now; `rating` 0 when there is none.

    `seen` and `address` are what an event about it needs: the ticket as it is shown, and the conversation it belongs to. `edited_at` and
    `deleted_at` as in a Step, of the words it was opened with.
    """

    listed: Listed
    fields: tuple[tuple[str, str], ...]
    text: str
    files: tuple[Attachment, ...]
    steps: tuple[Step, ...]
    rating: int
    ways: frozenset[str]
    seen: OwnTicket
    address: str
    edited_at: int = 0
    deleted_at: int = 0


class Own(Struct, frozen=True):
    """An address of an account. Nothing is sent to one that is not `verified`."""

    category: str
    email: str
    verified: bool


class Area(Protocol):
    """Any of these but `about`, `label` and `doc` may raise adapters.base.NotStored.

    Tokens come as their SHA-256 (hex). An `email` is as conversations.identity.mailbox gives it.
    """

    @property
    def sending(self) -> Sending: ...

    def about(self) -> About: ...

    def label(self, id: str, locale: str, /, **values: str | int) -> str:
        """A text of the area, on one line."""
        ...

    def doc(self, id: str, locale: str, /, **values: str | int) -> Doc: ...

    async def guest(self, token_hash: str) -> Guest | None: ...

    async def touch(self, token_hash: str, at: int) -> None: ...

    async def choose_language(self, token_hash: str, locale: str) -> None: ...

    async def sign_out(self, token_hash: str) -> None: ...

    async def sign_out_everywhere(self, email: str) -> None: ...

    async def send_link(self, email: str, token_hash: str, url: str, letter: Message, minutes: int) -> float:
        """Send a link that signs in, if `email` is known; the same work either way. Seconds to wait when there were too many, else 0."""
        ...

    async def link(self, token_hash: str) -> Link | None: ...

    async def sign_in(self, link_hash: str, token_hash: str, locale: str, at: int) -> str:
        """Use up a link for a session; the address that is signed in, or "" when the link is no good any more."""
        ...

    async def tickets(self, email: str, group: Group, text: str, page: int, locale: str) -> tuple[tuple[Listed, ...], bool]:
        """The page (from 1) of those that `email` may see, and whether there are more."""
        ...

    async def ticket(self, email: str, number: str, locale: str) -> Shown | None:
        """None when there is none that `email` may see."""
        ...

    async def settled(self, email: str, number: str, key: str) -> bool:
        """Wait a moment for the event `key` to be applied; whether it was."""
        ...

    async def addresses(self, account: int) -> tuple[Own, ...]:
        """Of every category, the registered one too."""
        ...

    async def add_address(self, account: int, category: str, email: str, token_hash: str, url: str, letter: Message, hours: int) -> float:
        """Note an address and send the link that proves it. Seconds to wait when too many were asked for, else 0."""
        ...

    async def confirm_address(self, link_hash: str) -> Link | None: ...

    async def remove_address(self, account: int, category: str, email: str) -> bool: ...

    async def set_preferences(self, account: int, locale: str, zone: str) -> None: ...


class FileLinks(Protocol):
    def __call__(self, file: Attachment) -> str:
        """The path of a download that works for a few minutes, for whoever has it."""
        ...
