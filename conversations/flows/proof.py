"""Finds out whose account it is: a one-time code goes to the registered address, and who reads it there gives it back here."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec.structs import replace

from conversations import ownership
from conversations.effects import CheckCode, CountOutcome, DropProof, Recognise, Redact, SendCode, Unlink
from conversations.events import CodeSent, CustomerIdentified, ProofEnded, ProofFailed, ProofGiven
from conversations.flows import menu
from conversations.flows.stack import leave
from conversations.identity import CODE, CODE_MINUTES, EMAIL, mailbox
from conversations.knowledge import Knowledge
from conversations.model import Contact, Doc, Filling, Message, Offer, Proof, Proving
from conversations.texts import fold
from conversations.turn import Turn

CODE_TEXT_LIMIT = 60
"""Characters of a text in which a code is looked for: `the code is 123 456`, but not in a paste."""

HIDDEN = "••••••"

PHRASES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        ("proof.ask_email", "proof.unavailable", "proof.too_many", "proof.expired", "proof.cancelled", "proof.again_email"),
        frozenset[str](),
    ),
    **dict.fromkeys(("proof.resend", "proof.other_address", "proof.cancel", "proof.resend_words", "proof.void"), frozenset[str]()),
    "proof.bad_address": frozenset({"typed"}),
    **dict.fromkeys(("proof.code_sent", "proof.code_logged"), frozenset({"email", "minutes"})),
    **dict.fromkeys(("proof.again_code", "proof.six_digits"), frozenset({"email"})),
    "proof.wrong": frozenset({"n"}),
    "proof.given": frozenset({"name"}),
    "proof.mail_subject": frozenset({"desk"}),
    "proof.mail": frozenset({"desk", "code", "minutes"}),
}
"""What is said here, and what each phrase is given."""


def letter(knowledge: Knowledge, locale: str, code: str) -> Message:
    """The mail that brings the code. It is written here and not by a turn, which must not know the code."""
    desk = knowledge.desk
    locale = locale if locale in desk.locales else desk.default_locale
    return Message(
        doc=knowledge.texts.doc("proof.mail", locale, desk=desk.name, code=code, minutes=CODE_MINUTES),
        locale=locale,
        subject=knowledge.texts.label("proof.mail_subject", locale, desk=desk.name),
    )


# --- asking ---


def begin(turn: Turn, then: Offer) -> None:
    """Ask for the registered address; `then` is what was wanted, and is done once it is proven."""
    if not turn.knowledge.codes:
        turn.say(turn.phrase("proof.unavailable"), ways(turn))
        return
    leave(turn)
    turn.push(Proving(replace(then, label="")))
    turn.say(turn.phrase("proof.ask_email"), asides(turn))


def asides(turn: Turn, *, sent: bool = False, more: bool = True) -> tuple[Offer, ...]:
    """Ways round the question; none of them has a number, which may be the code itself."""
    again = (turn.offer("proof.resend", "proof_resend", aside=True),) if sent and more else ()
    other = (turn.offer("proof.other_address", "proof_other", aside=True),) if sent else ()
    return (*again, *other, turn.offer("proof.cancel", "proof_cancel", aside=True))


def ways(turn: Turn) -> tuple[Offer, ...]:
    """Who cannot prove it here is helped by people; in the middle of a form that follows by itself."""
    return () if isinstance(turn.frame, Filling | Contact) else menu.ways_out(turn)


def ask_again(turn: Turn, frame: Proving, lead: Doc = ()) -> None:
    """Take up the question where it stood."""
    question = turn.phrase("proof.again_code", email=frame.email) if frame.email else turn.phrase("proof.again_email")
    turn.say((*lead, *question), asides(turn, sent=bool(frame.email)))


# --- what the customer does ---


def hear(turn: Turn, frame: Proving, text: str) -> bool:
    """Something was typed: the address or the code that we wait for. False when it is neither, and so perhaps a question."""
    typed = fold(text)
    if typed in turn.words("form.cancel_words"):
        cancel(turn)
    elif (found := EMAIL.search(text[:400])) is not None:
        send(turn, frame, mailbox(found.group()))
    elif frame.email and len(text) <= CODE_TEXT_LIMIT and (code := CODE.search(text)) is not None:
        turn.do(Redact(text[: code.start()] + HIDDEN + text[code.end() :]))
        until = turn.event.at + ownership.proof_ms(turn.knowledge.desk.facts)
        turn.do(CheckCode(frame.email, re.sub(r"\D", "", code.group()), until))
    elif frame.email and typed in turn.words("proof.resend_words"):
        send(turn, frame, frame.email)
    elif frame.email and typed.replace(" ", "").isdecimal():
        # Nearly a code: as much of it is kept as of a code.
        turn.do(Redact(HIDDEN))
        turn.say(turn.phrase("proof.six_digits", email=frame.email), asides(turn, sent=True))
    elif "@" in text and len(text) < 80 and " " not in text.strip():
        turn.say(turn.phrase("proof.bad_address", typed=text.strip()), asides(turn, sent=bool(frame.email)))
    else:
        return False
    return True


def send(turn: Turn, frame: Proving, email: str) -> None:
    turn.remember(frames=(*turn.state.frames[:-1], replace(frame, email=email)))
    turn.do(SendCode(email))


def press(turn: Turn, action: str) -> None:
    frame = turn.frame
    if not isinstance(frame, Proving):
        menu.moved_on(turn)
        return
    match action:
        case "proof_resend" if frame.email:
            send(turn, frame, frame.email)
        case "proof_other":
            frame = replace(frame, email="")
            turn.remember(frames=(*turn.state.frames[:-1], frame))
            ask_again(turn, frame)
        case "proof_cancel":
            cancel(turn)
        case _:
            ask_again(turn, frame)


def cancel(turn: Turn) -> None:
    turn.pop()
    turn.say(turn.phrase("proof.cancelled"), menu.menu_offers(turn))


# --- what comes of it ---


def sent(turn: Turn, event: CodeSent) -> None:
    """The same words whether or not anybody is registered at that address."""
    frame = turn.frame
    if isinstance(frame, Proving) and frame.email == event.email:
        phrase = "proof.code_sent" if event.way == "mail" else "proof.code_logged"
        words = turn.phrase(phrase, email=event.email, minutes=CODE_MINUTES)
        turn.say(words, asides(turn, sent=True, more=event.left > 0))


def failed(turn: Turn, event: ProofFailed) -> None:
    frame = turn.frame
    if not isinstance(frame, Proving) or frame.email != event.email:
        return
    match event.reason:
        case "wrong" if event.left:
            turn.say(turn.phrase("proof.wrong", n=event.left), asides(turn, sent=True))
        case "wrong":
            turn.say(turn.phrase("proof.void"), asides(turn, sent=True))
        case "expired":
            turn.say(turn.phrase("proof.expired"), asides(turn, sent=True))
        case "too_many" | "unavailable":
            turn.pop()
            turn.say(turn.phrase("proof." + event.reason), ways(turn))


def given(turn: Turn, event: ProofGiven) -> Offer | None:
    """Remember it. Returns what was wanted when the proof was asked for, to be done now."""
    own = ownership.proven(turn.state, event.at)
    if event.at >= event.until or (event.how == "link" and own is not None and own.how != "link"):
        return None
    # A lent proof is as old as the one it is lent from.
    at = event.proved_at or event.at
    proof = Proof(event.account, event.number, event.name, event.email, event.how, at, event.until, event.services, more=event.more)
    turn.remember(proof=proof, name=event.name or turn.state.name, email=event.email)
    frame = turn.frame
    if not isinstance(frame, Proving):
        return None
    turn.pop()
    turn.do(CountOutcome("proven"))
    turn.say(turn.phrase("proof.given", name=event.name or event.email))
    return frame.then


def ended(turn: Turn, event: ProofEnded) -> None:
    """The address that was proven is the account's no longer: nothing that rested on it is kept."""
    if turn.state.proof is not None and turn.state.proof.email == event.email:
        turn.remember(proof=None)
    if turn.state.email == event.email:
        turn.remember(name="", email="")


def identified(turn: Turn, event: CustomerIdentified) -> None:
    """The page vouches for an address: is it a registered one, that is proof as well. Another person's proof does not outlive it."""
    email = mailbox(event.email)
    if turn.state.proof is not None and turn.state.proof.email != email:
        turn.remember(proof=None)
        turn.do(DropProof())
        # Whoever is here now is somebody else, to whom the other's chats are nothing.
        if turn.state.links:
            turn.do(Unlink())
    turn.remember(name=event.name, email=event.email)
    if email:
        turn.do(Recognise(email, turn.event.at + ownership.proof_ms(turn.knowledge.desk.facts)))


def refresh(turn: Turn) -> None:
    """Before anything else: what counts no longer is forgotten, and with it what it showed of the account."""
    if turn.state.proof is not None and ownership.proven(turn.state, turn.event.at) is None:
        turn.remember(proof=None)
