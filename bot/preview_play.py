"""A conversation that nobody has: events are put to the desk's own engine, and what it says is kept, with the phrases it was made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from bot.preview_samples import CODE, EMAIL, NAME, NOW, said
from conversations.effects import Mail, Say
from conversations.engine import decide
from conversations.events import ChoicePressed, Event, FormAnswered, ProofGiven
from conversations.flows.proof import letter
from conversations.knowledge import Knowledge, Texts, Verdict
from conversations.model import Doc, Filling, Inline, Message, Offer, OwnService, Prompt, State

HERE = "preview"


class Told(NamedTuple):
    """What one event came to: said in the chat, and mailed."""

    chat: tuple[Message, ...]
    mail: tuple[Message, ...]


class Heard:
    """The desk's phrases, and which of them were used; `counts` are the numbers that one with plurals was used with."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self.ids: set[str] = set()
        self.counts: dict[str, set[int]] = {}

    def doc(self, id: str, locale: str, /, **values: str | int) -> Doc:
        self._hear(id, values)
        return self._texts.doc(id, locale, **values)

    def line(self, id: str, locale: str, /, **values: str | int) -> tuple[Inline, ...]:
        self._hear(id, values)
        return self._texts.line(id, locale, **values)

    def label(self, id: str, locale: str, /, **values: str | int) -> str:
        self._hear(id, values)
        return self._texts.label(id, locale, **values)

    def words(self, id: str, locale: str) -> frozenset[str]:
        self.ids.add(id)
        return self._texts.words(id, locale)

    def _hear(self, id: str, values: Mapping[str, str | int]) -> None:
        self.ids.add(id)
        if "n" in values:
            self.counts.setdefault(id, set()).add(int(values["n"]))


class Sure:
    """Takes every question for what is to be shown, so that nothing needs to be learnt first."""

    def __init__(self, verdict: Verdict) -> None:
        self._verdict = verdict

    def match(self, text: str) -> Verdict:
        return self._verdict

    def language(self, text: str) -> str:
        return ""


class Play:
    """One conversation in `locale`, from its beginning. Everything in it happens at the same moment."""

    def __init__(self, knowledge: Knowledge, locale: str) -> None:
        self.knowledge = knowledge
        self.locale = locale
        self.state = State(locale=locale, locale_chosen=True)
        self._seq = 0

    def happen(self, event: Event, **knowing: Any) -> Told:
        """`knowing`: what the desk knows otherwise for this event alone."""
        self._seq += 1
        knowledge = replace(self.knowledge, **knowing) if knowing else self.knowledge
        decision = decide(self.state, replace(event, seq=self._seq, at=NOW), knowledge)
        self.state = decision.state
        chat = tuple(effect.message for effect in decision.effects if isinstance(effect, Say))
        return Told(chat, tuple(effect.message for effect in decision.effects if isinstance(effect, Mail)))

    def press(self, action: str, argument: str = "") -> Told:
        """Press a button that does this, wherever the talk stands."""
        about = frame.key if isinstance(frame := self.state.frames[-1], Filling) else ""
        prompt = Prompt(HERE, (Offer("", action, argument),), about)
        self.state = replace(self.state, prompts=(*(each for each in self.state.prompts if each.id != HERE), prompt))
        return self.happen(ChoicePressed(key=f"{HERE}.1"))

    def fill(self, form: str, answers: dict[str, Any]) -> Told:
        """Answers of a form as a platform with native forms sends them; the first begins it."""
        frame = self.state.frames[-1]
        version, key = (frame.version, frame.key) if isinstance(frame, Filling) else (1, "")
        given = {name: said(answer, self.locale) for name, answer in answers.items()}
        return self.happen(FormAnswered(form=form, version=version, key=key, answers=given))

    def prove(self) -> Told:
        services = (
            OwnService("123456", "web-01", "VPS", ("198.51.100.7",)),
            OwnService("654321", "", "Dedicated", ("198.51.100.8", "2001:db8::8")),
        )
        until = NOW + 86_400_000
        return self.happen(ProofGiven(account=1, number="1001", name=NAME, email=EMAIL, how="code", until=until, services=services, more=2))

    def code(self) -> Message:
        """The mail that brings a code."""
        return letter(self.knowledge, self.locale, CODE)
