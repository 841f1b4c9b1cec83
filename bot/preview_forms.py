"""Forms played through for the preview: each way a form can go, page by page and a question at a time, and each answer it does not take."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

from msgspec.structs import replace

from bot.preview_play import Play, Told
from bot.preview_samples import ANSWERS, NOW, OTHERWISE, WRONG, said
from conversations.forms import Field, Form
from conversations.knowledge import Knowledge
from conversations.model import Filling, Message
from conversations.values import Occasion, Wrong
from conversations.wording import Wording


class Way(NamedTuple):
    """One way through a form: the answers that lead to it, and in words which answers do so."""

    title: str
    answers: dict[str, str]


class Page(NamedTuple):
    """A page as platforms with native forms are given it, and the questions that all others are asked instead."""

    native: Message
    asked: tuple[Message, ...]


class Filled(NamedTuple):
    pages: tuple[Page, ...]
    review: Told
    play: Play


def ways(form: Form, wording: Wording) -> list[Way]:
    """One for each set of fields that the form can come to."""
    telling = {name for field in form.fields for name in field.named}
    found: dict[tuple[tuple[str, bool], ...], list[dict[str, str]]] = {}

    def go(given: dict[str, str]) -> None:
        outline = form.outline(given)
        field = next((field for field, _ in outline if field.name in telling and field.name not in given), None)
        if field is None:
            found.setdefault(tuple((each.name, must) for each, must in outline), []).append(given)
            return
        for option in wording.options(field):
            go({**given, field.name: option.value})

    go({})
    return [Way(_title(form, wording, same), same[0]) for same in found.values()]


def _title(form: Form, wording: Wording, same: list[dict[str, str]]) -> str:
    """The answers that lead here: `Technical issues · High · Very slow, Packet loss`."""
    named = [
        name for name in same[0] if {given.get(name) for given in same} != {option.value for option in wording.options(_of(form, name))}
    ]
    values = {name: dict.fromkeys(given[name] for given in same if name in given) for name in named}
    return " · ".join(", ".join(wording.shown(_of(form, name), value) for value in of) for name, of in values.items())


def _of(form: Form, name: str) -> Field:
    return form.by_name[name]


def answers(form: Form, wording: Wording, knowledge: Knowledge, way: Way) -> dict[str, Any]:
    """An answer to every field, as it would be typed; "" for one that takes nothing we know of."""
    occasion = Occasion(NOW, knowledge.desk.time_zone, wording.locale)
    found: dict[str, Any] = {}
    for field in form.fields:
        options = [option.value for option in wording.options(field)] if field.kind == "one" else []
        for tried in (*options, *([ANSWERS[field.name]] if field.name in ANSWERS else []), *OTHERWISE):
            raw = said(tried, wording.locale)
            try:
                form.check(field.name, raw, occasion, wording)
            except Wrong:
                continue
            found[field.name] = raw
            break
    return {**found, **way.answers}


def filled(knowledge: Knowledge, locale: str, form: Form, way: Way, wording: Wording) -> Filled:
    """The form from its first page to its review, both ways."""
    given = answers(form, wording, knowledge, way)
    pages, _, _ = _walk(Play(knowledge, locale), form, given, native=True)
    asked, review, play = _walk(Play(knowledge, locale), form, given, native=False)
    questions = {n: tuple(each) for n, each in groupby(asked, key=lambda message: message.sheet.page if message.sheet else 0)}
    return Filled(tuple(Page(page, questions.get(n, ())) for n, page in enumerate(pages, 1)), review, play)


def _walk(play: Play, form: Form, given: dict[str, Any], *, native: bool) -> tuple[list[Message], Told, Play]:
    told = play.fill(form.id, {})
    sheets: list[Message] = []
    # Each turn goes at least one field on; a form that cannot be filled in must not keep us for ever.
    for _ in form.fields:
        frame, sheet = play.state.frames[-1], told.chat[-1].sheet
        if not isinstance(frame, Filling) or frame.asking != "field" or sheet is None:
            break
        sheets.append(told.chat[-1])
        names = [each.name for each in sheet.inputs] if native else [sheet.focus]
        told = play.fill(form.id, {name: given.get(name, "") for name in names})
    return sheets, told, play


class Refusal(NamedTuple):
    """What was typed into which field, and what is said to it."""

    label: str
    typed: str
    told: Told
    native: Message


def refusals(knowledge: Knowledge, locale: str, form: Form, wording: Wording) -> Iterator[Refusal]:
    """Each answer that is not taken, with the field beside which a native form says so."""
    open_ways = ways(form, wording)
    for field in form.fields:
        way = next((way for way in open_ways if any(each is field for each, _ in form.outline(way.answers))), None)
        if way is None:
            continue
        required = any(must for each, must in form.outline(way.answers) if each is field)
        for typed in (*WRONG.get(field.name, ()), *(("",) if required else ())):
            play = Play(knowledge, locale)
            play.fill(form.id, {})
            play.fill(form.id, {name: value for name, value in way.answers.items() if name != field.name})
            raw = said(typed, locale)
            told = play.fill(form.id, {field.name: raw}) if raw else _left_empty(play, field)
            message = told.chat[-1]
            if message.sheet is None or not any(each.error for each in message.sheet.inputs):
                continue  # in this desk or language it is a good answer
            beside = replace(message.sheet, inputs=tuple(each for each in message.sheet.inputs if each.error))
            shown = raw if isinstance(raw, str) else f"{len(raw)} × {raw[0].get('name', '')}"
            yield Refusal(wording.label(field), shown if len(shown) <= 60 else shown[:59] + "…", told, replace(message, sheet=beside))


def _left_empty(play: Play, field: Field) -> Told:
    play.press("form", f"edit={field.name}")
    return play.press("form", f"skip={field.name}")
