"""Links the chats of one person: a code that is shown in one and given back in another; what is linked, and how that is undone.

The code itself is made and checked outside: a turn must not know it. Who gives one back is asked first, since anybody can send anybody
a link into this chat that carries a code of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from conversations.effects import ConfirmLink, CountOutcome, OfferLink, Redact, RedeemLink, Unlink
from conversations.events import LinkFailed, LinkOffered, LinksChanged
from conversations.flows import carried, contact, menu, proof
from conversations.flows.stack import drafts
from conversations.identity import LINK_MINUTES, link_code, shown_code
from conversations.knowledge import Knowledge
from conversations.model import Bullets, Code, Contact, Doc, Filling, Inline, Link, Message, Offer, Peer, Proving, Text
from conversations.moments import MINUTE, Moment, shown
from conversations.texts import fold
from conversations.turn import LABEL_LIMIT, Turn

PAYLOAD = "link_"
"""Before a link code in a link into a chat."""

_DIGIT = re.compile(r"\d")

HIDDEN = "••••••"

PLACES = ("discord", "slack", "telegram", "terminal", "web")
"""Platforms that the desk's content has a name for; any other goes by its own."""

_PLACE = frozenset({"place"})
PHRASES: Mapping[str, frozenset[str]] = {
    **{"place." + name: frozenset() for name in PLACES},
    **dict.fromkeys(("choice.link", "choice.links", "link.code_words", "link.ask_words", "link.list_words"), frozenset[str]()),
    **dict.fromkeys(("link.no_code", "link.agree", "link.refuse", "link.refused", "link.none", "link.list"), frozenset[str]()),
    **{"link.failed_" + reason: frozenset() for reason in ("tries", "codes", "own", "already", "full", "lapsed", "shared", "gone")},
    "link.failed_wrong": frozenset({"n"}),
    "link.offer": frozenset({"code", "minutes"}),
    "link.offer_ways": frozenset(),
    "link.offer_warning": frozenset(),
    "link.line": frozenset({"place", "since"}),
    **dict.fromkeys(("link.confirm", "link.given", "link.redeemed", "link.joined", "link.left", "link.lost", "link.undo"), _PLACE),
}
"""What is said here, and what each phrase is given."""


def place(knowledge: Knowledge, locale: str, platform: str) -> str:
    """What customers call a platform."""
    return knowledge.texts.label("place." + platform, locale) if platform in PLACES else platform.capitalize()


def letter(knowledge: Knowledge, locale: str, code: str, ways: Sequence[tuple[str, str]]) -> Message:
    """The message that brings a link code. It is written here and not by a turn, which must not know the code.

    `ways` are (platform, what is to be opened or typed there): the address of a chat, or a command.
    """
    locale = locale if locale in knowledge.desk.locales else knowledge.desk.default_locale
    texts = knowledge.texts
    doc = texts.doc("link.offer", locale, code=shown_code(code), minutes=LINK_MINUTES)
    lines: list[tuple[Inline, ...]] = []
    for platform, way in ways:
        what: Inline = Link(way, (Text(way),)) if way.startswith(("https://", "http://")) else Code(way)
        lines.append((Text(place(knowledge, locale, platform) + ": "), what))
    if lines:
        doc = (*doc, *texts.doc("link.offer_ways", locale), Bullets(tuple(lines)))
    return Message((*doc, *texts.doc("link.offer_warning", locale)), locale)


# --- what the customer does ---


def hear(turn: Turn, text: str) -> bool:
    """Something was typed: a link code, or the wish to link or to see what is linked. False when it is none of them."""
    if len(text) > 80:
        return False
    typed = fold(text)
    if typed.removeprefix("/").partition(" ")[0].rstrip(":,") in turn.words("link.code_words"):
        word, _, rest = text.strip().removeprefix("/").partition(" ")
        if _DIGIT.search(rest) or link_code(rest):
            turn.do(Redact(f"{word} {HIDDEN}"))
            redeem(turn, rest)
            return True
    if turn.event.at - turn.state.link_at < LINK_MINUTES * MINUTE and link_code(text):
        turn.do(Redact(HIDDEN))
        redeem(turn, text)
    elif typed in turn.words("link.ask_words"):
        ask(turn)
    elif typed in turn.words("link.list_words"):
        show(turn)
    else:
        return False
    return True


