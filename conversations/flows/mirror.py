"""What a customer changes or deletes on their platform: the same in tickets, requests and the form under way; seldom a word about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from conversations import secrets
from conversations.effects import AmendRequest, ChangeTicket, KeepMessage, MirrorEntry, MirrorRequest, Redact
from conversations.events import MessageDeleted, MessageEdited, MessageReceived, Original
from conversations.flows import form, my_tickets, proof, ticket
from conversations.flows.answer import QUESTION_KEPT
from conversations.flows.asking import Asking
from conversations.flows.contact import TEXT_KEPT
from conversations.flows.my_tickets import tell_in_between
from conversations.identity import CODE, EMAIL
from conversations.model import Contact, Doc, Filling, Idle, Proving
from conversations.texts import join
from conversations.turn import Turn

EDITED: Final = "a message of theirs was changed"
DELETED: Final = "a message of theirs was deleted"
"""For the team's eyes, in a ticket's history: never what it had said before."""

PHRASES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("ticket.mirrored_edited", "ticket.mirrored_deleted"), frozenset({"number"})),
    "ticket.mirrored_cut": frozenset({"number", "limit"}),
    "ticket.mirrored_title": frozenset(),
    "form.mirrored": frozenset({"label"}),
    **dict.fromkeys(("form.mirrored_edited", "form.mirrored_deleted"), frozenset({"labels"})),
}
"""What is said here, and what each phrase is given."""


# --- an edit ---


def counts(event: MessageEdited) -> bool:
    """Whether there is anything to change: an edit of what never came, of what is deleted, an older or the same one, changes nothing."""
    if event.original is None:
        return False
    before = event.original.message
    return not before.deleted and made_at(event) >= before.edited and secrets.mask(event.text).text != before.text


def made_at(event: MessageEdited) -> int:
    return event.made or event.at


def edit(turn: Turn, event: MessageEdited, original: Original, text: str) -> bool:
    """Change it wherever its words went. True: it was the newest thing said, and its new words are to be heard as if they were said now."""
    before, state = original.message, turn.state
    turn.words_of = original.seq
    now = replace(before, text=text, edited=made_at(event), masked=())
    in_requests(turn, before.text, text)
    if before.text and state.question == before.text[:QUESTION_KEPT]:
        turn.remember(question=text[:QUESTION_KEPT])
    if in_tickets(turn, original, now) or in_forms(turn, original, text):
        return False
    if state.said == original.seq and corrects_address(turn, before.text, text):
        return False
    return state.said == original.seq and bool(text) and says_something_new(turn, before.text, text)


def corrects_address(turn: Turn, before: str, text: str) -> bool:
    """Whether it gave an address for a request, and gives another now."""
    had, has = EMAIL.search(before), EMAIL.search(text)
    if not turn.state.request or had is None or has is None or isinstance(turn.frame, Filling | Proving):
        return False
    if had.group() != has.group():
        turn.do(AmendRequest(turn.state.request, email=has.group()))
        turn.say(turn.phrase("contact.thanks", number=turn.state.number, email=has.group()))
    return True


def says_something_new(turn: Turn, before: str, text: str) -> bool:
    """Whether it is worth an answer: not what was answered in other words, what a request was given, nor a code that was taken."""
    if isinstance(turn.frame, Filling):
        return False
    if isinstance(turn.frame, Contact):
        return EMAIL.search(text) is not None
    if proof.HIDDEN in before:
        return isinstance(turn.frame, Proving)
    verdict = turn.knowledge.matcher.match(text)
    return verdict.zone != "answer" or verdict.topics[0] != turn.state.topic


def keep(turn: Turn, event: MessageEdited, original: Original, text: str) -> None:
    """What stands in the transcript from now on. What is hidden of it when it is heard, or was before, stays hidden."""
    before = original.message
    hidden = [effect.text for effect in turn.effects if isinstance(effect, Redact)]
    turn.effects = [effect for effect in turn.effects if not isinstance(effect, Redact)]
    if hidden:
        text = hidden[-1]
    elif proof.HIDDEN in before.text or (isinstance(turn.frame, Proving) and len(text) <= proof.CODE_TEXT_LIMIT and CODE.search(text)):
        text = proof.HIDDEN
    turn.do(KeepMessage(original.seq, replace(before, text=text, edited=made_at(event), masked=())))


# --- a deletion ---


def delete(turn: Turn, event: MessageDeleted) -> None:
    """Take it out of wherever its words and files went, except for a form that is still being filled in: of that the customer is told."""
    original, state = event.original, turn.state
    if original is None or original.message.deleted:
        return
    before = original.message
    gone = MessageReceived(text="", locale=before.locale, edited=before.edited, deleted=turn.event.at)
    in_requests(turn, before.text, "")
    if before.text and state.question == before.text[:QUESTION_KEPT]:
        turn.remember(question="", asked_at=0)
    ids = {file.id for file in before.files}
    turn.remember(said=0 if state.said == original.seq else state.said, files=tuple(file for file in state.files if file.id not in ids))
    if not in_tickets(turn, original, gone):
        in_forms(turn, original, None)
    turn.do(KeepMessage(original.seq, gone))


# --- where the words went ---


def in_requests(turn: Turn, before: str, text: str) -> None:
    """As much of it as a request was given, be it as its question or as a line added to it."""
    if turn.state.request and before:
        for limit in dict.fromkeys((min(QUESTION_KEPT, len(before)), min(TEXT_KEPT, len(before)))):
            turn.do(MirrorRequest(before[:limit], text[: max(limit, QUESTION_KEPT)]))


def in_tickets(turn: Turn, original: Original, now: MessageReceived) -> bool:
    """Replies and the ticket's own words. False when it was part of no ticket. States, numbers and promises stay as they are."""
    told: Doc = ()
    for opened in original.tickets:
        seen = opened.ticket
        entry = seen.key in original.entries
        words = ticket.mirrored(turn, opened, original.message, now)
        if entry:
            turn.do(MirrorEntry(seen.key, original.seq, now))
        if words is not None:
            turn.do(words)
            if (own := my_tickets.find(turn, seen.key)) is not None:
                my_tickets.keep(turn, replace(own, title=words.title))
        if entry or words is not None:
            turn.do(ChangeTicket(seen.key, seen.state, seen.state, "customer", note=DELETED if now.deleted else EDITED))
            told += turn.phrase("ticket.mirrored_deleted" if now.deleted else "ticket.mirrored_edited", number=seen.number)
        if words is not None and (limit := ticket.cut_at(words.answers, now)):
            told += turn.phrase("ticket.mirrored_cut", number=seen.number, limit=limit)
    if told:
        tell_in_between(turn, told)
    return bool(told)


