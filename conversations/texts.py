"""The desk's phrases: text trees with placeholders, by id, locale and number; and how a locale writes times and lists."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from gettext import c2py
from typing import TypeVar

from msgspec import Struct

from conversations.model import Block, Bold, Break, Bullets, Code, Doc, Inline, Italic, Link, Paragraph, Steps, Text

Values = Mapping[str, str | int]
T = TypeVar("T")


_OUTER = " \t\n.!?¡¿,:;)("
_ACCENTED = (("á", "a"), ("é", "e"), ("í", "i"), ("ó", "o"), ("ú", "u"), ("ü", "u"), ("ñ", "n"))
_COMBINING = re.compile("[\u0300-\u036f\u20d0-\u20ff\ufe00-\ufe0f]+")


def fold(text: str) -> str:
    """`text` without case, accents and outer punctuation: how labels are compared."""
    global _newest
    # A turn compares one and the same text with this and that: only that one is kept.
    known, folded = _newest
    if text == known:
        return folded
    plain = text.casefold().strip(_OUTER)
    if not plain.isascii():
        # The few letters of Spanish first: what is ASCII then needs no closer look, which takes several times as long.
        for letter, bare in _ACCENTED:
            plain = plain.replace(letter, bare)
        if not plain.isascii():
            plain = _COMBINING.sub("", unicodedata.normalize("NFKD", plain)).strip(_OUTER)
    _newest = text, plain
    return plain


_newest = ("", "")

folded_label = lru_cache(maxsize=4096)(fold)
"""For the desk's own words only: the same few come with every turn, and what customers wrote is not to be kept in a cache."""


class Catalogue(Struct, frozen=True):
    """The phrases of one locale.

    A phrase is a tree whose leaves may hold placeholders: `{name}`, with `{{` and `}}` for braces themselves. It has one form, or one per
    plural. `plural` is the gettext expression (as in a .po file's header, e.g. `n != 1`) that picks the form.
    """

    plural: str
    phrases: dict[str, tuple[Doc, ...]]


class Catalogues:
    """The phrases of a desk, ready to be said. `facts` fill the placeholders they name; a value given with a call wins over a fact.

    Everything that can be settled before a customer is there is settled here, so that a phrase costs microseconds. A value only ever
    becomes characters of a leaf, so it cannot turn into markup. Raises ValueError when a placeholder or a plural is malformed.
    """

    def __init__(self, catalogues: Mapping[str, Catalogue], facts: Mapping[str, str]) -> None:
        self._facts = facts
        self._forms = {
            locale: {id: tuple(_Form(form, facts) for form in forms) for id, forms in catalogue.phrases.items()}
            for locale, catalogue in catalogues.items()
        }
        self._plurals = {locale: c2py(catalogue.plural) for locale, catalogue in catalogues.items()}
        # What most turns ask for, most of it many times: labels that need no value.
        self._labels: dict[tuple[str, str], str] = {}

    def doc(self, id: str, locale: str, /, **values: str | int) -> Doc:
        """The phrase as blocks. KeyError: no such phrase, or a placeholder without a value."""
        return self._form(id, locale, values).doc(values)

    def line(self, id: str, locale: str, /, **values: str | int) -> tuple[Inline, ...]:
        """The phrase as the content of one paragraph; what stood apart is parted by breaks."""
        return tuple(_line(self.doc(id, locale, **values)))

    def label(self, id: str, locale: str, /, **values: str | int) -> str:
        """The phrase as plain characters on one line."""
        if not values and (label := self._labels.get((id, locale))) is not None:
            return label
        label = self._form(id, locale, values).label(values)
        if not values:
            self._labels[id, locale] = label
        return label

    def words(self, id: str, locale: str) -> frozenset[str]:
        """`fold` of each of a phrase's alternatives, which | parts."""
        return frozenset(map(fold, self.label(id, locale).split("|")))

    def _form(self, id: str, locale: str, values: Values) -> _Form:
        forms = self._forms[locale][id]
        if len(forms) == 1:
            return forms[0]
        # A float would make the plural expression raise; KeyError is what a missing `n` is.
        return forms[min(self._plurals[locale](int(values["n"])), len(forms) - 1)]


class _Form:
    """One form of one phrase. `_doc` and `_label` are ready to be shown unless values are needed."""

    __slots__ = ("_doc", "_facts", "_fill", "_label", "_ready", "_template")

    def __init__(self, template: Doc, facts: Mapping[str, str]) -> None:
        names = placeholders(template)
        needed = names - facts.keys()
        self._facts = {name: facts[name] for name in names & facts.keys()}
        self._ready = not names
        self._fill = _compile(template)
        self._template = plain(template)
        # With every name a fact, the common call gives no values that matter, and the tree is built once.
        self._doc = None if needed else self._fill(facts)
        self._label = None if needed else self._template.format_map(facts)

    def doc(self, values: Values) -> Doc:
        if self._doc is not None and (self._ready or self._facts.keys().isdisjoint(values)):
            return self._doc
        return self._fill({**self._facts, **values} if self._facts else values)

    def label(self, values: Values) -> str:
        if self._label is not None and (self._ready or self._facts.keys().isdisjoint(values)):
            return self._label
        return self._template.format_map({**self._facts, **values} if self._facts else values)


