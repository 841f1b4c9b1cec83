"""The way to people: a request for a person is recorded at once, then we ask where the team may write to."""

from __future__ import annotations

from hashlib import blake2s

from msgspec.structs import replace

from conversations.effects import AmendRequest, CountOutcome, RecordRequest, SetTimer
from conversations.flows.stack import CONTACT_TIMER, leave
from conversations.identity import BASE32, EMAIL
from conversations.model import Contact, Doc, Offer, Proving
from conversations.turn import Turn

PATIENCE_MS = 15 * 60 * 1000
"""How long we wait for an address before the request goes on without one."""

TIMES_ASKED = 3
TEXT_KEPT = 2000
TIMER = CONTACT_TIMER


def number_of(seq: int) -> str:
    """The number people see and dictate, from the event's own: eight characters, e.g. `4F7K-2M9Q`; the same for a replayed event."""
    bits = int.from_bytes(blake2s(str(seq).encode(), digest_size=5).digest(), "big")
    digits = "".join(BASE32[bits >> shift & 31] for shift in range(35, -5, -5))
    return f"{digits[:4]}-{digits[4:]}"


def begin(turn: Turn, lead: Doc = ()) -> None:
    """Record the request, say (after `lead`) what will happen, and ask for an address unless one is proven."""
    frame = turn.frame
    if isinstance(frame, Contact):
        # Pressed twice, or said again while we wait: one request, not two.
        turn.say(turn.phrase("contact.already", number=frame.number), offers(turn))
        return
    if isinstance(frame, Proving):
        leave(turn)
    state = turn.state
    key, number = f"{turn.event.seq}.{state.turns}", number_of(turn.event.seq)
    turn.do(CountOutcome("person", state.topic))
    turn.do(
        RecordRequest(
            key=key,
            number=number,
            locale=turn.locale,
            text=state.question,
            topic=state.topic,
            name=state.name,
            email=state.email,
        )
    )
    turn.remember(request=key, number=number, misses=0)
    about = turn.phrase("contact.with_question", question=state.question) if state.question else turn.phrase("contact.without_question")
    recorded = (*lead, *turn.phrase("contact.person", number=number), *about)
    if state.email:
        turn.say((*recorded, *turn.phrase("contact.known_address", email=state.email), *turn.phrase("contact.urgent")))
        return
    turn.push(Contact(key, number))
    turn.do(SetTimer(TIMER, turn.event.at + PATIENCE_MS))
    turn.say((*recorded, *turn.phrase("contact.ask_person"), *turn.phrase("contact.urgent")), offers(turn))


def offers(turn: Turn) -> tuple[Offer, ...]:
    return (turn.offer("choice.skip", "skip"),)


def take_address(turn: Turn, text: str) -> bool:
    """Use an e-mail address in `text` for the last request. False when there is none, or no request it could belong to."""
    if "@" not in text or not turn.state.request or (found := EMAIL.search(text)) is None:
        return False
    if not isinstance(turn.frame, Contact) and found.group() != text.strip(" .<>"):
        return False  # Nothing is being asked: only a bare address is meant for the request; anything more is a question.
    email = found.group()
    rest = (text[: found.start()] + text[found.end() :]).strip(" \n.,;:<>")
    turn.do(AmendRequest(turn.state.request, email=email, text=rest[:TEXT_KEPT] if len(rest) > 20 else ""))
    leave(turn)
    turn.say(turn.phrase("contact.thanks", number=turn.state.number, email=email))
    return True


def reply(turn: Turn, frame: Contact, text: str) -> None:
    """Something that is neither an address nor a question we know: it belongs to the request."""
    if "@" in text and len(text) < 80 and " " not in text.strip():
        turn.say(turn.phrase("contact.bad_address", typed=text.strip()), offers(turn))
        return
    turn.do(AmendRequest(frame.request, text=text[:TEXT_KEPT]))
    if frame.asked >= TIMES_ASKED:
        leave(turn)
        turn.say(turn.phrase("contact.without_address", number=frame.number))
        return
    turn.remember(frames=(*turn.state.frames[:-1], replace(frame, asked=frame.asked + 1)))
    turn.do(SetTimer(TIMER, turn.event.at + PATIENCE_MS))
    turn.say(turn.phrase("contact.added", number=frame.number), offers(turn))


def ask_again(turn: Turn, frame: Contact) -> None:
    """Something else was answered meanwhile: take up the question where it stood."""
    turn.say(turn.phrase("contact.ask_again", number=frame.number), offers(turn))


def skip(turn: Turn) -> None:
    """Go on without an address; also what an unanswered question comes to when its timer fires."""
    if not isinstance(turn.frame, Contact):
        return
    leave(turn)
    turn.say(turn.phrase("contact.without_address", number=turn.state.number))
