"""Reads the files that customers are answered from, each by itself: answers/*.md and phrases/*.po, with the line of everything found."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from gettext import c2py
from pathlib import Path
from typing import NamedTuple

import yaml
from babel import Locale, UnknownLocaleError
from babel.messages.plurals import get_plural
from babel.messages.pofile import PoFileError, read_po

from bot.content import ANSWERS, PHRASES, ContentFault
from bot.markdown import Report, check_places, nearest, parse
from conversations.model import Doc

_SHARED_KEYS = ("title", "phrasings")
_DEFAULT_KEYS = ("related", "actions", "flow", "smalltalk", "urgent")
_ANSWER_NAME = re.compile(r"([a-z][a-z0-9_]*)\.([A-Za-z_-]+)\.md")


class Marked(NamedTuple):
    """A value and the line it stands on."""

    value: str
    line: int


class AnswerFile(NamedTuple):
    path: str
    topic: str
    locale: str
    title: Marked
    phrasings: tuple[Marked, ...]
    related: tuple[Marked, ...]
    actions: tuple[Marked, ...]
    flow: Marked
    smalltalk: bool
    urgent: bool
    doc: Doc


class Phrase(NamedTuple):
    """`forms` are as the translator wrote them, one or one per plural; `docs` the same as trees."""

    line: int
    forms: tuple[str, ...]
    docs: tuple[Doc, ...]


class PhraseFile(NamedTuple):
    path: str
    locale: str
    plural: str
    phrases: dict[str, Phrase]


class Faults:
    """Collects what is wrong. Paths go in as in a snapshot and come out below the folder that was given."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.found: list[ContentFault] = []

    def add(self, path: str, line: int, message: str) -> None:
        self.found.append(ContentFault(str(self._folder / path), line, message))

    def at(self, path: str) -> Report:
        return lambda line, message: self.add(path, line, message)