# --- placeholders in a tree ---


def placeholders(doc: Doc) -> frozenset[str]:
    """The names a tree wants filled. Raises ValueError at a stray brace or anything but a plain name between braces."""
    return frozenset(name for leaf in leaves(doc) for name in names_in(leaf))


def names_in(template: str) -> Iterator[str]:
    """The placeholders of one string, in order. Raises ValueError as `placeholders` does."""
    for _, name, spec, conversion in string.Formatter().parse(template):
        if name is None:
            continue
        # Formatter would also read attributes and items: a template must not reach into a value.
        if spec or conversion or not name.isidentifier() or not name.isascii():
            raise ValueError(f"{{{name}}} is not a placeholder: only letters, digits and _ may stand between braces")
        yield name


def fill(doc: Doc, values: Values) -> Doc:
    """The tree with every placeholder filled. KeyError: one has no value."""
    return _compile(doc)(values)


def leaves(doc: Doc) -> Iterator[str]:
    """Every string of a tree that may hold placeholders, the targets of links included."""
    for block in doc:
        lines = (block.children,) if isinstance(block, Paragraph) else block.items
        for line in lines:
            yield from _leaves(line)


def _leaves(children: Iterable[Inline]) -> Iterator[str]:
    for child in children:
        match child:
            case Text(text) | Code(text):
                yield text
            case Link(url, inner):
                yield url
                yield from _leaves(inner)
            case Bold(inner) | Italic(inner):
                yield from _leaves(inner)
            case Break():
                pass


def _compile(doc: Doc) -> Callable[[Values], Doc]:
    """A function that builds the tree from values; whatever holds no placeholder is built once and shared by every message."""
    blocks = [_block(block) for block in doc]
    return lambda values: tuple([make(values) for make in blocks])


def _block(block: Block) -> Callable[[Values], Block]:
    if isinstance(block, Paragraph):
        line = _children(block.children)
        return _constant(Paragraph(line({}))) if not placeholders((block,)) else lambda values: Paragraph(line(values))
    items = [_children(item) for item in block.items]
    kind = type(block)
    if not placeholders((block,)):
        return _constant(kind(tuple(item({}) for item in items)))
    return lambda values: kind(tuple([item(values) for item in items]))


def _children(children: tuple[Inline, ...]) -> Callable[[Values], tuple[Inline, ...]]:
    makers = [_inline(child) for child in children]
    if len(makers) == 1:
        only = makers[0]
        return lambda values: (only(values),)
    return lambda values: tuple([make(values) for make in makers])


def _inline(inline: Inline) -> Callable[[Values], Inline]:
    make: Callable[[Values], Inline]
    match inline:
        case Text(text):

            def make(values: Values) -> Inline:
                return Text(text.format_map(values))
        case Code(text):

            def make(values: Values) -> Inline:
                return Code(text.format_map(values))
        case Link(url, children):
            inner = _children(children)

            def make(values: Values) -> Inline:
                return Link(url.format_map(values), inner(values))
        case Bold(children) | Italic(children):
            inner, kind = _children(children), type(inline)

            def make(values: Values) -> Inline:
                return kind(inner(values))
        case Break():
            return _constant(inline)
    return make if any(True for leaf in _leaves((inline,)) for _ in names_in(leaf)) else _constant(make({}))


def _constant(value: T) -> Callable[[Values], T]:
    return lambda values: value


# --- a tree on one line ---


def plain(doc: Doc) -> str:
    """Only the characters of a tree, on one line: for buttons and titles."""
    return " ".join(filter(None, (_plain(line) for line in _lines(doc))))


def _plain(children: Iterable[Inline]) -> str:
    parts: list[str] = []
    for child in children:
        match child:
            case Text(text) | Code(text):
                parts.append(text)
            case Link(_, inner) | Bold(inner) | Italic(inner):
                parts.append(_plain(inner))
            case Break():
                parts.append(" ")
    return "".join(parts)


def _lines(doc: Doc) -> Iterator[tuple[Inline, ...]]:
    for block in doc:
        match block:
            case Paragraph(children):
                yield children
            case Bullets(items):
                yield from items
            case Steps(items):
                # Said on one line, "1." must not vanish: in a label such as "1. Pay" Markdown sees a list.
                yield from ((Text(f"{n}. "), *item) for n, item in enumerate(items, 1))


def _line(doc: Doc) -> Iterator[Inline]:
    for n, line in enumerate(_lines(doc)):
        if n:
            yield Break()
        yield from line


# --- lists, as a locale writes them (CLDR, by Babel; imported when first needed, so that a start stays quick and small) ---


def join(items: Iterable[str], locale: str) -> str:
    """A list in words, e.g. `correo, chat y teléfono`."""
    from babel.lists import format_list

    return format_list(list(items), locale=locale)
