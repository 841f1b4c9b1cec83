"""`decide`: what happened, and what is to be done about it. A pure, total function; everything else in the program serves it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import assert_never

from msgspec import Struct

from conversations.effects import Effect
from conversations.events import (
    ChoicePressed,
    CommandGiven,
    CustomerIdentified,
    Event,
    MessageReceived,
    Started,
    TimerFired,
)
from conversations.flows import answer, contact, menu
from conversations.knowledge import Knowledge
from conversations.model import Contact, Offer, State
from conversations.turn import Turn

PHRASES = frozenset(
    {
        "answer.helpful",
        "answer.offer",
        "answer.unhelpful",
        "answer.unknown",
        "answer.unknown_again",
        "choice.helpful",
        "choice.language",
        "choice.menu",
        "choice.moved_on",
        "choice.person",
        "choice.skip",
        "choice.ticket",
        "choice.unhelpful",
        "contact.added",
        "contact.already",
        "contact.ask_again",
        "contact.ask_person",
        "contact.ask_ticket",
        "contact.bad_address",
        "contact.known_address",
        "contact.person",
        "contact.skip_words",
        "contact.thanks",
        "contact.ticket",
        "contact.urgent",
        "contact.with_question",
        "contact.without_address",
        "contact.without_question",
        "help.text",
        "help.ways",
        "language.ask",
        "language.chosen",
        "menu.again",
        "menu.choose",
        "menu.greeting",
        "message.empty",
    }
)
"""Every phrase the engine may say; a desk must have each in each of its languages (`relevo content check`)."""

VALUES: Mapping[str, frozenset[str]] = {
    "contact.added": frozenset({"number"}),
    "contact.already": frozenset({"number"}),
    "contact.ask_again": frozenset({"number"}),
    "contact.bad_address": frozenset({"typed"}),
    "contact.known_address": frozenset({"email"}),
    "contact.person": frozenset({"number"}),
    "contact.thanks": frozenset({"number", "email"}),
    "contact.ticket": frozenset({"number"}),
    "contact.with_question": frozenset({"question"}),
    "contact.without_address": frozenset({"number"}),
    "help.text": frozenset({"desk"}),
    "menu.greeting": frozenset({"desk"}),
}
"""What a phrase is given to fill its placeholders with; one that is not named is given nothing, and has only the desk's facts."""


COMBINING = re.compile("[\u0300-\u036f\u20d0-\u20ff\ufe00-\ufe0f]+")


class Decision(Struct, frozen=True):
    """The state that follows, and what is to be done, in order."""

    state: State
    effects: tuple[Effect, ...]


def decide(state: State, event: Event, knowledge: Knowledge) -> Decision:
    """One turn. Never raises on any event; the same arguments give the same decision, so a replay after a crash changes nothing."""
    turn = Turn(state, event, knowledge)
    match event:
        case Started():
            hint_language(turn, event.locale)
            menu.greet(turn)
        case MessageReceived():
            hint_language(turn, event.locale)
            hear(turn, event.text)
        case ChoicePressed():
            press(turn, event.key)
        case CommandGiven():
            hint_language(turn, event.locale)
            obey(turn, event)
        case CustomerIdentified():
            hint_language(turn, event.locale)
            turn.remember(name=event.name, email=event.email)
        case TimerFired():
            if event.name == contact.TIMER:
                contact.skip(turn)
        case _:
            assert_never(event)
    return Decision(turn.state, tuple(turn.effects))


def hint_language(turn: Turn, hint: str) -> None:
    """Until something better is known, speak the language the platform believes the customer has."""
    if not turn.state.locale:
        locale = hint.replace("_", "-").split("-")[0].lower()
        turn.remember(locale=locale if locale in turn.knowledge.desk.locales else turn.knowledge.desk.default_locale)


def hear(turn: Turn, text: str) -> None:
    """Something was written: an answer to what was just asked, or else a question."""
    if not turn.state.locale_chosen and (locale := turn.knowledge.matcher.language(text)):
        turn.remember(locale=locale)
    if not text.strip():
        turn.say(turn.phrase("message.empty"), menu.menu_offers(turn))
        return
    if (offer := typed_choice(turn.state, text)) is not None:
        act(turn, offer)
        return
    if contact.take_address(turn, text):
        return
    frame = turn.frame
    if not isinstance(frame, Contact):
        answer.ask(turn, text)
        return
    if fold(text) in {folded_label(word) for word in turn.knowledge.texts.label("contact.skip_words", turn.locale).split("|")}:
        contact.skip(turn)
        return
    verdict = turn.knowledge.matcher.match(text)
    if verdict.zone == "answer":
        answer.give(turn, turn.knowledge.topics[verdict.topics[0]])
    else:
        contact.reply(turn, frame, text)


def typed_choice(state: State, text: str) -> Offer | None:
    """The choice of the newest prompt that was typed instead of pressed, by its number or its label."""
    if not state.prompts or len(text) > 100:
        return None
    offers, typed = state.prompts[-1].offers, fold(text)
    if typed.isdecimal() and len(typed) <= 2:
        return offers[int(typed) - 1] if 1 <= int(typed) <= len(offers) else None
    return next((offer for offer in offers if offer.label and folded_label(offer.label) == typed), None)


def fold(text: str) -> str:
    """`text` without case, accents and outer punctuation: how labels are compared."""
    plain = text.casefold()
    if not plain.isascii():
        plain = COMBINING.sub("", unicodedata.normalize("NFKD", plain))
    return plain.strip(" \t\n.!?¡¿,:;)(")


folded_label = lru_cache(maxsize=1024)(fold)
"""For the desk's own words only: the same few come with every turn, and what customers wrote is not to be kept in a cache."""


def press(turn: Turn, key: str) -> None:
    prompt_id, _, n = key.rpartition(".")
    for prompt in turn.state.prompts:
        if prompt.id == prompt_id and n.isascii() and n.isdecimal() and len(n) < 4 and 1 <= int(n) <= len(prompt.offers):
            act(turn, prompt.offers[int(n) - 1])
            return
    menu.moved_on(turn)


def act(turn: Turn, offer: Offer) -> None:
    """Do what a choice means. A topic that left the desk since then is said to have moved on."""
    match offer.action:
        case "topic" if offer.argument in turn.knowledge.topics:
            answer.give(turn, turn.knowledge.topics[offer.argument])
        case "helpful":
            answer.helpful(turn, offer.argument)
        case "unhelpful":
            answer.unhelpful(turn, offer.argument)
        case "person":
            contact.begin(turn, "person")
        case "ticket":
            contact.begin(turn, "ticket")
        case "skip" if isinstance(turn.frame, Contact):
            contact.skip(turn)
        case "menu":
            menu.greet(turn)
        case "language":
            menu.ask_language(turn)
        case "locale":
            menu.choose_language(turn, offer.argument)
        case _:
            menu.moved_on(turn)


def obey(turn: Turn, command: CommandGiven) -> None:
    """A command of the platform's own. One we do not know is answered with what there is."""
    match command.name:
        case "start" | "menu":
            menu.greet(turn)
        case "language" if command.argument:
            menu.choose_language(turn, command.argument)
        case "language":
            menu.ask_language(turn)
        case "person":
            contact.begin(turn, "person")
        case "ticket":
            contact.begin(turn, "ticket")
        case _:
            menu.explain(turn)
