"""What the desk knows, as one immutable value: the engine is given it, and a reload swaps it whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, Literal, Protocol, TypeVar

from msgspec import Struct

from conversations.model import Doc, Inline

T = TypeVar("T")

Zone = Literal["answer", "offer", "unknown"]
Codes = Literal["mail", "log", ""]
"""How one-time codes go out: by mail, to the log of a desk that is only tried out, or not at all."""


class Verdict(Struct, frozen=True):
    """How well a question is known. `topics` are the nearest, best first, at most three; `confidence` is calibrated, 0 to 1.

    `answer`: say topics[0]. `offer`: let the customer pick among `topics`. `unknown`: say so honestly.
    """

    zone: Zone
    topics: tuple[str, ...]
    confidence: float


class Matcher(Protocol):
    """Finds the topic of a question. Pure and fast (well under a millisecond)."""

    def match(self, text: str) -> Verdict: ...

    def language(self, text: str) -> str:
        """The locale `text` is surely written in (one of the desk's), or "" when it cannot be told."""
        ...


class Texts(Protocol):
    """The phrases of the desk, by id and locale. A missing id raises KeyError: content check makes that impossible at run time."""

    def doc(self, id: str, locale: str, /, **values: str | int) -> Doc:
        """A phrase as blocks. Values become Text leaves; `n` picks the plural form."""
        ...

    def line(self, id: str, locale: str, /, **values: str | int) -> tuple[Inline, ...]: ...

    def label(self, id: str, locale: str, /, **values: str | int) -> str:
        """A phrase as plain text: for buttons."""
        ...

    def words(self, id: str, locale: str) -> frozenset[str]:
        """What may be typed for a command, as conversations.texts.fold leaves it: the alternatives of a phrase, which | parts."""
        ...


class Answer(Struct, frozen=True):
    """A topic in one language."""

    title: str
    doc: Doc


class Topic(Struct, frozen=True):
    """One thing the desk can answer.

    `flow`: instead of only answering, begin this: person, ticket, menu, help, language. `smalltalk`: no "did this help?" after it.
    `related` are topic ids; `actions` are ticket and/or person, in the order they are offered under the answer (both always are).
    """

    id: str
    answers: Mapping[str, Answer]
    related: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    flow: str = ""
    smalltalk: bool = False


class Listed(Struct, frozen=True):
    """One entry of a desk's list (departments, priorities, …), titled and explained by locale."""

    id: str
    titles: Mapping[str, str]
    hints: Mapping[str, str]


class Desk(Struct, frozen=True):
    """Who we are. `facts` fill the placeholders of answers and phrases, and are the only place a promise's number stands.

    `lists` are what forms choose from, by name.
    """

    name: str
    locales: tuple[str, ...]
    default_locale: str
    time_zone: str
    menu: tuple[str, ...]
    facts: Mapping[str, str]
    lists: Mapping[str, tuple[Listed, ...]] = {}


class Knowledge(Struct, frozen=True):
    desk: Desk
    topics: Mapping[str, Topic]
    texts: Texts
    matcher: Matcher
    codes: Codes = "mail"


class Recent(Generic[T]):
    """What `make` makes of the desk's words in each language, kept for the next turn, as long as turns come with the same knowledge.

    Only the newest is kept, and of that not what it has learnt, which is large.
    """

    def __init__(self, make: Callable[[Knowledge, str], T]) -> None:
        self._make = make
        self._made: tuple[object, object, object, dict[str, T]] = (None, None, None, {})

    def __call__(self, knowledge: Knowledge, locale: str) -> T:
        desk, topics, texts, made = self._made
        if desk is not knowledge.desk or topics is not knowledge.topics or texts is not knowledge.texts:
            made = {}
            self._made = knowledge.desk, knowledge.topics, knowledge.texts, made
        known = made.get(locale)
        if known is None:
            known = made[locale] = self._make(knowledge, locale)
        return known
