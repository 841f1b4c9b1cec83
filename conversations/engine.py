"""`decide`: what happened, and what is to be done about it. A pure, total function; everything else in the program serves it."""

from __future__ import annotations

from typing import assert_never

import msgspec
from msgspec import Struct

from conversations import ownership
from conversations.effects import Effect
from conversations.events import (
    ChoicePressed,
    CodeSent,
    CommandGiven,
    CustomerIdentified,
    DraftGiven,
    DraftMissed,
    DraftWanted,
    Event,
    FormAnswered,
    LinkFailed,
    LinkOffered,
    LinksChanged,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    NotPassed,
    PeerTold,
    ProofEnded,
    ProofFailed,
    ProofGiven,
    Started,
    SubscriptionsEnded,
    TicketAnswered,
    TicketChanged,
    TicketDecided,
    TicketReplied,
    TimerFired,
)
from conversations.flows import answer, carried, contact, form, linking, menu, mirror, my_tickets, proof, services, subscriptions
from conversations.flows.hidden import masked, warn
from conversations.flows.menu import hint_language
from conversations.knowledge import Knowledge
from conversations.model import Contact, Filling, Offer, Proving, State
from conversations.phrases import DECLARED as DECLARED
from conversations.phrases import GUIDES as GUIDES
from conversations.phrases import PHRASES as PHRASES
from conversations.phrases import VALUES as VALUES
from conversations.texts import fold as fold
from conversations.texts import folded_label
from conversations.turn import Turn, meant

TOPIC = "topic_"
"""Before a topic's id in a link into the chat: Telegram lets only `A-Za-z0-9_-` through, 64 of them."""

LANGUAGE_LIMIT = 300
"""Characters of a text by which its language is told."""


class Decision(Struct, frozen=True):
    """The state that follows, and what is to be done, in order."""

    state: State
    effects: tuple[Effect, ...]


def decide(state: State, event: Event, knowledge: Knowledge) -> Decision:
    """One turn. Never raises on any event; the same arguments give the same decision, so a replay after a crash changes nothing."""
    turn = Turn(state, event, knowledge, GUIDES)
    form.refresh(turn)
    proof.refresh(turn)
    match event:
        case MessageReceived():
            hint_language(turn, event.locale)
            text = masked(turn, event.text, event.masked)
            if event.files and not my_tickets.hear(turn, text, event.files):
                form.keep_files(turn, event.files, alone=not text.strip())
                if text.strip():
                    hear(turn, text)
            elif not event.files:
                hear(turn, text)
        case Started():
            hint_language(turn, event.locale)
            # Who comes back in the middle of something finds it, not the menu.
            if isinstance(turn.frame, Proving):
                proof.ask_again(turn, turn.frame)
            elif not isinstance(turn.frame, Filling):
                menu.greet(turn)
        case MessageEdited(original=original):
            if original is not None and mirror.counts(event):
                text = masked(turn, event.text, event.masked)
                if mirror.edit(turn, event, original, text):
                    hear(turn, text)
                mirror.keep(turn, event, original, text)
        case MessageDeleted():
            mirror.delete(turn, event)
        case FormAnswered():
            hint_language(turn, event.locale)
            warn(turn, event.masked)
            answers = {name: masked(turn, raw) if isinstance(raw, str) else raw for name, raw in event.answers.items()}
            form.receive(turn, msgspec.structs.replace(event, answers=answers))
        case ChoicePressed():
            press(turn, event.key)
        case CommandGiven():
            hint_language(turn, event.locale)
            obey(turn, event)
        case CustomerIdentified():
            hint_language(turn, event.locale)
            proof.identified(turn, event)
        case TimerFired():
            if event.name == contact.TIMER:
                contact.skip(turn)
            elif event.name.startswith(my_tickets.TIMER):
                my_tickets.fired(turn, event)
        case TicketReplied():
            my_tickets.replied(turn, event)
        case TicketChanged():
            my_tickets.changed(turn, event)
        case CodeSent():
            proof.sent(turn, event)
        case ProofGiven():
            if (wanted := proof.given(turn, event)) is not None:
                act(turn, wanted, "")
        case ProofFailed():
            proof.failed(turn, event)
        case ProofEnded():
            proof.ended(turn, event)
        case TicketAnswered():
            my_tickets.answered(turn, msgspec.structs.replace(event, text=masked(turn, event.text, event.masked)))
        case TicketDecided():
            my_tickets.decided(turn, event)
        case LinkOffered():
            linking.offered(turn, event)
        case LinkFailed():
            linking.failed(turn, event)
        case LinksChanged():
            linking.changed(turn, event)
        case PeerTold():
            carried.told(turn, event)
        case DraftWanted():
            carried.wanted(turn, event)
        case DraftGiven():
            carried.given(turn, event)
        case DraftMissed():
            carried.missed(turn, event)
        case NotPassed():
            carried.not_passed(turn, event)
        case SubscriptionsEnded():
            subscriptions.ended(turn, event.topics)
        case _:
            assert_never(event)
    if isinstance(turn.frame, Filling) and not turn.asked and (turn.spoke or isinstance(event, Started)):
        form.go_on(turn)
    carried.publish(turn, state)
    return Decision(turn.state, tuple(turn.effects))


