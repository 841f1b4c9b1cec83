"""Filling in the ticket through the engine: by pages, by questions, with detours and restarts, it is the identical ticket, opened once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from pydantic import BaseModel

from bot.knowledge import load_knowledge
from conversations import engine, events
from conversations.effects import OfferLink, OpenTicket, RedeemLink, Say
from conversations.events import ChoicePressed, CommandGiven, Event, FormAnswered, MessageReceived, Started
from conversations.flows.ticket import FORM, GUIDE
from conversations.forms import Ask, Change, Form
from conversations.knowledge import Knowledge
from conversations.model import Attachment, Filling, Idle, Message, State
from conversations.texts import plain
from conversations.values import Occasion
from conversations.wording import Wording
from tests.conversations.test_forms import raws

CONTENT = Path(__file__).parents[2] / "content" / "introserv"
NOW = 1_795_354_200_000
STATE_LIMIT = 16_384


@cache
def desk() -> Knowledge:
    """Not a fixture: Hypothesis would print all of it with every failure."""
    return load_knowledge(CONTENT, None)


@pytest.fixture
def knowledge() -> Knowledge:
    return desk()


class Customer:
    """A platform that can do both: it presses, types, and sends native forms. Between any two turns everything is restarted."""

    def __init__(self, knowledge: Knowledge, locale: str = "es") -> None:
        self.knowledge = knowledge
        self.locale = locale
        self.state = State(locale=locale, locale_chosen=True)
        self.seq = 0
        self.now = NOW
        self.heard: list[Message] = []
        self.tickets: list[OpenTicket] = []

    def send(self, event: Event) -> list[Message]:
        self.seq += 1
        stored = events.decoder.decode(events.encoder.encode(replace(event, seq=self.seq, at=self.now)))
        decision = engine.decide(self.state, stored, self.knowledge)
        assert decision == engine.decide(self.state, stored, self.knowledge)
        raw = msgspec.json.encode(decision.state)
        assert len(raw) < STATE_LIMIT
        self.state = msgspec.json.decode(raw, type=State)
        assert self.state == decision.state
        self.heard = [effect.message for effect in decision.effects if isinstance(effect, Say)]
        self.tickets += [effect for effect in decision.effects if isinstance(effect, OpenTicket)]
        msgspec.json.encode(decision.effects)
        # Switches of notices stand beside the question that goes on: they are no prompt, and their keys do not begin with a number.
        assert sum(any(choice.key[0].isdecimal() for choice in message.choices) for message in self.heard) <= 1
        self.linking = any(isinstance(effect, OfferLink | RedeemLink) for effect in decision.effects)
        return self.heard

    def say(self, text: str) -> list[Message]:
        return self.send(MessageReceived(text=text))

    def press(self, label: str) -> list[Message]:
        keys = {choice.label: choice.key for message in self.heard for choice in message.choices}
        return self.send(ChoicePressed(key=keys[label], label=label))

    def fill(self, answers: dict[str, Any], send: bool = False, key: str | None = None) -> list[Message]:
        filling = self.filling
        key = key if key is not None else filling.key if filling else ""
        return self.send(FormAnswered(form=FORM.id, version=FORM.version, answers=answers, key=key, send=send))

    @property
    def filling(self) -> Filling | None:
        return next((frame for frame in reversed(self.state.frames) if isinstance(frame, Filling)), None)

    @property
    def labels(self) -> list[str]:
        return [choice.label for message in self.heard for choice in message.choices]

    @property
    def text(self) -> str:
        return "\n".join(plain(message.doc) for message in self.heard)


@st.composite
def targets(draw: st.DrawFn, wording: Wording) -> dict[str, str]:
    """What a customer will have answered in the end, in raw form; "" for what is left empty."""
    wanted: dict[str, str] = {}
    occasion = Occasion(NOW, "Europe/Madrid", wording.locale)
    for field in FORM.fields:
        applying = {each.name: required for each, required in FORM.outline(FORM.merge({}, wanted, occasion, wording).answers)}
        if field.name in applying and field.kind != "files":
            choices = raws(wording, field)
            wanted[field.name] = draw(st.sampled_from(choices if applying[field.name] else [*choices, ""]))
    return wanted


def by_pages(knowledge: Knowledge, wanted: dict[str, str]) -> OpenTicket:
    customer = Customer(knowledge)
    customer.fill({**wanted, "files": []}, send=True)
    (ticket,) = customer.tickets
    return ticket


def same(ticket: OpenTicket) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(ticket)
    return {name: value for name, value in fields.items() if name not in ("key", "number", "topic")}


WAYS = ["answer", "answer", "answer", "press", "page", "some", "wrong", "other", "back", "question", "away", "command", "person"]


def wander(customer: Customer, wording: Wording, wanted: dict[str, str], data: st.DataObject, steps: int) -> None:
    """Some turns towards the end, by any way and with any detour."""
    for _ in range(steps):
        filling = customer.filling
        if filling is None or filling.asking != "field":
            break
        name = filling.focus
        field = FORM.by_name[name]
        raw = wanted.get(name, "")
        match data.draw(st.sampled_from(WAYS)):
            case "answer" if raw:
                customer.say(wording.shown(field, raw) if field.kind == "one" else raw)
            case "answer":
                customer.say("omitir")
            case "press" if field.kind == "one" and raw:
                customer.press(wording.shown(field, raw))
            case "page":
                sheet = next((message.sheet for message in reversed(customer.heard) if message.sheet), None)
                if sheet is not None:
                    customer.fill({each.name: wanted.get(each.name, "") for each in sheet.inputs})
            case "some":
                names = data.draw(st.lists(st.sampled_from(sorted(wanted)), unique=True))
                customer.fill({each: wanted[each] for each in names})
            case "wrong":
                customer.say("¿¿¿")
            case "other" if choices := raws(wording, field):
                customer.fill({name: data.draw(st.sampled_from(choices))})
            case "back":
                customer.say("atrás")
            case "question":
                customer.say("¿Qué prioridad pongo si mi servidor está caído?")
            case "away":
                customer.send(CommandGiven(name="menu"))
                assert customer.filling is None
                customer.press("↩ Seguir con mi ticket")
            case "command":
                customer.send(Started())
            case "person":
                customer.send(CommandGiven(name="person"))
                customer.say("no tengo correo")
                customer.say("no")
            case _:
                customer.say("omitir")


@settings(max_examples=120)
@given(data=st.data())
def test_the_identical_ticket_whichever_way_it_was_filled_in(data: st.DataObject) -> None:
    knowledge = desk()
    wording = Wording(knowledge, "es")
    wanted = data.draw(targets(wording))
    expected = same(by_pages(knowledge, wanted))
    customer = Customer(knowledge)
    customer.send(CommandGiven(name="ticket"))
    wander(customer, wording, wanted, data, data.draw(st.integers(0, 25)))
    # What is left is answered in random pieces, and whatever came out otherwise is mended.
    left = data.draw(st.permutations(sorted(wanted)))
    while left:
        size = data.draw(st.integers(1, len(left)))
        customer.fill({name: wanted[name] for name in left[:size]})
        left = left[size:]
    customer.fill({"files": []})
    for name in [each.name for each in FORM.fields if each.name not in wanted]:
        customer.fill({name: ""})
    assert customer.filling is not None
    assert customer.filling.asking == "review"
    assert not customer.tickets
    customer.press("✅ Enviar")
    (ticket,) = customer.tickets
    assert same(ticket) == expected
    assert isinstance(customer.state.frames[-1], Idle)


def test_sent_twice_by_button_or_form_it_opens_once(knowledge: Knowledge) -> None:
    wanted = {"department": "financial", "priority": "regular", "details": "Me han cobrado dos veces."}
    customer = Customer(knowledge)
    customer.fill(wanted | dict.fromkeys(("invoice", "amount", "method", "paid_on", "files", "email"), ""))
    assert customer.filling is not None
    key, heard = customer.filling.key, customer.heard
    customer.press("✅ Enviar")
    opened = customer.text
    for _ in range(2):
        customer.heard = heard
        customer.press("✅ Enviar")
        assert customer.tickets[0].number in customer.text
        customer.fill(wanted, send=True, key=key)
        assert customer.tickets[0].number in customer.text
    assert len(customer.tickets) == 1
    assert customer.tickets[0].number in opened
    assert customer.tickets[0].key == key


def test_the_last_word_on_each_field_counts_and_both_devices_see_it(knowledge: Knowledge) -> None:
    phone, desktop = Customer(knowledge), Customer(knowledge)
    phone.fill({"department": "technical"})
    desktop.state, desktop.seq = phone.state, phone.seq
    desktop.fill({"service": "vps-1", "assets": "8.8.8.8"})
    phone.state, phone.seq = desktop.state, desktop.seq
    phone.fill({"service": "vps-2"})
    assert phone.filling is not None
    assert (phone.filling.answers["service"], phone.filling.answers["assets"]) == ("vps-2", ["8.8.8.8"])


def test_nothing_typed_is_lost_by_an_error(knowledge: Knowledge) -> None:
    customer = Customer(knowledge)
    customer.fill({"department": "technical", "priority": "high", "reason": "down", "symptom": "loss"})
    (message,) = customer.fill({"assets": "300.1.2.3", "service": "vps-1", "since": "mañana a las 9"})
    assert message.sheet is not None
    inputs = {each.name: each for each in message.sheet.inputs}
    assert inputs["assets"].value == "300.1.2.3"
    assert "300.1.2.3" in inputs["assets"].error
    assert inputs["since"].value == "mañana a las 9"
    assert inputs["since"].error
    assert (inputs["service"].value, inputs["service"].error) == ("vps-1", "")
    assert message.sheet.focus == "assets"


def test_a_question_that_could_be_the_answer_is_one_press_away_from_being_it(knowledge: Knowledge) -> None:
    customer = Customer(knowledge)
    customer.fill({"department": "technical", "priority": "regular", "assets": ""})
    customer.say("¿dónde veo el nombre?")
    assert "service" not in (customer.filling.answers if customer.filling else {})
    customer.press("Usar «¿dónde veo el nombre?» como respuesta")
    assert customer.filling is not None
    assert customer.filling.answers["service"] == "¿dónde veo el nombre?"


def test_files_come_at_any_question_or_before_it_all(knowledge: Knowledge) -> None:
    customer = Customer(knowledge)
    photo, log = Attachment("f1", "captura.png", "image/png", 10), Attachment("f2", "mtr.txt", note="desde casa")
    customer.send(MessageReceived(text="", files=(photo,)))
    assert "archivo" in customer.text
    customer.send(CommandGiven(name="ticket"))
    customer.send(MessageReceived(text="técnicas", files=(log,)))
    assert customer.filling is not None
    assert customer.filling.answers["department"] == "technical"
    customer.fill({"priority": "regular", "assets": "", "service": "", "details": "Adjunto lo que veo.", "email": ""}, send=True)
    assert customer.tickets[0].files == (photo, log)
    assert customer.state.files == ()


def test_a_secret_in_an_answer_is_masked_and_told(knowledge: Knowledge) -> None:
    customer = Customer(knowledge)
    customer.fill({"department": "technical", "priority": "regular", "assets": "", "service": ""})
    customer.fill({"details": "no entra, contraseña: Perro123", "files": [], "email": ""}, send=True)
    assert "Perro123" not in customer.tickets[0].text
    assert "contraseña" in customer.text


def test_stale_buttons_do_no_harm(knowledge: Knowledge) -> None:
    customer = Customer(knowledge)
    customer.send(CommandGiven(name="ticket"))
    customer.press("Cuestiones técnicas")
    customer.press("Regular")
    customer.fill({"assets": ""})
    skip = next(choice.key for choice in customer.heard[-1].choices if choice.label == "Omitir")
    customer.say("vps-1")
    customer.say("No responde desde ayer por la noche.")
    customer.send(MessageReceived(text="", files=(Attachment("f1"),)))
    customer.send(ChoicePressed(key=skip))
    assert customer.filling is not None
    assert customer.filling.answers["service"] == "vps-1"
    assert customer.filling.answers["files"]


def test_after_giving_up_nothing_is_kept_and_its_buttons_say_so(knowledge: Knowledge) -> None:
    customer = Customer(knowledge)
    customer.send(CommandGiven(name="ticket"))
    heard = customer.heard
    customer.press("✕ Cancelar")
    customer.press("Sí, descartarlo")
    assert customer.filling is None
    assert customer.state.draft is None
    customer.heard = heard
    customer.press("Cuestiones técnicas")
    assert customer.filling is None
    assert "ya no está activo" in customer.text


class Later(BaseModel):
    """The ticket's form of a later release: a new question, another gone, one renamed."""

    department: Annotated[str, Ask("ticket.department", choices="departments")]
    urgent: Annotated[str | None, Ask("ticket.service", required=False)] = None
    description: Annotated[str, Ask("ticket.details", long=True)]


