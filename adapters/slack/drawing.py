"""The text tree as Slack's rich text: typed elements, so that nothing anybody wrote can become a mention, a link or a style."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from adapters.splitting import split
from adapters.text import without_controls
from conversations.model import Bold, Break, Bullets, Code, Doc, Inline, Italic, Link, Paragraph, Steps, Text

TEXT_LIMIT: Final = 4_000
"""Code points of one message: what a reader takes in, and what chat.update takes besides."""

WEIGHT_LIMIT: Final = 9_000
"""All of a message's text with its links and a share for each element: Slack refuses from about 9,600 on (msg_blocks_too_long)."""

ELEMENT_WEIGHT: Final = 24
URL_LIMIT: Final = 3_000
FALLBACK_LIMIT: Final = 3_900


class Leaf(NamedTuple):
    """A run of text in one style. `styles` are Slack's names for them."""

    text: str
    styles: tuple[str, ...] = ()
    url: str = ""

    @property
    def weight(self) -> int:
        return len(self.text) + len(self.url) + ELEMENT_WEIGHT

    def element(self) -> dict[str, Any]:
        style = {"style": dict.fromkeys(self.styles, True)} if self.styles else {}
        return {"type": "link", "url": self.url, "text": self.text, **style} if self.url else {"type": "text", "text": self.text, **style}


class Part:
    """What one message takes. `kind` of a line is "", "bullet" or "ordered"; `number` counts the items of a list from 0."""

    def __init__(self) -> None:
        self.elements: list[dict[str, Any]] = []
        self.text = ""
        self._weight = self._length = 0
        self._kind = ""

    def takes(self, leaves: Iterable[Leaf]) -> bool:
        found = list(leaves)
        length, weight = sum(len(leaf.text) for leaf in found), sum(leaf.weight for leaf in found)
        # A line costs an element of its own, and perhaps a line end.
        return self._length + length + 2 <= TEXT_LIMIT and self._weight + weight + 2 * ELEMENT_WEIGHT <= WEIGHT_LIMIT

    def add(self, kind: str, number: int, leaves: list[Leaf]) -> None:
        if not kind and self.elements:
            leaves = [Leaf("\n"), *leaves]  # an empty line between paragraphs, and after a list
        section = {"type": "rich_text_section", "elements": [leaf.element() for leaf in leaves]}
        if not kind:
            self.elements.append(section)
        elif self.elements and self._kind == kind and number:
            self.elements[-1]["elements"].append(section)
        else:
            offset = {"offset": number} if kind == "ordered" and number else {}
            self.elements.append({"type": "rich_text_list", "style": kind, **offset, "elements": [section]})
        self._kind = kind
        self._weight += sum(leaf.weight for leaf in leaves) + ELEMENT_WEIGHT
        self._length += sum(len(leaf.text) for leaf in leaves)
        mark = "• " if kind == "bullet" else f"{number + 1}. " if kind else ""
        self.text += ("\n" if self.text else "") + mark + "".join(leaf.text for leaf in leaves).strip("\n")


def parts(doc: Doc) -> list[Part]:
    """The whole tree in as few messages as take it, cut between blocks, else between lines, else inside the text."""
    found = [Part()]
    for kind, number, leaves in _lines(doc):
        if found[-1].takes(leaves):
            found[-1].add(kind, number, leaves)
            continue
        for piece in _pieces(leaves):
            if not found[-1].takes(piece):
                found.append(Part())
            found[-1].add(kind, number, piece)
    return [part for part in found if part.elements] or [Part()]


def block(part: Part) -> list[dict[str, Any]]:
    return [{"type": "rich_text", "elements": part.elements}] if part.elements else []


def fallback(text: str) -> str:
    """What stands in notifications: escaped (Slack's three characters are all there are), and cut to what any method takes."""
    cut = text[:FALLBACK_LIMIT]
    while len(escaped := cut.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")) > FALLBACK_LIMIT:
        cut = cut[: len(cut) * 4 // 5]
    return escaped or "…"


def plain(text: str, limit: int) -> dict[str, Any]:
    """A text object that shows `text` as it is; `:smile:` stays what it is too. Never empty, which Slack would refuse."""
    shown = without_controls(text)
    shown = shown if len(shown) <= limit else shown[: limit - 1].rstrip() + "…"
    return {"type": "plain_text", "text": shown if shown.strip() else "·", "emoji": False}


def _lines(doc: Doc) -> Iterator[tuple[str, int, list[Leaf]]]:
    for each in doc:
        match each:
            case Paragraph(children):
                lines, kind = [children], ""
            case Bullets(items):
                lines, kind = [*items], "bullet"
            case Steps(items):
                lines, kind = [*items], "ordered"
        for number, line in enumerate(lines):
            if leaves := [leaf for leaf in _leaves(line) if leaf.text]:
                yield kind, number, leaves


def _leaves(children: Iterable[Inline], styles: tuple[str, ...] = (), url: str = "") -> Iterator[Leaf]:
    for child in children:
        match child:
            case Text(text):
                yield Leaf(without_controls(text), styles, url)
            case Code(text):
                yield Leaf(without_controls(text), (*styles, "code"), url)
            case Bold(inner):
                yield from _leaves(inner, tuple(dict.fromkeys((*styles, "bold"))), url)
            case Italic(inner):
                yield from _leaves(inner, tuple(dict.fromkeys((*styles, "italic"))), url)
            case Link(target, inner):
                if len(target) <= URL_LIMIT and target.startswith(("http://", "https://", "mailto:")):
                    yield from _leaves(inner, styles, target)
                else:
                    yield from _leaves(inner, styles)
                    yield Leaf(f" ({without_controls(target)})", styles)
            case Break():
                yield Leaf("\n", (), "")


def _pieces(leaves: list[Leaf]) -> Iterator[list[Leaf]]:
    """A line that is too long for what is left of a message: in runs that a message of its own takes."""
    run: list[Leaf] = []
    for leaf in leaves:
        if Part().takes([*run, leaf]):
            run.append(leaf)
            continue
        if run:
            yield run
        # Room for the line end before it, the section and the link around it.
        limit = min(TEXT_LIMIT, WEIGHT_LIMIT - len(leaf.url)) - 4 * ELEMENT_WEIGHT
        *whole, last = [leaf._replace(text=text) for text in split(leaf.text, limit)] or [leaf._replace(text=" ")]
        yield from ([piece] for piece in whole)
        run = [last]
    if run:
        yield run
