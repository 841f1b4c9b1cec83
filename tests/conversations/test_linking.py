"""Linked chats: a form is in one of them and sent once, whatever is pressed; nobody links, guesses or keeps what is not theirs."""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.codes import Codes
from bot.knowledge import load_knowledge
from conversations import ownership
from conversations.effects import (
    AddToTicket,
    ConfirmLink,
    DropProof,
    Effect,
    OfferLink,
    OpenTicket,
    Pass,
    Redact,
    RedeemLink,
    Say,
    Unlink,
)
from conversations.engine import decide
from conversations.events import (
    ChoicePressed,
    CommandGiven,
    CustomerIdentified,
    DraftGiven,
    DraftWanted,
    Event,
    LinkFailed,
    LinkOffered,
    LinksChanged,
    MessageReceived,
    NotPassed,
    PeerTold,
    ProofEnded,
    ProofGiven,
    Started,
    TicketAnswered,
    TicketReplied,
)
from conversations.flows.linking import letter
from conversations.flows.stack import drafts
from conversations.identity import LINK_LETTERS, LINK_TRIES, link_code, shown_code
from conversations.knowledge import Knowledge
from conversations.model import Address, Filling, Linked, OwnService, OwnTicket, State
from conversations.moments import DAY, HOUR, MINUTE
from tests.conversations.test_engine import CONTENT

NOW = 1_800_000_000_000
CODE = "4F7K2M9QX3TB8WRC"
PLATFORMS = {1: "telegram", 2: "web", 3: "slack"}


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load_knowledge(CONTENT, None)


class Town:
    """Conversations of one person, with an inbox each; what one passes is put into the other's, as the store does."""

    def __init__(self, knowledge: Knowledge, *ids: int) -> None:
        self.knowledge = knowledge
        self.states = {id: State(locale="en", locale_chosen=True) for id in ids}
        self.inboxes: dict[int, deque[Event]] = {id: deque() for id in ids}
        self.linked: set[int] = set()
        self.at, self.seq = NOW, 0
        self.did: list[tuple[int, Effect]] = []

    def link(self, *ids: int) -> None:
        self.linked |= set(ids)
        for id in ids:
            others = tuple(Linked(other, PLATFORMS[other], self.at) for other in sorted(self.linked - {id}))
            what: Any = "given" if id == ids[0] else "redeemed"
            peer = ids[1] if id == ids[0] else ids[0]
            self.inboxes[id].append(LinksChanged(what=what, peer=peer, platform=PLATFORMS[peer], links=others))

    def unlink(self, *ids: int) -> None:
        self.linked.clear()
        for id in ids:
            self.inboxes[id].append(LinksChanged(what="lost", peer=0, platform="web"))

    def turn(self, id: int, event: Event) -> str:
        """One event decided and committed; what is said."""
        self.seq += 1
        self.at += 1000
        decision = decide(self.states[id], replace(event, seq=self.seq, at=self.at), self.knowledge)
        self.states[id] = msgspec.json.decode(msgspec.json.encode(decision.state), type=State)
        said = ""
        for effect in decision.effects:
            self.did.append((id, effect))
            match effect:
                case Say(message):
                    said += msgspec.json.encode(message).decode()
                case Pass(to, passed):
                    passed = replace(passed, peer=id) if hasattr(passed, "peer") else passed
                    passed = replace(passed, place=PLATFORMS[id]) if hasattr(passed, "place") else passed
                    if {id, to} <= self.linked:
                        self.inboxes[to].append(passed)
                    else:
                        draft = passed.draft if isinstance(passed, DraftGiven) else None
                        self.inboxes[id].append(NotPassed(what=str(passed.__struct_config__.tag), draft=draft))
        return said

    def deliver(self, id: int) -> str:
        return self.turn(id, self.inboxes[id].popleft()) if self.inboxes[id] else ""

    def settle(self) -> dict[int, str]:
        """Until every inbox is empty; what each said meanwhile."""
        said = dict.fromkeys(self.states, "")
        while any(self.inboxes.values()):
            for id in self.states:
                said[id] += self.deliver(id)
        return said

    def says(self, id: int, text: str) -> str:
        return self.turn(id, MessageReceived(text=text))

    def press(self, id: int, label: str) -> str:
        key = next(
            f"{prompt.id}.{n}"
            for prompt in reversed(self.states[id].prompts)
            for n, offer in enumerate(prompt.offers, 1)
            if offer.label == label
        )
        return self.turn(id, ChoicePressed(key=key, label=label))

    def forms(self) -> list[str]:
        """Every form there is: in a state, or on its way."""
        held = [filling.key for state in self.states.values() for filling in drafts(state)]
        under_way = [event.draft for inbox in self.inboxes.values() for event in inbox if isinstance(event, DraftGiven | NotPassed)]
        return [*held, *(draft.key for draft in under_way if draft is not None)]

    def effects(self, kind: type[Any]) -> list[Any]:
        return [effect for _, effect in self.did if isinstance(effect, kind)]


