"""One event while it is being decided: what the flows read, say and change. It lives inside `decide` and never leaves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from msgspec.structs import replace

from conversations.effects import Effect, Say
from conversations.events import CodeSent, Event, MessageDeleted, MessageEdited, MessageReceived, ProofFailed
from conversations.forms import Field, Form
from conversations.knowledge import Knowledge, Recent
from conversations.model import IDLE, Attachment, Choice, Doc, Earlier, Filling, Frame, Message, Offer, Prompt, Sheet, State
from conversations.values import Remark

PROMPTS_KEPT = 8
"""How many questions back a button still works. Older ones are told that the talk has moved on."""

LABEL_LIMIT = 75

ABOUT_WORDS = frozenset((MessageEdited, MessageDeleted, CodeSent, ProofFailed))
"""Events that are about words said before: those are still the newest."""


class Standing:
    """What follows from the desk's content alone, in one language: it is the same for everybody, and comes with nearly every turn.

    The `words` that may be typed for a command, by phrase: every text is compared with most of them. The choices `under` an answer, by its
    topic; the ways `out` of the talk with the desk, by what is put first; and the `menu`, but for what it has for one customer alone. Of
    forms: the choices `listed` for a field, and behind those what may be said instead; the ways `round` a question, by what they mean.
    Choices are filled in by the flow that offers them.
    """

    def __init__(self, knowledge: Knowledge, locale: str) -> None:
        texts = knowledge.texts  # and no more of it: what the desk has learnt is large
        self.words: Callable[[str], frozenset[str]] = lru_cache(maxsize=64)(lambda id: texts.words(id, locale))
        self.under: dict[str, tuple[Offer, ...]] = {}
        self.out: dict[tuple[str, ...], tuple[Offer, ...]] = {}
        self.menu: tuple[Offer, ...] = ()
        self.listed: dict[Field, tuple[tuple[Offer, ...], tuple[Offer, ...]]] = {}
        self.round: dict[tuple[str, str], tuple[Offer, ...]] = {}


standing_of = Recent(Standing)


class Turn:
    """The mutable middle of a pure function: built from its arguments, read out as its result."""

    def __init__(self, state: State, event: Event, knowledge: Knowledge, guides: Mapping[str, Guide]) -> None:
        said = state.said if type(event) in ABOUT_WORDS else 0
        self.state = replace(state, turns=state.turns + 1, said=said)
        self.frame = self._under_way()
        self.event = event
        self.knowledge = knowledge
        self._speak()
        self.guides = guides
        self.effects: list[Effect] = []
        self.spoke = self.asked = False
        # The number of the event whose words are being read: a message's own, or that of the message which was changed.
        self.words_of = event.seq if isinstance(event, MessageReceived) else 0

    def _speak(self) -> None:
        # A desk may drop a language while conversations in it are under way.
        desk, locale = self.knowledge.desk, self.state.locale
        self.locale = locale if locale in desk.locales else desk.default_locale
        self.standing = standing_of(self.knowledge, self.locale)
        self.words = self.standing.words

    def _under_way(self) -> Frame:
        return (self.state.frames or IDLE)[-1]

    def remember(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)
        if "frames" in changes:
            self.frame = self._under_way()
        if "locale" in changes:
            self._speak()

    def push(self, frame: Frame) -> None:
        self.remember(frames=(*self.state.frames, frame))

    def pop(self) -> None:
        self.remember(frames=self.state.frames[:-1] or IDLE)

    def do(self, effect: Effect) -> None:
        self.effects.append(effect)

    def phrase(self, id: str, **values: str | int) -> Doc:
        return self.knowledge.texts.doc(id, self.locale, **values)

    def offer(self, id: str, action: str, argument: str = "", *, aside: bool = False) -> Offer:
        return Offer(self.knowledge.texts.label(id, self.locale)[:LABEL_LIMIT], action, argument, aside)

    def topic_offer(self, topic: str) -> Offer:
        return Offer(self.title(topic)[:LABEL_LIMIT], "topic", topic)

    def title(self, topic: str) -> str:
        answers = self.knowledge.topics[topic].answers
        return (answers.get(self.locale) or answers[self.knowledge.desk.default_locale]).title

    def say(
        self,
        doc: Doc,
        offers: tuple[Offer, ...] = (),
        sheet: Sheet | None = None,
        about: str = "",
        files: tuple[Attachment, ...] = (),
        ways: tuple[Offer, ...] = (),
    ) -> None:
        """Queue a message. Its offers become a prompt, of the form `about` if it belongs to one; at most one message of a turn has some.

        `ways` are the sheet's own; one that is among the offers is the same choice.
        """
        choices: tuple[Choice, ...] = ()
        if offers:
            kept = (*offers, *[way for way in ways if way not in offers]) if ways else offers
            prompt = Prompt(str(self.state.turns), kept, about)
            keys = _keys(len(kept))
            drawn = tuple([Choice(prompt.id + key, offer.label, offer.aside) for key, offer in zip(keys, kept, strict=True)])
            choices = drawn[: len(offers)]
            if sheet is not None and ways:
                sheet = replace(sheet, ways=tuple(drawn[prompt.offers.index(way)] for way in ways))
            self.asked = True
            earlier = (*self.state.earlier, *[without_labels(before) for before in self.state.prompts])
            self.remember(prompts=(prompt,), earlier=earlier[1 - PROMPTS_KEPT :])
        self.spoke = True
        self.do(Say(Message(doc=doc, locale=self.locale, choices=choices, sheet=sheet, files=files)))


@lru_cache(maxsize=64)
def _keys(count: int) -> tuple[str, ...]:
    """How the keys of so many choices end."""
    return tuple(f".{n}" for n in range(1, count + 1))


def without_labels(prompt: Prompt) -> Earlier:
    """What the keys of a prompt mean: labels are needed only to recognise a typed answer to the newest."""
    return Earlier(prompt.id, _meanings(prompt.offers), prompt.about)


@lru_cache(maxsize=128)
def _meanings(offers: tuple[Offer, ...]) -> tuple[str, ...]:
    """Most questions are put to many customers: what their keys mean is one object in all of their states."""
    return tuple(f"{offer.action}={offer.argument}" if offer.argument else offer.action for offer in offers)


def meant(state: State, prompt_id: str, n: int) -> tuple[Offer, str] | None:
    """What choice `n` (from 1) of a question means, and the form that it belongs to; None when the question is kept no longer."""
    for prompt in state.prompts:
        if prompt.id == prompt_id and 1 <= n <= len(prompt.offers):
            return prompt.offers[n - 1], prompt.about
    for earlier in state.earlier:
        if earlier.id == prompt_id and 1 <= n <= len(earlier.meanings):
            action, _, argument = earlier.meanings[n - 1].partition("=")
            return Offer("", action, argument), earlier.about
    return None


class Guide(NamedTuple):
    """A form and what stands round it: the raw answers it begins with, what becomes of those that are sent, what a free field may be
    picked from besides being typed, and what is worth telling about a value in this conversation.
    """

    form: Form
    begin: Callable[[Turn], dict[str, Any]]
    send: Callable[[Turn, Filling, dict[str, Any]], None]
    known: Callable[[Turn, str], tuple[str, ...]] = lambda turn, field: ()
    remarks: Callable[[Turn, str, Any], list[Remark]] = lambda turn, field, value: []
