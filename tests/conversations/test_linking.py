"""Nobody links, guesses, or keeps what is not theirs: codes that are given back, proofs that are lent, and any sequence of it all."""

from __future__ import annotations

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
    ConfirmLink,
    DropProof,
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
    DraftMissed,
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
)
from conversations.flows.linking import letter
from conversations.identity import LINK_LETTERS, LINK_TRIES, link_code, shown_code
from conversations.knowledge import Knowledge
from conversations.model import Address, Filling, Linked, OwnService, OwnTicket, State
from conversations.moments import DAY, HOUR, MINUTE
from tests.conversations.test_carried import FILL, NOW, Town, begun
from tests.conversations.test_engine import CONTENT

CODE = "4F7K2M9QX3TB8WRC"


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load_knowledge(CONTENT, None)


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
    st.builds(DraftMissed, key=st.sampled_from(["", "k"]), number=st.sampled_from(["", "N"]), peer=st.integers(1, 3)),
    st.builds(NotPassed, what=st.sampled_from(["draft_given", "peer_told"])),
    st.builds(
        TicketAnswered, ticket=st.just(OwnTicket("t", "N", "T")), text=st.just("hi"), place=st.just("web")
    ),
)  # fmt: skip


@settings(max_examples=300)
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
