"""What goes from one linked chat to another: the form that is under way, and what each tells the others of itself.

A form is in one chat at a time. It is handed over by an event, in the same transaction in which the state of the giver loses it; so
whatever is pressed on both sides, and whenever the process dies, it is sent once.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from conversations.effects import Pass
from conversations.events import DraftGiven, DraftMissed, DraftWanted, NotPassed, PeerTold
from conversations.flows import form, linking, menu
from conversations.flows.stack import drafts, holder, put_aside
from conversations.model import IDLE, Filling, Offer, OwnTicket, State
from conversations.turn import LABEL_LIMIT, Turn

TICKETS_TOLD = 20

PHRASES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("carried.resume", "carried.goes_on", "carried.there", "carried.arrived"), frozenset({"place"})),
    **dict.fromkeys(("carried.here", "carried.gone", "carried.not_passed", "carried.spare"), frozenset[str]()),
}
"""What is said here, and what each phrase is given."""


# --- the form ---


def want(turn: Turn, peer: int, key: str) -> None:
    """Ask a linked chat for the form `key`; with `key` empty, for whichever is under way there."""
    turn.do(Pass(peer, DraftWanted(key)))


def go_on_here(turn: Turn, key: str) -> None:
    """A form is to be gone on with in this chat, wherever it is by now."""
    peer = holder(turn.state, key)
    if any(each.key == key for each in drafts(turn.state)):
        form.resume(turn, key)
    elif peer is not None:
        want(turn, peer.id, key)
    else:
        form.gone(turn, key)


def wanted(turn: Turn, event: DraftWanted) -> None:
    """Another chat of the person's asks for a form: hand it over, and say so here."""
    state = turn.state
    found = next((each for each in drafts(state) if event.key in ("", each.key)), None)
    if found is None:
        number = state.ticket_number if event.key and event.key == state.ticket else ""
        turn.do(Pass(event.peer, DraftMissed(event.key, number)))
        return
    frames = tuple(frame for frame in state.frames if not (isinstance(frame, Filling) and frame.key == found.key))
    turn.remember(
        frames=frames or IDLE,
        draft=None if state.draft is not None and state.draft.key == found.key else state.draft,
        spare=tuple(each for each in state.spare if each.key != found.key),
    )
    turn.do(Pass(event.peer, DraftGiven(found, state.topic, turn.locale)))
    there = linking.place(turn.knowledge, turn.locale, event.place)
    linking.say(turn, turn.phrase("carried.goes_on", place=there), (turn.offer("carried.here", "continue", found.key, aside=True),))


def given(turn: Turn, event: DraftGiven) -> None:
    """The form is here now: it goes on where it stood. One that was under way here is put aside."""
    state = turn.state
    own = bool(drafts(state))
    put_aside(turn)
    turn.push(event.draft)
    turn.remember(topic=event.topic, misses=0)
    if not turn.state.locale_chosen and event.locale in turn.knowledge.desk.locales:
        turn.remember(locale=event.locale)
    form.refresh(turn)
    lead = turn.phrase("carried.arrived", place=linking.place(turn.knowledge, turn.locale, event.place))
    if isinstance(turn.frame, Filling):
        form.lead_of(turn).again((*lead, *(turn.phrase("carried.spare") if own else ())))
    else:
        menu.moved_on(turn)  # this release has no such form any more


def missed(turn: Turn, event: DraftMissed) -> None:
    """It is not where it was thought to be. What nobody asked for by name is not missed."""
    if event.number:
        linking.say(turn, turn.phrase("ticket.already", number=event.number))
    elif event.key and (peer := holder(turn.state, event.key)) is not None and peer.id != event.peer:
        want(turn, peer.id, event.key)  # it has moved on
    elif event.key:
        linking.say(turn, turn.phrase("carried.gone"), menu.menu_offers(turn))


def not_passed(turn: Turn, event: NotPassed) -> None:
    """The other chat is linked no longer: nothing was done there, and a form that was on its way is here again."""
    if event.draft is not None:
        if drafts(turn.state):
            turn.remember(spare=(*turn.state.spare, event.draft))
        else:
            turn.remember(draft=event.draft)
        form.refresh(turn)
    if event.what in ("draft_given", "draft_wanted", "ticket_answered", "ticket_decided"):
        linking.say(turn, turn.phrase("carried.not_passed"), menu.menu_offers(turn))


def offers(turn: Turn) -> tuple[Offer, ...]:
    """Forms that linked chats have under way, to be gone on with here."""
    if not turn.state.links:
        return ()
    texts, locale = turn.knowledge.texts, turn.locale
    return tuple(
        Offer(texts.label("carried.resume", locale, place=linking.named(turn, peer))[:LABEL_LIMIT], "continue", peer.draft)
        for peer in turn.state.links
        if peer.draft
    )


# --- what the chats know of each other ---


def told(turn: Turn, event: PeerTold) -> None:
    peers = (
        replace(peer, told=event.turns, draft=event.draft, tickets=event.tickets)
        if peer.id == event.peer and peer.told < event.turns
        else peer
        for peer in turn.state.links
    )
    turn.remember(links=tuple(peers))


def publish(turn: Turn, before: State) -> None:
    """At the end of a turn: a form that was left over comes up again, and the linked chats are told of what changed here."""
    state = turn.state
    if state.spare and len(drafts(state)) == len(state.spare):
        turn.remember(draft=state.spare[0], spare=state.spare[1:])
        state = turn.state
    if not state.links:
        return
    now = _told(state)
    changed = now != _told(before)
    knew = {peer.id: peer.since for peer in before.links}
    for peer in state.links:
        if changed or (knew.get(peer.id) != peer.since and now != ("", ())):
            turn.do(Pass(peer.id, PeerTold(state.turns, *now)))


def _told(state: State) -> tuple[str, tuple[OwnTicket, ...]]:
    mine = drafts(state)
    return mine[0].key if mine else "", state.tickets[-TICKETS_TOLD:]
