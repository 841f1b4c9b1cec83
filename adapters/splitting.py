"""Cuts a rendered text into parts that a platform takes, where a reader would pause."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import regex

Unit = Literal["code points", "utf-16", "bytes"]

SMALLEST_LIMIT = 4
"""A single character may take four bytes."""

_PAUSES = (
    re.compile(r"\n[^\S\n]*\n\s*"),
    re.compile(r"\n\s*"),
    # A sentence ends before blank space; Chinese and Japanese leave none.
    re.compile(r"(?<=[.!?…؟۔।])[\"'»”’)\]]*\s+|(?<=[。！？])[」』”’）]*\s*"),
    re.compile(r"\s+"),
)
"""Where to cut, best first: between paragraphs, lines, sentences, words. What a pause matches stays at the end of its part or is blank."""


def length(text: str, unit: Unit = "code points") -> int:
    """How long `text` is as the platform counts."""
    if unit == "code points" or text.isascii():
        return len(text)
    if unit == "utf-16":
        return len(text.encode("utf-16-le", "surrogatepass")) // 2
    return len(text.encode("utf-8", "surrogatepass"))


def split(text: str, limit: int, unit: Unit = "code points") -> list[str]:
    """Parts of at most `limit` units that together show every visible character of `text`, in order; no part is blank.

    A part ends at a paragraph if that leaves it at least a third full, else at a line, a sentence, a word, and only then between two
    characters as a reader sees them (a base with its marks, a flag, a joined emoji). Only a single such character that is itself longer
    than the limit is cut, between code points. Lone surrogates become U+FFFD. Raises ValueError when `limit` is below SMALLEST_LIMIT.
    """
    if limit < SMALLEST_LIMIT:
        raise ValueError(f"a limit of {limit} cannot hold every character")
    if not text.isascii():
        text = _whole(text)
    parts: list[str] = []
    rest = text.strip()
    if length(rest, unit) <= limit:
        return [rest] if rest else []
    while rest:
        window = _window(rest, limit, unit)
        if window < len(rest):
            window = _cut(rest, window)
        part = rest[:window].rstrip()
        if part:
            parts.append(part)
        rest = rest[window:].lstrip()
    return parts


def _whole(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _window(text: str, limit: int, unit: Unit) -> int:
    """The number of leading characters that fit. Never between the halves of a character: what is cut in two is left out."""
    start = text[:limit]
    match unit:
        case "code points":
            return len(start)
        case "utf-16":
            return len(start.encode("utf-16-le")[: 2 * limit].decode("utf-16-le", "ignore"))
        case "bytes":
            return len(start.encode()[:limit].decode("utf-8", "ignore"))


def _cut(text: str, window: int) -> int:
    """Where to end a part that may have `window` characters of a longer text."""
    for fullness in (window // 3, 1):
        for pause in _PAUSES:
            for found in reversed(list(pause.finditer(text, 0, window + 1))):
                end = found.start() + len(found.group().rstrip())
                if fullness <= end <= window and not _joins(text[found.end() : found.end() + 1]):
                    return end
    # The cluster that crosses the window begins the next part, unless it is all there is.
    end = 0
    for cluster in _clusters().finditer(text, 0, window + 64):
        if cluster.end() > window:
            break
        end = cluster.end()
    return end or window


def _joins(following: str) -> bool:
    """Whether a character belongs to the one before it, were it a blank or a full stop."""
    return bool(following) and (following == "\u200d" or unicodedata.category(following).startswith("M"))


@cache
def _clusters() -> regex.Pattern[str]:
    # Loaded only for a word longer than a whole part: the tables of Unicode cost 3 MB.
    import regex

    return regex.compile(r"\X")
