"""The customer's side of tickets that were sent: what the team does is said; they are answered, closed, reopened and rated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec.structs import replace

from conversations import tickets
from conversations.effects import AddToTicket, CancelTimer, ChangeTicket, Pass, RateTicket, SetTimer
from conversations.events import TicketAnswered, TicketChanged, TicketDecided, TicketReplied, TimerFired
from conversations.flows import contact, copies, linking, menu, proof
from conversations.flows.copies import written
from conversations.flows.stack import put_aside
from conversations.model import (
    Attachment,
    Bold,
    Bullets,
    Contact,
    Doc,
    Filling,
    Offer,
    OwnTicket,
    Paragraph,
    Peer,
    Proving,
    Replying,
    Text,
)
from conversations.moments import DAY, MINUTE, Moment, shown
from conversations.texts import fold
from conversations.turn import LABEL_LIMIT, Turn

TIMER = "ticket:"
"""Before the key of the ticket that closes when it fires."""

FOLLOW_MS = DAY
"""How long after the team wrote the next thing said is taken for the reply."""

MORE_MS = 10 * MINUTE
"""How long after a reply what comes next still belongs to it: people write in several messages."""

AREA = "area"
"""The place of what was done in the client area."""

CLOSED_KEPT = 5
EXCERPT = 300
RATINGS = range(1, 6)
WISH_LIMIT = 60

_ABOUT = frozenset({"number", "title"})
PHRASES: Mapping[str, frozenset[str]] = {
    **{"ticket.state." + state: frozenset() for state in tickets.STATES},
    **{"ticket.now_" + state: _ABOUT for state in tickets.STATES if state != "new"},
    **{"ticket.rate." + str(n): frozenset() for n in RATINGS},
    **dict.fromkeys(("choice.tickets", "ticket.reply", "ticket.close", "ticket.reopen", "ticket.list_words"), frozenset[str]()),
    **dict.fromkeys(
        ("ticket.none", "ticket.list", "ticket.list_linked", "ticket.last", "ticket.no_reply_yet", "ticket.welcome"), frozenset[str]()
    ),
    **dict.fromkeys(("ticket.ask_rating", "ticket.rated", "ticket.not_replied"), frozenset[str]()),
    **dict.fromkeys(("ticket.added", "ticket.added_reopened", "ticket.ask_reply", "ticket.reopened_by_you"), frozenset({"number"})),
    **dict.fromkeys(("ticket.area_answered", "ticket.area_closed", "ticket.area_reopened"), _ABOUT),
    **dict.fromkeys(("ticket.there_answered", "ticket.there_closed", "ticket.there_reopened"), _ABOUT | {"place"}),
    "ticket.there_rated": _ABOUT | {"rating", "place"},
    "ticket.area_reopens": frozenset(),
    "ticket.area_rated": _ABOUT | {"rating"},
    "ticket.replied": _ABOUT,
    "ticket.replied_by": _ABOUT | {"name"},
    "ticket.shown": _ABOUT | {"opened", "state"},
    "ticket.will_close": frozenset({"hours"}),
}
"""What is said here, and what each phrase is given."""


# --- what the state keeps of them ---


def find(turn: Turn, key: str) -> OwnTicket | None:
    return next((own for own in turn.state.tickets if own.key == key), None)


def find_there(turn: Turn, key: str) -> tuple[Peer, OwnTicket] | None:
    """A ticket of a linked chat, as that chat told of it."""
    return next(((peer, own) for peer in turn.state.links for own in peer.tickets if own.key == key), None)


def known(turn: Turn, seen: OwnTicket) -> OwnTicket:
    """As the conversation has it; else as the team saw it."""
    found = find(turn, seen.key) or seen
    if not found.email:
        # Not kept in states of an earlier release.
        found = copies.addressed(turn, found, seen.email)
    return found if found.state in tickets.STATES else replace(found, state="open")


def keep(turn: Turn, own: OwnTicket) -> None:
    """All that are not closed are kept, and the last that were."""
    kept = [*turn.state.tickets]
    at = next((n for n, each in enumerate(kept) if each.key == own.key), len(kept))
    kept[at : at + 1] = [own]
    over = [each.key for each in kept if each.state in ("closed", "merged")]
    gone = set(over[:-CLOSED_KEPT]) - {own.key}
    turn.remember(tickets=tuple(each for each in kept if each.key not in gone))


def change(turn: Turn, own: OwnTicket, state: str, who: str, place: str = "", note: str = "") -> OwnTicket:
    """Bring it to `state` where that is allowed, with the clock that closes what was resolved; as it stands then."""
    if not tickets.allowed(own.state, state):
        if note or who not in ("customer", "desk"):
            turn.do(ChangeTicket(own.key, own.state, own.state, who, place, note))
        keep(turn, own)
        return own
    turn.do(ChangeTicket(own.key, own.state, state, who, place, note))
    if state == "resolved":
        turn.do(SetTimer(TIMER + own.key, tickets.closes_at(turn.knowledge.desk.facts, turn.event.at)))
    elif own.state == "resolved" and not isinstance(turn.event, TimerFired):
        turn.do(CancelTimer(TIMER + own.key))
    own = replace(own, state=state)
    keep(turn, own)
    return own


# --- what the team does ---


def replied(turn: Turn, event: TicketReplied) -> None:
    """The team wrote: say it where the ticket was opened, and let the next words be the reply."""
    own = known(turn, event.ticket)
    turn.do(AddToTicket(own.key, "team", event.text, event.name, event.files))
    wanted = event.state or tickets.after_team_wrote(own.state)
    own = replace(own, last=event.text[:EXCERPT])
    if wanted != own.state:
        own = change(turn, own, wanted, event.name or "team", event.place)
    else:
        keep(turn, own)
    who = (
        turn.phrase("ticket.replied_by", number=own.number, title=own.title, name=event.name)
        if event.name
        else turn.phrase("ticket.replied", number=own.number, title=own.title)
    )
    said = (*who, written(event.text), *ending(turn, own))
    tell(turn, own, said, event.files)
    copies.copy(turn, own, said, event.files)


def changed(turn: Turn, event: TicketChanged) -> None:
    """The team brought it to another state: say so, unless it had moved on."""
    own = known(turn, event.ticket)
    before = own.state
    own = change(turn, own, event.state, event.name or "team", event.place, event.note)
    if own.state == before:
        return
    match own.state:
        case "closed":
            closed(turn, own)
            copies.copy(turn, own, turn.phrase("ticket.now_closed", number=own.number, title=own.title))
        case "resolved":
            said = (*turn.phrase("ticket.now_resolved", number=own.number, title=own.title), *ending(turn, own))
            tell(turn, own, said)
            copies.copy(turn, own, said)
        case _:
            tell(turn, own, turn.phrase("ticket.now_" + own.state, number=own.number, title=own.title))


def fired(turn: Turn, event: TimerFired) -> None:
    """Resolved, and nobody said otherwise."""
    own = find(turn, event.name.removeprefix(TIMER))
    if own is not None and own.state == "resolved":
        closed(turn, change(turn, own, "closed", "desk"))


def tell(turn: Turn, own: OwnTicket, doc: Doc, files: tuple[Attachment, ...] = ()) -> None:
    """Say something of a ticket unasked. What is under way goes on after it."""
    if isinstance(turn.frame, Filling):
        turn.say(doc, files=files)  # the form's own question follows
        return
    if isinstance(turn.frame, Contact | Proving):
        # What is typed next may be a code: it must not become the reply to a ticket.
        tell_in_between(turn, doc, files)
        return
    stop(turn)
    if own.state != "merged":
        turn.push(Replying(own.key, turn.event.at + FOLLOW_MS))
    # Ways round: what is typed now, a number too, is meant for the team.
    turn.say(doc, tuple(replace(way, aside=True) for way in ways(turn, own)), files=files)


def ending(turn: Turn, own: OwnTicket) -> Doc:
    if own.state != "resolved":
        return ()
    return turn.phrase("ticket.will_close", hours=tickets.auto_close_hours(turn.knowledge.desk.facts))


# --- what the customer does ---


def hear(turn: Turn, text: str, files: tuple[Attachment, ...] = ()) -> bool:
    """Something was written while a ticket waits for a reply. False when it is not for the ticket but for the desk."""
    frame = turn.frame
    if not isinstance(frame, Replying):
        return False
    own, there = find(turn, frame.key), None
    if own is None and (found := find_there(turn, frame.key)) is not None:
        there, own = found
    if own is None or turn.event.at > frame.until:
        stop(turn)
        return False
    if not files and fold(text) in turn.words("form.cancel_words"):
        stop(turn)
        turn.say(turn.phrase("ticket.not_replied"), menu.menu_offers(turn))
        return True
    if not files and not frame.asked and for_the_desk(turn, text):
        return False
    add(turn, own, text, files, there)
    return True


def for_the_desk(turn: Turn, text: str) -> bool:
    """A question that the desk can answer, or a wish for something else."""
    verdict = turn.knowledge.matcher.match(text)
    if verdict.zone != "answer":
        return False
    topic = turn.knowledge.topics[verdict.topics[0]]
    if topic.smalltalk:
        return False
    return text.strip().endswith("?") or (bool(topic.flow) and len(text) <= WISH_LIMIT)


def add(turn: Turn, own: OwnTicket, text: str, files: tuple[Attachment, ...], there: Peer | None = None) -> None:
    """What the customer wrote to a ticket. It takes up what was finished, unless it does nothing but thank.

    The ticket of a linked chat is carried on in that chat, so that its row, its order and its history stay in one place.
    """
    if there is None:
        turn.do(AddToTicket(own.key, "customer", text, turn.state.name, files))
    else:
        turn.do(Pass(there.id, TicketAnswered(own, text, files=files)))
    stop(turn)
    if not files and tickets.is_bare_thanks(text):
        turn.say(turn.phrase("ticket.welcome"), ways(turn, own) if own.state == "resolved" else ())
        return
    before = own.state
    state = tickets.after_customer_wrote(before)
    if state != before and there is None:
        own = change(turn, own, state, "customer")
    if isinstance(turn.frame, Filling | Contact):
        turn.say(turn.phrase("ticket.added", number=own.number))
        return
    turn.push(Replying(own.key, turn.event.at + MORE_MS))
    turn.say(turn.phrase("ticket.added_reopened" if state == "reopened" else "ticket.added", number=own.number))


def answered(turn: Turn, event: TicketAnswered) -> None:
    """The customer wrote to a ticket somewhere else: it counts as if it had been said here, and is shown here so that nothing is missed."""
    own = known(turn, event.ticket)
    turn.do(AddToTicket(own.key, "customer", event.text, turn.state.name, event.files))
    before = own.state
    thanks = not event.files and tickets.is_bare_thanks(event.text)
    state = before if thanks else tickets.after_customer_wrote(before)
    if state != before:
        own = change(turn, own, state, "customer", event.place)
    else:
        keep(turn, own)
    shown: list[Paragraph] = [written(event.text)] if event.text else []
    if event.files:
        shown.append(written("📎 " + ", ".join(file.name for file in event.files)))
    ending = turn.phrase("ticket.area_reopens") if own.state == "reopened" != before else ()
    tell_in_between(turn, (*elsewhere(turn, own, "answered", event.place), *shown, *ending))


def decided(turn: Turn, event: TicketDecided) -> None:
    """The customer closed, reopened or rated a ticket somewhere else. What it does not allow any more is left alone."""
    own = known(turn, event.ticket)
    match event.what:
        case "close" if own.state != "closed" and tickets.allowed(own.state, "closed"):
            own = change(turn, own, "closed", "customer", event.place)
            closed(turn, own, elsewhere(turn, own, "closed", event.place))
        case "reopen" if own.state != "reopened" and tickets.allowed(own.state, "reopened"):
            own = change(turn, own, "reopened", "customer", event.place)
            tell_in_between(turn, elsewhere(turn, own, "reopened", event.place))
        case "rate" if event.rating in RATINGS:
            turn.do(RateTicket(own.key, event.rating))
            keep(turn, replace(own, rating=event.rating))
            tell_in_between(turn, elsewhere(turn, own, "rated", event.place, rating=event.rating))


def elsewhere(turn: Turn, own: OwnTicket, what: str, place: str, **values: int) -> Doc:
    """What the customer did to a ticket in the client area, or in a linked chat."""
    if place == AREA:
        return turn.phrase("ticket.area_" + what, number=own.number, title=own.title, **values)
    there = linking.place(turn.knowledge, turn.locale, place)
    return turn.phrase("ticket.there_" + what, number=own.number, title=own.title, place=there, **values)


def stop(turn: Turn) -> None:
    """Nothing said next belongs to a ticket any more."""
    if isinstance(turn.frame, Replying):
        turn.pop()


def show_all(turn: Turn) -> None:
    stop(turn)
    mine = [(each, "") for each in reversed(turn.state.tickets)]
    theirs = [(each, f" · {linking.named(turn, peer)}") for peer in turn.state.links for each in reversed(peer.tickets)]
    both = sorted((*mine, *theirs), key=lambda one: -one[0].opened_at) if theirs else mine
    own = tuple(each for each, _ in both)
    if not own:
        turn.say(turn.phrase("ticket.none"), menu.ways_out(turn))
        return
    lines = tuple((Bold((Text(each.number),)), Text(f" · {each.title} · {state_shown(turn, each)}{where}")) for each, where in both)
    offers = tuple(Offer(f"{each.number} · {each.title}"[:LABEL_LIMIT], "my_ticket", each.key) for each in own)
    turn.say((*turn.phrase("ticket.list_linked" if theirs else "ticket.list"), Bullets(lines)), offers)


def press(turn: Turn, action: str, argument: str) -> None:
    """A choice about one ticket."""
    key, _, value = argument.partition("=")
    own, there = find(turn, key), None
    if own is None and (found := find_there(turn, key)) is not None:
        there, own = found
    if own is None:
        menu.moved_on(turn)
        return
    match action:
        case "ticket_reply" if own.state != "merged":
            put_aside(turn)
            stop(turn)
            turn.push(Replying(key, turn.event.at + FOLLOW_MS, asked=True))
            turn.say(turn.phrase("ticket.ask_reply", number=own.number))
        case "ticket_close" if own.state != "closed" and tickets.allowed(own.state, "closed"):
            closed(turn, decide(turn, own, "closed", there))
        case "ticket_reopen" if tickets.allowed(own.state, "reopened"):
            own = decide(turn, own, "reopened", there)
            tell(turn, own, turn.phrase("ticket.reopened_by_you", number=own.number))
        case "rate" if value in map(str, RATINGS):
            if there is None:
                turn.do(RateTicket(key, int(value)))
                keep(turn, replace(own, rating=int(value)))
            else:
                turn.do(Pass(there.id, TicketDecided(own, "rate", rating=int(value))))
            turn.say(turn.phrase("ticket.rated"))
        case _:
            show(turn, own)


def decide(turn: Turn, own: OwnTicket, state: Literal["closed", "reopened"], there: Peer | None) -> OwnTicket:
    """The customer closes or reopens it: here, or in the linked chat that it is in."""
    if there is None:
        return change(turn, own, state, "customer")
    turn.do(Pass(there.id, TicketDecided(own, "close" if state == "closed" else "reopen")))
    return replace(own, state=state)


def show(turn: Turn, own: OwnTicket) -> None:
    """One ticket: where it stands, and how the team's last reply begins."""
    opened = shown(Moment(own.opened_at, turn.knowledge.desk.time_zone), turn.locale)
    head = turn.phrase("ticket.shown", number=own.number, title=own.title, opened=opened, state=state_shown(turn, own))
    last: Doc = (*turn.phrase("ticket.last"), written(own.last)) if own.last else turn.phrase("ticket.no_reply_yet")
    turn.say((*head, *last), ways(turn, own))


