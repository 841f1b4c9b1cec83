"""Reads Discord's Markdown as its programs do: what is shown, and what is more than characters. Written apart from the encoder."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_TOKENS: Final = [
    ("mention", re.compile(r"<@[!&]?\d+>|<#\d+>|@everyone|@here|<id:\w+>")),
    ("time", re.compile(r"<t:-?\d+(:[tTdDfFRsS])?>")),
    ("command", re.compile(r"</[^>]+:\d+>")),
    ("emoji", re.compile(r"<a?:\w+:\d+>")),
    ("link", re.compile(r"<(?P<bare>(?:https?|mailto|tel|discord):[^\s>]+)>")),
    ("link", re.compile(r"(?:https?|discord|steam)://[^\s<]+[^\s<.,:;\"')\]]")),
]
_LINK: Final = re.compile(r"\[((?:\[[^\]]*\]|\\.|[^\[\]\\])+)\]\(\s*<?((?:https?://|discord://)[^\s>)]*)>?\s*\)")
_LINE_START: Final = [
    ("list", re.compile(r" *(?:[*+-]|\d+[.)]) +(?=\S)")),
    ("heading", re.compile(r" *#{1,3} +(?=\S)")),
    ("small", re.compile(r" *-# +(?=\S)")),
    ("quote", re.compile(r" *>(?:>>)? (?=\S)")),
]
_STYLES: Final = [
    ("fence", re.compile(r"```(?:\w*\n)?([\s\S]+?)\n*```")),
    ("code", re.compile(r"(`+)([\s\S]*?[^`])\1(?!`)")),
    ("bold", re.compile(r"\*\*((?:\\[\s\S]|[^\\])+?)\*\*(?!\*)")),
    ("underline", re.compile(r"__((?:\\[\s\S]|[^\\])+?)__(?!_)")),
    (
        "italic",
        re.compile(
            r"\b_((?:__|\\[\s\S]|[^\\_])+?)_\b|\*(?=\S)((?:\*\*|\\[\s\S]|\s+(?:\\[\s\S]|[^\s*\\]|\*\*)|[^\s*\\])+?)\*(?!\*)", re.ASCII
        ),
    ),
    ("strike", re.compile(r"~~((?:\\[\s\S]|[^\\])+?)~~(?!_)")),
    ("spoiler", re.compile(r"\|\|((?:\\[\s\S]|[^\\])+?)\|\|")),
]
_ESCAPE: Final = re.compile(r"\\([^0-9A-Za-z\s])")


class Shown(NamedTuple):
    text: str
    marks: tuple[str, ...]


def read(source: str) -> Shown:
    """`marks` are names of styles, and for links and mentions what they lead to: `link https://…`."""
    text: list[str] = []
    marks: list[str] = []
    at = 0

    def inner(part: str) -> None:
        found = read(part)
        text.append(found.text)
        marks.extend(found.marks)

    while at < len(source):
        if escape := _ESCAPE.match(source, at):
            text.append(escape[1])
            at = escape.end()
            continue
        if at == 0 or source[at - 1] == "\n":
            for name, pattern in _LINE_START:
                if start := pattern.match(source, at):
                    marks.append(name)
                    if name == "list":
                        text.append(start.group())
                    at = start.end()
                    break
            else:
                start = None
            if start:
                continue
        if link := _LINK.match(source, at):
            marks.append(f"link {link[2]}")
            inner(link[1])
            at = link.end()
            continue
        for name, pattern in _TOKENS:
            if token := pattern.match(source, at):
                marks.append(f"{name} {token.groupdict().get('bare') or token.group()}")
                text.append(token.groupdict().get("bare") or token.group())
                at = token.end()
                break
        else:
            for name, pattern in _STYLES:
                if style := pattern.match(source, at):
                    marks.append(name)
                    part = next(group for group in reversed(style.groups()) if group is not None)
                    if name in ("fence", "code"):
                        text.append(part)
                    else:
                        inner(part)
                    at = style.end()
                    break
            else:
                text.append(source[at])
                at += 1
    return Shown("".join(text).replace("\u200b", ""), tuple(marks))
