"""The ways in and round: greeting with the menu, help, choosing a language, and a button that is too old."""

from __future__ import annotations

from conversations.flows.contact import leave
from conversations.model import Idle, Offer
from conversations.turn import Turn

LANGUAGE_NAMES = {"es": "Español", "en": "English"}
"""Each language is offered in its own words, so that who reads nothing else finds it."""


def greet(turn: Turn) -> None:
    """Start over: whatever was under way is left (a recorded request stays recorded) and the menu is shown."""
    leave(turn)
    known = turn.state.greeted
    turn.remember(frames=(Idle(),), greeted=True, misses=0)
    turn.say(turn.phrase("menu.again" if known else "menu.greeting", desk=turn.knowledge.desk.name), menu_offers(turn))


def menu_offers(turn: Turn) -> tuple[Offer, ...]:
    topics = tuple(turn.topic_offer(topic) for topic in turn.knowledge.desk.menu)
    language = (turn.offer("choice.language", "language"),) if len(turn.knowledge.desk.locales) > 1 else ()
    return (*topics, turn.offer("choice.ticket", "ticket"), turn.offer("choice.person", "person"), *language)


def explain(turn: Turn) -> None:
    turn.say(turn.phrase("help.text", desk=turn.knowledge.desk.name), menu_offers(turn))


def ask_language(turn: Turn) -> None:
    turn.say(
        turn.phrase("language.ask"),
        tuple(Offer(LANGUAGE_NAMES.get(locale, locale), "locale", locale) for locale in turn.knowledge.desk.locales),
    )


def choose_language(turn: Turn, locale: str) -> None:
    """From now on speak `locale`, whatever language is written; an unknown one is asked about again."""
    if locale not in turn.knowledge.desk.locales:
        ask_language(turn)
        return
    turn.remember(locale=locale, locale_chosen=True)
    turn.say(turn.phrase("language.chosen"), menu_offers(turn))


def moved_on(turn: Turn) -> None:
    """A button of a question that is no longer kept was pressed."""
    turn.say(turn.phrase("choice.moved_on"), menu_offers(turn))