def closed(turn: Turn, own: OwnTicket, said: Doc = ()) -> None:
    """Say that it is closed (or what is to be `said` of it) and ask, once, how it went: one tap."""
    stop(turn)
    doc = said or turn.phrase("ticket.now_closed", number=own.number, title=own.title)
    if own.rating or isinstance(turn.frame, Filling | Contact | Proving):
        tell_in_between(turn, doc)
        return
    rating = tuple(turn.offer("ticket.rate." + str(n), "rate", f"{own.key}={n}") for n in RATINGS)
    turn.say((*doc, *turn.phrase("ticket.ask_rating")), (*rating, turn.offer("ticket.reopen", "ticket_reopen", own.key, aside=True)))


def tell_in_between(turn: Turn, doc: Doc, files: tuple[Attachment, ...] = ()) -> None:
    turn.say(doc, files=files)
    if isinstance(turn.frame, Contact):
        contact.ask_again(turn, turn.frame)
    if isinstance(turn.frame, Proving):
        proof.ask_again(turn, turn.frame)


def ways(turn: Turn, own: OwnTicket) -> tuple[Offer, ...]:
    """What can be done with it as it stands."""
    if own.state == "merged":
        return ()
    reply = turn.offer("ticket.reply", "ticket_reply", own.key)
    close = turn.offer("ticket.close", "ticket_close", own.key)
    reopen = turn.offer("ticket.reopen", "ticket_reopen", own.key)
    match own.state:
        case "closed":
            return (reopen,)
        case "resolved":
            return (close, reopen)
        case _:
            return (reply, close)


def state_shown(turn: Turn, own: OwnTicket) -> str:
    return turn.knowledge.texts.label("ticket.state." + own.state, turn.locale)