def hear(turn: Turn, text: str) -> None:
    """Something was written: an answer to what was just asked, or else a question."""
    # What is pasted into a form (logs, names) tells nothing of who pasted it.
    frame = turn.frame
    telling = not isinstance(frame, Filling) or (len(text.split()) > 3 and not any(map(str.isdigit, text)))
    if telling and not turn.state.locale_chosen:
        locale = turn.knowledge.matcher.language(text[:LANGUAGE_LIMIT])
        if locale and locale != turn.state.locale:
            turn.remember(locale=locale)
    if not text.strip():
        turn.say(turn.phrase("message.empty"), menu.menu_offers(turn))
        return
    if linking.hear(turn, text) or subscriptions.hear(turn, text):
        return
    if (offer := typed_choice(turn.state, text)) is not None:
        act(turn, offer, turn.state.prompts[-1].about)
        return
    if isinstance(frame, Filling):
        if topic := form.hear(turn, text):
            answer.give(turn, turn.knowledge.topics[topic])
        return
    turn.remember(said=turn.words_of)
    if isinstance(frame, Proving) and proof.hear(turn, frame, text):
        return
    typed = fold(text)
    if typed in turn.words("ticket.list_words"):
        my_tickets.show_all(turn)
        return
    if typed in turn.words("services.list_words"):
        act(turn, Offer("", "services"), "")
        return
    if isinstance(frame, Proving):
        verdict = turn.knowledge.matcher.match(text)
        if verdict.zone == "answer":
            answer.give(turn, turn.knowledge.topics[verdict.topics[0]])
        else:
            proof.ask_again(turn, frame)
        return
    if my_tickets.hear(turn, text) or contact.take_address(turn, text):
        return
    frame = turn.frame  # a reply that nobody waits for any more has been left
    if not isinstance(frame, Contact):
        answer.ask(turn, text)
        return
    if typed in turn.words("contact.skip_words"):
        contact.skip(turn)
        return
    verdict = turn.knowledge.matcher.match(text)
    if verdict.zone == "answer":
        answer.give(turn, turn.knowledge.topics[verdict.topics[0]])
    else:
        contact.reply(turn, frame, text)