def in_forms(turn: Turn, original: Original, text: str | None) -> bool:
    """A form that is not sent yet. The newest answer is changed as its message was, if it can be; of any other the customer is told how.

    `text` is None when the message was deleted: an answer does not go with it, or a form would be emptied by tidying up a chat.
    """
    draft = turn.state.draft
    for filling in (*(frame for frame in reversed(turn.state.frames) if isinstance(frame, Filling)), *((draft,) if draft else ())):
        asking = Asking(turn, filling)
        if not (names := answered_by(asking, original)):
            continue
        if filling is turn.frame and text and len(names) == 1 and answer_again(turn, names[0], text):
            return True
        labels = join([asking.wording.label(asking.form.by_name[name]) for name in names], turn.locale)
        told = turn.phrase("form.mirrored_deleted" if text is None else "form.mirrored_edited", labels=labels)
        if filling is turn.frame:
            form.lead_of(turn).again(told)
        elif filling is draft and not isinstance(turn.frame, Filling):
            turn.say(told, (turn.offer("form.resume", "resume"),) if isinstance(turn.frame, Idle) else ())
        else:
            tell_in_between(turn, told)
        return True
    return False


def answered_by(asking: Asking, original: Original) -> list[str]:
    """The fields whose answers came from this message: as it was noted, or because they are its very words (a question that was asked
    before the form was begun stands in it as the description).
    """
    filling, words = asking.filling, original.message.text.strip()
    return [
        name
        for name in asking.form.by_name
        if filling.answers.get(name) is not None
        and (filling.typed.get(name) == original.seq or (name not in filling.typed and bool(words) and filling.answers[name] == words))
    ]


def answer_again(turn: Turn, name: str, text: str) -> bool:
    """Take the new words for the newest answer. False when it is not the newest, or they would not do."""
    lead = form.lead_of(turn)
    typed = lead.filling.typed
    if lead.filling.asking not in ("field", "review") or typed.get(name, 0) < max(typed.values(), default=1):
        return False
    merged = lead.merge({name: text})
    if name in merged.wrong:
        return False
    label = lead.wording.label(lead.form.by_name[name])
    lead.put(answers=merged.answers)
    lead.advance((*turn.phrase("form.mirrored", label=label), *lead.noted(merged, {name: text})))
    return True
