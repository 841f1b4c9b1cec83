"""How a desk words a form: labels, questions, options, values in words, and a page of it as data that a platform can draw natively."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from conversations.forms import Field, Form, Shape
from conversations.knowledge import Knowledge, Listed, Recent
from conversations.model import Attachment, Bold, Doc, Inline, Input, Option, Paragraph, Sheet, Text
from conversations.texts import fold, folded_label, join

LABEL_LIMIT = 45
"""Characters of a label that every native form can show."""

SHOWN_LIMIT = 300
WORDS_WITH_OPTION = 4
STEM = 4


class Wording:
    """A desk's words for forms, in one language. It also knows which option a text means (forms.Picks).

    What is the same for everybody is put together once: a page is drawn with every turn, and only what was typed differs.
    """

    def __init__(self, knowledge: Knowledge, locale: str) -> None:
        self.texts = knowledge.texts
        self.desk = knowledge.desk
        self.locale = locale
        self._fitted: dict[Form, Form] = {}
        self._options: dict[Field, tuple[Option, ...]] = {}
        self._inputs: dict[tuple[Field, bool], Input] = {}
        self._ways: dict[Field, dict[str, frozenset[str]]] = {}
        self._chosen: dict[tuple[Field, bool, str | None], Input] = {}
        self._asked: dict[tuple[Field, int, int], Doc] = {}
        self._values: dict[Form, dict[str, frozenset[str] | None]] = {}

    def fitted(self, form: Form) -> Form:
        """The form without what this desk has no list for."""
        if (known := self._fitted.get(form)) is None:
            lists = self.desk.lists
            without = frozenset(field.name for field in form.fields if field.ask.choices and not lists.get(field.ask.choices))
            known = self._fitted[form] = form.without(without)
        return known

    def label(self, field: Field) -> str:
        return self.texts.label(field.ask.label, self.locale)

    def question(self, field: Field) -> Doc:
        return self.texts.doc(f"{field.ask.label}.ask", self.locale)

    def question_at(self, field: Field, place: int, places: int) -> Doc:
        """The question of a field with how far one has come, counted from 1."""
        if (known := self._asked.get((field, place, places))) is None:
            progress = (Bold((Text(f"{place}/{places}"),)), Text(" · "))
            known = self._asked[field, place, places] = prefixed(progress, self.question(field))
        return known

    def options(self, field: Field) -> tuple[Option, ...]:
        if (known := self._options.get(field)) is None:
            if field.ask.choices:
                known = tuple(Option(each.id, self._of(each.titles), self._of(each.hints)) for each in self._list(field))
            else:
                known = tuple(Option(value, self.texts.label(f"{field.ask.label}.{value}", self.locale)) for value in field.values)
            self._options[field] = known
        return known

    def values(self, form: Form) -> Mapping[str, frozenset[str] | None]:
        """By field: what may be chosen, or None where anything may be said."""
        if (known := self._values.get(form)) is None:
            chosen = {field.name: self.options(field) for field in form.fields if field.kind == "one"}
            known = {field.name: None for field in form.fields}
            known |= {name: frozenset(option.value for option in options) for name, options in chosen.items()}
            self._values[form] = known
        return known

    def listed(self, field: Field) -> str:
        return join((option.label for option in self.options(field)), self.locale)

    def pick(self, field: Field, raw: str) -> str | None:
        """The option meant: by its value, its label in any language of the desk, or a few words that only it is told by."""
        if (labels := self._ways.get(field)) is None:
            values = [option.value for option in self.options(field)]
            labels = {value: frozenset(folded_label(label) for label in self._labels(field, value)) for value in values}
            self._ways[field] = labels
        if raw in labels:
            return raw
        typed = fold(raw)
        if not typed or len(raw) > 100:
            return None
        same = [value for value, ways in labels.items() if typed in ways]
        if not same and len(typed) > 2:
            same = [value for value, ways in labels.items() if any(way.startswith(typed) for way in ways)]
        if not same and "?" not in raw and len(typed.split()) <= WORDS_WITH_OPTION:
            said = f" {typed} "
            same = [value for value, ways in labels.items() if any(f" {way} " in said for way in ways)]
            if not same:
                words = [word for word in typed.split() if len(word) >= STEM]
                same = [value for value in labels if words and all(map(_stems(labels[value]), words))]
            if not same and words:
                same = [value for value in labels if all(map(_stems({folded_label(hint) for hint in self._hints(field, value)}), words))]
        return same[0] if len(same) == 1 else None

    def shown(self, field: Field, value: Any) -> str:
        """A value in words; a long text cut short."""
        if field.ask.secret:
            return "••••••"
        if field.ask.shown:
            return field.ask.shown(value, self.locale)
        if field.kind == "one":
            return next((option.label for option in self.options(field) if option.value == value), str(value))
        if field.kind == "files":
            return join((str(each.get("name") or "?") for each in value), self.locale)
        text = ", ".join(value) if isinstance(value, list) else str(value)
        return text if len(text) <= SHOWN_LIMIT else text[: SHOWN_LIMIT - 1].rstrip() + "…"

    def sheet(
        self,
        form: Form,
        key: str,
        answers: Mapping[str, Any],
        focus: str,
        lead: Doc = (),
        typed: Mapping[str, Any] | None = None,
        errors: Mapping[str, str] | None = None,
        known: Callable[[str], Sequence[str]] = lambda _: (),
        shape: Shape | None = None,
    ) -> Sheet:
        """The page that `focus` is on. `typed` stands in its inputs instead of answers, with `errors` beside them. `known`: what a free
        field may be picked from. `shape`, if it is known, is that of `answers`.
        """
        shape = shape or form.shape(answers)
        at = shape.page_of.get(focus, len(shape.pages) - 1)
        outline, places = shape.outline, shape.places
        return Sheet(
            key=key,
            form=form.id,
            version=form.version,
            page=at + 1,
            pages=len(shape.pages) if form.settled(at, shape) else 0,
            focus=focus,
            lead=lead,
            inputs=tuple([self._input(field, outline[places[field.name]][1], answers, typed, errors, known) for field in shape.pages[at]]),
        )

    def _input(
        self,
        field: Field,
        required: bool,
        answers: Mapping[str, Any],
        typed: Mapping[str, Any] | None,
        errors: Mapping[str, str] | None,
        known: Callable[[str], Sequence[str]],
    ) -> Input:
        value = answers.get(field.name)
        text = typed.get(field.name) if typed else None
        error = errors.get(field.name, "") if errors else ""
        if field.kind != "one":
            plain, picks = self._plain(field, required), known(field.name)
            if value is None and text is None and not error and not picks:
                return plain
            return replace(
                plain,
                options=tuple([Option(value, value) for value in picks]),
                value=text if isinstance(text, str) else field.typed(value),
                files=tuple(Attachment(**each) for each in value) if field.kind == "files" and value else (),
                error=error,
            )
        if text is not None or error:
            return replace(self._plain(field, required), value=text if isinstance(text, str) else field.typed(value), error=error)
        # What is chosen is one of the desk's own few words.
        drawn = self._chosen.get((field, required, value))
        if drawn is None:
            drawn = self._chosen[field, required, value] = replace(self._plain(field, required), value=field.typed(value))
        return drawn

    def _plain(self, field: Field, required: bool) -> Input:
        plain = self._inputs.get((field, required))
        if plain is None:
            plain = self._inputs[field, required] = Input(
                name=field.name,
                kind=field.kind,
                label=self.label(field)[:LABEL_LIMIT],
                hint=self.texts.label(field.ask.hint, self.locale) if field.ask.hint else "",
                options=self.options(field) if field.kind == "one" else (),
                limit=field.limit,
                secret=field.ask.secret,
                required=required,
            )
        return plain

    def _list(self, field: Field) -> Sequence[Listed]:
        return self.desk.lists.get(field.ask.choices, ())

    def _labels(self, field: Field, value: str) -> list[str]:
        if field.ask.choices:
            return [title for each in self._list(field) if each.id == value for title in each.titles.values()]
        return [self.texts.label(f"{field.ask.label}.{value}", locale) for locale in self.desk.locales]

    def _hints(self, field: Field, value: str) -> list[str]:
        return [hint for each in self._list(field) if each.id == value for hint in each.hints.values()]

    def _of(self, texts: Mapping[str, str]) -> str:
        return texts.get(self.locale) or texts.get(self.desk.default_locale, "")


wording_of = Recent(Wording)
"""The words of a desk in one of its languages, for whoever needs them again with the next turn."""


def prefixed(prefix: tuple[Inline, ...], doc: Doc) -> Doc:
    """`doc` with `prefix` before its first words."""
    first, *rest = doc
    return (Paragraph((*prefix, *first.children)), *rest) if isinstance(first, Paragraph) else (Paragraph(prefix), *doc)


def _stems(texts: Collection[str]) -> Callable[[str], bool]:
    """Tells whether a word stands in one of `texts`, whatever its ending: `tecnico` in `cuestiones tecnicas`."""
    written = {word for text in texts for word in re.findall(r"\w+", text)}

    def stands(word: str) -> bool:
        stem = word[: max(STEM, len(word) - 2)]
        return any(each.startswith(stem) for each in written)

    return stands