FILL = ("technical", "regular", "skip", "skip", "My mail queue is stuck since this morning.", "skip", "skip")


def begun(town: Town, id: int, *said: str) -> None:
    town.turn(id, CommandGiven(name="ticket"))
    for text in said:
        town.says(id, text)


# --- a form, carried ---


def test_a_form_goes_on_in_the_other_chat_where_it_stood_and_becomes_the_same_ticket(knowledge: Knowledge) -> None:
    alone = Town(knowledge, 1)
    begun(alone, 1, *FILL, "send")
    town = Town(knowledge, 1, 2)
    begun(town, 1, *FILL[:3])
    before = drafts(town.states[1])[0]
    town.link(1, 2)
    said = town.settle()
    assert "where you left it here" in said[1]
    assert "nothing was lost" in said[2]
    assert msgspec.structs.replace(drafts(town.states[2])[0], at=0) == msgspec.structs.replace(before, at=0)
    assert drafts(town.states[1]) == ()
    for text in (*FILL[3:], "send"):
        town.says(2, text)
    [ticket], [same] = town.effects(OpenTicket), alone.effects(OpenTicket)
    assert replace(ticket, key="", number="", due_at=0) == replace(same, key="", number="", due_at=0)
    town.settle()
    assert [own.key for peer in town.states[1].links for own in peer.tickets] == [ticket.key]


def test_it_can_be_taken_back_and_its_old_buttons_say_where_it_is(knowledge: Knowledge) -> None:
    town = Town(knowledge, 1, 2)
    begun(town, 1, "technical")
    old = town.states[1].prompts[-1]
    town.link(1, 2)
    town.settle()
    assert "You have begun a form on " in town.turn(1, ChoicePressed(key=f"{old.id}.1"))
    town.press(1, "↩ Go on with it here")
    town.settle()
    assert len(drafts(town.states[1])) == 1
    assert drafts(town.states[2]) == ()
    assert "↩ Go on with my form from Telegram" in town.turn(2, CommandGiven(name="menu"))


def test_a_form_that_is_begun_later_is_offered_in_the_other_chat(knowledge: Knowledge) -> None:
    town = Town(knowledge, 1, 2)
    town.link(1, 2)
    town.settle()
    begun(town, 1, "technical", "regular")
    town.settle()
    assert "You have begun a form on " in town.turn(2, CommandGiven(name="ticket"))
    town.press(2, "↩ Go on with it here")
    assert "nothing was lost" in town.settle()[2]
    assert isinstance(town.states[2].frames[-1], Filling)


def test_a_form_of_ones_own_is_kept_and_the_other_is_offered(knowledge: Knowledge) -> None:
    town = Town(knowledge, 1, 2)
    begun(town, 1, "technical")
    begun(town, 2, "financial")
    town.link(1, 2)
    town.settle()
    assert [len(drafts(state)) for state in town.states.values()] == [1, 1]
    own = drafts(town.states[2])[0].key
    town.turn(2, CommandGiven(name="menu"))
    town.press(2, "↩ Go on with my form from Telegram")
    assert "is kept" in town.settle()[2]
    assert [each.key for each in drafts(town.states[2])][1] == own
    for text in (*FILL[1:], "send"):
        town.says(2, text)
    assert len(town.effects(OpenTicket)) == 1
    assert "Go on with my ticket" in town.turn(2, CommandGiven(name="menu"))
    town.turn(2, CommandGiven(name="ticket"))
    assert [each.key for each in drafts(town.states[2])] == [own]


