"""What is said while a form is filled in: the question of a field with its ways round it, the review, and what is read back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from msgspec.structs import replace

from conversations.forms import Field, Merged, Shape
from conversations.model import Bold, Bullets, Doc, Filling, Offer, Sheet, Text
from conversations.texts import plain
from conversations.turn import LABEL_LIMIT, Turn
from conversations.values import Occasion, Remark, Wrong
from conversations.wording import prefixed, wording_of

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
        answers = self.filling.answers
        missing = next(self.form.shape(answers).missing(answers), None)
        if missing is not None:
            self.ask(missing, lead)
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
        errors: Doc = ()
        beside: dict[str, str] = {}
        if wrong:
            problems = {each: self.told(problem) for each, problem in wrong.items()}
            for each, problem in problems.items():
                label = () if len(problems) == 1 and each == name else (Bold((Text(self.wording.label(self.form.by_name[each]) + ": "),)),)
                errors += prefixed(label, problem)
            beside = {each: plain(problem) for each, problem in problems.items()}
        value = answers.get(name)
        current = turn.phrase("form.current", value=self.wording.shown(field, value)) if value is not None and not wrong else ()
        doc = (*lead, *errors, *current, *self.wording.question_at(field, at + 1, len(shape.outline)))
        sheet = self.wording.sheet(self.form, self.filling.key, answers, name, lead, typed, beside, partial(self.guide.known, turn), shape)
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
        known = tuple([Offer(value[:LABEL_LIMIT], "field", f"{field.name}={value}") for value in self.guide.known(self.turn, field.name)])
        listed = self.turn.standing.listed
        if field not in listed:
            listed[field] = self._chosen(field), self._instead(field)
        chosen, instead = listed[field]
        return (*held, *chosen, *known, *instead)

    def _chosen(self, field: Field) -> tuple[Offer, ...]:
        options = self.wording.options(field) if field.kind == "one" else ()
        return tuple(Offer(option.label[:LABEL_LIMIT], "field", f"{field.name}={option.value}") for option in options)

    def _instead(self, field: Field) -> tuple[Offer, ...]:
        if not field.ask.instead:
            return ()
        phrase, other, value = field.ask.instead
        return (Offer(self.turn.knowledge.texts.label(phrase, self.turn.locale)[:LABEL_LIMIT], "field", f"{other}={value}"),)

    def asides(self, field: Field, required: bool, at: int, value: Any) -> tuple[Offer, ...]:
        skip = "keep" if value is not None else "" if required else f"skip={field.name}"
        return self._round(skip, "back" if at else "")

    def ways(self, sheet: Sheet, shape: Shape) -> tuple[Offer, ...]:
        """Round a whole page: `back` is the page before, not the question before, which may stand on the same page."""
        return self._round("", f"edit={shape.pages[sheet.page - 2][0].name}" if sheet.page > 1 else "")

    def _round(self, skip: str, back: str) -> tuple[Offer, ...]:
        """The ways round a question, by what they mean; giving up is always one."""
        known = self.turn.standing.round
        if (ways := known.get((skip, back))) is None:
            turn, offers = self.turn, []
            if skip == "keep":
                offers.append(turn.offer("form.keep", "form", skip, aside=True))
            elif skip:
                offers.append(turn.offer("form.skip", "form", skip, aside=True))
            if back:
                offers.append(turn.offer("form.back", "form", back, aside=True))
            ways = known[skip, back] = (*offers, turn.offer("form.cancel", "form", "cancel", aside=True))
        return ways

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
