"""From the text tree to what a platform shows: one visitor per dialect, choices without buttons, characters and file names fit to show."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import assert_never

from msgspec.structs import replace

from adapters.base import Capabilities
from adapters.splitting import length
from conversations.engine import fold
from conversations.model import Bold, Break, Bullets, Choice, Code, Doc, Inline, Italic, Link, Message, Paragraph, Steps, Text


class Dialect:
    """Draws a tree as plain text; a platform with a look of its own overrides what differs.

    `text` is the one place where a dialect escapes: whatever people wrote passes through it, and nothing else does.
    """

    bullet = "• "

    def text(self, text: str) -> str:
        # What can be printed needs no closer look; most texts are that, and it is told in a tenth of the time.
        return text if text.isprintable() or _UNSHOWN.search(text) is None else without_controls(text)

    def code(self, text: str) -> str:
        return self.text(text)

    def bold(self, inner: str) -> str:
        return inner

    def italic(self, inner: str) -> str:
        return inner

    def link(self, url: str, inner: str) -> str:
        target = url.removeprefix("mailto:")
        return inner if inner in (url, target) else f"{inner} ({self.text(target)})"

    def break_(self) -> str:
        return "\n"

    def paragraph(self, inner: str) -> str:
        return inner

    def item(self, mark: str, inner: str) -> str:
        """One line of a list; `mark` is a bullet or a number."""
        return mark + (inner.replace("\n", "\n" + " " * len(mark)) if "\n" in inner else inner)

    def doc(self, doc: Doc) -> str:
        """The whole tree, its blocks parted by an empty line."""
        return "\n\n".join([drawn for block in doc if (drawn := self._block(block))])

    def line(self, children: Iterable[Inline]) -> str:
        # Most leaves are Text, and every message of every conversation passes here: they are spared the call.
        return "".join([self.text(child.text) if type(child) is Text else self._inline(child) for child in children])

    def _block(self, block: Paragraph | Bullets | Steps) -> str:
        if isinstance(block, Paragraph):
            return self.paragraph(self.line(block.children))
        if isinstance(block, Bullets):
            return "\n".join([self.item(self.bullet, self.line(item)) for item in block.items])
        return "\n".join([self.item(f"{n}. ", self.line(item)) for n, item in enumerate(block.items, 1)])

    def _inline(self, inline: Inline) -> str:
        # The commonest first, and asked by type: to take a class pattern apart costs more than what is drawn here.
        if isinstance(inline, Bold):
            return self.bold(self.line(inline.children))
        if isinstance(inline, Text):
            return self.text(inline.text)
        if isinstance(inline, Code):
            return self.code(inline.text)
        if isinstance(inline, Link):
            return self.link(inline.url, self.line(inline.children))
        if isinstance(inline, Italic):
            return self.italic(self.line(inline.children))
        if isinstance(inline, Break):
            return self.break_()
        assert_never(inline)


PLAIN = Dialect()


def plain_text(message: Message) -> str:
    """All that a message says, choices as numbered lines: for transcripts, logs of tests, and platforms without any look."""
    return PLAIN.doc(number_choices(name_files(message)).doc)


# --- files where none can be sent ---


def name_files(message: Message) -> Message:
    """The same message with its files named at the end, and none sent: whoever reads it knows at least that there are some."""
    if not message.files:
        return message
    named = Bullets(tuple((Text(f"📎 {file.name or file.id[:12]} ({max(1, file.size // 1024)} KB)"),) for file in message.files))
    return replace(message, doc=(*message.doc, named), files=())


# --- choices where there are no buttons ---


def number_choices(message: Message) -> Message:
    """The same message with its choices as numbered lines at the end, and no buttons.

    They are written `1)`, apart from the `1.` of steps: an answer may hold steps and choices, and only the choices can be picked. Ways
    round a question have no number, for a number may be the answer: they are picked by their label.
    """
    if not message.choices:
        return message
    lines = [Text(f"[{choice.label}]" if choice.aside else f"{n}) {choice.label}") for n, choice in enumerate(message.choices, 1)]
    listed = Paragraph((lines[0], *(part for line in lines[1:] for part in (Break(), line))))
    return replace(message, doc=(*message.doc, listed), choices=())


def fit_choices(message: Message, capabilities: Capabilities) -> Message:
    """The message as it is when the platform can draw all its choices, else with all of them numbered: half a list would hide the rest."""
    unit, limit = capabilities.text_unit, capabilities.label_limit
    drawable = len(message.choices) <= capabilities.choices
    # No unit counts more than four to a character, so a short label is not counted at all.
    short = limit if unit == "code points" else limit // 4
    for choice in message.choices if drawable else ():
        if len(choice.label) > short and length(choice.label, unit) > limit:
            drawable = False
            break
    return message if drawable else number_choices(message)


def pick(choices: Sequence[Choice], typed: str) -> str | None:
    """The key of the choice that was typed by its label or its number (from 1), or None. A label that two choices share picks neither."""
    if len(typed) > 200:
        return None
    wanted = fold(typed)
    found = [choice.key for choice in choices if fold(choice.label) == wanted]
    if len(found) == 1:
        return found[0]
    if not found and wanted.isdecimal() and len(wanted) <= 3 and 1 <= int(wanted) <= len(choices):
        choice = choices[int(wanted) - 1]
        return None if choice.aside else choice.key
    return None


# --- characters that are not for showing ---

_UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_STEERING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Bidirectional overrides, embeddings and isolates: they reach beyond the leaf they stand in and can make a text read as another."""


def without_controls(text: str) -> str:
    """Characters that steer a terminal or turn other text around are dropped; lone surrogates, which no wire can carry, become U+FFFD."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    return sendable(_STEERING.sub("", _CONTROLS.sub("", text)))


def width(text: str) -> int:
    """Columns that `text` takes in a terminal: two for wide East Asian characters and emoji, none for marks that combine."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(c) or unicodedata.category(c) in ("Mn", "Me", "Cf")
        else 2
        if unicodedata.east_asian_width(c) in "WF"
        else 1
        for c in text
    )


def sendable(text: str) -> str:
    """`text` with lone surrogates (half a character, which a broken client may send) as U+FFFD: no wire and no database takes them."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text)
    return text