def test_a_form_that_cannot_be_passed_on_is_where_it_was(knowledge: Knowledge) -> None:
    town = Town(knowledge, 1, 2)
    town.link(1, 2)
    town.settle()
    begun(town, 1, "technical")
    key = drafts(town.states[1])[0].key
    town.settle()
    town.turn(2, CommandGiven(name="ticket"))
    town.press(2, "↩ Go on with it here")
    town.unlink(1, 2)
    town.settle()
    assert [each.key for each in drafts(town.states[1])] == [key]
    assert town.forms() == [key]


labels = st.sampled_from(
    ["↩ Go on with it here", "Begin a new one", "↩ Go on with my ticket", "↩ Go on with my form from Telegram",
     "↩ Go on with my form from the web",
     "✕ Cancel",
     "Yes, discard it", "✅ Send", "Open a ticket", "← Back"]
)  # fmt: skip
acts = st.one_of(
    st.tuples(st.just("say"), st.sampled_from([*FILL, "send", "cancel", "yes", "hola", "menu", "ticket"])),
    st.tuples(st.just("press"), labels),
    st.tuples(st.just("command"), st.sampled_from(["ticket", "menu", "tickets", "links"])),
    st.tuples(st.just("old"), st.builds("{}.{}".format, st.integers(1, 30), st.integers(1, 8))),
    st.tuples(st.just("deliver"), st.just("")),
    st.tuples(st.just("deliver"), st.just("")),
    st.tuples(st.just("link"), st.sampled_from(["on", "on", "off"])),
)


@settings(max_examples=200, deadline=None)
@given(sequence=st.lists(st.tuples(st.sampled_from([1, 2]), acts), max_size=40))
def test_whatever_is_pressed_on_both_sides_a_form_is_in_one_place_and_sent_once(
    sequence: list[tuple[int, tuple[str, str]]], knowledge: Knowledge
) -> None:
    town = Town(knowledge, 1, 2)
    begun(town, 1, *FILL)
    town.link(1, 2)
    ended: set[str] = set()
    for id, (act, what) in sequence:
        before = set(town.forms())
        match act:
            case "say":
                town.says(id, what)
            case "command":
                town.turn(id, CommandGiven(name=what))
            case "old":
                town.turn(id, ChoicePressed(key=what))
            case "press":
                if any(offer.label == what for prompt in town.states[id].prompts for offer in prompt.offers):
                    town.press(id, what)
            case "deliver":
                town.deliver(id)
            case "link" if what == "off":
                town.unlink(1, 2)
            case _:
                town.link(1, 2)
        forms = town.forms()
        assert len(forms) == len(set(forms)), "a form is in two places"
        opened = [ticket.key for ticket in town.effects(OpenTicket)]
        assert len(opened) == len(set(opened))
        assert not set(forms) & set(opened), "a form that was sent is still there"
        gone = before - set(forms)
        # A form ends by being sent, or given up by its customer; never by being carried.
        assert act in ("say", "press", "old") or not gone
        ended |= gone
        assert not ended & set(forms)


# --- tickets, carried ---


def with_ticket(knowledge: Knowledge) -> tuple[Town, str]:
    town = Town(knowledge, 1, 2)
    begun(town, 1, *FILL, "send")
    town.link(1, 2)
    town.settle()
    return town, town.effects(OpenTicket)[0].key


def test_a_ticket_is_read_answered_closed_and_rated_from_the_other_chat_and_stays_in_its_own(knowledge: Knowledge) -> None:
    town, key = with_ticket(knowledge)
    ticket = town.states[1].tickets[0]
    listed = town.turn(2, CommandGiven(name="tickets"))
    assert ticket.number in listed
    assert "Telegram" in listed
    town.press(2, f"{ticket.number} · {ticket.title}"[:75])
    town.press(2, "Reply")
    town.says(2, "It happens again every hour.")
    assert town.effects(AddToTicket) == []
    assert "You wrote to your ticket" in town.settle()[1]
    assert town.effects(AddToTicket) == [AddToTicket(key, "customer", "It happens again every hour.")]
    assert [id for id, effect in town.did if isinstance(effect, AddToTicket)] == [1]
    town.turn(1, TicketReplied(ticket=ticket, text="It is mended.", place="cli"))
    town.settle()
    town.turn(2, CommandGiven(name="tickets"))
    assert "It is mended." in town.press(2, f"{ticket.number} · {ticket.title}"[:75])
    town.press(2, "It is solved, close it")
    town.press(2, "😀 Very satisfied")
    town.settle()
    assert (town.states[1].tickets[0].state, town.states[1].tickets[0].rating) == ("closed", 5)
    assert town.states[2].links[0].tickets[0].state == "closed"
    town.turn(2, CommandGiven(name="tickets"))
    town.press(2, f"{ticket.number} · {ticket.title}"[:75])
    town.press(2, "Reopen it")
    town.settle()
    assert town.states[1].tickets[0].state == "reopened"
    assert town.states[2].tickets == ()


