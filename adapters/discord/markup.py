"""The text tree as Discord's Markdown: one escaping function, and cuts that leave every part whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from adapters.discord.settings import CONTENT
from adapters.splitting import split
from adapters.text import Dialect, without_controls
from conversations.model import Bold, Break, Bullets, Code, Doc, Inline, Italic, Link, Paragraph, Steps, Text

_SPECIAL: Final = re.compile(r"[\\`*_~|<>@#\[\]:]")
_LINE_START: Final = re.compile(r"(?m)^([ \t]*)(?:([-+])|(\d+)([.)]))")
_JOINER: Final = "\u200b"
"""Invisible, between two marks that would otherwise be read as one."""


def escaped(text: str) -> str:
    """`text` so that Discord shows exactly that: no style, list, quote, mention, channel, time stamp, command, emoji or link.

    Discord takes a backslash before any character that is no letter, digit or blank. `discord.utils.escape_markdown` leaves `<…>`, `@`,
    numbered lists and bare addresses alive. A colon is escaped because `https://` alone makes a link.
    """
    text = _SPECIAL.sub(r"\\\g<0>", without_controls(text))
    return _LINE_START.sub(lambda m: f"{m[1]}\\{m[2]}" if m[2] else f"{m[1]}{m[3]}\\{m[4]}", text)


class Markdown(Dialect):
    """Whatever people wrote passes through `text`; what stands unescaped is ours."""

    bullet = "- "

    def text(self, text: str) -> str:
        return escaped(text)

    def code(self, text: str) -> str:
        text = without_controls(text)
        # A fence of three would begin a block of code.
        if not text.strip() or "\n" in text or "``" in text:
            return escaped(text)
        fence = "``" if "`" in text else "`"
        # A fence must not touch a backtick, and a backslash before the last fence would be read as escaping it.
        pad = " " if text[0] in "`" or text[-1] in "`\\" else ""
        return f"{fence}{pad}{text}{pad}{fence}"

    def bold(self, inner: str) -> str:
        return _styled("**", inner)

    def italic(self, inner: str) -> str:
        return _styled("_", inner)

    def link(self, url: str, inner: str) -> str:
        if not url.startswith(("http://", "https://")) or re.search(r"[\s<>\\]", url):
            target = escaped(url.removeprefix("mailto:"))
            return inner if inner in (escaped(url), target) else f"{inner} ({target})"
        # In angle brackets, so that no preview is drawn. Discord draws no link whose words look like an address or hold brackets.
        if inner == escaped(url):
            return f"<{url}>"
        url = url.replace("(", "%28").replace(")", "%29").replace("*", "%2A")
        if not inner.strip() or re.search(r"[\[\]\n]|:\\?/|\\:/", inner):
            return f"{inner} (<{url}>)"
        return f"[{inner}](<{url}>)"

    def line(self, children: Iterable[Inline]) -> str:
        """Marks that touch are kept apart, and an underscore is kept from the letters around it, where it would be no mark."""
        drawn = ""
        for child in children:
            piece = self._inline(child)
            if drawn and piece and not isinstance(child, Break) and _touch(drawn[-1], piece[0], child):
                drawn += _JOINER
            drawn += piece
            if isinstance(child, Italic) and piece.endswith("_"):
                drawn += _JOINER
        return drawn.removesuffix(_JOINER)


def _touch(before: str, after: str, child: Inline) -> bool:
    if isinstance(child, Text):
        return False
    return (before in "*_`" and after in "*_`") or (after == "_" and (before.isalnum() or before in "_\\"))


def _styled(mark: str, inner: str) -> str:
    """Marks must touch what they style; blanks move outside."""
    bare = inner.strip()
    if not bare:
        return inner
    start = inner.index(bare)
    return f"{inner[:start]}{mark}{bare}{mark}{inner[start + len(bare) :]}"


MARKDOWN: Final = Markdown()
PLAIN: Final = Dialect()


def parts_of(doc: Doc, limit: int = CONTENT) -> list[str]:
    """The document as messages of at most `limit` characters, each with its markup whole. At least one, which may be empty."""
    parts: list[str] = []
    now = ""
    for apart, text in _units(doc):
        if not text:
            continue
        joined = f"{now}{apart}{text}" if now else text
        if len(joined) <= limit:
            now = joined
            continue
        parts += [now] if now else []
        *whole, now = _cut(text, limit)
        parts += whole
    return [*parts, now] if now or not parts else parts


def _units(doc: Doc) -> Iterator[tuple[str, str]]:
    """What may stand on a page of its own: a paragraph, or one line of a list; with what parts it from the one before."""
    for block in doc:
        for n, one in enumerate(_lines(flattened(block))):
            yield ("\n" if n else "\n\n"), one


def _lines(block: Paragraph | Bullets | Steps) -> list[str]:
    match block:
        case Paragraph(children):
            return [MARKDOWN.line(children)]
        case Bullets(items):
            return [MARKDOWN.item(MARKDOWN.bullet, MARKDOWN.line(item)) for item in items]
        case Steps(items):
            return [MARKDOWN.item(f"{n}. ", MARKDOWN.line(item)) for n, item in enumerate(items, 1)]


def flattened(block: Paragraph | Bullets | Steps) -> Paragraph | Bullets | Steps:
    """Without styles in themselves, and without code that holds the marks of the style it stands in: Discord would end the style there."""
    match block:
        case Paragraph(children):
            return Paragraph(_flat(children, ""))
        case Bullets(items):
            return Bullets(tuple(_flat(item, "") for item in items))
        case Steps(items):
            return Steps(tuple(_flat(item, "") for item in items))


def _flat(children: tuple[Inline, ...], inside: str) -> tuple[Inline, ...]:
    found: list[Inline] = []
    for child in children:
        match child:
            case Bold(inner):
                found += _flat(inner, inside) if "*" in inside else [Bold(_flat(inner, inside + "*"))]
            case Italic(inner):
                found += _flat(inner, inside) if "_" in inside else [Italic(_flat(inner, inside + "_"))]
            case Link(url, inner):
                found += (
                    _flat(inner, inside) if "[" in inside or ("_" in inside and "_" in url) else [Link(url, _flat(inner, inside + "["))]
                )
            case Code(text) if inside and any(mark in text for mark in "*_[]\\`"):
                found.append(Text(text))
            case _:
                found.append(child)
    return tuple(found)


def _cut(text: str, limit: int) -> list[str]:
    """Parts of one unit. Where a cut would go through a style or a link, the styles of this unit are given up."""
    if len(text) <= limit:
        return [text]
    parts = split(text, limit)
    if all(map(whole, parts)):
        return parts
    return _between_escapes(split(escaped(_shown(text)), limit - 1))


def _between_escapes(parts: list[str]) -> list[str]:
    """A backslash goes with the character that it escapes."""
    for n in range(len(parts) - 1):
        if (len(parts[n]) - len(parts[n].rstrip("\\"))) % 2:
            parts[n], parts[n + 1] = parts[n][:-1], "\\" + parts[n + 1]
    return [part for part in parts if part]


_TOKEN: Final = re.compile(r"\\[^0-9A-Za-z\s]|(?P<code>`+)|\*\*|_|\[|\]\(<(?P<target>[^>]*)>\)|<(?P<bare>[^>]*)>|[^\\`*_\[\]<]", re.DOTALL)


def whole(part: str) -> bool:
    """Whether every style, fence and link that begins in `part` also ends in it."""
    return _read(part) is not None


def _shown(text: str) -> str:
    """What a reader sees of our own markup, its styles gone."""
    read = _read(text)
    return text if read is None else read


def _read(text: str) -> str | None:
    """The characters that markup of ours shows; None when it is not whole."""
    shown: list[str] = []
    open: list[str] = []
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            return None
        at = token.end()
        found = token.group()
        if token["code"]:
            fence = re.compile(rf"(?<!`){found}(?!`)").search(text, at)
            if fence is None:
                return None
            shown.append(text[at : fence.start()])
            at = fence.end()
        elif found in ("**", "_", "["):
            if open and open[-1] == found and found != "[":
                open.pop()
            else:
                open.append(found)
        elif token["target"] is not None:
            if not open or open.pop() != "[":
                return None
            shown.append(f" ({token['target']})")
        elif token["bare"] is not None:
            shown.append(token["bare"])
        else:
            shown.append(found[1:] if len(found) == 2 else found)
    return None if open else "".join(shown).replace(_JOINER, "")
