"""The Markdown that answers and phrases are written in, turned into text trees; whatever a platform could not draw is a fault."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from conversations.model import Block, Bold, Break, Bullets, Code, Doc, Inline, Italic, Link, Paragraph, Steps, Text
from conversations.texts import names_in

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

Report = Callable[[int, str], None]
"""Told the line of a fault, and what is wrong there."""

UNSUPPORTED = {
    "heading": "headings are not supported: use a paragraph in **bold**",
    "lheading": "headings are not supported: use a paragraph in **bold**",
    "fence": "code blocks are not supported: use `code` in a line",
    "code_block": "code blocks are not supported (a line begins with four blanks): use `code` in a line",
    "html_block": "HTML is not supported",
    "html_inline": "HTML is not supported",
    "hr": "horizontal rules are not supported",
    "blockquote": "quotes are not supported",
    "table": "tables are not supported: use a list",
    "image": "images are not supported",
    "s": "struck-out text is not supported",
}

WEB = ("http", "https")


def nearest(word: str, valid: Iterable[str]) -> str:
    """`; did you mean …?` when a valid name is much like `word`, else nothing: to be put at the end of a message."""
    found = get_close_matches(word, sorted(valid), 1, 0.6)
    return f'; did you mean "{found[0]}"?' if found else ""


def parse(source: str, line: int, report: Report, facts: Mapping[str, str] | None, *, phrase: bool = False) -> Doc:
    """The tree of a text whose first line is `line` of its file. Placeholders stay in it as they are.

    `facts` are the placeholders that exist (None: unknown, do not judge). A phrase may have more, filled in by the engine, and its line
    ends are meant; those of an answer are as good as a blank.
    """
    from markdown_it.tree import SyntaxTreeNode

    reader = _Reader(line, report, facts, phrase)
    return tuple(reader.blocks(SyntaxTreeNode(_parser().parse(source))))


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # Tables and struck-out text are read only in order to be refused by name.
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    # The parser would show a foreign link as text and encode the braces of placeholders; both are judged here instead.
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]
    parser.normalizeLinkText = lambda link: link  # type: ignore[method-assign]
    return parser


def check_places(template: str, line: int, report: Report, facts: Mapping[str, str] | None, *, phrase: bool = False) -> bool:
    """Report the malformed and the unknown placeholders of one string. True when there are none of them."""
    try:
        names = list(names_in(template))
    except ValueError:
        report(line, "a brace that is no placeholder must be doubled: {{ or }}; a placeholder is a name in braces, e.g. {support_email}")
        return False
    if facts is None or phrase:
        return True
    unknown = [name for name in names if name not in facts]
    for name in unknown:
        report(line, f"unknown placeholder {{{name}}}: desk.toml has no such fact{nearest(name, facts)}")
    return not unknown


class _Reader:
    def __init__(self, line: int, report: Report, facts: Mapping[str, str] | None, phrase: bool) -> None:
        self._first = line
        self._line = line
        self._report = report
        self._facts = facts
        self._phrase = phrase

    def blocks(self, root: SyntaxTreeNode) -> Iterable[Block]:
        for node in root.children:
            if node.type == "paragraph":
                yield Paragraph(self._lines(node))
            elif node.type in ("bullet_list", "ordered_list"):
                if node.attrs.get("start", 1) != 1:
                    self._fault(node, "a numbered list must begin with 1: on every platform it is drawn so")
                items = tuple(self._item(item) for item in node.children)
                yield Steps(items) if node.type == "ordered_list" else Bullets(items)
            else:
                self._unsupported(node)

    def _item(self, item: SyntaxTreeNode) -> tuple[Inline, ...]:
        line: tuple[Inline, ...] = ()
        for n, node in enumerate(item.children):
            if node.type == "paragraph" and n == 0:
                line = self._lines(node)
            elif node.type == "paragraph":
                self._fault(node, "an item of a list must be one paragraph")
            elif node.type in ("bullet_list", "ordered_list"):
                self._fault(node, "a list inside a list is not supported")
            else:
                self._unsupported(node)
        if not item.children:
            self._fault(item, "an item of a list is empty")
        return line

    def _lines(self, paragraph: SyntaxTreeNode) -> tuple[Inline, ...]:
        self._line = self._first + (paragraph.map[0] if paragraph.map else 0)
        return self._inlines(node for inline in paragraph.children for node in inline.children)

    def _inlines(self, nodes: Iterable[SyntaxTreeNode]) -> tuple[Inline, ...]:
        found: list[Inline] = []
        text = ""

        def end_text() -> None:
            nonlocal text
            if text:
                found.append(Text(text))
                text = ""

        for node in nodes:
            if node.type == "text":
                check_places(node.content, self._line, self._report, self._facts, phrase=self._phrase)
                text += node.content
                continue
            if node.type == "softbreak" and not self._phrase:
                text += " "
                self._line += 1
                continue
            end_text()
            match node.type:
                case "softbreak" | "hardbreak":
                    found.append(Break())
                    self._line += 1
                case "strong":
                    found.append(Bold(self._inlines(node.children)))
                case "em":
                    found.append(Italic(self._inlines(node.children)))
                case "code_inline":
                    check_places(node.content, self._line, self._report, self._facts, phrase=self._phrase)
                    found.append(Code(node.content))
                case "link":
                    found.append(self._link(node))
                case _:
                    self._unsupported(node)
        end_text()
        return tuple(found)

    def _link(self, node: SyntaxTreeNode) -> Link:
        line, url = self._line, str(node.attrs.get("href", ""))
        children = self._inlines(node.children)
        if not children:
            self._report(line, "a link has no text")
        if node.attrs.get("title"):
            self._report(line, "the title of a link is shown on no platform")
        # Not even the engine fills an address: what a customer typed must never lead anywhere.
        if check_places(url, line, self._report, self._facts) and self._facts is not None:
            self._check_url(url.format_map(self._facts), line)
        return Link(url, children)

    def _check_url(self, url: str, line: int) -> None:
        try:
            parts = urlsplit(url)
        except ValueError:
            self._report(line, f"{url} is not an address")
            return
        if parts.scheme not in (*WEB, "mailto"):
            what = f"a link to {parts.scheme}:" if parts.scheme else f"a link to {url or 'nothing'}"
            self._report(line, f"{what} is not allowed: only http://, https:// and mailto: are")
        elif any(c.isspace() or not c.isprintable() for c in url) or (not parts.netloc if parts.scheme in WEB else "@" not in parts.path):
            self._report(line, f"{url} is not an address")

    def _unsupported(self, node: SyntaxTreeNode) -> None:
        self._fault(node, UNSUPPORTED.get(node.type, f"{node.type} is not supported"))

    def _fault(self, node: SyntaxTreeNode, message: str) -> None:
        # Only blocks know their line; inside a paragraph it was counted.
        self._report(self._first + node.map[0] if node.map else self._line, message)
