"""Properties of `decide` over any sequence of events: total, deterministic, JSON-safe, and never losing a request."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.kept import Kept
from bot.knowledge import load_knowledge
from conversations import engine, events
from conversations.effects import (
    AmendRequest,
    CancelTimer,
    CheckCode,
    Effect,
    OfferLink,
    RecordRequest,
    RedeemLink,
    Say,
    SendCode,
    SetTimer,
)
from conversations.engine import decide
from conversations.events import (
    ChoicePressed,
    CodeSent,
    CommandGiven,
    CustomerIdentified,
    Event,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    ProofEnded,
    ProofFailed,
    ProofGiven,
    Started,
    SubscriptionsEnded,
    TimerFired,
)
from conversations.flows.contact import TIMER, number_of
from conversations.identity import EMAIL
from conversations.knowledge import Knowledge, Texts, Verdict
from conversations.model import Contact, Offer, OwnService, Prompt, State
from conversations.turn import meant, without_labels

CONTENT = Path(__file__).parents[2] / "content" / "introserv"


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load_knowledge(CONTENT, None)


said = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "hola",
            "¿Qué prioridad pongo?",
            "talk to a human",
            "open a ticket",
            "ana@empresa.com",
            "my mail is bob@example.org, thanks",
            "ana@@x",
            "no",
            "1",
            "99",
            "123456",
            "my services",
            "avisos",
            "stop notices",
            "cancel",
            "٣",
            "English",
            "Seguir sin correo",
            "<b>*hola*</b> {number} `x` [a](javascript:1)",
        ]
    ),
)
keys = st.one_of(
    st.text(max_size=10),
    st.sampled_from(["on.outage", "off.outage", "off.gone", "on.", "on.outage,maintenance"]),
    st.builds("{}.{}".format, st.integers(0, 40), st.integers(0, 12)),
)
anything: st.SearchStrategy[Event] = st.one_of(
    st.builds(Started, locale=st.sampled_from(["", "es", "en-GB", "pt_BR", "xx"])),
    st.builds(MessageReceived, text=said, locale=st.sampled_from(["", "es", "en"])),
    st.builds(MessageEdited, of=st.integers(0, 20).map(str), text=said, made=st.integers(0, 30_000)),
    st.builds(MessageDeleted, of=st.integers(0, 20).map(str)),
    st.builds(ChoicePressed, key=keys),
    st.builds(
        CommandGiven,
        name=st.sampled_from(["start", "menu", "help", "language", "person", "ticket", "services", "notices", "???"]),
        argument=st.sampled_from(
            [
                "",
                "en",
                "es",
                "xx",
                "ticket",
                "topic_verification",
                "topic_human",
                "topic_",
                "topic_nobody",
                "sub_outage",
                "sub_gone",
                "notices",
            ]
        ),
        shared=st.booleans(),
    ),
    st.builds(CustomerIdentified, subject=st.just("c1"), email=st.sampled_from(["", "c@example.com"])),
    st.builds(CodeSent, email=st.just("ana@empresa.com"), left=st.integers(0, 2)),
    st.builds(ProofFailed, email=st.just("ana@empresa.com"), reason=st.sampled_from(["wrong", "expired", "too_many", "unavailable"])),
    st.builds(ProofEnded, email=st.just("ana@empresa.com")),
    st.builds(
        ProofGiven,
        account=st.just(1),
        number=st.just("C-1"),
        name=st.sampled_from(["", "Ana"]),
        email=st.just("ana@empresa.com"),
        how=st.sampled_from(["code", "token"]),
        until=st.just(10_000),
        services=st.just((OwnService("1", "web-1"),)),
    ),
    st.builds(SubscriptionsEnded, topics=st.sampled_from([(), ("outage",), ("outage", "gone")])),
    st.builds(TimerFired, name=st.sampled_from([TIMER, "other"]), due_at=st.just(1)),
)


def play(sequence: list[Event], knowledge: Knowledge) -> list[tuple[State, tuple[Effect, ...]]]:
    """What is edited or deleted is looked up as a desk would; the sequence is left with what was found in it."""
    state, steps, kept = State(), [], Kept()
    for seq, event in enumerate(sequence, 1):
        event = msgspec.structs.replace(event, seq=seq, at=seq * 1000)
        if isinstance(event, MessageEdited | MessageDeleted):
            event = sequence[seq - 1] = msgspec.structs.replace(event, original=kept.original(int(event.of), state))
        decision = decide(state, event, knowledge)
        kept.apply(event, decision.effects)
        state = decision.state
        steps.append((state, decision.effects))
    return steps


@settings(max_examples=300)
@given(sequence=st.lists(anything, max_size=25))
def test_any_sequence_is_decided_the_same_way_again_and_survives_a_restart_at_every_step(
    sequence: list[Event], knowledge: Knowledge
) -> None:
    first = play(sequence, knowledge)
    state = State()
    for seq, (event, (expected, effects)) in enumerate(zip(sequence, first, strict=True), 1):
        # A restart between any two turns: the state comes back from its JSON, the event from its own.
        state = msgspec.json.decode(msgspec.json.encode(state), type=State)
        event = events.decoder.decode(events.encoder.encode(event))
        decision = decide(state, msgspec.structs.replace(event, seq=seq, at=seq * 1000), knowledge)
        assert decision.effects == effects
        assert decision.state == expected
        msgspec.json.encode(decision.effects)
        state = decision.state


@settings(max_examples=200)
@given(sequence=st.lists(anything, max_size=25))
@example(sequence=[MessageReceived(text=text) for text in ("VINCULAR", "A2B4-C6D8-E9F3-G5H7", "avisos", "hola")])
def test_whatever_a_customer_does_is_answered_and_choices_are_within_every_platforms_limits(
    sequence: list[Event], knowledge: Knowledge
) -> None:
    for event, (_, effects) in zip(sequence, play(sequence, knowledge), strict=True):
        messages = [effect.message for effect in effects if isinstance(effect, Say)]
        if isinstance(event, Started | MessageReceived | ChoicePressed | CommandGiven):
            # What comes of a code is told with the event that says so, and an offer to link is itself a message.
            told = messages or any(isinstance(effect, SendCode | CheckCode | OfferLink | RedeemLink) for effect in effects)
            assert told, f"silence after {event}"
        assert len({choice.key for message in messages for choice in message.choices}) == sum(len(m.choices) for m in messages)
        for message in messages:
            assert message.doc
            assert message.locale in knowledge.desk.locales
            for choice in message.choices:
                assert 0 < len(choice.label) <= 75
                assert len(choice.key.encode()) <= 40


@settings(max_examples=200)
@given(sequence=st.lists(anything, max_size=30))
def test_while_an_address_is_asked_for_there_is_a_record_and_a_timer(sequence: list[Event], knowledge: Knowledge) -> None:
    recorded: set[str] = set()
    timer = False
    for event, (state, effects) in zip(sequence, play(sequence, knowledge), strict=True):
        if isinstance(event, TimerFired) and event.name == TIMER:
            timer = False
        for effect in effects:
            match effect:
                case RecordRequest(key=key):
                    assert key not in recorded
                    recorded.add(key)
                case AmendRequest(key=key):
                    assert key in recorded
                case SetTimer():
                    timer = True
                case CancelTimer():
                    timer = False
                case _:
                    pass
        asking = [frame for frame in state.frames if isinstance(frame, Contact)]
        assert len(asking) <= 1
        assert all(frame.request in recorded for frame in asking)
        if asking:
            assert timer
        assert len(state.prompts) + len(state.earlier) <= 8
        # It parts an action from its argument in what is kept of earlier prompts.
        assert not any("=" in offer.action for prompt in state.prompts for offer in prompt.offers)


@given(
    action=st.sampled_from(["topic", "field", "my_ticket"]),
    argument=st.one_of(st.text(), st.sampled_from(["", "=", "service=a=b", "ticket"])),
    about=st.text(max_size=5),
)
def test_a_button_means_the_same_after_its_question_is_the_newest_no_longer(action: str, argument: str, about: str) -> None:
    prompt = Prompt("7", (Offer("first", "menu"), Offer("second", action, argument, aside=True)), about)
    state = State(earlier=(without_labels(prompt),))
    state = msgspec.json.decode(msgspec.json.encode(state), type=State)
    assert meant(state, "7", 1) == (Offer("", "menu"), about)
    assert meant(state, "7", 2) == (Offer("", action, argument), about)
    assert meant(state, "7", 3) is meant(state, "7", 0) is meant(state, "8", 1) is None


def test_the_buttons_of_a_state_that_an_earlier_release_stored_go_on_working(knowledge: Knowledge) -> None:
    old = [f'["{n}",[["","topic","channels",false],["","locale","en",false]],""]' for n in range(1, 8)]
    newest = '["8",[["Prioridad","topic","priorities",false],["Menú","menu","",true]],""]'
    stored = f'{{"turns":8,"locale":"es","greeted":true,"frames":[{{"type":"idle"}}],"prompts":[{",".join([*old, newest])}]}}'
    state = msgspec.json.decode(stored, type=State)
    for said in ("8.1", "1.1", "2.1", "7.2"):
        decision = decide(state, ChoicePressed(key=said, seq=9, at=9), knowledge)
        follows = decide(decision.state, MessageReceived(text="gracias", seq=10, at=10), knowledge)
        assert follows.state.topic == "thanks"
        expected = {"8.1": "priorities", "1.1": "channels", "2.1": "channels", "7.2": ""}[said]
        assert decision.state.topic == expected
        assert len(decision.state.prompts) + len(decision.state.earlier) == 8
        # What was asked first is the first to be forgotten.
        assert meant(decision.state, "1", 1) is None
        assert meant(decision.state, "2", 1) == (Offer("", "topic", "channels"), "")
        assert meant(decision.state, "8", 2) == (Offer("", "menu"), "")
    assert decide(state, MessageReceived(text="Prioridad", seq=9, at=9), knowledge).state.topic == "priorities"


class Loud:
    """A desk's phrases with every label in capitals, as another version of its content would have them."""

    def __init__(self, texts: Texts) -> None:
        self.doc, self.line, self._texts = texts.doc, texts.line, texts

    def label(self, id: str, locale: str, /, **values: str | int) -> str:
        return self._texts.label(id, locale, **values).upper()

    def words(self, id: str, locale: str) -> frozenset[str]:
        return frozenset({f"new {word}" for word in self._texts.words(id, locale)})