def ask(turn: Turn) -> None:
    """A code is wanted; the message with it is written when it is kept."""
    turn.remember(link_at=turn.event.at)
    turn.do(OfferLink())
    # The message with it stands in this turn's place: what is under way is asked again below it.
    turn.spoke = True


def given(turn: Turn, argument: str) -> None:
    """What came with a command: a link code, or something that was to be one."""
    turn.do(Redact(HIDDEN))
    redeem(turn, argument)


def redeem(turn: Turn, typed: str) -> None:
    if code := link_code(typed):
        turn.do(RedeemLink(code))
    else:
        say(turn, turn.phrase("link.no_code"))


def press(turn: Turn, action: str, argument: str) -> None:
    match action:
        case "link_agree" if argument.isdecimal():
            turn.do(ConfirmLink(int(argument)))
        case "link_refuse":
            say(turn, turn.phrase("link.refused"))
        case "unlink" if any(str(peer.id) == argument for peer in turn.state.links):
            turn.do(Unlink(int(argument)))
        case "link":
            ask(turn)
        case _:
            show(turn)


def show(turn: Turn) -> None:
    """What is linked and since when, each with the way to undo it."""
    peers = turn.state.links
    link = turn.offer("choice.link", "link", aside=True)
    if not peers:
        say(turn, turn.phrase("link.none"), (link,))
        return
    lines = tuple(turn.knowledge.texts.line("link.line", turn.locale, place=named(turn, peer), since=since(turn, peer)) for peer in peers)
    say(turn, (*turn.phrase("link.list"), Bullets(lines)), (*(undo(turn, peer) for peer in peers), link))


def undo(turn: Turn, peer: Peer) -> Offer:
    label = turn.knowledge.texts.label("link.undo", turn.locale, place=named(turn, peer))
    if sum(each.platform == peer.platform for each in turn.state.links) > 1:
        label = f"{label} ({since(turn, peer)})"
    return Offer(label[:LABEL_LIMIT], "unlink", str(peer.id), aside=True)


def named(turn: Turn, peer: Peer) -> str:
    return place(turn.knowledge, turn.locale, peer.platform)


def since(turn: Turn, peer: Peer) -> str:
    return shown(Moment(peer.since, turn.knowledge.desk.time_zone), turn.locale)


def say(turn: Turn, doc: Doc, offers: tuple[Offer, ...] = ()) -> None:
    """What is under way goes on after it."""
    if isinstance(turn.frame, Filling):
        turn.say(doc)  # the form's own question follows
        return
    turn.say(doc, () if isinstance(turn.frame, Contact | Proving) else offers)
    go_on(turn)


def go_on(turn: Turn) -> None:
    """Ask again what was being asked. A form does that by itself."""
    if isinstance(turn.frame, Contact):
        contact.ask_again(turn, turn.frame)
    if isinstance(turn.frame, Proving):
        proof.ask_again(turn, turn.frame)


# --- what comes of it ---


def offered(turn: Turn, event: LinkOffered) -> None:
    """The code is somebody's: whose it is must be for the customer to say, before anything is shared."""
    doc = turn.phrase("link.confirm", place=place(turn.knowledge, turn.locale, event.platform))
    agree = turn.offer("link.agree", "link_agree", str(event.peer), aside=True)
    turn.say(doc, (agree, turn.offer("link.refuse", "link_refuse", aside=True)))


def failed(turn: Turn, event: LinkFailed) -> None:
    values = {"n": event.left} if event.reason == "wrong" else {}
    say(turn, turn.phrase("link.failed_" + event.reason, **values))


def changed(turn: Turn, event: LinksChanged) -> None:
    before = {peer.id: peer for peer in turn.state.links}
    peers = []
    for id, platform, at in ((each.id, each.platform, each.since) for each in event.links):
        known = before.get(id)
        peers.append(known if known is not None and known.since == at else Peer(id, platform, at))
    turn.remember(links=tuple(peers), link_at=0)
    there = place(turn.knowledge, turn.locale, event.platform)
    newest = next((peer for peer in peers if peer.id == event.peer), None)
    offers = (undo(turn, newest),) if newest is not None else ()
    if event.what == "redeemed":
        turn.do(CountOutcome("linked"))
        # A form of one's own is not pushed aside: the menu offers the other.
        if not drafts(turn.state) and newest is not None:
            carried.want(turn, newest.id, "")
    say(turn, turn.phrase("link." + event.what, place=there), (*offers, *menu.menu_offers(turn)) if event.what == "redeemed" else offers)
