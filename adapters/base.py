"""The port between the desk and a platform: five members, capabilities as data, three delivery errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple, Protocol

from msgspec import Struct

from conversations.events import Inbound
from conversations.model import Address, Message


class Rate(Struct, frozen=True):
    """`burst` sends at once, then one each `every_ms`. Both are at least 1.

    Any span of time sees up to `burst` sends and one more for each `every_ms` in it. So a platform that takes N in W milliseconds is
    kept to by an `every_ms` of W / (N - burst + 1) or more: a larger burst costs speed. A send counts when it is begun; leave a little for
    its way.
    """

    burst: int
    every_ms: int


class Capabilities(Struct, frozen=True, kw_only=True):
    """What a platform can do. Whatever it cannot do degrades by default, so nothing here may be a reason to lose content.

    text_limit: of one payload after rendering, in text_unit. choices: how many buttons one message can draw (0: they become
    numbered text). idempotent_send: the platform drops a second send of the same key, so sends may overlap; without it
    delivery keeps a single send in flight, so that a crash can repeat at most one. chat_rate, account_rate: how much the platform takes
    in one chat (with all its threads), and from one account in all; None where nobody counts. Delivery never sends faster. Of an account's
    burst it keeps a quarter, and at least one if there are two, for replies alone. room_rate: in place of chat_rate where several people
    hear it; rooms: what the chat of such an address begins with ("": the platform has none, or takes as much there). edits, deletions:
    the platform tells when a customer changes or deletes what they wrote, in private at least; where it does not, what was first said
    stands, and a new message corrects it. several_chats: the same person has a chat in each browser, so that two of them may be linked.
    """

    text_limit: int
    text_unit: Literal["code points", "utf-16", "bytes"] = "code points"
    choices: int = 0
    label_limit: int = 75
    idempotent_send: bool = False
    chat_rate: Rate | None = None
    account_rate: Rate | None = None
    room_rate: Rate | None = None
    rooms: str = ""
    edits: bool = False
    deletions: bool = False
    several_chats: bool = False

    def rate_in(self, chat: str) -> Rate | None:
        """How much the platform takes in this chat."""
        return self.room_rate if self.rooms and chat.startswith(self.rooms) else self.chat_rate


class Outbound(Struct, frozen=True):
    """A committed message on its way out. `key` is its own for ever: use it as the platform's idempotency key where there is one.

    `at` is when it was committed (epoch ms).
    """

    address: Address
    message: Message
    key: str
    at: int = 0


class Payload(Struct, frozen=True):
    """One call to the platform, ready to be made: `body` is in the platform's own words. `part` counts from 0 in one Outbound."""

    address: Address
    body: Any
    part: int = 0


class Receipt(Struct, frozen=True):
    """Proof of delivery: the platform's id of what was sent."""

    platform_id: str = ""


class Accepted(Struct, frozen=True):
    """`fresh` is False when this event was already stored by an earlier delivery."""

    fresh: bool


class Later(Exception):
    """Not delivered, and worth another try no sooner than `after` seconds from now.

    `whole`: that goes for all of the account, not only for this chat.
    """

    def __init__(self, after: float, reason: str = "", *, whole: bool = False) -> None:
        super().__init__(reason or f"try again in {after:g} s")
        self.after = after
        self.whole = whole


class Unreachable(Exception):
    """The recipient cannot be reached any more (blocked, deleted): stop sending there; or, with `moved`, send there instead from now on."""

    def __init__(self, reason: str = "", *, moved: Address | None = None) -> None:
        super().__init__(reason)
        self.moved = moved


class Refused(Exception):
    """The platform will never take this message (malformed, too long): park it, and tell the operators."""


class Unwelcome(Exception):
    """Only from `run`: the platform does not let this account in (a token revoked, a right missing), and trying again would not help.

    The message is one line for the keeper of the desk that names the setting, and never holds a secret. The adapter stays stopped.
    """


class NotStored(Exception):
    """An event could not be stored (disk full, database gone): do not acknowledge the platform.

    `after`: seconds until a retry is sensible.
    """

    def __init__(self, after: float = 5.0) -> None:
        super().__init__("the event could not be stored; it was not acknowledged")
        self.after = after


Accept = Callable[[Inbound], Awaitable[Accepted]]


class Finding(NamedTuple):
    """What a look at a platform's account found, in one line for the keeper of the desk: what is wrong and what to do. Never a secret."""

    level: Literal["ok", "warn", "FAIL"]
    text: str


class Adapter(Protocol):
    """One platform. Read each in the same order: settings → decode → encode → deliver → run."""

    name: str
    capabilities: Capabilities

    def decode(self, raw: Any) -> Inbound | None:
        """The neutral event in a raw platform payload, or None when there is nothing in it for us. Pure; never raises on bad input."""
        ...

    def encode(self, out: Outbound) -> list[Payload]:
        """The platform calls that show `out`. Pure."""
        ...

    async def deliver(self, payload: Payload, key: str) -> Receipt:
        """Make one call. Raises Later, Unreachable or Refused, nothing else. `key` is unique to this payload."""
        ...

    async def run(self, accept: Accept) -> None:
        """Receive until cancelled. Acknowledge the platform only after `accept` has returned."""
        ...
