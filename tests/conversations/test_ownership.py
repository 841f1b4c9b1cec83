"""Account data never leaves without valid proof: whatever is typed, pressed, replayed, guessed or pretended, in any order."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.knowledge import load_knowledge
from conversations import events, ownership
from conversations.effects import CheckCode, Effect, OpenTicket, Recognise, Redact, Say, SendCode
from conversations.engine import decide
from conversations.events import (
    ChoicePressed,
    CodeSent,
    CommandGiven,
    CustomerIdentified,
    Event,
    MessageReceived,
    ProofEnded,
    ProofFailed,
    ProofGiven,
    Started,
)
from conversations.identity import CODE_DIGITS, SENDS_TO_ONE, TRIES
from conversations.knowledge import Knowledge
from conversations.model import OwnService, Proof, Proving, State
from conversations.moments import DAY, HOUR, MINUTE
from tests.conversations.test_engine import CONTENT

NOW = 1_800_000_000_000
ANA, BEN = "ana@example.com", "ben@example.com"
OWN = {
    ANA: OwnService("987654321", "ana-secret", "vps", ("198.41.0.77",)),
    BEN: OwnService("987654322", "ben-secret", "vps", ("198.41.0.78",)),
}
"""Their numbers are none that the time can come to hold, which stands in keys."""
FACTS: dict[str, str] = {}


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load_knowledge(CONTENT, None)


def proof(email: str = ANA, at: int = NOW, until: int = NOW + DAY) -> Proof:
    return Proof(1, f"C-{email}", "Somebody", email, "code", at, until, (OWN[email],))


def given_to(email: str, until: int = NOW + DAY) -> ProofGiven:
    return ProofGiven(account=1, number=f"C-{email}", name="Somebody", email=email, how="code", until=until, services=(OWN[email],))


class Talk:
    """One conversation and what it was told; `at` is moved by hand."""

    def __init__(self, knowledge: Knowledge, state: State | None = None) -> None:
        self.knowledge = knowledge
        self.state = state or State(locale="en", locale_chosen=True)
        self.at = NOW
        self.effects: tuple[Effect, ...] = ()

    def happens(self, event: Event, after: int = 1000) -> str:
        self.at += after
        decision = decide(self.state, msgspec.structs.replace(event, seq=self.at, at=self.at), self.knowledge)
        self.state, self.effects = decision.state, decision.effects
        return msgspec.json.encode([effect.message for effect in self.effects if isinstance(effect, Say)]).decode()

    def says(self, text: str, after: int = 1000) -> str:
        return self.happens(MessageReceived(text=text), after)

    def did(self, kind: type[Effect]) -> list[Effect]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def proven(self) -> str:
        self.happens(CommandGiven(name="services"))
        self.says(ANA)
        self.happens(CodeSent(email=ANA, left=2))
        self.says("123456")
        return self.happens(given_to(ANA, self.at + DAY))


anything: st.SearchStrategy[Event] = st.one_of(
    st.just(Started()),
    st.builds(
        MessageReceived,
        text=st.sampled_from(
            ["my services", "mis servicios", ANA, BEN, "123456", "000000", "cancel", "again", "1", "2", "menu", "open a ticket",
             "technical", "regular", "yes", "skip", "send", "my ip is 198.41.0.77", "C-ana@example.com", '{"type":"proof_given"}'],
        ),
    ),
    st.builds(ChoicePressed, key=st.builds("{}.{}".format, st.integers(1, 20), st.integers(1, 9))),
    st.builds(CommandGiven, name=st.sampled_from(["services", "menu", "ticket", "tickets", "person", "help", "proof_given"])),
    st.builds(CustomerIdentified, subject=st.just("c1"), name=st.just("X"), email=st.sampled_from(["", ANA, BEN, "x@example.com"])),
    st.builds(CodeSent, email=st.sampled_from([ANA, BEN]), left=st.integers(0, 2)),
    st.builds(ProofFailed, email=st.sampled_from([ANA, BEN]), reason=st.sampled_from(["wrong", "expired", "too_many", "unavailable"])),
    st.builds(ProofEnded, email=st.sampled_from([ANA, BEN])),
    st.builds(given_to, st.sampled_from([ANA, BEN]), until=st.integers(NOW, NOW + 2 * DAY)),
)  # fmt: skip


@settings(max_examples=400)
@given(sequence=st.lists(st.tuples(anything, st.sampled_from([1, MINUTE, 20 * MINUTE, 13 * HOUR])), max_size=30))
def test_only_whose_account_is_proven_right_now_hears_of_it(sequence: list[tuple[Event, int]], knowledge: Knowledge) -> None:
    talk, valid = Talk(knowledge), {ANA: 0, BEN: 0}
    for event, after in sequence:
        told = talk.happens(event, after)
        match event:
            case ProofGiven(email=email, until=until) if talk.at < until:
                valid = {ANA: 0, BEN: 0, email: until}
            case ProofEnded(email=email):
                valid[email] = 0
            case CustomerIdentified(email=email):
                valid = {each: until if each == email else 0 for each, until in valid.items()}
        for email, own in OWN.items():
            if own.name in told or own.number in told:
                assert talk.at < valid[email], f"{email} was told to {event}"
            # What may not be told any more is not kept either.
            kept = talk.state.proof is not None and talk.state.proof.email == email
            assert not kept or talk.at < valid[email]


def test_a_proof_opens_the_account_and_its_end_closes_it(knowledge: Knowledge) -> None:
    talk = Talk(knowledge)
    assert "ana-secret" in talk.proven()
    assert "ana-secret" in talk.says("my services")
    assert "ana-secret" in talk.says("my services", DAY - 10 * MINUTE)
    assert "ana-secret" not in talk.says("my services", 10 * MINUTE)
    assert isinstance(talk.state.frames[-1], Proving)
    assert "ana-secret" not in msgspec.json.encode(talk.state).decode()


def test_a_changed_address_ends_what_it_proved(knowledge: Knowledge) -> None:
    talk = Talk(knowledge)
    talk.proven()
    talk.happens(ProofEnded(email=BEN))
    assert "ana-secret" in talk.says("my services")
    talk.happens(ProofEnded(email=ANA))
    assert (talk.state.proof, talk.state.email, talk.state.name) == (None, "", "")
    assert "ana-secret" not in talk.says("my services")


def test_a_proof_that_comes_too_late_proves_nothing(knowledge: Knowledge) -> None:
    talk = Talk(knowledge)
    talk.happens(CommandGiven(name="services"))
    talk.says(ANA)
    assert talk.happens(given_to(ANA, NOW + MINUTE), HOUR) == "[]"
    assert talk.state.proof is None


def test_somebody_else_at_the_same_screen_does_not_inherit_the_proof(knowledge: Knowledge) -> None:
    talk = Talk(knowledge)
    talk.proven()
    talk.happens(CustomerIdentified(subject="ben", name="Ben", email=BEN))
    assert "ana-secret" not in talk.says("my services")
    assert talk.happens(given_to(BEN, talk.at + DAY)).count("ben-secret") == 1


def test_a_page_that_proves_the_address_is_looked_up_and_not_believed_to_know_the_account(knowledge: Knowledge) -> None:
    talk = Talk(knowledge)
    talk.happens(CustomerIdentified(subject="ana", name="Ana", email="Ana@Example.com"))
    assert [effect.email for effect in talk.effects if isinstance(effect, Recognise)] == [ANA]
    assert talk.state.proof is None
    assert "ana-secret" not in talk.says("my services")


def test_an_outcome_for_another_address_changes_nothing(knowledge: Knowledge) -> None:
    talk = Talk(knowledge)
    talk.happens(CommandGiven(name="services"))
    talk.says(ANA)
    before = talk.state.frames
    for stray in (CodeSent(email=BEN), ProofFailed(email=BEN, reason="too_many"), ProofFailed(email=BEN, reason="wrong")):
        assert talk.happens(stray) == "[]"
    assert talk.state.frames == before


def test_a_code_is_hidden_and_neither_kept_nor_said_again(knowledge: Knowledge) -> None:
    talk = Talk(knowledge)
    talk.happens(CommandGiven(name="services"))
    talk.says(ANA)
    for typed in ("482913", "482 913", "my code is 482-913, thanks", "4829"):
        told = talk.says(typed)
        [hidden] = talk.did(Redact)
        assert isinstance(hidden, Redact)
        assert not any(digit in hidden.text for digit in "48291")
        assert "4829" not in told + msgspec.json.encode(talk.state).decode()


def test_a_code_goes_to_the_address_that_was_asked_for_last(knowledge: Knowledge) -> None:
    talk = Talk(knowledge)
    talk.happens(CommandGiven(name="services"))
    talk.says(ANA)
    talk.says(f"sorry, {BEN}")
    assert talk.did(SendCode) == [SendCode(BEN)]
    talk.says("123456")
    assert [effect.email for effect in talk.effects if isinstance(effect, CheckCode)] == [BEN]


def test_what_the_team_writes_meanwhile_does_not_make_the_code_a_reply(knowledge: Knowledge) -> None:
    from conversations.events import TicketReplied
    from conversations.model import OwnTicket

    talk = Talk(knowledge)
    talk.happens(CommandGiven(name="services"))
    talk.says(ANA)
    talk.happens(TicketReplied(ticket=OwnTicket("k", "4F7K-2M9Q", "Mail"), text="All well now?", place="cli"))
    talk.says("123456")
    assert [type(effect) for effect in talk.effects] == [Redact, CheckCode]


def test_without_a_way_to_send_codes_people_are_offered_and_no_address_is_asked_for(knowledge: Knowledge) -> None:
    talk = Talk(msgspec.structs.replace(knowledge, codes=""))
    told = talk.happens(CommandGiven(name="services"))
    assert "Talk to a person" in told
    assert not isinstance(talk.state.frames[-1], Proving)


@pytest.mark.parametrize(
    ("action", "age", "enough"),
    [
        ("menu", DAY + 1, True),
        ("services", 0, True),
        ("services", DAY - 1, True),
        ("services", DAY, False),
        ("reboot", 15 * MINUTE - 1, True),
        ("reboot", 15 * MINUTE, False),
        ("reboot", DAY, False),
        ("reboot", -2 * MINUTE, False),
    ],
)
def test_how_old_a_proof_may_be(action: str, age: int, enough: bool) -> None:
    assert ownership.allows(State(proof=proof()), action, NOW + age, FACTS) is enough


def test_what_is_not_public_is_for_nobody_without_a_proof() -> None:
    for action, sensitivity in ownership.SENSITIVITY.items():
        assert ownership.allows(State(name="Ana", email=ANA), action, NOW, FACTS) is (sensitivity == "public")


def test_the_desk_says_how_long_a_proof_counts() -> None:
    assert ownership.proof_ms({"proof_hours": "2"}) == 2 * HOUR
    assert ownership.proof_ms({"proof_hours": "for ever"}) == ownership.PROOF_HOURS * HOUR
    assert not ownership.allows(State(proof=proof()), "reboot", NOW + MINUTE, {"proof_fresh_minutes": "1"})


@pytest.mark.parametrize(
    ("asset", "own"),
    [
        ("#987654321", True),
        ("#987654322", False),
        ("198.41.0.77", True),
        ("198.41.0.78", False),
        ("198.41.0.0/24", False),
        ("2001:db8:1::7", True),
        ("2001:db8:1::/64", True),
        ("2001:db8:2::7", False),
    ],
)
def test_what_is_the_accounts_own(asset: str, own: bool) -> None:
    mine = msgspec.structs.replace(proof(), services=(OWN[ANA], OwnService("#7", "v6", "", ("2001:db8:1::/48",))))
    assert (ownership.foreign([asset], mine) == []) is own
    assert ownership.foreign([asset], msgspec.structs.replace(mine, more=1)) == []


def test_guessing_takes_longer_than_anybody_lives() -> None:
    guesses_a_year = SENDS_TO_ONE * TRIES * 365
    assert 10**CODE_DIGITS / guesses_a_year > 90


def test_a_ticket_says_how_it_was_proven_whose_it_is(knowledge: Knowledge) -> None:
    def opened(talk: Talk) -> OpenTicket:
        for said in ("technical", "regular", "skip", "skip", "My mail queue is stuck since this morning.", "skip"):
            talk.says(said)
        talk.says("skip")
        talk.says("send")
        [ticket] = talk.did(OpenTicket)
        assert isinstance(ticket, OpenTicket)
        return ticket

    unproven = Talk(knowledge)
    unproven.happens(CommandGiven(name="ticket"))
    assert (opened(unproven).proof, unproven.state.proof) == ("", None)
    proven = Talk(knowledge)
    proven.proven()
    at = proven.at
    proven.happens(CommandGiven(name="ticket"))
    ticket = opened(proven)
    assert (ticket.proof, ticket.proved_at, ticket.account, ticket.email) == ("code", at, f"C-{ANA}", ANA)
    late = Talk(knowledge, State(locale="en", locale_chosen=True, proof=proof(until=NOW + MINUTE)))
    late.happens(CommandGiven(name="ticket"), HOUR)
    assert opened(late).proof == ""


def test_what_only_the_desk_may_say_is_every_event_that_no_customer_causes() -> None:
    in_chat = {
        "Started",
        "MessageReceived",
        "MessageEdited",
        "MessageDeleted",
        "ChoicePressed",
        "CommandGiven",
        "FormAnswered",
        "CustomerIdentified",
    }
    theirs = in_chat | {"TicketAnswered", "TicketDecided"}  # in the client area
    assert {kind.__name__ for kind in get_args(events.Event)} - theirs == {kind.__name__ for kind in events.OURS}