def test_a_turn_offers_and_hears_what_its_own_knowledge_says_whatever_the_turns_before_it_knew(knowledge: Knowledge) -> None:
    renamed = {
        id: msgspec.structs.replace(
            topic,
            related=topic.related[:1],
            answers={locale: msgspec.structs.replace(answer, title="New " + answer.title) for locale, answer in topic.answers.items()},
        )
        for id, topic in knowledge.topics.items()
    }
    departments = tuple(
        msgspec.structs.replace(each, titles={locale: f"New {title}" for locale, title in each.titles.items()})
        for each in knowledge.desk.lists["departments"]
    )
    lists = {**knowledge.desk.lists, "departments": departments}
    desk = msgspec.structs.replace(knowledge.desk, menu=knowledge.desk.menu[::-1], lists=lists)
    changes: list[dict[str, Any]] = [{"texts": Loud(knowledge.texts)}, {"topics": renamed}, {"desk": desk}]
    asked: list[Event] = [CommandGiven(name="menu"), MessageReceived(text="¿Qué prioridad pongo?"), MessageReceived(text="avisos")]

    filled: list[Event] = [CommandGiven(name="ticket"), MessageReceived(text="financial"), ChoicePressed(key="2.3")]

    def said(known: Knowledge, locale: str) -> list[tuple[Effect, ...]]:
        answers = [decide(State(locale=locale, locale_chosen=True), event, known).effects for event in asked]
        state = State(locale=locale, locale_chosen=True)
        for event in filled:
            decision = decide(state, event, known)
            state = decision.state
            answers.append(decision.effects)
        return answers

    versions = [knowledge, *(msgspec.structs.replace(knowledge, **change) for change in changes)]
    first = {(n, locale): said(known, locale) for n, known in enumerate(versions) for locale in ("es", "en")}
    for locale in ("es", "en"):
        menus = [first[n, locale][0] for n in range(len(versions))]
        assert all(menus.count(menu) == 1 for menu in menus)
        assert first[0, locale][1] != first[1, locale][1] != first[2, locale][1]
        for question in (3, 4, 5):
            assert first[0, locale][question] != first[1, locale][question], "the ways round it are worded otherwise"
            assert first[0, locale][question] == first[2, locale][question], "and have nothing to do with the topics"
        assert first[0, locale][3] != first[3, locale][3], "another name for what can be chosen"
    assert first[0, "es"][2] != first[1, "es"][2], "the word is another there"
    for n in (2, 0, 3, 1, 0, 1):
        for locale in ("en", "es"):
            assert said(versions[n], locale) == first[n, locale]