def typed_choice(state: State, text: str) -> Offer | None:
    """The choice of the newest prompt that was typed instead of pressed, by its number or its label.

    A way round a question has no number: where an amount is asked for, 2 is an amount.
    """
    if not state.prompts or len(text) > 100:
        return None
    offers, typed = state.prompts[-1].offers, fold(text)
    if typed.isdecimal() and len(typed) <= 2:
        return offers[int(typed) - 1] if 1 <= int(typed) <= len(offers) and not offers[int(typed) - 1].aside else None
    # A plain loop: nearly every text that is written passes here, and is none of them.
    for offer in offers:
        if offer.label and folded_label(offer.label) == typed:
            return offer
    return None


def press(turn: Turn, key: str) -> None:
    prompt_id, _, n = key.rpartition(".")
    if n.isascii() and n.isdecimal() and len(n) < 4 and (found := meant(turn.state, prompt_id, int(n))) is not None:
        act(turn, *found)
    elif not subscriptions.pressed(turn, key):
        menu.moved_on(turn)


def act(turn: Turn, offer: Offer, about: str) -> None:
    """Do what a choice means, once it is proven to whom it may be done. A topic that left the desk is said to have moved on."""
    if not ownership.allows(turn.state, offer.action, turn.event.at, turn.knowledge.desk.facts):
        proof.begin(turn, offer)
        return
    match offer.action:
        case "form" | "field":
            form.press(turn, offer, about)
        case "resume":
            form.resume(turn, offer.argument)
        case "continue":
            carried.go_on_here(turn, offer.argument)
        case "topic" if offer.argument in turn.knowledge.topics:
            answer.give(turn, turn.knowledge.topics[offer.argument])
        case "helpful":
            answer.helpful(turn, offer.argument)
        case "unhelpful":
            answer.unhelpful(turn, offer.argument)
        case "person":
            contact.begin(turn)
        case "ticket":
            form.begin(turn, "ticket")
        case "ticket_anew":
            form.begin(turn, "ticket", anew=True)
        case "link" | "links" | "link_agree" | "link_refuse" | "unlink":
            linking.press(turn, offer.action, offer.argument)
        case "skip" if isinstance(turn.frame, Contact):
            contact.skip(turn)
        case "tickets":
            my_tickets.show_all(turn)
        case "my_ticket" | "ticket_reply" | "ticket_close" | "ticket_reopen" | "rate":
            my_tickets.press(turn, offer.action, offer.argument)
        case "services":
            services.show(turn)
        case "notices" | "notice_on" | "notice_off" | "notices_off":
            subscriptions.press(turn, offer.action, offer.argument)
        case "proof_resend" | "proof_other" | "proof_cancel":
            proof.press(turn, offer.action)
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
        case "start":
            arrive(turn, command.argument)
        case "menu":
            menu.greet(turn)
        case "language" if command.argument:
            menu.choose_language(turn, command.argument)
        case "language":
            menu.ask_language(turn)
        case "person":
            contact.begin(turn)
        case "ticket":
            form.begin(turn, "ticket")
        case "tickets":
            my_tickets.show_all(turn)
        case "services":
            act(turn, Offer("", "services"), "")
        case "link" if command.argument:
            linking.given(turn, command.argument)
        case "link":
            linking.ask(turn)
        case "links":
            linking.show(turn)
        case "notices":
            subscriptions.show(turn)
        case _ if not subscriptions.hear(turn, command.name):
            menu.explain(turn)


def arrive(turn: Turn, payload: str) -> None:
    """Who follows a link into the chat finds what it promised: `ticket`, `topic_` and its id, `sub_` and the topic of notices, or `link_`
    and a link code. Anybody can write such a link, so it does no more than a button of the menu would, and asks before it links; whatever
    else it says, it greets.
    """
    if payload == "ticket":
        act(turn, Offer("", "ticket"), "")
    elif (topic := payload.removeprefix(TOPIC)) != payload and topic in turn.knowledge.topics:
        act(turn, Offer("", "topic", topic), "")
    elif (code := payload.removeprefix(linking.PAYLOAD)) != payload:
        linking.given(turn, code)
    elif not subscriptions.arrive(turn, payload):
        menu.greet(turn)