def test_after_unlinking_the_other_chats_tickets_are_nobodys_here(knowledge: Knowledge) -> None:
    town, key = with_ticket(knowledge)
    ticket = town.states[1].tickets[0]
    town.turn(2, CommandGiven(name="tickets"))
    town.press(2, f"{ticket.number} · {ticket.title}"[:75])
    town.press(2, "Reply")
    town.unlink(1, 2)
    town.says(2, "A secret reply.")  # before this chat has heard of it: it comes back
    said = town.settle()
    assert "are not linked any more" in said[2]
    assert town.effects(AddToTicket) == []
    assert ticket.number not in town.turn(2, CommandGiven(name="tickets"))
    assert key not in msgspec.json.encode(town.states[2]).decode().replace(f'"about":"{key}"', "").split('"prompts"')[0]


# --- codes ---


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (CODE, CODE),
        ("4f7k-2m9q-x3tb-8wrc", CODE),
        (" 4F7K 2M9Q X3TB 8WRC ", CODE),
        ("4F7K2M9QX3TB8WRO", "4F7K2M9QX3TB8WR0"),
        ("IF7K2M9QX3TB8WRL", "1F7K2M9QX3TB8WR1"),
        ("4F7K2M9QX3TB8WR", ""),
        ("4F7K2M9QX3TB8WRC5", ""),
        ("4F7K2M9QX3TB8WRU", ""),
        ("4F7K2M9QX3TB8WR\u0661", ""),
        ("", ""),
        ("x" * 10_000, ""),
    ],
)
def test_a_code_is_read_as_it_was_meant(typed: str, kept: str) -> None:
    assert link_code(typed) == kept


def test_a_code_is_long_and_fits_into_a_link() -> None:
    code = Codes(b"k" * 32).new_link()
    assert 32**LINK_LETTERS >= 2**60
    assert len("link_" + code) <= 64
    assert link_code(shown_code(code)) == code
    guesses_a_year = LINK_TRIES * 24 * 365 * 1_000_000  # from a million chats
    assert 32**LINK_LETTERS / guesses_a_year > 1e12


def test_what_is_kept_of_a_code_is_keyed_and_not_that_of_a_proof() -> None:
    one, other = Codes(b"k" * 32), Codes(b"l" * 32)
    assert one.link_digest(CODE) == Codes(b"k" * 32).link_digest(CODE)
    assert one.link_digest(CODE) != other.link_digest(CODE)
    assert CODE.lower() not in one.link_digest(CODE)


@pytest.mark.parametrize(
    "event",
    [
        CommandGiven(name="link", argument="4f7k-2m9q-x3tb-8wrc"),
        CommandGiven(name="start", argument=f"link_{CODE}"),
        MessageReceived(text=f"/link {CODE}"),
        MessageReceived(text="link 4F7K-2M9Q-X3TB-8WRC"),
        MessageReceived(text="vincular 4F7K 2M9Q X3TB 8WRC"),
    ],
)
def test_a_code_that_is_given_back_is_hidden_and_neither_kept_nor_said(event: Event, knowledge: Knowledge) -> None:
    town = Town(knowledge, 1)
    said = town.turn(1, event)
    assert town.effects(RedeemLink) == [RedeemLink(CODE)]
    [hidden] = town.effects(Redact)
    left = said + msgspec.json.encode(town.states[1]).decode() + hidden.text
    assert not any(CODE[n : n + 4].lower() in left.lower() for n in (0, 4, 8, 12))


def test_a_bare_code_counts_only_while_one_was_asked_for(knowledge: Knowledge) -> None:
    town = Town(knowledge, 1)
    town.says(1, shown_code(CODE))
    assert town.effects(RedeemLink) == []
    town.says(1, "link my chats")
    assert town.effects(OfferLink) == [OfferLink()]
    town.says(1, shown_code(CODE))
    assert town.effects(RedeemLink) == [RedeemLink(CODE)]
    late = Town(knowledge, 1)
    late.turn(1, CommandGiven(name="link"))
    late.at += 11 * MINUTE
    late.says(1, shown_code(CODE))
    assert late.effects(RedeemLink) == []


