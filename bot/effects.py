"""What a turn is to do, as rows for the tables: the effects of one claim's events, sorted by where they go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import assert_never

import msgspec
from msgspec.structs import replace

from bot.clock import Ids
from bot.codes import Codes
from conversations.effects import (
    AddToTicket,
    AmendRequest,
    CancelTimer,
    ChangeTicket,
    CheckCode,
    ConfirmLink,
    CountOutcome,
    DropProof,
    Effect,
    KeepMessage,
    Mail,
    MirrorEntry,
    MirrorRequest,
    MirrorTicket,
    OfferLink,
    OpenTicket,
    Pass,
    RateTicket,
    Recognise,
    RecordRequest,
    Redact,
    RedeemLink,
    Say,
    SendCode,
    SetTimer,
    Subscribe,
    Unlink,
    Unsubscribe,
)
from conversations.events import (
    CommandGiven,
    DraftGiven,
    DraftMissed,
    DraftWanted,
    Event,
    MessageEdited,
    MessageReceived,
    NotPassed,
    Passed,
    PeerTold,
    TicketAnswered,
    TicketDecided,
    encoder,
)
from conversations.flows import linking, proof
from conversations.identity import LINKS
from conversations.knowledge import Knowledge
from conversations.model import Address, Attachment, Message
from storage.link_rows import Disproof, LinkAgreed, LinkRefusal, LinkStep, LinkTry, NewLinkCode, Passing, Unlinking
from storage.rows import (
    Claim,
    CodeCheck,
    EntryMirror,
    NewChange,
    NewCode,
    NewEntry,
    NewMessage,
    NewRating,
    NewRequest,
    NewTicket,
    RequestAmendment,
    RequestMirror,
    TicketMirror,
    Voucher,
)

INTERACTIVE = 0
"""The priority of a reply; what is sent to people who are not waiting has a larger number and is overtaken by it."""

Ways = Callable[[str, str], Sequence[tuple[str, str]]]
"""For a platform and a link code: what is to be opened or typed on each other platform, beside its name."""

_encoder = msgspec.json.Encoder()


class Effects:
    """The effects of one claim's events, sorted by the table they go to.

    `place` is the platform they happened on; `shared`, whether several people read there. `mail_account` is whose mail is sent; empty
    where the desk sends none. `ids` are for the events that say what came of a proof or a link, `ways` for the message that brings a link
    code. `said` are the messages to the conversation itself, by version and order, before they were written down.
    """

    def __init__(self, claim: Claim, knowledge: Knowledge, mail_account: str, codes: Codes, ids: Ids, ways: Ways) -> None:
        self.place = claim.address.partition(":")[0]
        # Most addresses have neither a thread nor a minus, and need not be taken apart to be told.
        self.shared = (claim.address.count(":") > 2 or ":-" in claim.address) and Address.parse(claim.address).shared
        self._ways = ways
        self.mail_account = mail_account
        self._conversation = claim.conversation
        self._knowledge = knowledge
        self._codes = codes
        self._ids = ids
        self.messages: list[NewMessage] = []
        self.said: dict[tuple[int, int], Message] = {}
        # By name: within one transaction only the last word on a timer counts.
        self.timers: dict[str, int | None] = {}
        self.requests: list[NewRequest] = []
        self.amendments: list[RequestAmendment] = []
        self.tickets: list[NewTicket] = []
        self.changes: list[NewChange] = []
        self.entries: list[NewEntry] = []
        self.ratings: list[NewRating] = []
        self.outcomes: list[tuple[str, str]] = []
        self.proofs: list[NewCode | CodeCheck | Voucher] = []
        self.redactions: list[tuple[int, str]] = []
        self.mirrored: list[EntryMirror | TicketMirror | RequestMirror] = []
        self.links: list[LinkStep] = []
        # By topic, as with timers.
        self.subscriptions: dict[str, bool] = {}
        # Codes that nobody mails, by the place of their step: told to the log once they are kept.
        self.unmailed: list[tuple[NewCode, str]] = []

    def apply(self, version: int, effects: Iterable[Effect], event: Event, locale: str) -> None:
        """Those of `event`; `locale` is the language of the conversation after it."""
        id, at = event.seq, event.at
        # What is written to a ticket came with a message; an edit of that finds it by the number that the message has.
        wrote = event.original.seq if isinstance(event, MessageEdited) and event.original else id
        if isinstance(event, MessageEdited):
            # The words stand where the message stands, or nowhere: left here they would outlive it.
            self.redactions.append((id, _json(replace(event, seq=0, at=0, text="", original=None))))
        ord = 0
        for effect in effects:
            match effect:
                case Say(message):
                    self.messages.append(NewMessage(version, ord, _encoder.encode(message).decode(), INTERACTIVE))
                    self.said[version, ord] = message
                    ord += 1
                case CountOutcome(outcome, topic):
                    self.outcomes.append((outcome, topic))
                case Mail(email, message):
                    if self.mail_account:
                        to = str(Address("email", self.mail_account, email))
                        self.messages.append(NewMessage(version, ord, _encoder.encode(message).decode(), INTERACTIVE, to))
                        ord += 1
                case SetTimer(name, due_at):
                    self.timers[name] = due_at
                case CancelTimer(name):
                    self.timers[name] = None
                case RecordRequest(key, number, locale, text, topic, name, email):
                    self.requests.append(NewRequest(key, number, locale, _storable(text), topic, _storable(name), _storable(email)))
                case OpenTicket():
                    self.tickets.append(_opened(effect))
                    self.changes.append(NewChange(effect.key, 0, "customer", self.place, "", "new", "", at))
                case ChangeTicket(key, before, state, who, place, note):
                    self.changes.append(NewChange(key, id, _storable(who), place or self.place, before, state, _storable(note), at))
                case AddToTicket(key, author, text, name, files):
                    self.entries.append(NewEntry(key, wrote, author, _storable(name), _storable(text), _json(_bare(files)), at))
                case KeepMessage(seq, message):
                    self.redactions.append((seq, _json(message)))
                case MirrorEntry(key, seq, message):
                    said = (_storable(message.text), _json(_bare(message.files)))
                    self.mirrored.append(EntryMirror(key, seq, *said, message.edited or None, message.deleted or None))
                case MirrorTicket(key, title, text, answers, files, edited_at, deleted_at):
                    words = (_storable(title), _storable(text), _json(answers), _json(_bare(files)))
                    self.mirrored.append(TicketMirror(key, *words, edited_at or None, deleted_at or None))
                case MirrorRequest(old, new):
                    self.mirrored.append(RequestMirror(_storable(old), _storable(new)))
                case RateTicket(key, rating):
                    self.ratings.append(NewRating(key, rating))
                case AmendRequest(key, email, text):
                    self.amendments.append(RequestAmendment(key, _storable(email), _storable(text)))
                case SendCode(email):
                    self._send_code(email, version, ord, locale)
                    ord += 1
                case CheckCode(email, code, until):
                    digest = self._codes.digest(self._conversation, email, code)
                    self.proofs.append(CodeCheck(self._ids.new(), email, digest, until))
                case Recognise(email, until):
                    self.proofs.append(Voucher(self._ids.new(), email, until))
                case DropProof():
                    self.links.append(Disproof())
                case OfferLink() | RedeemLink() | ConfirmLink() if self.shared:
                    self.links.append(LinkRefusal())
                case OfferLink():
                    self._offer_link(version, ord, locale)
                    ord += 1
                case RedeemLink(code):
                    self.links.append(LinkTry(self._codes.link_digest(code)))
                case ConfirmLink(peer):
                    self.links.append(LinkAgreed(peer))
                case Unlink(peer):
                    self.links.append(Unlinking(peer))
                case Pass(to, passed):
                    self.links.append(self._passing(to, passed))
                case Subscribe(topic):
                    self.subscriptions[topic] = True
                case Unsubscribe(topic):
                    self.subscriptions[topic] = False
                case Redact(text):
                    if isinstance(event, MessageReceived):
                        self.redactions.append((id, encoder.encode(replace(event, seq=0, at=0, text=text)).decode()))
                    elif isinstance(event, CommandGiven):
                        self.redactions.append((id, encoder.encode(replace(event, seq=0, at=0, argument=text)).decode()))
                case _:
                    assert_never(effect)

    def event_ids(self) -> tuple[int, ...]:
        """For all events that can come of the links, and of proofs that are lent: each person has so many chats at most."""
        if not self.links and not self.proofs:
            return ()
        many = sum(isinstance(step, LinkAgreed | Unlinking) for step in self.links)
        needed = len(self.links) + 2 * LINKS * many + (LINKS if self.proofs else 0)
        return tuple(self._ids.new() for _ in range(needed))

    def _offer_link(self, version: int, ord: int, locale: str) -> None:
        code = self._codes.new_link()
        letter = linking.letter(self._knowledge, locale, code, self._ways(self.place, code))
        self.links.append(NewLinkCode(self._codes.link_digest(code), version, ord, _json(letter)))

    def _passing(self, to: int, passed: Passed) -> Passing:
        """With the sender put in, of whom a pure turn knows nothing."""
        draft = None
        match passed:
            case TicketAnswered() | TicketDecided():
                passed = replace(passed, place=self.place)
            case DraftWanted():
                passed = replace(passed, peer=self._conversation, place=self.place)
            case DraftGiven():
                passed = replace(passed, peer=self._conversation, place=self.place)
                draft = passed.draft
            case PeerTold() | DraftMissed():
                passed = replace(passed, peer=self._conversation)
        back = NotPassed(what=str(passed.__struct_config__.tag), draft=draft)
        return Passing(to, encoder.encode(passed).decode(), encoder.encode(back).decode())

    def _send_code(self, email: str, version: int, ord: int, locale: str) -> None:
        code, by_mail = self._codes.new(), bool(self.mail_account)
        way = "mail" if by_mail else "log" if self._knowledge.codes == "log" else ""
        to = str(Address("email", self.mail_account, email)) if by_mail else ""
        letter = _json(proof.letter(self._knowledge, locale, code)) if by_mail else ""
        new = NewCode(self._ids.new(), email, self._codes.digest(self._conversation, email, code), way, version, ord, to, letter)
        self.proofs.append(new)
        if way == "log":
            self.unmailed.append((new, code))


def _bare(files: Iterable[Attachment]) -> list[Attachment]:
    """By what they are found with, and nothing else: what the live chat adds to an id proves who may ask for the file there."""
    return [replace(file, id=file.id.partition(".")[0]) for file in files]


def _opened(effect: OpenTicket) -> NewTicket:
    return NewTicket(
        effect.key,
        effect.number,
        effect.form,
        effect.version,
        effect.department,
        effect.priority,
        _storable(effect.title),
        _storable(effect.text),
        _json(effect.answers),
        _json(_bare(effect.files)),
        effect.locale,
        effect.topic,
        _storable(effect.name),
        _storable(effect.email),
        "new",
        effect.due_at or None,
        effect.proof,
        effect.proved_at or None,
        _storable(effect.account),
    )


def _json(value: object) -> str:
    return _encoder.encode(value).decode()


def _storable(text: str) -> str:
    # PostgreSQL has no NUL in text. Payloads are JSON, where it is escaped; these are plain columns.
    return text.replace("\x00", "")
