"""From a message to the calls that show it: text with entities instead of markup, inline keyboards, files; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from adapters.base import Capabilities, Outbound, Payload, Rate
from adapters.splitting import length, split
from adapters.text import Dialect, fit_choices, sendable, width, without_controls
from conversations.model import Attachment, Choice, Message

CAPABILITIES: Final = Capabilities(
    text_limit=4096,
    text_unit="utf-16",
    choices=100,
    # About one message a second in a chat with short bursts tolerated, about 30 a second in all
    # (https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this); a little less, so that no answer is a 429.
    chat_rate=Rate(burst=3, every_ms=1_000),
    account_rate=Rate(burst=5, every_ms=40),
    # Deletions are not told to bots (https://core.telegram.org/bots/api#update has no such kind).
    edits=True,
    # 20 a minute in a group, all its topics together (the same page): 4, and 16 more in the minute. Chats of groups have negative ids.
    room_rate=Rate(burst=4, every_ms=3_600),
    rooms="-",
)
ENTITIES: Final = 100
CALLBACK_BYTES: Final = 64
PHOTO_LIMIT: Final = 10_000_000
_PHOTOS: Final = ("image/png", "image/jpeg", "image/webp")
_ROW: Final = 8
_ROW_WIDTH: Final = 38
"""Columns of letters that a telephone shows in one row of buttons."""
_BUTTON_EDGE: Final = 4
_KINDS: Final = ("text_link", "code", "bold", "italic")
"""Entities, the most worth keeping first."""

Json = dict[str, Any]


def encode(out: Outbound) -> list[Payload]:
    """A message's text in as many parts as it needs, its buttons under the last; then its files.

    A body's `asks` says that its buttons are answers to a question, which are of no use once it is answered.
    """
    data = {choice.key: _data(choice, out.key) for choice in out.message.choices}
    carried = CAPABILITIES if all(len(each.encode()) <= CALLBACK_BYTES for each in data.values()) else Capabilities(text_limit=4096)
    message = fit_choices(out.message, carried)
    bodies = [{"method": "sendMessage", **body} for body in texts(message)]
    if message.choices:
        bodies = bodies or [{"method": "sendMessage", "text": "…", "entities": []}]
        bodies[-1] |= {"keyboard": keyboard(message.choices, data), "asks": _asks(message)}
    bodies += [_file(file) for file in message.files]
    return [Payload(out.address, body, part) for part, body in enumerate(bodies)]


def _data(choice: Choice, key: str) -> str:
    """What a button brings back: its choice's key, and where there is room that of its message, by which the question is found again."""
    whole = f"{choice.key} {key}"
    return whole if len(whole.encode()) <= CALLBACK_BYTES else choice.key


def _asks(message: Message) -> bool:
    return message.sheet is not None or any(choice.aside for choice in message.choices)


def _file(file: Attachment) -> Json:
    method = "sendPhoto" if file.mime in _PHOTOS and 0 < file.size <= PHOTO_LIMIT else "sendDocument"
    return {"method": method, "digest": file.id.partition(".")[0], "name": sendable(file.name) or "file", "mime": file.mime}


# --- buttons ---


def keyboard(choices: Sequence[Choice], data: dict[str, str]) -> list[list[Json]]:
    """As many in a row as their labels leave room for; ways round the question come last and by themselves."""
    answers = [choice for choice in choices if not choice.aside]
    asides = [choice for choice in choices if choice.aside]
    rows = (*_rows(answers), *_rows(asides))
    return [[{"text": without_controls(choice.label), "callback_data": data[choice.key]} for choice in row] for row in rows]