def test_what_was_to_be_a_code_and_is_none_is_hidden_too(knowledge: Knowledge) -> None:
    town = Town(knowledge, 1)
    assert "sixteen letters" in town.turn(1, CommandGiven(name="link", argument="4F7K-2M9Q-X3TB"))
    assert town.effects(RedeemLink) == []
    assert len(town.effects(Redact)) == 1


def test_a_link_that_somebody_sent_links_nothing_by_itself(knowledge: Knowledge) -> None:
    town = Town(knowledge, 1)
    town.turn(1, CommandGiven(name="start", argument=f"link_{CODE}"))
    said = town.turn(1, LinkOffered(peer=9, platform="telegram"))
    assert "If somebody sent it to you, do not." in said
    assert town.effects(ConfirmLink) == []
    # Neither a number nor a plain yes is agreement enough.
    for text in ("1", "2", "yes", "ok"):
        town.says(1, text)
    assert town.effects(ConfirmLink) == []
    town.turn(1, LinkOffered(peer=9, platform="telegram"))
    town.press(1, "No, do not link")
    assert town.effects(ConfirmLink) == []
    town.turn(1, LinkOffered(peer=9, platform="telegram"))
    town.press(1, "Yes, that chat is mine: link them")
    assert town.effects(ConfirmLink) == [ConfirmLink(9)]


def test_in_the_middle_of_a_form_the_question_is_put_again(knowledge: Knowledge) -> None:
    town = Town(knowledge, 1)
    begun(town, 1, "technical")
    said = town.turn(1, LinkFailed(reason="wrong", left=2))
    assert "You can try 2 more times" in said
    assert "2/" in said
    assert "2/" in town.turn(1, LinkFailed(reason="shared"))


@pytest.mark.parametrize(
    ("address", "shared"),
    [
        ("telegram:1:482113907", False),
        ("telegram:1:-1001234", True),
        ("telegram:1:-1001234:7", True),
        ("slack:desk:D012", False),
        ("slack:desk:C012:1712.5", True),
        ("discord:1:22", False),
        ("discord:1:22:33", True),
        ("web:site:-k3f_", False),
    ],
)
def test_where_several_people_read(address: str, shared: bool) -> None:
    assert Address.parse(address).shared is shared


def test_the_letter_says_what_the_code_does_and_how_to_use_it(knowledge: Knowledge) -> None:
    ways = [("telegram", f"https://t.me/a_bot?start=link_{CODE}"), ("slack", f"/relevo link {CODE}")]
    for locale, warned in (("en", "Give the code to nobody"), ("es", "No des el código a nadie"), ("xx", "No des el código a nadie")):
        written = msgspec.json.encode(letter(knowledge, locale, CODE, ways)).decode()
        assert warned in written
        assert shown_code(CODE) in written
        assert all(way in written for _, way in ways)


# --- proofs, lent ---

OWN = OwnService("700001", "ana-secret", "vps", ("198.41.0.77",))


def lent(at: int, until: int, email: str = "ana@example.com", how: Any = "link") -> ProofGiven:
    return ProofGiven(account=1, number="C-1", name="Ana", email=email, how=how, until=until, services=(OWN,), proved_at=at)


def test_a_lent_proof_is_as_old_as_the_one_it_is_lent_from(knowledge: Knowledge) -> None:
    town = Town(knowledge, 1)
    town.turn(1, lent(NOW - 14 * MINUTE, NOW + DAY))
    state = town.states[1]
    assert state.proof is not None
    assert (state.proof.how, state.proof.at, state.proof.until) == ("link", NOW - 14 * MINUTE, NOW + DAY)
    assert ownership.allows(state, "services", NOW, {})
    assert ownership.allows(state, "reboot", NOW, {})
    assert not ownership.allows(state, "reboot", NOW + MINUTE, {})
    assert not ownership.allows(state, "services", NOW + DAY, {})


def test_a_lent_proof_ends_with_the_address_or_the_link_and_is_no_better_than_ones_own(knowledge: Knowledge) -> None:
    town = Town(knowledge, 1)
    town.turn(1, lent(NOW, NOW + DAY))
    assert "ana-secret" in town.turn(1, CommandGiven(name="services"))
    town.turn(1, ProofEnded(email="ana@example.com"))
    assert "ana-secret" not in town.turn(1, CommandGiven(name="services"))
    assert "ana-secret" not in msgspec.json.encode(town.states[1]).decode()
    town.turn(1, lent(0, town.at + HOUR, "ben@example.com", "code"))
    town.turn(1, lent(NOW, town.at + DAY))
    assert town.states[1].proof is not None
    assert town.states[1].proof.email == "ben@example.com"


