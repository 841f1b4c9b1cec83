"""The ways in and round: greeting with the menu, help, choosing a language, and a button that is too old."""

from __future__ import annotations

from conversations.flows import carried
from conversations.flows.stack import put_aside
from conversations.model import IDLE, Doc, Filling, Offer
from conversations.turn import Turn

WAYS = ("ticket", "person")
NOTICES = "notices"
"""The list of what one can subscribe to, and the choice that leads there; a desk without it sends no notices."""

LANGUAGE_NAMES = {"es": "Español", "en": "English"}
"""Each language is offered in its own words, so that who reads nothing else finds it."""


def greet(turn: Turn, lead: Doc = ()) -> None:
    """Start over: what was under way is left (a request stays recorded, a form can be gone on with) and the menu is shown after `lead`."""
    put_aside(turn)
    known = turn.state.greeted
    turn.remember(frames=IDLE, greeted=True, misses=0)
    if lead:
        words = (*lead, *turn.phrase("menu.choose"))
    else:
        words = turn.phrase("menu.again") if known else turn.phrase("menu.greeting", desk=turn.knowledge.desk.name)
    turn.say(words, menu_offers(turn))


def menu_offers(turn: Turn) -> tuple[Offer, ...]:
    """The desk's menu, and what every menu must lead to even if the desk forgot it: a ticket, a person, another language.

    A form that was put aside, here or in a linked chat, comes first; who has tickets finds them, who proved an account its services,
    who linked chats those, and who gets notices what they are. While a form is under way
    there is no menu: its own question follows.
    """
    if isinstance(turn.frame, Filling):
        return ()
    state, desk = turn.state, turn.knowledge.desk
    resume = (turn.offer("form.resume", "resume"),) if state.draft else ()
    others = [turn.offer("form.resume_other", "resume", spare.key) for spare in state.spare]
    mine = (turn.offer("choice.tickets", "tickets"),) if state.tickets or any(peer.tickets for peer in state.links) else ()
    own = (turn.offer("choice.services", "services"),) if state.proof else ()
    language = (turn.offer("choice.language", "language"),) if len(desk.locales) > 1 else ()
    links = (turn.offer("choice.links", "links"),) if state.links else ()
    told = (turn.offer("choice.notices", "notices"),) if state.subscriptions and NOTICES in desk.lists else ()
    return (*resume, *others, *carried.offers(turn), *_everybodys(turn), *mine, *own, *links, *told, *language)


def _everybodys(turn: Turn) -> tuple[Offer, ...]:
    standing = turn.standing
    if not standing.menu:
        topics = turn.knowledge.desk.menu
        flows = {turn.knowledge.topics[topic].flow for topic in topics}
        ways = (turn.offer(f"choice.{flow}", flow) for flow in ("ticket", "person") if flow not in flows)
        standing.menu = (*(turn.topic_offer(topic) for topic in topics), *ways)
    return standing.menu


def explain(turn: Turn, lead: Doc = ()) -> None:
    more: tuple[Offer, ...] = ()
    if not isinstance(turn.frame, Filling):
        more = () if turn.state.links else (turn.offer("choice.link", "link"),)
        if NOTICES in turn.knowledge.desk.lists and not turn.state.subscriptions:
            more = (*more, turn.offer("choice.notices", "notices"))
    turn.say((*(lead or turn.phrase("help.text", desk=turn.knowledge.desk.name)), *turn.phrase("help.ways")), (*menu_offers(turn), *more))


def ask_language(turn: Turn, lead: Doc = ()) -> None:
    turn.say(
        (*lead, *turn.phrase("language.ask")),
        tuple(Offer(LANGUAGE_NAMES.get(locale, locale), "locale", locale) for locale in turn.knowledge.desk.locales),
    )


def choose_language(turn: Turn, locale: str) -> None:
    """From now on speak `locale`, whatever language is written; an unknown one is asked about again."""
    if locale not in turn.knowledge.desk.locales:
        ask_language(turn)
        return
    turn.remember(locale=locale, locale_chosen=True)
    turn.say(turn.phrase("form.language" if isinstance(turn.frame, Filling) else "language.chosen"), menu_offers(turn))


def moved_on(turn: Turn) -> None:
    """A button of a question that is no longer kept was pressed."""
    turn.say(turn.phrase("choice.moved_on"), menu_offers(turn))


def ways_out(turn: Turn, first: tuple[str, ...] = ()) -> tuple[Offer, ...]:
    """The ways to the team. Both are always there; a topic only says which comes first, and whether one can be told unasked."""
    out = turn.standing.out
    if (offers := out.get(first)) is None:
        known = (*WAYS, NOTICES) if NOTICES in turn.knowledge.desk.lists else WAYS
        ways = dict.fromkeys((*(action for action in first if action in known), *WAYS))
        offers = out[first] = tuple(turn.offer("choice." + way, way) for way in ways)
    return offers


def hint_language(turn: Turn, hint: str) -> None:
    """Until something better is known, speak the language the platform believes the customer has."""
    if not turn.state.locale:
        locale = hint.replace("_", "-").split("-")[0].lower()
        turn.remember(locale=locale if locale in turn.knowledge.desk.locales else turn.knowledge.desk.default_locale)