def _rows(choices: Sequence[Choice]) -> Iterator[Sequence[Choice]]:
    if not choices:
        return
    widest = max(width(choice.label) for choice in choices) + _BUTTON_EDGE
    most = max(1, min(_ROW, _ROW_WIDTH // widest))
    # Rows of the same length look like a table, a last row of one like a mistake.
    rows = -(-len(choices) // most)
    columns = -(-len(choices) // rows)
    for start in range(0, len(choices), columns):
        yield choices[start : start + columns]


# --- text ---


class Span(NamedTuple):
    """A stretch of text with a look of its own; in characters."""

    start: int
    end: int
    kind: str
    url: str = ""


_OPEN: Final = {"\x01": "bold", "\x02": "italic", "\x03": "code", "\x04": "text_link"}
_CLOSE: Final = "\x05"
_URL: Final = "\x06"
_MARKS: Final = re.compile("[\x01-\x05]|\x06\\d+\x06")


class _Drawing(Dialect):
    """The tree as text with marks in it, which no text can hold: `text` drops such characters from whatever people wrote."""

    def __init__(self, links: bool) -> None:
        self.urls: list[str] = []
        self._links = links

    def code(self, text: str) -> str:
        return f"\x03{self.text(text)}{_CLOSE}"

    def bold(self, inner: str) -> str:
        return f"\x01{inner}{_CLOSE}"

    def italic(self, inner: str) -> str:
        return f"\x02{inner}{_CLOSE}"

    def link(self, url: str, inner: str) -> str:
        if not self._links or not url.startswith(("https://", "http://")):
            return super().link(url, inner)
        self.urls.append(url)
        return f"\x04{_URL}{len(self.urls) - 1}{_URL}{inner}{_CLOSE}"


def texts(message: Message) -> list[Json]:
    """The text of a message as bodies of at most 4,096 UTF-16 units; none is blank."""
    bodies = list(_texts(message, links=True))
    if any(sum(entity["type"] == "text_link" for entity in body["entities"]) > ENTITIES for body in bodies):
        # What goes beyond the limit would be shown without its target, so all targets are written out.
        bodies = list(_texts(message, links=False))
    for body in bodies:
        if len(body["entities"]) > ENTITIES:
            kept = sorted(body["entities"], key=lambda entity: _KINDS.index(entity["type"]))[:ENTITIES]
            body["entities"] = sorted(kept, key=_order)
    return bodies


def _texts(message: Message, links: bool) -> Iterator[Json]:
    drawing = _Drawing(links)
    text, spans = _read(drawing.doc(message.doc), drawing.urls)
    at = 0
    for part in split(text, CAPABILITIES.text_limit, CAPABILITIES.text_unit):
        at = text.index(part, at)
        yield {"text": part, "entities": entities(part, (_moved(span, at) for span in spans))}
        at += len(part)


def _moved(span: Span, by: int) -> Span:
    return span._replace(start=span.start - by, end=span.end - by)


def _read(marked: str, urls: Sequence[str]) -> tuple[str, list[Span]]:
    """Text without its marks, and what they said of it."""
    text: list[str] = []
    spans: list[Span] = []
    opened: list[Span] = []
    at = read = 0
    for mark in _MARKS.finditer(marked):
        text.append(marked[read : mark.start()])
        at += mark.start() - read
        read = mark.end()
        if mark[0] in _OPEN:
            opened.append(Span(at, at, _OPEN[mark[0]]))
        elif mark[0] == _CLOSE:
            spans.append(opened.pop()._replace(end=at))
        else:
            opened[-1] = opened[-1]._replace(url=urls[int(mark[0].strip(_URL))])
    text.append(marked[read:])
    return "".join(text), spans


def entities(text: str, spans: Iterable[Span]) -> list[Json]:
    """Those of `spans` that are in `text`, cut to it, as Telegram wants them: offsets in UTF-16 units, no blank edges, code on its own.

    https://core.telegram.org/bots/api#formatting-options: code cannot contain or be part of any other entity.
    """
    inside = [cut for span in spans if (cut := _trimmed(text, span)) is not None]
    links = [span for span in inside if span.kind == "text_link"]
    codes = [span for span in inside if span.kind == "code" and not any(_meet(span, link) for link in links)]
    kept = [*links, *codes]
    for span in inside:
        if span.kind in ("bold", "italic"):
            kept += [cut for piece in _without(span, codes) if (cut := _trimmed(text, piece)) is not None]
    units = _units(text)
    found = [
        {
            "type": span.kind,
            "offset": units(span.start),
            "length": units(span.end) - units(span.start),
            **({"url": span.url} if span.url else {}),
        }
        for span in dict.fromkeys(kept)
    ]
    return sorted(found, key=_order)


def _order(entity: Json) -> tuple[int, int, int]:
    """An outer entity before those in it."""
    return entity["offset"], -entity["length"], _KINDS.index(entity["type"])


def _trimmed(text: str, span: Span) -> Span | None:
    start, end = max(0, span.start), min(len(text), span.end)
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return span._replace(start=start, end=end) if start < end else None


def _meet(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def _without(span: Span, others: Sequence[Span]) -> Iterator[Span]:
    start = span.start
    for other in sorted(others):
        if _meet(span, other):
            if start < other.start:
                yield span._replace(start=start, end=other.start)
            start = max(start, other.end)
    if start < span.end:
        yield span._replace(start=start)


def _units(text: str) -> Any:
    """From a place in characters to one in UTF-16 units."""
    if text.isascii() or length(text, "utf-16") == len(text):
        return lambda at: at
    places = [0]
    for character in text:
        places.append(places[-1] + (2 if ord(character) > 0xFFFF else 1))
    return places.__getitem__


# --- a question that was answered ---


def answered(shown: Json, said: Message | None, key: str, label: str) -> Json:
    """What becomes of a message when one of its buttons is pressed: text and entities.

    A question of a form becomes "label: answer". Whatever else it was stays, with what was pressed under it. `shown` is what stands there
    (text, entities); `said` what the desk had said, when it is still known.
    """
    label = without_controls(label)
    if not label:
        return {"text": shown["text"], "entities": shown["entities"]}
    sheet = said.sheet if said is not None else None
    focus = next((field.label for field in sheet.inputs if field.name == sheet.focus), "") if sheet is not None else ""
    if focus:
        focus = without_controls(focus)
        aside = said is not None and any(choice.aside for choice in said.choices if choice.key == key)
        text = f"{focus} · {label}" if aside else f"{focus}: {label}"
        return {"text": text, "entities": entities(text, [Span(0, len(focus) + (not aside), "bold")])}
    text = f"{shown['text']}\n\n▸ {label}"
    if length(text, "utf-16") > CAPABILITIES.text_limit:
        return {"text": shown["text"], "entities": shown["entities"]}
    return {"text": text, "entities": shown["entities"]}
