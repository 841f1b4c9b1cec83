"""From what Telegram, Slack and Discord are sent to what a reader sees: pieces of text with their looks, for the preview."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

Piece = tuple[str, str]
"""A text, and its looks as classes: b, i, code, link."""

_TELEGRAM: Final = {"bold": "b", "italic": "i", "code": "code", "pre": "code", "text_link": "link", "url": "link", "email": "link"}
_DISCORD: Final = re.compile(
    r"\\(?P<plain>.)|(?P<bold>\*\*)|(?P<italic>_)|(?P<fence>``?)(?P<code>.+?)(?P=fence)"
    r"|\[(?P<words>(?:\\.|[^\]])*)\]\(<[^>]*>\)|<(?P<url>https?://[^>]*)>|(?P<joiner>\u200b)",
    re.DOTALL,
)


def of_telegram(text: str, entities: Sequence[dict[str, Any]]) -> list[Piece]:
    """Entities count in UTF-16 units."""
    units = text.encode("utf-16-le")
    ends = [(entity["offset"], entity["offset"] + entity["length"], _TELEGRAM.get(entity["type"], "")) for entity in entities]
    cuts = sorted({0, len(units) // 2, *(at for begin, end, _ in ends for at in (begin, end))})
    return [
        (units[2 * begin : 2 * end].decode("utf-16-le"), " ".join(look for since, until, look in ends if since <= begin and end <= until))
        for begin, end in itertools.pairwise(cuts)
    ]


def of_slack(blocks: Iterable[dict[str, Any]]) -> list[Piece]:
    """Of the blocks of rich text."""
    lines = [line for block in blocks if block["type"] == "rich_text" for part in block["elements"] for line in _lines(part)]
    return [piece for n, line in enumerate(lines) for piece in ([("\n", "")] if n else []) + line]


def _lines(part: dict[str, Any]) -> Iterator[list[Piece]]:
    if part["type"] != "rich_text_list":
        yield [_leaf(leaf) for leaf in part["elements"]]
        return
    for n, item in enumerate(part["elements"], 1 + part.get("offset", 0)):
        sign = f"{n}. " if part["style"] == "ordered" else "• "
        yield [("    " * part.get("indent", 0) + sign, ""), *(_leaf(leaf) for leaf in item["elements"])]


def _leaf(leaf: dict[str, Any]) -> Piece:
    style = leaf.get("style", {})
    looks = [short for name, short in (("bold", "b"), ("italic", "i"), ("code", "code")) if style.get(name)]
    return leaf.get("text") or leaf.get("url", ""), " ".join([*looks, *(["link"] if leaf["type"] == "link" else [])])


def of_discord(content: str) -> list[Piece]:
    """Of the Markdown that our encoder writes, which is less than Discord knows."""
    pieces: list[Piece] = []
    on: set[str] = set()
    at = 0
    # A hyphen that somebody wrote is escaped; this one Discord draws as a point.
    content = re.sub(r"(?m)^( *)- ", r"\1• ", content)
    for found in _DISCORD.finditer(content):
        pieces.append((content[at : found.start()], " ".join(sorted(on))))
        at = found.end()
        match found.lastgroup:
            case "bold" | "italic":
                on ^= {"b" if found["bold"] else "i"}
            case "code":
                pieces.append((found["code"], "code"))
            case "words":
                pieces.append((re.sub(r"\\(.)", r"\1", found["words"]), "link"))
            case "url":
                pieces.append((found["url"], "link"))
            case "plain":
                pieces.append((found["plain"], " ".join(sorted(on))))
    pieces.append((content[at:], " ".join(sorted(on))))
    return [piece for piece in pieces if piece[0]]