def test_a_lent_proof_is_told_on_the_ticket(knowledge: Knowledge) -> None:
    town = Town(knowledge, 1)
    town.turn(1, lent(NOW - HOUR, NOW + DAY))
    begun(town, 1, *FILL)
    town.says(1, "send")
    [ticket] = town.effects(OpenTicket)
    assert (ticket.proof, ticket.proved_at, ticket.account) == ("link", NOW - HOUR, "C-1")


def test_somebody_else_at_the_same_screen_is_linked_to_nothing_and_lends_nothing(knowledge: Knowledge) -> None:
    town = Town(knowledge, 1, 2)
    town.link(1, 2)
    town.settle()
    town.turn(1, lent(NOW, NOW + DAY))
    town.turn(1, CustomerIdentified(subject="ben", name="Ben", email="ben@example.com"))
    assert town.effects(DropProof) == [DropProof()]
    assert town.effects(Unlink) == [Unlink()]


# --- any sequence ---

happened: st.SearchStrategy[Event] = st.one_of(
    st.just(Started()),
    st.builds(MessageReceived, text=st.sampled_from(["link my chats", f"link {CODE}", CODE, "mis vínculos", "1", "menu", *FILL, "send"])),
    st.builds(ChoicePressed, key=st.builds("{}.{}".format, st.integers(1, 20), st.integers(1, 9))),
    st.builds(
        CommandGiven,
        name=st.sampled_from(["link", "links", "ticket", "tickets", "start"]),
        argument=st.sampled_from(["", "x", f"link_{CODE}"]),
    ),
    st.builds(LinkOffered, peer=st.integers(0, 3), platform=st.sampled_from(["web", "elsewhere"])),
    st.builds(LinkFailed, reason=st.sampled_from(["wrong", "tries", "codes", "own", "already", "full", "lapsed", "shared", "gone"])),
    st.builds(
        LinksChanged,
        what=st.sampled_from(["given", "redeemed", "joined", "left", "lost"]),
        peer=st.integers(1, 3),
        platform=st.just("web"),
        links=st.sampled_from([(), (Linked(2, "web", 5),), (Linked(2, "web", 9), Linked(3, "slack", 5))]),
    ),
    st.builds(PeerTold, turns=st.integers(0, 9), draft=st.sampled_from(["", "k"]), peer=st.integers(1, 3)),
    st.builds(DraftWanted, key=st.sampled_from(["", "k"]), peer=st.integers(1, 3), place=st.just("web")),
    st.builds(
        DraftGiven,
        draft=st.builds(
            Filling,
            form=st.sampled_from(["ticket", "nothing"]),
            version=st.integers(0, 2),
            key=st.sampled_from(["k", "l"]),
            number=st.just("N"),
            answers=st.sampled_from([{}, {"department": "technical"}, {"department": "gone", "x": 1}]),
            focus=st.sampled_from(["", "priority", "x"]),
        ),
        peer=st.integers(1, 3),
        place=st.just("slack"),
    ),
    st.builds(NotPassed, what=st.sampled_from(["draft_given", "peer_told"])),
    st.builds(
        TicketAnswered, ticket=st.just(OwnTicket("t", "N", "T")), text=st.just("hi"), place=st.just("web")
    ),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(sequence=st.lists(happened, max_size=25))
def test_any_sequence_is_decided_the_same_way_again_and_survives_a_restart(sequence: list[Event], knowledge: Knowledge) -> None:
    state = State()
    for seq, event in enumerate(sequence, 1):
        event = replace(event, seq=seq, at=seq * 1000)
        first = decide(state, event, knowledge)
        again = decide(msgspec.json.decode(msgspec.json.encode(state), type=State), event, knowledge)
        assert first == again
        msgspec.json.encode(first.effects)
        asked = Say | OfferLink | RedeemLink | ConfirmLink | Unlink | Pass
        if isinstance(event, Started | MessageReceived | ChoicePressed | CommandGiven):
            assert any(isinstance(effect, asked) for effect in first.effects), f"silence after {event}"
        state = first.state
