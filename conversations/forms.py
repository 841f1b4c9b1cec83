"""A guided form, declared once as a pydantic model: fields and conditions, partial answers by name, pages, and old drafts adopted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from functools import cached_property, lru_cache
from itertools import product
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Protocol, Union, get_args, get_origin

from annotated_types import MaxLen
from pydantic import BaseModel, TypeAdapter, ValidationError

from conversations.values import Occasion, Remark, Wrong

PAGE = 5
"""Fields on one page: what the narrowest native form (Discord's) can show."""

SHAPES = 128
"""How many sets of telling answers are remembered with what follows from them: some dozens make up all that a form can look like."""

Kind = Literal["line", "lines", "one", "files"]
Answers = Mapping[str, Any]
"""Field name to value in JSON form; None: asked and left empty. Those of fields that do not apply now are kept, and come back with them."""

Condition = Mapping[str, str | tuple[str, ...]]
"""Each earlier field named must have (one of) the answers given; empty: always."""

PHRASES: Mapping[str, frozenset[str]] = {
    "form.required": frozenset({"label"}),
    "form.too_long": frozenset({"limit", "n"}),
    "form.too_many": frozenset({"limit"}),
    "form.files_expected": frozenset(),
    "form.choose": frozenset({"typed", "options"}),
    "form.unclear": frozenset({"typed"}),
}


ALWAYS: Condition = MappingProxyType({})


class Ask(NamedTuple):
    """How a field of a form is asked for. `label` is a phrase id; `<label>.ask` is the question in full.

    when: the field applies. required: it must be answered (True, False, or when a condition holds). choices: the desk's own list of this
    name; without it a Literal type lists them, worded by `<label>.<value>`. secret: never shown again, only that it was given.
    hint: a phrase id for what stands under a native input. shown, editable: a value in words, and as it would be typed.
    remarks: what is worth telling about a value. found: the raw answer in what was said before the form began, or None. instead: a way out
    offered with the question: phrase id, and the earlier field and answer it stands for.
    """

    label: str
    when: Condition = ALWAYS
    required: bool | Condition = True
    choices: str = ""
    long: bool = False
    files: bool = False
    secret: bool = False
    hint: str = ""
    shown: Callable[[Any, str], str] | None = None
    editable: Callable[[Any], str] | None = None
    remarks: Callable[[Any], list[Remark]] | None = None
    found: Callable[[str, Occasion], Any] | None = None
    instead: tuple[str, str, str] | None = None


class Change(NamedTuple):
    """What one version of a form changed over the one before: old name to new, names that are gone, names to be asked again.

    A field that is new, or must be answered now and was left empty, is asked in any case and needs no entry.
    """

    renamed: Mapping[str, str] = MappingProxyType({})
    dropped: tuple[str, ...] = ()
    again: tuple[str, ...] = ()


class Field:
    """One field as read from the model: plain data, and the check of its type."""

    def __init__(self, name: str, ask: Ask, annotation: Any, metadata: Sequence[Any]) -> None:
        self.when = _plain(ask.when)
        self.must = None if isinstance(ask.required, bool) else _plain(ask.required)
        self.named = frozenset(name for name, _ in (*self.when, *(self.must or ())))
        bare = _bare(annotation)
        plain = get_args(bare)[0] if get_origin(bare) is Annotated else bare
        self.name = name
        self.ask = ask
        self.values: tuple[str, ...] = get_args(plain) if get_origin(plain) is Literal else ()
        self.several = get_origin(plain) is list
        self.limit: int = next((item.max_length for item in metadata if isinstance(item, MaxLen)), 0)
        self.kind: Kind = "files" if ask.files else "one" if ask.choices or self.values else "lines" if ask.long else "line"
        self.free = bare is str and not ask.choices and all(isinstance(item, MaxLen) for item in metadata)
        """Whether any text will do, so that a question to the desk would pass for an answer."""
        annotated = bare
        for item in metadata:
            annotated = Annotated[annotated, item]
        self._adapter: TypeAdapter[Any] = TypeAdapter(annotated)

    def __repr__(self) -> str:
        return f"Field({self.name})"

    def typed(self, value: Any) -> str:
        """`value` as it would be typed: a native input begins with it, and gives it back when nobody edits it."""
        if value is None or self.ask.secret or self.kind == "files":
            return ""
        if self.ask.editable:
            return self.ask.editable(value)
        return ", ".join(value) if isinstance(value, list) else str(value)

    def read(self, raw: Any, occasion: Occasion) -> Any:
        """The value in JSON form. Raises Wrong with the desk's words, never pydantic's."""
        try:
            return self._adapter.dump_python(self._adapter.validate_python(raw, context=occasion), mode="json")
        except ValidationError as invalid:
            error = invalid.errors(include_url=False)[0]
            cause = error.get("ctx", {}).get("error")
            if isinstance(cause, Wrong):
                raise cause from None
            if error["type"] == "string_too_long":
                raise Wrong("form.too_long", near=True, limit=self.limit, n=len(raw)) from None
            if error["type"] == "too_long":
                raise Wrong("form.too_many", near=True, limit=self.limit) from None
            raise Wrong("form.unclear", typed=str(raw)[:60]) from None


def _plain(condition: Condition) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((name, wanted if isinstance(wanted, tuple) else (wanted,)) for name, wanted in condition.items())


def _bare(annotation: Any) -> Any:
    """`X | None` is X: that a field may be left empty is the form's matter."""
    if get_origin(annotation) in (Union, UnionType):
        left = [part for part in get_args(annotation) if part is not type(None)]
        return left[0] if len(left) == 1 else annotation
    return annotation


class Picks(Protocol):
    """Knows a desk's lists: which of a field's options a text means."""

    def pick(self, field: Field, raw: str) -> str | None: ...

    def listed(self, field: Field) -> str:
        """The options in words, for an error."""
        ...


class Shape(NamedTuple):
    """What a form is for certain answers: the fields that apply, in order, with whether each must be answered; and its pages.

    `told` is what it depends on; `places` and `page_of` tell where a field stands, counted from 0.
    """

    told: tuple[str | None, ...]
    outline: tuple[tuple[Field, bool], ...]
    pages: tuple[tuple[Field, ...], ...]
    places: Mapping[str, int]
    page_of: Mapping[str, int]

    def missing(self, answers: Answers) -> Iterator[str]:
        """Fields still to be asked, in order. `answers` are those that it is for."""
        for field, required in self.outline:
            if answers.get(name := field.name) is None and (required or name not in answers):
                yield name


class Merged(NamedTuple):
    answers: dict[str, Any]
    wrong: dict[str, Wrong]
    remarks: dict[str, list[Remark]]


class Form:
    """`id` and `version` are kept with the answers; `changes[n]` leads from version n to n + 1, and is kept for ever.

    Raises ValueError when a condition names a field that does not come earlier, or when a field that may not apply is not optional.
    """

    def __init__(self, id: str, version: int, model: type[BaseModel], changes: Mapping[int, Change] | None = None) -> None:
        self.id = id
        self.version = version
        self.changes = changes or {}
        fields: list[Field] = []
        for name, info in model.model_fields.items():
            asks = [item for item in info.metadata if isinstance(item, Ask)]
            if len(asks) != 1:
                raise ValueError(f"{id}.{name} needs one Ask")
            ask, earlier = asks[0], {field.name for field in fields}
            field = Field(name, ask, info.annotation, [item for item in info.metadata if not isinstance(item, Ask)])
            if not field.named <= earlier:
                raise ValueError(f"{id}.{name} depends on {sorted(field.named - earlier)}, which do not come before it")
            if (ask.when or ask.required is not True) and info.is_required():
                raise ValueError(f"{id}.{name} may be left empty, so it needs a default in the model")
            fields.append(field)
        if set(self.changes) - set(range(1, version)):
            raise ValueError(f"{id}: changes lead from versions before {version}")
        self.fields = tuple(fields)

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        return {field.name: field for field in self.fields}

    @cached_property
    def lists(self) -> frozenset[str]:
        """The desk's lists that the fields choose from."""
        return frozenset(field.ask.choices for field in self.fields if field.ask.choices)

    @cached_property
    def phrases(self) -> frozenset[str]:
        """Every phrase id that the fields are worded by; none is given values."""
        ids: set[str] = set()
        for field in self.fields:
            ids |= {field.ask.label, f"{field.ask.label}.ask", *(f"{field.ask.label}.{value}" for value in field.values)}
            ids |= {field.ask.hint} if field.ask.hint else set()
            ids |= {field.ask.instead[0]} if field.ask.instead else set()
        return frozenset(ids)

    @lru_cache(maxsize=16)  # noqa: B019 - forms are made once and live as long as the program
    def without(self, names: frozenset[str]) -> Form:
        """The same form for a desk that has nothing to choose from in `names`."""
        if not names:
            return self
        form = object.__new__(Form)
        form.id, form.version, form.changes = self.id, self.version, self.changes
        form.fields = tuple(field for field in self.fields if field.name not in names)
        return form

    # --- what applies ---

    def outline(self, answers: Answers) -> Sequence[tuple[Field, bool]]:
        """The fields that apply, in order, and whether each must be answered."""
        return self.shape(answers).outline

    @cached_property
    def _telling(self) -> Mapping[str, frozenset[str]]:
        """The answers that conditions ask for, by field: by them alone forms differ, whatever else is typed."""
        told: dict[str, frozenset[str]] = {}
        for field in self.fields:
            for name, wanted in (*field.when, *(field.must or ())):
                told[name] = told.get(name, frozenset()) | frozenset(wanted)
        return told

    @cached_property
    def _shapes(self) -> Callable[[tuple[str | None, ...]], Shape]:
        return lru_cache(maxsize=SHAPES)(self._shaped)

    def shape(self, answers: Answers) -> Shape:
        """All of the following at once, for whoever needs more than one of it."""
        get = answers.get
        told = [value if isinstance(value := get(name), str) and value in wanted else None for name, wanted in self._telling.items()]
        return self._shapes(tuple(told))

    def _shaped(self, told: tuple[str | None, ...]) -> Shape:
        given = dict(zip(self._telling, told, strict=True))
        applying: list[tuple[Field, bool]] = []
        standing: dict[str, str] = {}
        for field in self.fields:
            if field.when and not _holds(field.when, standing):
                continue
            applying.append((field, field.ask.required is True if field.must is None else _holds(field.must, standing)))
            if value := given.get(field.name):
                standing[field.name] = value
        pages = self._paged({field.name for field, _ in applying})
        return Shape(
            told,
            tuple(applying),
            pages,
            {field.name: place for place, (field, _) in enumerate(applying)},
            {field.name: at for at, page in enumerate(pages) for field in page},
        )

    def _paged(self, applying: Set[str]) -> tuple[tuple[Field, ...], ...]:
        pages: list[list[Field]] = [[]]
        here: set[str] = set()
        for field in self.fields:
            applies = field.name in applying
            if (applies and len(here) == PAGE) or not here.isdisjoint(field.named):
                pages.append([])
                here = set()
            if applies:
                pages[-1].append(field)
                here.add(field.name)
        return tuple(tuple(page) for page in pages if page)

    def missing(self, answers: Answers) -> list[str]:
        """Fields still to be asked, in order."""
        return list(self.shape(answers).missing(answers))

    def submitted(self, answers: Answers) -> dict[str, Any]:
        """What is sent in the end: the answers of the fields that apply, in order."""
        return {field.name: answers[field.name] for field, _ in self.outline(answers) if answers.get(field.name) is not None}

    def before(self, name: str, answers: Answers) -> str:
        """The field before `name` (with "", the last) among those that apply; "" when there is none."""
        names = [field.name for field, _ in self.outline(answers)]
        at = names.index(name) if name in names else len(names)
        return names[at - 1] if at else ""

    def pages(self, answers: Answers) -> Sequence[Sequence[Field]]:
        """The fields that apply, at most PAGE together, and none beside one that it depends on: what applies is only known a page later.

        Answers on a page can change the pages after it, never that page itself.
        """
        return self.shape(answers).pages

    def settled(self, at: int, shape: Shape) -> bool:
        """Whether there are as many pages as now whatever is answered on page `at` (from 0) and on those after it."""
        return self._counts(shape.told, at) == 1

    @cached_property
    def _counts(self) -> Callable[[tuple[str | None, ...], int], int]:
        return lru_cache(maxsize=SHAPES)(self._counted)

    def _counted(self, told: tuple[str | None, ...], at: int) -> int:
        """In how many numbers of pages it may end: every answer that conditions ask for is tried, and one that none asks for."""
        passed = {field.name for page in self._shapes(told).pages[:at] for field in page}
        open: list[tuple[str | None, ...]] = [
            (given,) if name in passed else (None, *wanted) for (name, wanted), given in zip(self._telling.items(), told, strict=True)
        ]
        return len({len(self._shaped(each).pages) for each in product(*open)})

    # --- answers ---

    def check(self, name: str, raw: Any, occasion: Occasion, picks: Picks) -> Any:
        """The value of one answer in JSON form. Raises Wrong. Depends on no other answer, so answers can come in any order."""
        field = self.by_name[name]
        if field.kind == "files" and isinstance(raw, str):
            raise Wrong("form.files_expected")
        if field.kind == "one":
            picked = picks.pick(field, raw) if isinstance(raw, str) else None
            if picked is None:
                raise Wrong("form.choose", typed=str(raw)[:60], options=picks.listed(field))
            raw = picked
        elif isinstance(raw, str) and not field.several:
            raw = raw.strip()
        return field.read(raw, occasion)

    def merge(self, answers: Answers, partial: Mapping[str, Any], occasion: Occasion, picks: Picks) -> Merged:
        """`answers` with what came: one field or several, by whatever way. An answer that is wrong leaves the earlier one as it was."""
        merged = Merged(dict(answers), {}, {})
        for name, raw in partial.items():
            field = self.by_name.get(name)
            if field is None:
                continue
            if _blank(raw):
                merged.answers[name] = None
                continue
            if answers.get(name) is not None and field.kind != "files" and raw == field.typed(answers[name]):
                continue  # an input that nobody edited
            try:
                value = self.check(name, raw, occasion, picks)
            except Wrong as wrong:
                merged.wrong[name] = wrong
                continue
            merged.answers[name] = value
            if field.ask.remarks and (remarks := field.ask.remarks(value)):
                merged.remarks[name] = remarks
        return merged

    def adopt(self, answers: Answers, version: int, occasion: Occasion, picks: Picks) -> dict[str, Any]:
        """Answers of another version as this one's: carried over each change between and checked again. What no longer fits is asked."""
        carried = dict(answers)
        for step in range(version, self.version):
            change = self.changes.get(step, Change())
            # At once, so that two fields may swap their names.
            moved = {new: carried.pop(old) for old, new in change.renamed.items() if old in carried}
            carried = {name: value for name, value in (carried | moved).items() if name not in change.dropped + change.again}
        adopted = {name: None for name, value in carried.items() if value is None and name in self.by_name}
        given = {name: value for name, value in carried.items() if value is not None}
        return adopted | {name: value for name, value in self.merge({}, given, occasion, picks).answers.items() if name in self.by_name}

    def renamed(self, name: str, version: int) -> str:
        """What a field of another version is called now; "" when it is gone."""
        for step in range(version, self.version):
            change = self.changes.get(step, Change())
            name = "" if name in change.dropped else change.renamed.get(name, name)
        return name if name in self.by_name else ""


def _holds(condition: tuple[tuple[str, tuple[str, ...]], ...], standing: Mapping[str, str]) -> bool:
    return all(standing.get(name) in wanted for name, wanted in condition)


def _blank(raw: Any) -> bool:
    return raw is None or raw == [] or (isinstance(raw, str) and not raw.strip())
