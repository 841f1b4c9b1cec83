"""Subscriptions in the engine: what is switched is what is kept, rooms are refused, and a notice shows words as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.text import PLAIN
from bot.knowledge import load_knowledge
from conversations.effects import Effect, Say, Subscribe, Unsubscribe
from conversations.engine import decide
from conversations.events import ChoicePressed, CommandGiven, Event, MessageReceived, SubscriptionsEnded
from conversations.flows import subscriptions
from conversations.knowledge import Knowledge
from conversations.model import Choice, Filling, State
from tests.conversations.test_engine import CONTENT, anything, play


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge(CONTENT, None)


@pytest.fixture(scope="module")
def silent(knowledge: Knowledge) -> Knowledge:
    """A desk that declares no notices."""
    lists = {name: listed for name, listed in knowledge.desk.lists.items() if name != "notices"}
    return replace(knowledge, desk=replace(knowledge.desk, lists=lists))


def after(state: State, event: Event, knowledge: Knowledge) -> tuple[State, tuple[Effect, ...], list[str]]:
    decision = decide(state, replace(event, seq=state.turns + 1, at=1000), knowledge)
    said = [PLAIN.doc(effect.message.doc) for effect in decision.effects if isinstance(effect, Say)]
    return decision.state, decision.effects, said


def choices(effects: tuple[Effect, ...]) -> list[Choice]:
    return [choice for effect in effects if isinstance(effect, Say) for choice in effect.message.choices]


LINK = CommandGiven(name="start", argument="sub_outage", locale="en")


@settings(max_examples=200)
@given(sequence=st.lists(anything, max_size=25))
def test_what_the_effects_have_kept_is_always_what_the_state_shows(sequence: list[Event], knowledge: Knowledge) -> None:
    kept: set[str] = set()
    for event, (state, effects) in zip(sequence, play(sequence, knowledge), strict=True):
        for effect in effects:
            if isinstance(effect, Subscribe):
                assert not event.shared
                kept.add(effect.topic)
            elif isinstance(effect, Unsubscribe):
                kept.discard(effect.topic)
        assert sorted(state.subscriptions) == sorted(kept)


@pytest.mark.parametrize("event", [LINK, CommandGiven(name="notices", locale="en"), ChoicePressed(key="on.outage")])
def test_where_several_people_read_nothing_is_switched_and_they_are_told_where_to(event: Event, knowledge: Knowledge) -> None:
    state, effects, said = after(State(locale="en"), replace(event, shared=True), knowledge)
    assert not state.subscriptions
    assert [type(effect) for effect in effects] == [Say]
    assert "private chat" in said[0]


@pytest.mark.parametrize("argument", ["sub_outage", "notices"])
def test_a_desk_without_notices_greets_whoever_follows_an_old_link(argument: str, silent: Knowledge) -> None:
    state, effects, said = after(State(locale="en"), CommandGiven(name="start", argument=argument), silent)
    assert "automatic assistant" in said[0]
    assert not state.subscriptions
    assert not any("otices" in choice.label for choice in choices(effects))


@pytest.mark.parametrize("event", [CommandGiven(name="notices"), MessageReceived(text="stop notices"), ChoicePressed(key="off.outage")])
def test_a_desk_without_notices_knows_no_such_thing(event: Event, silent: Knowledge) -> None:
    _, effects, said = after(State(locale="en"), event, silent)
    assert said
    assert not any(isinstance(effect, Unsubscribe) or "otices in this chat" in str(effect) for effect in effects)


def test_a_desk_that_took_its_notices_out_says_no_more_of_them(silent: Knowledge) -> None:
    _, effects, _ = after(State(locale="en", subscriptions=("outage",)), CommandGiven(name="menu"), silent)
    assert not any("otices" in choice.label for choice in choices(effects))


def test_help_leads_to_the_notices_and_only_on_a_desk_that_has_some(knowledge: Knowledge, silent: Knowledge) -> None:
    def offered(desk: Knowledge) -> bool:
        return any(
            choice.label == "🔔 Notices in this chat" for choice in choices(after(State(locale="en"), CommandGiven(name="help"), desk)[1])
        )

    assert (offered(knowledge), offered(silent)) == (True, False)


def test_the_button_of_a_notice_works_whatever_was_said_since(knowledge: Knowledge) -> None:
    state, _, _ = after(State(), LINK, knowledge)
    [stop] = subscriptions.notice(knowledge, "en", "outage", {"en": "The network is slow."}).choices
    for n in range(20):
        state, _, _ = after(state, MessageReceived(text=f"question number {n}"), knowledge)
    state, effects, said = after(state, ChoicePressed(key=stop.key, label=stop.label), knowledge)
    assert effects[0] == Unsubscribe("outage")
    assert said == ["Done: I send no more notices of Outages to this chat."]
    assert not state.subscriptions


def test_where_there_is_no_button_its_words_can_be_typed(knowledge: Knowledge) -> None:
    state, _, _ = after(State(), LINK, knowledge)
    [stop] = subscriptions.notice(knowledge, "en", "outage", {"en": "x"}).choices
    state, _, _ = after(state, MessageReceived(text="which priority?"), knowledge)
    _, effects, _ = after(state, MessageReceived(text=stop.label), knowledge)
    assert effects[0] == Unsubscribe("outage")


@pytest.mark.parametrize("typed", ["unsubscribe", "/stop notices", "STOP NOTICES!", "no more notices"])
def test_they_are_stopped_in_plain_words(typed: str, knowledge: Knowledge) -> None:
    state, _, _ = after(State(), LINK, knowledge)
    _, effects, _ = after(state, MessageReceived(text=typed), knowledge)
    assert effects[0] == Unsubscribe("outage")


def test_a_form_that_asks_for_any_words_gets_them(knowledge: Knowledge) -> None:
    state = State(locale="en")
    for typed in ("open a ticket", "technical", "regular", "skip"):
        state, _, _ = after(state, MessageReceived(text=typed), knowledge)
    frame = state.frames[-1]
    assert isinstance(frame, Filling)
    assert frame.focus == "service"
    state, _, _ = after(state, MessageReceived(text="notifications"), knowledge)
    frame = state.frames[-1]
    assert isinstance(frame, Filling)
    assert frame.answers["service"] == "notifications"


def test_a_chat_that_could_not_be_reached_finds_its_notices_off_and_can_turn_them_on(knowledge: Knowledge) -> None:
    state, _, _ = after(State(), LINK, knowledge)
    state, effects, said = after(state, SubscriptionsEnded(topics=("outage", "gone")), knowledge)
    assert (said, state.subscriptions) == ([], ())
    assert effects == (Unsubscribe("outage"), Unsubscribe("gone"))
    state, effects, _ = after(state, LINK, knowledge)
    assert effects[0] == Subscribe("outage")
    assert state.subscriptions == ("outage",)


def test_one_that_the_desk_has_no_more_can_still_be_stopped(knowledge: Knowledge) -> None:
    state = State(locale="en", subscriptions=("gone", "outage"))
    assert after(state, ChoicePressed(key="off.gone"), knowledge)[1][0] == Unsubscribe("gone")
    assert after(state, MessageReceived(text="stop notices"), knowledge)[1][:2] == (Unsubscribe("gone"), Unsubscribe("outage"))


# --- how a notice looks ---


def test_the_teams_words_are_shown_as_they_are_in_paragraphs_and_lines(knowledge: Knowledge) -> None:
    message = subscriptions.notice(knowledge, "en", "outage", {"en": "**Now** {title} <b>\nsecond line\n\n\nlast one", "es": "no"})
    assert PLAIN.doc(message.doc).startswith("Outages\n\n**Now** {title} <b>\nsecond line\n\nlast one\n\nYou get this because")
    assert message.locale == "en"


@pytest.mark.parametrize(
    ("texts", "locale", "shown"),
    [
        ({"es": "hola", "en": "hello"}, "en", "hello"),
        ({"es": "hola", "en": "hello"}, "", "hola"),
        ({"es": "hola", "en": "hello"}, "fr", "hola"),
        ({"es": "hola"}, "en", "hola"),
        ({"en": "hello"}, "es", "hello"),
    ],
)
def test_who_reads_another_language_gets_the_one_there_is(texts: dict[str, str], locale: str, shown: str, knowledge: Knowledge) -> None:
    assert f"\n{shown}\n" in PLAIN.doc(subscriptions.notice(knowledge, locale, "outage", texts).doc)


def test_a_topic_that_left_the_desk_meanwhile_is_called_by_its_name(knowledge: Knowledge) -> None:
    message = subscriptions.notice(knowledge, "en", "gone", {"en": "hello"})
    assert PLAIN.doc(message.doc).startswith("gone\n")
    assert message.choices[0].key == "off.gone"


def test_keys_and_links_of_the_longest_name_are_within_every_platforms_limits(knowledge: Knowledge) -> None:
    longest = "x" * subscriptions.ID_LIMIT
    [stop] = subscriptions.notice(knowledge, "es", longest, {"es": "y"}).choices
    assert len(stop.key) <= 40
    assert len(subscriptions.PAYLOAD + longest) <= 64
    assert len(stop.label) <= 75


def test_content_is_where_the_desks_own_topics_are() -> None:
    code = (Path(subscriptions.__file__)).read_text(encoding="utf-8")
    assert "outage" not in code
    assert "maintenance" not in code