def text_of(data: bytes, report: Report) -> str | None:
    """A file's text with plain line ends, or None after a report."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        report(data[: error.start].count(b"\n") + 1, "not UTF-8: save the file in that encoding")
        return None
    return text.replace("\r\n", "\n")


def is_locale(code: str) -> bool:
    try:
        return bool(Locale.parse(code, sep="-" if "-" in code else "_"))
    except (ValueError, UnknownLocaleError, TypeError):
        return False


# --- answers ---


def read_answer(path: str, text: str, report: Report, facts: Mapping[str, str] | None, default_locale: str) -> AnswerFile | None:
    """One topic in one language; None when its front matter cannot be read. `default_locale` "" when unknown."""
    found = _ANSWER_NAME.fullmatch(path.removeprefix(ANSWERS))
    if found is None:
        report(1, "the name of an answer is its topic and its language: topic.es.md, small letters, digits and _")
        return None
    topic, locale = found.groups()
    front, body, body_line = _front_matter(text, report)
    if front is None:
        return None
    fields = _fields(front, report)
    if fields is None:
        return None
    shared = default_locale and locale != default_locale
    for key, (line, _) in fields.items():
        if key in _DEFAULT_KEYS and shared:
            report(line, f"{key} belongs in {topic}.{default_locale}.md: it is the same in every language")
        elif key not in (*_SHARED_KEYS, *_DEFAULT_KEYS):
            report(line, f"unknown key {key}{nearest(key, (*_SHARED_KEYS, *_DEFAULT_KEYS))}")
    front_lines = front.split("\n")
    for key in _SHARED_KEYS:
        if key not in fields:
            report(1, f"{key} is missing")
    value = _Values(fields, front_lines, report)
    title = value.text("title")
    if "title" in fields and not title.value:
        report(title.line, "the title is empty")
    check_places(title.value, title.line, report, facts)
    if not body.strip():
        report(body_line, "the answer is empty")
    return AnswerFile(
        path=path,
        topic=topic,
        locale=locale,
        title=title,
        phrasings=value.texts("phrasings"),
        related=value.texts("related"),
        actions=value.texts("actions"),
        flow=value.text("flow"),
        smalltalk=value.switch("smalltalk"),
        urgent=value.switch("urgent"),
        doc=parse(body, body_line, report, facts),
    )


def _front_matter(text: str, report: Report) -> tuple[str | None, str, int]:
    """The front matter, the body, and the line that the body begins on."""
    if not text.startswith("---\n"):
        report(1, "an answer begins with a line of --- and its front matter")
        return None, "", 0
    front, end, body = text[4:].partition("\n---\n")
    if not end:
        if not front.endswith("\n---"):
            report(1, "the front matter is not closed by a line of ---")
            return None, "", 0
        front = front.removesuffix("\n---")
    return front, body, front.count("\n") + 4


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _fields(front: str, report: Report) -> dict[str, tuple[int, yaml.Node]] | None:
    """Key to line and node. Nodes, not values: they know their line, and `no` stays a word instead of becoming False."""
    try:
        root = yaml.compose(front, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        # Something left open is missed only at the end; where it was opened is where to look.
        open_ = error.context is not None and ("quoted" in error.context or "flow" in error.context)
        mark = (open_ and error.context_mark) or error.problem_mark or error.context_mark
        report(mark.line + 2 if mark else 1, f"broken YAML: {error.problem or error.context}; a text with : or # in it needs quotes")
        return None
    except yaml.YAMLError as error:
        report(1, f"broken YAML: {error}")
        return None
    if not isinstance(root, yaml.MappingNode):
        report(2, "the front matter must be lines of `key: value`")
        return None
    fields: dict[str, tuple[int, yaml.Node]] = {}
    for key, node in root.value:
        line = key.start_mark.line + 2
        if not isinstance(key, yaml.ScalarNode):
            report(line, "a key must be a word")
        elif key.value in fields:
            report(line, f"{key.value} stands twice; first on line {fields[key.value][0]}")
        else:
            fields[key.value] = (line, node)
    return fields


class _Values:
    def __init__(self, fields: Mapping[str, tuple[int, yaml.Node]], lines: Sequence[str], report: Report) -> None:
        self._fields = fields
        self._lines = lines
        self._report = report

    def text(self, key: str) -> Marked:
        line, node = self._fields.get(key, (1, None))
        if node is None:
            return Marked("", line)
        if not isinstance(node, yaml.ScalarNode):
            self._report(line, f"{key} must be one text; put it in quotes if there is a : or a [ in it")
            return Marked("", line)
        return self._scalar(node)

    def switch(self, key: str) -> bool:
        given = self.text(key)
        if given.value not in ("", "true", "false"):
            self._report(given.line, f"{key} is true or false")
        return given.value == "true"

    def texts(self, key: str) -> tuple[Marked, ...]:
        line, node = self._fields.get(key, (1, None))
        if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
            return ()
        if not isinstance(node, yaml.SequenceNode):
            self._report(line, f"{key} must be a list")
            return ()
        found: list[Marked] = []
        for item in node.value:
            if not isinstance(item, yaml.ScalarNode):
                self._report(item.start_mark.line + 2, f"an item of {key} must be one text; put it in quotes if there is a : or a [ in it")
            elif not item.value.strip():
                self._report(item.start_mark.line + 2, f"an item of {key} is empty; a text that begins with # needs quotes")
            else:
                found.append(self._scalar(item))
        return tuple(found)

    def _scalar(self, node: yaml.ScalarNode) -> Marked:
        end = node.end_mark
        rest = self._lines[end.line][end.column :] if end.line < len(self._lines) else ""
        if not node.style and node.value and re.match(r"\s+#", rest):
            # A phrasing such as `pedido #123` would silently lose its end.
            self._report(node.start_mark.line + 2, "YAML takes what follows # for a comment: put the text in quotes")
        return Marked(node.value.strip(), node.start_mark.line + 2)


# --- phrases ---


def read_phrases(path: str, text: str, report: Report, facts: Mapping[str, str] | None) -> PhraseFile | None:
    """The phrases of one language; None when they cannot be read."""
    locale = path.removeprefix(PHRASES).removesuffix(".po")
    if not path.endswith(".po") or not is_locale(locale):
        report(1, "a file of phrases is named after its language: es.po")
        return None
    try:
        catalog = read_po(io.StringIO(text), locale=locale, abort_invalid=True)
    except PoFileError as error:
        report(error.lineno + 1, f"broken .po file: {error}")
        return None
    except (ValueError, UnicodeError, IndexError, TypeError) as error:
        # Babel lets these through for broken escapes and headers, without a line.
        report(1, f"broken .po file: {error}")
        return None
    wanted = get_plural(locale)
    if catalog.num_plurals != wanted.num_plurals or not _counts(catalog.plural_expr, catalog.num_plurals):
        report(1, f"{locale} has {wanted.num_plurals} plural forms: the header must say Plural-Forms: {wanted.plural_forms}")
        return None
    lines = dict(_ids(text, report))
    phrases: dict[str, Phrase] = {}
    for message in catalog:
        id = message.id[0] if isinstance(message.id, (tuple, list)) else message.id
        if not id:
            continue
        line = lines.get(id, message.lineno or 1)
        forms = tuple(message.string) if isinstance(message.string, (tuple, list)) else (message.string,)
        if message.fuzzy:
            report(line, f"{id} is marked fuzzy: check the translation and take the mark away")
        missing = [n for n, form in enumerate(forms) if not form or not form.strip()]
        if missing:
            what = "is not translated" if len(missing) == len(forms) else f"has no plural form {missing[0]}: {locale} has {len(forms)}"
            report(line, f"{id} {what}")
            continue
        docs = tuple(parse(str(form), line, _at(report, line, id), facts, phrase=True) for form in forms)
        phrases[id] = Phrase(line, tuple(map(str, forms)), docs)
    return PhraseFile(path, locale, catalog.plural_expr, phrases)


def _counts(plural: str, forms: int) -> bool:
    """Whether an expression picks one of the forms for any number."""
    try:
        pick = c2py(plural)
        return all(0 <= pick(n) < forms for n in range(1001))
    except (ValueError, ZeroDivisionError):
        return False


def _at(report: Report, line: int, id: str) -> Callable[[int, str], None]:
    # Where a string of several lines is broken in the file is not where it is broken when shown, so its first line has to do.
    return lambda _, message: report(line, f"{id}: {message}")


def _ids(text: str, report: Report) -> Iterator[tuple[str, int]]:
    """The line of each id; one that stands twice is a fault, for the second would silently win."""
    seen: dict[str, int] = {}
    for n, line in enumerate(text.split("\n"), 1):
        if (found := re.match(r'msgid\s+"(.+)"\s*$', line)) is None:
            continue
        id = found.group(1)
        if id in seen:
            report(n, f"{id} stands twice; first on line {seen[id]}")
            continue
        seen[id] = n
        yield id, n
