"""Notices by topic in this very chat: what is sent here, one tap to switch a topic on or off, and what a notice looks like.

Whoever reads here decides, so only a chat of one person can subscribe. The buttons of a notice work as long as it can be seen: their keys
say what they do, and need no question to be remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from conversations.effects import Say, Subscribe, Unsubscribe
from conversations.flows import linking, menu
from conversations.knowledge import Knowledge, Listed
from conversations.model import Block, Bold, Break, Bullets, Choice, Contact, Doc, Filling, Inline, Message, Offer, Paragraph, Proving, Text
from conversations.texts import fold, folded_label
from conversations.turn import LABEL_LIMIT, Turn

PAYLOAD = "sub_"
"""Before a topic's id in a link into a chat."""

ID_LIMIT = 30
"""Characters of a topic's id: with what stands before it, it is a button's key and a link's payload."""

ON, OFF = "on.", "off."
"""Before a topic's id in the key of a button. A prompt's id is a number, so no other button has such a key."""

_TITLE = frozenset({"title"})
PHRASES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("choice.notices", "notices.list_words", "notices.stop_words", "notices.list", "notices.stop_all"), frozenset[str]()),
    **dict.fromkeys(("notices.stopped_all", "notices.none", "notices.all_again", "notices.how_to_stop"), frozenset[str]()),
    **dict.fromkeys(("notices.unknown", "notices.private", "notices.footer"), frozenset[str]()),
    **dict.fromkeys(("notices.turn_on", "notices.turn_off", "notices.again"), _TITLE),
    **dict.fromkeys(("notices.already", "notices.stopped", "notices.was_off"), _TITLE),
    **dict.fromkeys(("notices.started", "notices.on", "notices.off"), frozenset({"title", "description"})),
}
"""What is said here, and what each phrase is given."""


def topics(knowledge: Knowledge) -> tuple[Listed, ...]:
    """What this desk sends notices of; empty when it sends none."""
    return knowledge.desk.lists.get(menu.NOTICES, ())


def notice(knowledge: Knowledge, locale: str, topic: str, texts: Mapping[str, str]) -> Message:
    """A notice as a reader of `locale` gets it. It is written here and not by a turn: nobody has said anything.

    `texts` are the team's words by language; where the reader's own is missing, in the desk's, or else in whichever there is.
    """
    desk, phrases = knowledge.desk, knowledge.texts
    locale = locale if locale in desk.locales else desk.default_locale
    words = texts.get(locale) or texts.get(desk.default_locale) or next(iter(texts.values()))
    listed = next((each for each in topics(knowledge) if each.id == topic), None)
    title = topic if listed is None else listed.titles[locale]
    stop = Choice(OFF + topic, phrases.label("notices.turn_off", locale, title=title)[:LABEL_LIMIT], aside=True)
    doc = (Paragraph((Bold((Text(title),)),)), *_paragraphs(words), *phrases.doc("notices.footer", locale))
    return Message(doc, locale, (stop,))


def _paragraphs(text: str) -> Iterable[Block]:
    for part in text.split("\n\n"):
        lines: list[Inline] = []
        for line in part.strip().splitlines():
            lines += [Break(), Text(line)] if lines else [Text(line)]
        if lines:
            yield Paragraph(tuple(lines))


# --- what the customer does ---


def hear(turn: Turn, text: str) -> bool:
    """Something was typed: the wish to see what is sent here, or to have no more of it. False when it is neither.

    Where a form asks for any words at all, only what can mean nothing else counts.
    """
    if len(text) > LABEL_LIMIT + 5 or not (declared := topics(turn.knowledge)):
        return False
    folded = fold(text.removeprefix("/"))
    if not folded:
        return False
    if folded in turn.words("notices.stop_words"):
        stop_all(turn)
        return True
    if isinstance(turn.frame, Filling) and _any_words(turn, turn.frame):
        return False
    if folded in turn.words("notices.list_words"):
        show(turn)
        return True
    for topic in declared if turn.state.subscriptions else ():
        # The button under a notice, where there are none to press.
        if folded == folded_label(_off(turn, topic).label):
            stop(turn, topic.id)
            return True
    return False


def _any_words(turn: Turn, filling: Filling) -> bool:
    guide = turn.guides.get(filling.form)
    field = guide.form.by_name.get(filling.focus) if guide is not None and filling.asking == "field" else None
    return field is not None and field.free


def arrive(turn: Turn, payload: str) -> bool:
    """Whether a link into the chat is one to notices; then it was followed. Anybody can write one, so what it did is said with its undo."""
    if not topics(turn.knowledge):
        return False
    if payload == menu.NOTICES:
        show(turn)
    elif (topic := payload.removeprefix(PAYLOAD)) != payload:
        start(turn, (topic,))
    else:
        return False
    return True


def press(turn: Turn, action: str, argument: str) -> None:
    """A choice that was offered here."""
    if not topics(turn.knowledge):
        menu.moved_on(turn)
        return
    match action:
        case "notice_on":
            start(turn, tuple(argument.split(",")))
        case "notice_off":
            stop(turn, argument)
        case "notices_off":
            stop_all(turn)
        case _:
            show(turn)


def pressed(turn: Turn, key: str) -> bool:
    """Whether a button's key is one of ours; then it was obeyed."""
    for before, action in ((ON, "notice_on"), (OFF, "notice_off")):
        if key.startswith(before):
            press(turn, action, key.removeprefix(before))
            return True
    return False


