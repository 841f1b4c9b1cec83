"""Forms as data: what applies, pages, partial answers in any order, every error in the desk's words, and drafts that outlive releases."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from annotated_types import MaxLen
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from bot.knowledge import load_knowledge
from conversations import engine
from conversations.flows.ticket import FORM
from conversations.forms import PAGE, Ask, Change, Field, Form
from conversations.knowledge import Knowledge
from conversations.values import Occasion, Wrong
from conversations.wording import Wording

CONTENT = Path(__file__).parents[2] / "content" / "introserv"
NOW = Occasion(1_795_354_200_000, "Europe/Madrid", "es")


@cache
def desk() -> Knowledge:
    """Not a fixture: Hypothesis would print all of it with every failure."""
    return load_knowledge(CONTENT, None)


@pytest.fixture
def knowledge() -> Knowledge:
    return desk()


@pytest.fixture
def wording() -> Wording:
    return Wording(desk(), "es")


class Exact:
    """Options are picked by their value."""

    def pick(self, field: Field, raw: str) -> str | None:
        return raw if raw in field.values else None

    def listed(self, field: Field) -> str:
        return ", ".join(field.values)


EXACT = Exact()


class Small(BaseModel):
    area: Annotated[Literal["outage", "billing"], Ask("x.area")]
    since: Annotated[str | None, Ask("x.since", when={"area": "outage"})] = None
    cause: Annotated[Literal["power", "other"] | None, Ask("x.cause", when={"area": "outage"})] = None
    other: Annotated[str | None, Ask("x.other", when={"cause": "other"})] = None
    note: Annotated[str | None, MaxLen(10), Ask("x.note", required={"area": "billing"})] = None


SMALL = Form("small", 1, Small)


# --- declarations ---


def test_a_condition_on_a_later_field_is_refused() -> None:
    class Backwards(BaseModel):
        first: Annotated[str | None, Ask("x.first", when={"second": "yes"})] = None
        second: Annotated[str, Ask("x.second")]

    with pytest.raises(ValueError, match="do not come before"):
        Form("backwards", 1, Backwards)


def test_a_field_that_may_not_apply_needs_a_default() -> None:
    class Strict(BaseModel):
        first: Annotated[str, Ask("x.first")]
        second: Annotated[str, Ask("x.second", when={"first": "yes"})]

    with pytest.raises(ValueError, match="needs a default"):
        Form("strict", 1, Strict)


def test_a_field_without_an_ask_and_a_change_from_nowhere_are_refused() -> None:
    class Silent(BaseModel):
        first: str

    with pytest.raises(ValueError, match="needs one Ask"):
        Form("silent", 1, Silent)
    with pytest.raises(ValueError, match="changes lead"):
        Form("small", 1, Small, {1: Change()})


# --- what applies ---


def test_an_answer_that_does_not_apply_is_kept_but_not_sent_and_comes_back() -> None:
    answers = SMALL.merge({}, {"area": "outage", "cause": "other", "other": "flood", "since": "noon"}, NOW, EXACT).answers
    assert SMALL.submitted(answers) == {"area": "outage", "since": "noon", "cause": "other", "other": "flood"}
    answers = SMALL.merge(answers, {"area": "billing", "note": "hi"}, NOW, EXACT).answers
    assert SMALL.submitted(answers) == {"area": "billing", "note": "hi"}
    assert SMALL.missing(answers) == []
    answers = SMALL.merge(answers, {"area": "outage"}, NOW, EXACT).answers
    assert SMALL.submitted(answers) == {"area": "outage", "since": "noon", "cause": "other", "other": "flood", "note": "hi"}


def test_an_empty_answer_counts_for_what_may_be_empty_only() -> None:
    answers = SMALL.merge({}, {"area": "outage", "since": " ", "cause": "power", "note": ""}, NOW, EXACT).answers
    assert SMALL.missing(answers) == ["since"]
    assert SMALL.missing({**answers, "since": "noon"}) == []
    assert SMALL.missing({**answers, "since": "noon", "area": "billing"}) == ["note"]


def test_the_field_before() -> None:
    assert SMALL.before("note", {"area": "billing"}) == "area"
    assert SMALL.before("area", {}) == ""
    assert SMALL.before("", {"area": "outage", "cause": "other"}) == "note"


def test_a_desk_without_a_list_is_not_asked_to_choose_from_it() -> None:
    without = FORM.without(frozenset({"priority", "department"}))
    assert [field.name for field, _ in without.outline({})] == ["details", "files", "email"]
    assert FORM.without(frozenset()) is FORM


# --- one ticket's answers, at random ---

TEXTS = {
    "assets": ["8.8.8.8", "2a00:1450::/48, #123456", "#4321"],
    "service": ["vps-madrid-2", "Ñandú · 7"],
    "since": ["14:05", "ayer 23:40", "hace 10 minutos", "2026-11-01T10:00:00+01:00[Europe/Madrid]"],
    "origin": ["Movistar, Madrid"],
    "diagnostics": ["10 packets transmitted, 7 received, 30% packet loss, time 9ms", "nada raro"],
    "invoice": ["INV-2026-0044"],
    "amount": ["49,90 €", "1.234,50 USD", "20"],
    "paid_on": ["ayer", "01/11/2026"],
    "details": ["No responde desde anoche.", "x" * 4000],
    "email": ["ana@empresa.com"],
}


def raws(wording: Wording, field: Field) -> list[str]:
    return [option.value for option in wording.options(field)] if field.kind == "one" else TEXTS.get(field.name, [])


@st.composite
def fillings(draw: st.DrawFn, wording: Wording) -> list[tuple[str, str]]:
    """Answers and edits in a random order; some left empty, some wrong."""
    names = [field for field in FORM.fields if field.kind != "files"]
    steps = draw(st.lists(st.sampled_from(names), min_size=5, max_size=40))
    return [(field.name, draw(st.sampled_from([*raws(wording, field), "", "¿?"]))) for field in steps]


@settings(max_examples=150)
@given(data=st.data())
def test_the_same_answers_come_of_any_order_and_any_grouping(data: st.DataObject) -> None:
    wording = Wording(desk(), "es")
    steps = data.draw(fillings(wording))
    one_by_one: dict[str, Any] = {}
    for name, raw in steps:
        one_by_one = FORM.merge(one_by_one, {name: raw}, NOW, wording).answers
    # The last word on each field counts; the fields may come in any order and in any groups.
    taken: dict[str, list[str]] = {}
    for name, raw in steps:
        taken.setdefault(name, []).append(raw)
    shuffled = data.draw(st.permutations(sorted(taken)))
    grouped: dict[str, Any] = {}
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        group, shuffled = shuffled[:size], shuffled[size:]
        for turn in range(max(len(taken[name]) for name in group)):
            grouped = FORM.merge(grouped, {name: taken[name][turn] for name in group if turn < len(taken[name])}, NOW, wording).answers
    assert grouped == one_by_one
    assert FORM.submitted(grouped) == FORM.submitted(one_by_one)
    assert list(FORM.submitted(grouped)) == list(FORM.submitted(one_by_one))
    assert FORM.missing(grouped) == FORM.missing(one_by_one)


@settings(max_examples=150)
@given(data=st.data())
def test_pages_are_short_in_order_and_do_not_change_while_they_are_filled_in(data: st.DataObject) -> None:
    wording = Wording(desk(), "es")
    steps = dict(data.draw(fillings(wording)))
    answers = FORM.merge({}, steps, NOW, wording).answers
    pages = FORM.pages(answers)
    assert [field for page in pages for field in page] == [field for field, _ in FORM.outline(answers)]
    for page in pages:
        names = {field.name for field in page}
        assert len(page) <= PAGE
        assert all(names.isdisjoint(field.named) for field in page)
    page = data.draw(st.sampled_from(pages))
    at = pages.index(page)
    field = data.draw(st.sampled_from(page))
    if choices := raws(wording, field):
        changed = FORM.merge(answers, {field.name: data.draw(st.sampled_from(choices))}, NOW, wording).answers
        assert FORM.pages(changed)[: at + 1] == pages[: at + 1]


@settings(max_examples=200)
@given(data=st.data())
def test_the_number_of_pages_that_is_told_stands_whatever_is_answered_from_there_on(data: st.DataObject) -> None:
    wording = Wording(desk(), "es")
    answers = FORM.merge({}, dict(data.draw(fillings(wording))), NOW, wording).answers
    pages = FORM.pages(answers)
    at = data.draw(st.integers(0, len(pages) - 1))
    told = wording.sheet(FORM, "1.1", answers, pages[at][0].name).pages
    passed = {field.name for page in pages[:at] for field in page}
    later = {name: raw for name, raw in data.draw(fillings(wording)) if name not in passed}
    assert told in (0, len(FORM.pages(FORM.merge(answers, later, NOW, wording).answers)))


def test_the_number_of_pages_is_told_once_no_answer_can_change_it(wording: Wording) -> None:
    def told(focus: str, **answers: str) -> tuple[int, int]:
        sheet = wording.sheet(FORM, "1.1", answers, focus)
        return sheet.page, sheet.pages

    assert told("department") == (1, 0)
    assert told("priority", department="technical", priority="high") == (1, 0), "it can be answered otherwise as long as it is open"
    assert told("reason", department="technical", priority="high") == (2, 4)
    assert told("origin", department="technical", priority="high", symptom="loss") == (3, 4)
    assert told("details", department="technical", priority="regular") == (2, 2)
    assert told("email", department="financial", priority="regular") == (3, 3)


@cache
def seen() -> Wording:
    """The one that has drawn pages for many others."""
    return Wording(desk(), "es")


@settings(max_examples=200)
@given(data=st.data())
def test_a_page_looks_as_if_nobody_else_had_ever_seen_one(data: st.DataObject) -> None:
    answers = FORM.merge({}, dict(data.draw(fillings(seen()))), NOW, seen()).answers
    page, at = data.draw(st.sampled_from(FORM.pages(answers))), data.draw(st.sampled_from([(1, 5), (2, 5), (2, 7)]))
    focus, *others = data.draw(st.permutations([field.name for field in page]))
    typed = {name: data.draw(st.text(max_size=9)) for name in others[:2]}
    errors = {focus: "wrong"} if data.draw(st.booleans()) else {}

    def known(name: str) -> tuple[str, ...]:
        return ("web-1", "web-2") if name == "service" else ()

    first = Wording(desk(), "es").sheet(FORM, "1.1", answers, focus, (), typed, errors, known)
    assert seen().sheet(FORM, "1.1", answers, focus, (), typed, errors, known, FORM.shape(answers)) == first
    for field, drawn in zip(page, first.inputs, strict=True):
        assert drawn.value == typed.get(field.name, field.typed(answers.get(field.name))), "what was typed, or else the answer there is"
        assert drawn.error == errors.get(field.name, "")
    assert seen().question_at(FORM.by_name[focus], *at) == Wording(desk(), "es").question_at(FORM.by_name[focus], *at)


@settings(max_examples=300)
@given(data=st.data())
def test_every_error_is_the_desks_own_and_changes_nothing(data: st.DataObject) -> None:
    wording = Wording(desk(), "es")
    field = data.draw(st.sampled_from(FORM.fields))
    raw = data.draw(
        st.one_of(st.text(max_size=30), st.just("x" * 9000), st.just(["8.8.8.8"]), st.just([{"id": 3}]), st.just({"a": 1}), st.integers())
    )
    before = {field.name: "kept"} if field.kind != "files" else {}
    merged = FORM.merge(before, {field.name: raw}, NOW, wording)
    if wrong := merged.wrong.get(field.name):
        assert merged.answers == before
        assert wrong.values.keys() == engine.DECLARED[wrong.phrase]
        for locale in ("es", "en"):
            assert wording.texts.doc(wrong.phrase, locale, **wrong.values)
    for remark in merged.remarks.get(field.name, ()):
        assert wording.texts.doc(remark.phrase, "es", **remark.values)


@settings(max_examples=200)
@given(data=st.data())
def test_an_input_that_nobody_edited_changes_nothing_and_a_value_reads_as_itself(data: st.DataObject) -> None:
    wording = Wording(desk(), "es")
    answers = FORM.merge({}, dict(data.draw(fillings(wording))), NOW, wording).answers
    given_back = {field.name: field.typed(answers.get(field.name)) for field in FORM.fields if field.kind != "files"}
    again = FORM.merge(answers, {name: raw for name, raw in given_back.items() if raw}, NOW, wording)
    assert again.answers == answers
    assert not again.wrong
    for name, value in answers.items():
        if value is not None:
            assert FORM.check(name, value, NOW, wording) == value


# --- wording ---


@pytest.mark.parametrize(
    ("field", "typed", "value"),
    [
        ("department", "technical", "technical"),
        ("department", "Cuestiones técnicas", "technical"),
        ("department", "cuestiones tecnicas.", "technical"),
        ("department", "técnico", "technical"),
        ("department", "financial issues", "financial"),
        ("department", "facturación", "financial"),
        ("department", "problemas", "financial"),
        ("department", "no sé", None),
        ("priority", "alta", "high"),
        ("priority", "prioridad alta por favor", "high"),
        ("priority", "¿qué significa prioridad alta?", None),
        ("priority", "alta o regular", None),
        ("ongoing", "va y viene", "intermittent"),
        ("ongoing", "It comes and goes", "intermittent"),
        ("symptom", "DDoS", "ddos"),
        ("symptom", "no arranca", "boot"),
        ("scope", "", None),
    ],
)
def test_an_option_is_recognised_in_a_few_words_of_either_language(wording: Wording, field: str, typed: str, value: str | None) -> None:
    assert wording.pick(FORM.by_name[field], typed) == value


def test_every_label_fits_a_native_form_and_every_option_a_button(knowledge: Knowledge) -> None:
    for locale in knowledge.desk.locales:
        words = Wording(knowledge, locale)
        for field in FORM.fields:
            assert len(words.label(field)) <= 45
            assert words.question(field)
            options = words.options(field)
            assert len(options) <= 25
            assert all(0 < len(option.label) <= 75 for option in options)
            assert len({option.label for option in options}) == len(options)
            if field.ask.hint:
                assert len(knowledge.texts.label(field.ask.hint, locale)) <= 100


# --- releases ---


class First(BaseModel):
    ip: Annotated[str, Ask("x.ip")]
    colour: Annotated[Literal["red", "blue"] | None, Ask("x.colour", required=False)] = None
    text: Annotated[str | None, Ask("x.text", required=False)] = None
    kind: Annotated[Literal["a", "b"], Ask("x.kind")]


class Second(BaseModel):  # ip is called server; colour is gone; text must be answered
    server: Annotated[str, Ask("x.server")]
    text: Annotated[str, Ask("x.text")]
    kind: Annotated[Literal["a", "b", "c"], Ask("x.kind")]
    since: Annotated[str | None, Ask("x.since", when={"kind": "c"})] = None


class Third(BaseModel):  # text and details swap with server's old name; kind lost b; phone is new and needed
    details: Annotated[str, MaxLen(20), Ask("x.details")]
    kind: Annotated[Literal["a", "c"], Ask("x.kind")]
    machine: Annotated[str, Ask("x.machine")]
    since: Annotated[str | None, Ask("x.since", when={"kind": "c"})] = None
    phone: Annotated[str, Ask("x.phone")]


V1 = Form("f", 1, First)
V2 = Form("f", 2, Second, {1: Change(renamed={"ip": "server"}, dropped=("colour",))})
V3 = Form("f", 3, Third, {**V2.changes, 2: Change(renamed={"server": "machine", "text": "details"}, again=("since",))})


def test_a_half_filled_draft_is_adopted_over_three_versions() -> None:
    draft = V1.merge({}, {"ip": "8.8.8.8", "colour": "red", "text": "", "kind": "b"}, NOW, EXACT).answers
    second = V2.adopt(draft, 1, NOW, EXACT)
    assert second == {"server": "8.8.8.8", "text": None, "kind": "b"}
    assert V2.missing(second) == ["text"], "left empty before, needed now"
    third = V3.adopt(draft, 1, NOW, EXACT)
    assert third == {"machine": "8.8.8.8", "details": None}, "an option that is gone is asked again"
    assert V3.missing(third) == ["details", "kind", "phone"]
    assert (V3.renamed("ip", 1), V3.renamed("colour", 1), V3.renamed("kind", 1)) == ("machine", "", "kind")
    assert V3.adopt({"server": "s", "since": "noon", "kind": "c", "text": "t"}, 2, NOW, EXACT) == {
        "machine": "s",
        "kind": "c",
        "details": "t",
    }
    assert "details" not in V3.adopt({"text": "x" * 21}, 2, NOW, EXACT), "what no longer fits is asked again"


def test_names_may_be_swapped() -> None:
    class Pair(BaseModel):
        one: Annotated[str, Ask("x.one")]
        two: Annotated[str, Ask("x.two")]

    swapped = Form("pair", 2, Pair, {1: Change(renamed={"one": "two", "two": "one"})})
    assert swapped.adopt({"one": "1", "two": "2"}, 1, NOW, EXACT) == {"one": "2", "two": "1"}


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(["ip", "colour", "text", "kind", "junk"]), st.sampled_from([None, "a", "b", "red", "8.8.8.8"])))
def test_one_step_at_a_time_or_all_at_once_is_the_same(draft: dict[str, Any]) -> None:
    assert V3.adopt(V2.adopt(draft, 1, NOW, EXACT), 2, NOW, EXACT) == V3.adopt(draft, 1, NOW, EXACT)
    adopted = V3.adopt(draft, 1, NOW, EXACT)
    assert adopted.keys() <= V3.by_name.keys()
    assert V3.adopt(adopted, 3, NOW, EXACT) == adopted
    assert V1.adopt(draft, 7, NOW, EXACT).keys() <= V1.by_name.keys(), "a release that was rolled back reads what it knows"


def test_a_wrong_option_says_what_there_is() -> None:
    with pytest.raises(Wrong) as caught:
        SMALL.check("area", "nothing", NOW, EXACT)
    assert (caught.value.phrase, caught.value.values) == ("form.choose", {"typed": "nothing", "options": "outage, billing"})
