"""The life of a ticket: every way is a way to somewhere, thanks are told from news, and the team's acts are said where it was opened."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.knowledge import load_knowledge
from conversations import tickets
from conversations.effects import AddToTicket, ChangeTicket, Effect, RateTicket, Say, SetTimer
from conversations.engine import Decision, decide
from conversations.events import (
    ChoicePressed,
    Event,
    MessageReceived,
    TicketAnswered,
    TicketChanged,
    TicketDecided,
    TicketReplied,
    TimerFired,
)
from conversations.flows.my_tickets import CLOSED_KEPT, FOLLOW_MS
from conversations.knowledge import Knowledge
from conversations.model import Attachment, Filling, Idle, OwnTicket, State
from conversations.moments import HOUR
from conversations.texts import plain

CONTENT = Path(__file__).parents[2] / "content" / "introserv"
NOW = 1_800_000_000_000
OWN = OwnTicket("k1", "4F7K-2M9Q", "Down", "open", NOW)


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge(CONTENT, None)


# --- states ---


def test_every_state_says_where_it_may_lead() -> None:
    assert set(tickets.WAYS) == set(tickets.STATES)
    assert all(ways <= set(tickets.STATES) and state not in ways for state, ways in tickets.WAYS.items() if state != "new")
    assert not tickets.allowed("open", "nonsense")
    assert not tickets.allowed("nonsense", "open")


def test_every_state_can_be_reached_and_none_but_merged_is_an_end() -> None:
    reached = {"new"}
    while more := {state for known in reached for state in tickets.WAYS[known]} - reached:  # type: ignore[index]
        reached |= more
    assert reached == set(tickets.STATES)
    assert [state for state, ways in tickets.WAYS.items() if not ways] == ["merged"]
    assert not any("new" in ways for ways in tickets.WAYS.values())


@pytest.mark.parametrize("state", tickets.STATES)
def test_what_is_written_leads_to_a_state_that_is_allowed(state: tickets.TicketState) -> None:
    for after in (tickets.after_customer_wrote(state), tickets.after_team_wrote(state)):
        assert after == state or tickets.allowed(state, after)


def test_the_most_particular_promise_holds() -> None:
    facts = {"first_reply_minutes": "10", "first_reply_minutes_financial": "60", "first_reply_minutes_technical_high": "5"}
    promised = {(d, p): tickets.promised_minutes(facts, d, p) for d in ("technical", "financial") for p in ("regular", "high")}
    assert promised == {("technical", "regular"): 10, ("technical", "high"): 5, ("financial", "regular"): 60, ("financial", "high"): 60}
    assert tickets.promised_minutes({}, "technical", "high") == 0
    assert tickets.closes_at({}, NOW) == NOW + 72 * HOUR
    assert tickets.closes_at({"auto_close_hours": "24"}, NOW) == NOW + 24 * HOUR


# --- thanks ---


@pytest.mark.parametrize(
    "text",
    [
        "gracias", "Gracias!", "¡Muchas gracias!",
        "muchísimas gracias por la ayuda", "ok, gracias", "Perfecto, ya funciona. Gracias", "thanks",
        "Thank you very much!", "thx", "Great, thanks a lot for your help :)", "it works now, thanks", "👍", "🙏🙏",
        "Solucionado, un saludo",
        "thanks 👍🏼", "Genial", "That's perfect, thank you",
    ],
)  # fmt: skip
def test_a_bare_thanks_is_told(text: str) -> None:
    assert tickets.is_bare_thanks(text)


@pytest.mark.parametrize(
    "text",
    [
        "gracias, pero sigue sin funcionar", "thanks, still down", "gracias por nada", "gracias?", "¿ya funciona? gracias", "ok", "", "...",
        "no funciona", "thanks but no", "gracias. 8.8.8.8 sigue igual", "thanks, the second server too", "muchas gracias 2", "hola", "yes",
        "Gracias por todo, aunque el panel sigue dando un error al entrar",
        "thanks thanks thanks thanks thanks thanks thanks thanks thanks", "👎",
        "gracias 😡", "thanks for the reply, it is down again", "perfecto, ahora falla otra cosa",
    ],
)  # fmt: skip
def test_news_is_no_bare_thanks(text: str) -> None:
    assert not tickets.is_bare_thanks(text)


@given(st.text(max_size=200))
def test_a_thanks_has_no_question_and_no_figure(text: str) -> None:
    if tickets.is_bare_thanks(text):
        assert not any(c in "?¿" or c.isdigit() for c in text)


# --- the talk about them ---


def state(*own: OwnTicket, **more: object) -> State:
    return State(locale="en", locale_chosen=True, greeted=True, tickets=own, **more)  # type: ignore[arg-type]


def said(decision: Decision) -> list[Say]:
    return [effect for effect in decision.effects if isinstance(effect, Say)]


def done(decision: Decision) -> list[Effect]:
    return [effect for effect in decision.effects if not isinstance(effect, Say)]


def test_a_reply_of_the_team_is_said_and_the_answer_goes_to_the_ticket(knowledge: Knowledge) -> None:
    told = decide(state(OWN), TicketReplied(seq=1, at=NOW, ticket=OWN, text="Which <server>?", name="Eva", place="cli"), knowledge)
    assert done(told) == [
        AddToTicket("k1", "team", "Which <server>?", "Eva"),
        ChangeTicket("k1", "open", "waiting_customer", "Eva", "cli"),
    ]
    answered = decide(told.state, MessageReceived(seq=2, at=NOW + 1, text="the second one, in Madrid"), knowledge)
    assert done(answered) == [
        AddToTicket("k1", "customer", "the second one, in Madrid"),
        ChangeTicket("k1", "waiting_customer", "open", "customer"),
    ]
    more = decide(answered.state, MessageReceived(seq=3, at=NOW + 2, text="it has a red light"), knowledge)
    assert done(more) == [AddToTicket("k1", "customer", "it has a red light")]


def test_files_are_a_reply_too(knowledge: Knowledge) -> None:
    told = decide(state(OWN), TicketReplied(seq=1, at=NOW, ticket=OWN, text="A screenshot?"), knowledge)
    shot = Attachment("f1", "shot.png")
    answered = decide(told.state, MessageReceived(seq=2, at=NOW + 1, text="", files=(shot,)), knowledge)
    assert AddToTicket("k1", "customer", "", files=(shot,)) in done(answered)


def test_what_comes_long_after_is_a_question_to_the_desk(knowledge: Knowledge) -> None:
    told = decide(state(OWN), TicketReplied(seq=1, at=NOW, ticket=OWN, text="Well?"), knowledge)
    later = decide(told.state, MessageReceived(seq=2, at=NOW + FOLLOW_MS + 1, text="the second one"), knowledge)
    assert not any(isinstance(effect, AddToTicket) for effect in later.effects)


def test_a_form_under_way_goes_on_after_the_teams_reply(knowledge: Knowledge) -> None:
    filling = Filling("ticket", 1, "k2", "AAAA-BBBB", {"department": "technical"}, focus="priority", at=NOW)
    told = decide(state(OWN, frames=(Idle(), filling)), TicketReplied(seq=9, at=NOW, ticket=OWN, text="Well?"), knowledge)
    assert isinstance(told.state.frames[-1], Filling)
    assert [bool(say.message.choices) for say in said(told)] == [False, True]
    assert len(told.state.tickets) == 1


@pytest.mark.parametrize(
    ("text", "reopens"), [("thanks!", False), ("muchas gracias", False), ("it is down again", True), ("thanks?", True)]
)
def test_only_news_reopens(knowledge: Knowledge, text: str, reopens: bool) -> None:
    told = decide(state(OWN), TicketChanged(seq=1, at=NOW, ticket=OWN, state="resolved"), knowledge)
    assert SetTimer("ticket:k1", NOW + 72 * HOUR) in told.effects
    after = decide(told.state, MessageReceived(seq=2, at=NOW + 1, text=text), knowledge)
    assert AddToTicket("k1", "customer", text) in after.effects
    assert (ChangeTicket("k1", "resolved", "reopened", "customer") in after.effects) == reopens


def test_it_closes_by_itself_only_while_it_is_resolved(knowledge: Knowledge) -> None:
    fired = TimerFired(seq=5, at=NOW, name="ticket:k1", due_at=NOW)
    assert decide(state(OWN), fired, knowledge).effects == ()
    closing = decide(state(OwnTicket("k1", "N", "T", "resolved")), fired, knowledge)
    assert done(closing) == [ChangeTicket("k1", "resolved", "closed", "desk")]
    [asked] = said(closing)
    rated = decide(closing.state, ChoicePressed(seq=6, at=NOW, key=asked.message.choices[4].key), knowledge)
    assert done(rated) == [RateTicket("k1", 5)]
    assert rated.state.tickets[0].rating == 5


def test_what_is_not_allowed_changes_nothing_and_is_noted(knowledge: Knowledge) -> None:
    over = OwnTicket("k1", "N", "T", "closed")
    asked = decide(state(over), TicketChanged(seq=1, at=NOW, ticket=OWN, state="claimed", name="Eva", place="cli"), knowledge)
    assert asked.effects == (ChangeTicket("k1", "closed", "closed", "Eva", "cli"),)
    assert asked.state.tickets == (over,)


def test_of_the_closed_only_the_last_are_kept_in_mind(knowledge: Knowledge) -> None:
    own = [OwnTicket(f"c{n}", f"N{n}", "T", "closed") for n in range(9)]
    told = decide(state(*own, OWN), TicketReplied(seq=1, at=NOW, ticket=OwnTicket("new", "N", "T", "open"), text="Hi"), knowledge)
    assert [each.key for each in told.state.tickets] == [*(f"c{n}" for n in range(9 - CLOSED_KEPT, 9)), "k1", "new"]


def test_a_secret_hidden_by_the_intake_is_told_of(knowledge: Knowledge) -> None:
    warned = decide(state(), MessageReceived(seq=1, at=NOW, text="hola", masked=("password", "nonsense")), knowledge)
    assert len(said(warned)) == 2
    assert said(warned)[0].message.doc == knowledge.texts.doc("secret.password", "en")


# --- what the customer does in the client area ---


def test_a_reply_from_the_client_area_is_kept_and_shown_in_the_chat(knowledge: Knowledge) -> None:
    file = Attachment("f" * 64, "mtr.txt", "text/plain", 9)
    waiting = replace(OWN, state="waiting_customer")
    event = TicketAnswered(seq=1, at=NOW, ticket=waiting, text="The <new> one", place="area", files=(file,))
    told = decide(state(waiting), event, knowledge)
    assert done(told) == [
        AddToTicket("k1", "customer", "The <new> one", "", (file,)),
        ChangeTicket("k1", "waiting_customer", "open", "customer", "area"),
    ]
    (shown,) = [plain(say.message.doc) for say in said(told)]
    assert "Client Area" in shown
    assert "The <new> one" in shown
    assert "mtr.txt" in shown
    assert told.state.tickets[0].state == "open"


def test_from_the_client_area_too_a_thanks_reopens_nothing_and_news_do(knowledge: Knowledge) -> None:
    over = replace(OWN, state="closed")
    thanks = decide(state(over), TicketAnswered(seq=1, at=NOW, ticket=over, text="Thank you very much!", place="area"), knowledge)
    assert thanks.state.tickets[0].state == "closed"
    news = decide(state(over), TicketAnswered(seq=1, at=NOW, ticket=over, text="It is down again", place="area"), knowledge)
    assert news.state.tickets[0].state == "reopened"
    assert "open again" in plain(said(news)[0].message.doc)


def test_a_secret_in_a_reply_from_the_client_area_is_hidden_and_the_customer_warned(knowledge: Knowledge) -> None:
    told = decide(state(OWN), TicketAnswered(seq=1, at=NOW, ticket=OWN, text="password: hunter2-Zebra!", place="area"), knowledge)
    assert "hunter2" not in str(told)
    assert "password" in plain(said(told)[0].message.doc)


def test_a_ticket_is_closed_reopened_and_rated_from_the_client_area(knowledge: Knowledge) -> None:
    closed = decide(state(OWN), TicketDecided(seq=1, at=NOW, ticket=OWN, what="close", place="area"), knowledge)
    assert done(closed) == [ChangeTicket("k1", "open", "closed", "customer", "area")]
    assert len(said(closed)[0].message.choices) == 6
    # Seen before it was closed, so it is closed once.
    again = decide(closed.state, TicketDecided(seq=2, at=NOW, ticket=OWN, what="close", place="area"), knowledge)
    assert again.effects == ()
    rated = decide(closed.state, TicketDecided(seq=3, at=NOW, ticket=OWN, what="rate", rating=4, place="area"), knowledge)
    assert done(rated) == [RateTicket("k1", 4)]
    assert "4 out of 5" in plain(said(rated)[0].message.doc)
    assert decide(rated.state, TicketDecided(seq=4, at=NOW, ticket=OWN, what="rate", rating=6, place="area"), knowledge).effects == ()
    open_again = decide(rated.state, TicketDecided(seq=5, at=NOW, ticket=OWN, what="reopen", place="area"), knowledge)
    assert done(open_again) == [ChangeTicket("k1", "closed", "reopened", "customer", "area")]


own_tickets = st.builds(
    OwnTicket, st.sampled_from("abc"), st.text(max_size=9), st.text(max_size=9), st.sampled_from([*tickets.STATES, "?"])
)
acts: st.SearchStrategy[Event] = st.one_of(
    st.builds(TicketReplied, ticket=own_tickets, text=st.text(max_size=40), state=st.sampled_from(["", *tickets.STATES, "?"])),
    st.builds(TicketAnswered, ticket=own_tickets, text=st.sampled_from(["", "thanks", "Still down", "a\nb"]), place=st.just("area")),
    st.builds(
        TicketDecided,
        ticket=own_tickets,
        what=st.sampled_from(["close", "reopen", "rate"]),
        place=st.just("area"),
        rating=st.integers(-1, 7),
    ),
    st.builds(TicketChanged, ticket=own_tickets, state=st.sampled_from([*tickets.STATES, "?"]), name=st.text(max_size=5)),
    st.builds(
        MessageReceived, text=st.sampled_from(["thanks", "no", "my tickets", "1", "2", "reply", "reopen it", "news!", "cancel", "hola"])
    ),
    st.builds(TimerFired, name=st.sampled_from(["ticket:a", "ticket:?"]), due_at=st.just(0)),
    st.builds(ChoicePressed, key=st.builds("{}.{}".format, st.integers(1, 30), st.integers(1, 6))),
)


@given(st.lists(acts, max_size=30))
def test_each_change_is_from_where_the_ticket_stands_to_where_it_may_go(knowledge: Knowledge, events: list[Event]) -> None:
    now, stands = State(locale="en"), dict[str, str]()
    for seq, event in enumerate(events, 1):
        decision = decide(now, at(event, seq), knowledge)
        for effect in decision.effects:
            if isinstance(effect, ChangeTicket):
                assert effect.before == effect.state or tickets.allowed(effect.before, effect.state)
                assert stands.get(effect.key, effect.before) == effect.before
                stands[effect.key] = effect.state
        now = decision.state


def at(event: Event, seq: int) -> Event:
    return replace(event, seq=seq, at=NOW + seq * 60_000)
