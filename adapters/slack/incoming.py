"""The text of a message as its writer saw it: from Slack's rich text, or from its own markup where there is no rich text."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable
from typing import Any, Final

from adapters.text import sendable

LIMIT: Final = 40_000
"""Characters that Slack takes in one message."""

_DEEP: Final = 8
_TOKEN: Final = re.compile(r"<([^<>]*)>")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def text_of(message: dict[str, Any], bots: Collection[str]) -> str:
    """`bots` are the ids by which we are mentioned: those mentions are no part of what was said."""
    blocks = message.get("blocks")
    rich = [block for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []
    if rich and all(block.get("type") == "rich_text" for block in rich):
        text = "\n".join(_elements(block.get("elements"), bots, 0, "\n") for block in rich)
    else:
        given = message.get("text")
        text = html.unescape(_TOKEN.sub(lambda token: _token(token[1], bots), given)) if isinstance(given, str) else ""
    return sendable(_CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))[:LIMIT].strip()


def _elements(elements: Any, bots: Collection[str], depth: int, between: str = "") -> str:
    known = [each for each in elements if isinstance(each, dict)] if isinstance(elements, list) and depth < _DEEP else []
    return between.join(_element(each, bots, depth + 1) for each in known)


def _element(element: dict[str, Any], bots: Collection[str], depth: int) -> str:
    def words(name: str) -> str:
        found = element.get(name)
        return found if isinstance(found, str) else ""

    match words("type"):
        case "text":
            return words("text")
        case "link":
            url, text = words("url"), words("text")
            return url if text in ("", url) else f"{text} ({url})"
        case "emoji":
            return _emoji(words("unicode")) or f":{words('name')}:"
        case "user":
            return "" if words("user_id") in bots else f"@{words('user_id')}"
        case "channel":
            return f"#{words('channel_id')}"
        case "broadcast":
            return f"@{words('range')}"
        case "usergroup":
            return f"@{words('usergroup_id')}"
        case "date":
            return words("fallback")
        case "rich_text_list":
            items = element.get("elements")
            listed: Iterable[Any] = items if isinstance(items, list) else ()
            numbered = words("style") == "ordered"
            lines = [_element(item, bots, depth) for item in listed if isinstance(item, dict) and depth < _DEEP]
            return "\n".join(f"{n}. {line}" if numbered else f"• {line}" for n, line in enumerate(lines, 1))
        case "rich_text_section" | "rich_text_preformatted" | "rich_text_quote":
            return _elements(element.get("elements"), bots, depth)
    return ""


def _emoji(points: str) -> str:
    """The characters that `1f469-1f3fd` stands for, or ""."""
    try:
        return "".join(chr(int(point, 16)) for point in points.split("-")) if points else ""
    except (ValueError, OverflowError):
        return ""


def _token(token: str, bots: Collection[str]) -> str:
    """What stands between < and >: a mention, a channel, a date or a link, perhaps with a label."""
    target, _, label = token.partition("|")
    if target.startswith("@"):
        return "" if target[1:] in bots else label or target
    if target.startswith("#"):
        return f"#{label}" if label else target
    if target.startswith("!"):
        return label or f"@{target[1:].partition('^')[0]}"
    bare = target.removeprefix("mailto:")
    return bare if label in ("", target, bare) else f"{label} ({bare})"
