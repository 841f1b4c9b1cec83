"""What is said while a form is filled in: the question of a field with its ways round it, the review, and what is read back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from msgspec.structs import replace

from conversations.forms import Field, Merged, Shape
from conversations.model import Bold, Bullets, Doc, Filling, Inline, Offer, Paragraph, Sheet, Text
from conversations.texts import plain
from conversations.turn import LABEL_LIMIT, Turn
from conversations.values import Occasion, Remark, Wrong
from conversations.wording import wording_of

EXCERPT = 40


class Asking:
    """One turn of filling in: the draft on top of the stack, its form as this desk has it, and the desk's words for it."""

    def __init__(self, turn: Turn, filling: Filling) -> None:
        self.turn = turn
        self.filling = filling
        self.guide = turn.guides[filling.form]
        self.wording = wording_of(turn.knowledge, turn.locale)
        self.form = self.wording.fitted(self.guide.form)

    @property
    def occasion(self) -> Occasion:
        return Occasion(self.turn.event.at, self.turn.knowledge.desk.time_zone, self.turn.locale)

    @property
    def field(self) -> Field | None:
        return self.form.by_name.get(self.filling.focus)

    def put(self, **changes: Any) -> None:
        self.filling = replace(self.filling, at=self.turn.event.at, **changes)
        self.turn.remember(frames=(*self.turn.state.frames[:-1], self.filling))

    # --- asking ---

    def advance(self, lead: Doc = ()) -> None:
        """On to what is still missing, or else to the review."""
        missing = self.form.missing(self.filling.answers)
        if missing:
            self.ask(missing[0], lead)
        else:
            self.review(lead)

    def again(self, lead: Doc = ()) -> None:
        """Put the question once more that is open."""
        match self.filling.asking:
            case "field" if self.field is not None:
                self.ask(self.filling.focus, lead, held=self.filling.held)
            case "change":
                self.choose_field(lead)
            case "cancel":
                self.ask_cancel(lead)
            case "review":
                self.review(lead)
            case _:
                self.advance(lead)

    def ask(
        self,
        name: str,
        lead: Doc = (),
        *,
        wrong: Mapping[str, Wrong] | None = None,
        typed: Mapping[str, Any] | None = None,
        held: str = "",
    ) -> None:
        """The question of one field; on a platform with native forms, the page it is on. `wrong` is why `typed` could not be taken."""
        turn, answers = self.turn, self.filling.answers
        self.put(focus=name, asking="field", held=held)
        shape = self.form.shape(answers)
        at = shape.places.get(name)
        if at is None:
            self.advance(lead)  # it does not apply any more
            return
        field, required = shape.outline[at]
        problems = {each: self.told(problem) for each, problem in (wrong or {}).items()}
        errors: Doc = ()
        for each, problem in problems.items():
            label = () if len(problems) == 1 and each == name else (Bold((Text(self.wording.label(self.form.by_name[each]) + ": "),)),)
            errors += _prefixed(label, problem)
        value = answers.get(name)
        current = turn.phrase("form.current", value=self.wording.shown(field, value)) if value is not None and not wrong else ()
        progress = (Bold((Text(f"{at + 1}/{len(shape.outline)}"),)), Text(" · "))
        doc = (*lead, *errors, *current, *_prefixed(progress, self.wording.question(field)))
        beside = {each: plain(problem) for each, problem in problems.items()}
        sheet = self.wording.sheet(self.form, self.filling.key, answers, name, lead, typed, beside, partial(self.guide.known, turn))
        readings = wrong[name].readings if wrong and name in wrong else ()
        offers = (*self.answers_offered(field, readings), *self.asides(field, required, at, value))
        turn.say(doc, offers, sheet, self.filling.key, ways=self.ways(sheet, shape))

    def answers_offered(self, field: Field, readings: tuple[str, ...]) -> tuple[Offer, ...]:
        if readings:
            shown = [(reading, field.read(reading, self.occasion)) for reading in readings]
            return tuple(
                Offer(self.wording.shown(field, value)[:LABEL_LIMIT], "field", f"{field.name}={reading}") for reading, value in shown
            )
        held: tuple[Offer, ...] = ()
        if self.filling.held:
            excerpt = self.filling.held[:EXCERPT] + ("…" if len(self.filling.held) > EXCERPT else "")
            held = (Offer(self.turn.knowledge.texts.label("form.use", self.turn.locale, typed=excerpt)[:LABEL_LIMIT], "form", "use"),)
        options = self.wording.options(field) if field.kind == "one" else ()
        known = tuple(Offer(value[:LABEL_LIMIT], "field", f"{field.name}={value}") for value in self.guide.known(self.turn, field.name))
        instead: tuple[Offer, ...] = ()
        if field.ask.instead:
            phrase, other, value = field.ask.instead
            instead = (Offer(self.turn.knowledge.texts.label(phrase, self.turn.locale)[:LABEL_LIMIT], "field", f"{other}={value}"),)
        chosen = tuple(Offer(option.label[:LABEL_LIMIT], "field", f"{field.name}={option.value}") for option in options)
        return (*held, *chosen, *known, *instead)

    def asides(self, field: Field, required: bool, at: int, value: Any) -> tuple[Offer, ...]:
        turn = self.turn
        ways = []
        if value is not None:
            ways.append(turn.offer("form.keep", "form", "keep", aside=True))
        elif not required:
            ways.append(turn.offer("form.skip", "form", f"skip={field.name}", aside=True))
        if at:
            ways.append(turn.offer("form.back", "form", "back", aside=True))
        return (*ways, turn.offer("form.cancel", "form", "cancel", aside=True))

    def ways(self, sheet: Sheet, shape: Shape) -> tuple[Offer, ...]:
        """Round a whole page: `back` is the page before, not the question before, which may stand on the same page."""
        turn = self.turn
        back = (turn.offer("form.back", "form", f"edit={shape.pages[sheet.page - 2][0].name}", aside=True),) if sheet.page > 1 else ()
        return (*back, turn.offer("form.cancel", "form", "cancel", aside=True))

    def review(self, lead: Doc = ()) -> None:
        """Everything that would be sent, to be looked over."""
        turn = self.turn
        self.put(focus="", asking="review", held="")
        shown = self.form.submitted(self.filling.answers)
        lines = tuple(
            (Bold((Text(f"{self.wording.label(self.form.by_name[name])}: "),)), Text(self.wording.shown(self.form.by_name[name], value)))
            for name, value in shown.items()
        )
        doc = (*lead, *turn.phrase("form.review"), Bullets(lines), *turn.phrase("form.review_end"))
        turn.say(
            doc,
            (
                turn.offer("form.send", "form", "send"),
                turn.offer("form.change", "form", "change"),
                turn.offer("form.back", "form", "back", aside=True),
                turn.offer("form.cancel", "form", "cancel", aside=True),
            ),
            about=self.filling.key,
        )

    def choose_field(self, lead: Doc = ()) -> None:
        self.put(focus="", asking="change", held="")
        offers = tuple(
            Offer(self.wording.label(field)[:LABEL_LIMIT], "form", f"edit={field.name}")
            for field, _ in self.form.outline(self.filling.answers)
        )
        self.turn.say(
            (*lead, *self.turn.phrase("form.which")),
            (*offers, self.turn.offer("form.to_review", "form", "review", aside=True)),
            about=self.filling.key,
        )

    def ask_cancel(self, lead: Doc = ()) -> None:
        self.put(asking="cancel", held="")
        turn = self.turn
        self.turn.say(
            (*lead, *turn.phrase("form.cancel_sure")),
            (turn.offer("form.discard", "form", "discard"), turn.offer("form.go_on", "form", "go_on")),
            about=self.filling.key,
        )

    def noted(self, merged: Merged, partial: Mapping[str, Any]) -> Doc:
        """What was understood is read back where it may have been misunderstood, with what is worth knowing about it."""
        doc: Doc = ()
        for name in partial:
            value = merged.answers.get(name)
            if name in merged.wrong or value is None or (field := self.form.by_name.get(name)) is None:
                continue
            if field.ask.shown:
                doc += self.turn.phrase("form.noted", label=self.wording.label(field), value=self.wording.shown(field, value))
            for remark in (*merged.remarks.get(name, ()), *self.guide.remarks(self.turn, name, value)):
                doc += self.told(remark)
        return doc

    def told(self, what: Wrong | Remark) -> Doc:
        return self.turn.knowledge.texts.doc(what.phrase, self.turn.locale, **what.values)


def _prefixed(prefix: tuple[Inline, ...], doc: Doc) -> Doc:
    first, *rest = doc
    return (Paragraph((*prefix, *first.children)), *rest) if isinstance(first, Paragraph) else (Paragraph(prefix), *doc)