def test_what_the_desk_had_learnt_before_a_reload_is_not_held_on_to(knowledge: Knowledge) -> None:
    class Learnt:
        def match(self, text: str) -> Verdict:
            return Verdict("answer", ("priorities",), 0.9)

        def language(self, text: str) -> str:
            return ""

    learnt = Learnt()
    decide(State(), MessageReceived(text="?"), msgspec.structs.replace(knowledge, matcher=learnt))
    kept = weakref.ref(learnt)
    del learnt
    gc.collect()
    assert kept() is None


@given(st.lists(st.integers(1, 2**62), min_size=2, max_size=50, unique=True))
def test_request_numbers_are_short_stable_and_unlike(seqs: list[int]) -> None:
    numbers = [number_of(seq) for seq in seqs]
    assert numbers == [number_of(seq) for seq in seqs]
    assert len(set(numbers)) == len(seqs)
    assert all(len(number) == 9 and not set("ILOU") & set(number) for number in numbers)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ana@empresa.com", "ana@empresa.com"),
        ("mi correo es Ana.Lopez+soporte@correo.empresa.es.", "Ana.Lopez+soporte@correo.empresa.es"),
        ("<bob@example.org>", "bob@example.org"),
        ("ana@empresa", None),
        ("ana@@empresa.com", None),
        ("@empresa.com", None),
        ("ana@-x.com", None),
        ("a" * 100 + "@x.com", None),
    ],
)
def test_an_address_is_found_in_what_people_type(text: str, found: str | None) -> None:
    match = EMAIL.search(text)
    assert (match.group() if match else None) == found


def test_every_phrase_the_flows_name_is_declared_and_every_declared_one_is_named() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted((Path(engine.__file__).parent / "flows").glob("*.py")))
    source += Path(engine.__file__).read_text(encoding="utf-8")
    for phrase in engine.PHRASES - engine.DECLARED.keys():
        dynamic = {"choice.ticket", "choice.person"}
        assert f'"{phrase}"' in source or phrase in dynamic, phrase
    import re

    for named in re.findall(r'"((?:answer|choice|contact|help|language|menu|message)\.[a-z_]+)"', source):
        assert named in engine.PHRASES, named
