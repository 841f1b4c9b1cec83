"""What goes by mail as well: to whom, about what, and what never does."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from adapters.text import PLAIN
from bot.knowledge import load_knowledge
from conversations.effects import Effect, Mail, Say
from conversations.engine import decide
from conversations.events import ChoicePressed, CommandGiven, CustomerIdentified, Event, MessageReceived, TicketChanged, TicketReplied
from conversations.knowledge import Knowledge
from conversations.model import Attachment, OwnTicket, State

NOW = 1_800_000_000_000
OWN = OwnTicket("k1", "4F7K-2M9Q", "Down", "open", NOW, email="ana@customer.example")
FILE = Attachment("f" * 64, "mtr.txt", "text/plain", 120)


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge(Path(__file__).parents[2] / "content" / "introserv", None)


def mails(effects: tuple[Effect, ...]) -> list[Mail]:
    return [effect for effect in effects if isinstance(effect, Mail)]


DETAILS = "My mail queue is stuck since this morning.\nSee https://evil.example/"


def opened(knowledge: Knowledge, state: State, email: str, details: str = DETAILS) -> tuple[State, tuple[Effect, ...]]:
    """A ticket of regular priority, sent; what its last turn left and did."""
    # A proven address is not asked for.
    said = ["technical", "regular", "skip", "skip", details, "skip", *([] if state.email else [email or "skip"]), "send"]
    events: list[Event] = [CommandGiven(name="ticket", locale="en"), *(MessageReceived(text=text) for text in said)]
    effects: tuple[Effect, ...] = ()
    for seq, event in enumerate(events, 1):
        assert mails(effects) == [], "nothing is mailed before it is sent"
        state, effects = msgspec.structs.astuple(decide(state, msgspec.structs.replace(event, seq=seq, at=NOW), knowledge))
    return state, effects


def test_a_ticket_that_was_opened_is_confirmed(knowledge: Knowledge) -> None:
    state, effects = opened(knowledge, State(locale="en"), "Ana@Customer.example")
    [own] = state.tickets
    [mail] = mails(effects)
    assert mail.email == own.email == "ana@customer.example"
    assert mail.message.subject == f"[{own.number}] {own.title}"
    assert mail.message.about == own.number
    assert mail.message.choices == ()
    said = PLAIN.doc(mail.message.doc)
    assert own.number in said
    assert "within" in said
    assert "evil.example" not in said, "the address is not proven: strangers' words do not go there"


@pytest.mark.parametrize(
    ("details", "title"),
    [
        (DETAILS, "My mail queue is stuck since this morning"),
        ("Mail is stuck! It was fine before.", "Mail is stuck!"),
        ("It worked, and then...\nnothing at all", "It worked, and then..."),
    ],
)
def test_a_title_has_no_full_stop(knowledge: Knowledge, details: str, title: str) -> None:
    state, effects = opened(knowledge, State(locale="en"), "ana@customer.example", details)
    assert [mail.message.subject for mail in mails(effects)] == [f"[{state.tickets[0].number}] {title}"]


def test_to_a_proven_address_goes_what_was_sent(knowledge: Knowledge) -> None:
    state = decide(State(), CustomerIdentified(seq=90, at=NOW, subject="7", email="eva@customer.example", locale="en"), knowledge).state
    _, effects = opened(knowledge, state, "")
    [mail] = mails(effects)
    assert mail.email == "eva@customer.example"
    assert "My mail queue is stuck since this morning." in PLAIN.doc(mail.message.doc)


def test_without_an_address_nothing_is_mailed(knowledge: Knowledge) -> None:
    state, effects = opened(knowledge, State(locale="en"), "")
    assert mails(effects) == []
    assert state.tickets[0].email == ""


@pytest.mark.parametrize("locale", ["es", "en"])
def test_the_teams_reply_is_said_here_and_mailed_with_its_files(knowledge: Knowledge, locale: str) -> None:
    event = TicketReplied(seq=1, at=NOW, ticket=OWN, text="Is it *this* one?", name="Eva", files=(FILE,))
    effects = decide(State(tickets=(OWN,), locale=locale), event, knowledge).effects
    [mail], [said] = mails(effects), [effect for effect in effects if isinstance(effect, Say)]
    assert (mail.email, mail.message.files, mail.message.choices, mail.message.locale) == (OWN.email, (FILE,), (), locale)
    assert said.message.files == (FILE,)
    assert said.message.choices
    for message in (mail.message, said.message):
        assert "Is it *this* one?" in PLAIN.doc(message.doc)
    assert PLAIN.doc(mail.message.doc).startswith(PLAIN.doc(said.message.doc))


def test_the_proven_address_wins(knowledge: Knowledge) -> None:
    state = State(tickets=(OWN,), email="registered@customer.example")
    [mail] = mails(decide(state, TicketReplied(seq=1, at=NOW, ticket=OWN, text="Hi"), knowledge).effects)
    assert mail.email == "registered@customer.example"


@pytest.mark.parametrize(("state", "count"), [("resolved", 1), ("closed", 1), ("claimed", 0), ("waiting_vendor", 0), ("merged", 0)])
def test_the_end_of_a_ticket_is_mailed_and_no_other_change(knowledge: Knowledge, state: str, count: int) -> None:
    effects = decide(State(tickets=(OWN,)), TicketChanged(seq=1, at=NOW, ticket=OWN, state=state), knowledge).effects
    assert len(mails(effects)) == count


def test_what_the_customer_does_is_not_mailed_back(knowledge: Knowledge) -> None:
    replied = decide(State(tickets=(OWN,), locale="en"), TicketReplied(seq=1, at=NOW, ticket=OWN, text="Hi"), knowledge)
    answered = decide(replied.state, MessageReceived(seq=2, at=NOW + 1, text="yes, the new one"), knowledge)
    assert mails(answered.effects) == []
    [close] = [offer for offer in replied.state.prompts[-1].offers if offer.action == "ticket_close"]
    key = f"{replied.state.prompts[-1].id}.{replied.state.prompts[-1].offers.index(close) + 1}"
    closed = decide(replied.state, ChoicePressed(seq=3, at=NOW + 2, key=key), knowledge)
    assert closed.state.tickets[0].state == "closed"
    assert mails(closed.effects) == []


def test_a_state_of_an_earlier_release_gets_the_address_from_the_ticket(knowledge: Knowledge) -> None:
    old = msgspec.json.decode(b'{"tickets":[{"key":"k1","number":"4F7K-2M9Q","title":"Down","state":"open"}]}', type=State)
    decided = decide(old, TicketReplied(seq=1, at=NOW, ticket=OWN, text="Hi"), knowledge)
    assert [mail.email for mail in mails(decided.effects)] == [OWN.email]
    assert decided.state.tickets[0].email == OWN.email