LATER = Form("ticket", 2, Later, {1: Change(renamed={"details": "description"}, dropped=("priority",))})


def test_a_half_filled_form_goes_on_in_the_next_release(knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = Customer(knowledge)
    customer.fill({"department": "technical", "priority": "high", "details": "No responde nada."})
    old = customer.heard
    monkeypatch.setattr(engine, "GUIDES", {"ticket": GUIDE._replace(form=LATER)})
    customer.say("¿Qué prioridad pongo?")
    assert customer.filling is not None
    assert customer.filling.version == 2
    assert customer.filling.answers == {"department": "technical", "description": "No responde nada."}
    assert customer.filling.focus == "urgent"
    customer.heard = old
    customer.press(customer.labels[0])  # a button of the form that was: its field is gone
    assert customer.filling is not None
    assert customer.filling.focus == "urgent"
    customer.fill({"details": "Sigue sin responder.", "priority": "regular"})  # a page that the older release drew
    assert customer.filling is not None
    assert customer.filling.answers["description"] == "Sigue sin responder."
    monkeypatch.setattr(engine, "GUIDES", {})
    customer.say("hola")
    assert customer.filling is None


def test_what_the_desk_no_longer_offers_is_asked_again(knowledge: Knowledge) -> None:
    customer = Customer(knowledge)
    customer.fill({"department": "financial", "priority": "regular", "details": "Me han cobrado dos veces."})
    desk = replace(knowledge.desk, lists={**knowledge.desk.lists, "departments": knowledge.desk.lists["departments"][:1]})
    customer.knowledge = replace(knowledge, desk=desk)
    customer.send(Started())
    assert customer.filling is not None
    assert "department" not in customer.filling.answers
    assert customer.filling.answers["details"]


said = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["abrir ticket", "técnicas", "alta", "1", "2", "9", "atrás", "omitir", "cancelar", "sí", "no", "enviar", "8.8.8.8", "hola"]
    ),
    st.sampled_from(
        ["14:05", "a las 9", "hora de inicio", "¿qué prioridad pongo?", "hablar con una persona", "pwd=abc123", "49,90 €", "x" * 5000]
    ),
)
keys = st.builds("{}.{}".format, st.integers(0, 30), st.integers(0, 14))
raw_answers = st.dictionaries(
    st.sampled_from([*FORM.by_name, "junk"]),
    st.one_of(
        said, st.none(), st.integers(), st.just([]), st.just([{"id": "f"}]), st.just(["8.8.8.8"]), st.sampled_from(["high", "technical"])
    ),
    max_size=5,
)
anything: st.SearchStrategy[Event] = st.one_of(
    st.builds(MessageReceived, text=said, files=st.sampled_from([(), (Attachment("f1", "a.png"),)])),
    st.builds(ChoicePressed, key=keys),
    st.builds(
        FormAnswered, form=st.sampled_from(["ticket", "ticket", "junk"]), version=st.integers(0, 3), answers=raw_answers, send=st.booleans()
    ),
    st.builds(
        CommandGiven, name=st.sampled_from(["ticket", "menu", "person", "help", "language"]), argument=st.sampled_from(["", "en", "es"])
    ),
    st.just(Started()),
)


@settings(max_examples=250)
@given(sequence=st.lists(st.tuples(anything, st.integers(0, 7_200_000)), max_size=25))
def test_whatever_happens_is_answered_within_every_platforms_limits(sequence: list[tuple[Event, int]]) -> None:
    knowledge = desk()
    customer = Customer(knowledge)
    for event, later in sequence:
        customer.now += later
        assert customer.send(event) or customer.linking, f"silence after {event}"
        for message in customer.heard:
            assert message.doc
            assert len({choice.key for choice in message.choices}) == len(message.choices)
            assert all(0 < len(choice.label) <= 75 and len(choice.key.encode()) <= 40 for choice in message.choices)
            if message.sheet is not None:
                assert 0 < len(message.sheet.inputs) <= 5
                assert message.sheet.page <= (message.sheet.pages or message.sheet.page)
                assert {way.aside for way in message.sheet.ways} == {True}
        frames = [frame for frame in customer.state.frames if isinstance(frame, Filling)]
        assert len(frames) <= 1
        if isinstance(customer.state.frames[-1], Filling):
            assert customer.heard[-1].choices, "a form never leaves its question unasked"
    assert len({ticket.key for ticket in customer.tickets}) == len(customer.tickets)