def start(turn: Turn, ids: Sequence[str]) -> None:
    """Send these from now on; a second time changes nothing."""
    known = [topic for topic in topics(turn.knowledge) if topic.id in ids]
    if not known:
        show(turn, turn.phrase("notices.unknown"))
        return
    if turn.event.shared:
        linking.say(turn, turn.phrase("notices.private"))
        return
    before = turn.state.subscriptions
    for topic in known:
        # Also where it stands already: it is then known to be wanted as of now.
        turn.do(Subscribe(topic.id))
    turn.remember(subscriptions=(*before, *(topic.id for topic in known if topic.id not in before)))
    if len(known) > 1:
        show(turn)
        return
    [topic] = known
    title = _title(turn, topic)
    if topic.id in before:
        said = turn.phrase("notices.already", title=title)
    else:
        said = turn.phrase("notices.started", title=title, description=_description(turn, topic))
    off = (_off(turn, topic), turn.offer("choice.notices", "notices", aside=True))
    _say(turn, (*said, *turn.phrase("notices.how_to_stop")), off)


def stop(turn: Turn, id: str) -> None:
    """Send this no longer. One that the desk has no more is stopped as well."""
    topic = next((each for each in topics(turn.knowledge) if each.id == id), None)
    subscribed = id in turn.state.subscriptions
    if topic is None and not subscribed:
        show(turn, turn.phrase("notices.unknown"))
        return
    if subscribed:
        turn.do(Unsubscribe(id))
        turn.remember(subscriptions=tuple(each for each in turn.state.subscriptions if each != id))
    if topic is None:
        show(turn)
        return
    title = _title(turn, topic)
    again = (_labelled(turn, "notices.again", "notice_on", topic), turn.offer("choice.notices", "notices", aside=True))
    _say(turn, turn.phrase("notices.stopped" if subscribed else "notices.was_off", title=title), again)


def stop_all(turn: Turn) -> None:
    before = turn.state.subscriptions
    if not before:
        linking.say(turn, turn.phrase("notices.none"), (turn.offer("choice.notices", "notices", aside=True),))
        return
    for id in before:
        turn.do(Unsubscribe(id))
    turn.remember(subscriptions=())
    again: tuple[Offer, ...] = (
        turn.offer("notices.all_again", "notice_on", ",".join(before)),
        turn.offer("choice.notices", "notices", aside=True),
    )
    if _busy(turn):
        again = tuple(_on(turn, topic) for topic in topics(turn.knowledge) if topic.id in before)
    _say(turn, turn.phrase("notices.stopped_all"), again)


def show(turn: Turn, lead: Doc = ()) -> None:
    """Every topic, whether it is sent here, and its switch."""
    declared, mine = topics(turn.knowledge), turn.state.subscriptions
    if not declared:
        menu.explain(turn)
        return
    if turn.event.shared:
        linking.say(turn, (*lead, *turn.phrase("notices.private")))
        return
    lines = tuple(
        turn.knowledge.texts.line(
            "notices.on" if topic.id in mine else "notices.off",
            turn.locale,
            title=_title(turn, topic),
            description=_description(turn, topic),
        )
        for topic in declared
    )
    switches = [_off(turn, topic) if topic.id in mine else _on(turn, topic) for topic in declared]
    if len(mine) > 1:
        switches.append(turn.offer("notices.stop_all", "notices_off"))
    _say(turn, (*lead, *turn.phrase("notices.list"), Bullets(lines)), tuple(switches))


def ended(turn: Turn, gone: Sequence[str]) -> None:
    """Nothing reaches this chat any more, so nothing is said: whoever comes back finds the topics switched off."""
    for id in gone:
        turn.do(Unsubscribe(id))
    turn.remember(subscriptions=tuple(each for each in turn.state.subscriptions if each not in gone))


# --- how it is said ---


def _title(turn: Turn, topic: Listed) -> str:
    return topic.titles[turn.locale]


def _description(turn: Turn, topic: Listed) -> str:
    return topic.hints[turn.locale]


def _on(turn: Turn, topic: Listed) -> Offer:
    return _labelled(turn, "notices.turn_on", "notice_on", topic)


def _off(turn: Turn, topic: Listed) -> Offer:
    return _labelled(turn, "notices.turn_off", "notice_off", topic)


def _labelled(turn: Turn, phrase: str, action: str, topic: Listed) -> Offer:
    label = turn.knowledge.texts.label(phrase, turn.locale, title=_title(turn, topic))
    return Offer(label[:LABEL_LIMIT], action, topic.id)


def _busy(turn: Turn) -> bool:
    """Whether a question is open that goes on below whatever is said."""
    return isinstance(turn.frame, Filling | Contact | Proving)


def _say(turn: Turn, doc: Doc, offers: tuple[Offer, ...]) -> None:
    """What is under way goes on after it, and its question stays the one that is answered: the switches are buttons all the same."""
    if not _busy(turn):
        turn.say(doc, offers)
        return
    keys = {"notice_on": ON, "notice_off": OFF}
    choices = tuple(Choice(keys[offer.action] + offer.argument, offer.label, aside=True) for offer in offers if offer.action in keys)
    turn.do(Say(Message(doc, turn.locale, choices)))
    turn.spoke = True
    linking.go_on(turn)
