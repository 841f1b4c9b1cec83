"""A terminal as a platform: one customer who types lines and reads the replies, or a script that pipes questions in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, TextIO

import msgspec
from msgspec import Meta, Struct

from adapters.base import Accept, Capabilities, Later, NotStored, Outbound, Payload, Receipt, Unreachable
from adapters.text import Dialect, name_files, number_choices, pick, sendable, width
from conversations.events import ChoicePressed, CommandGiven, Event, Inbound, MessageReceived, Started
from conversations.model import Address, Choice

# --- settings ---

LINE_LIMIT = 100_000
"""Bytes of one line that are read; what is typed beyond is dropped, so that a file without line ends cannot fill the memory."""

NARROWEST = 20

COMMANDS = {
    "/help": "help",
    "/menu": "menu",
    "/lang": "language",
    "/person": "person",
    "/ticket": "ticket",
    "/tickets": "tickets",
    "/services": "services",
    "/start": "start",
    "/link": "link",
    "/links": "links",
}
QUIT = "/quit"

Settled = Callable[[Address], Awaitable[None]]


class Look(Struct, frozen=True):
    """How replies are drawn. `columns` 0: lines are not wrapped."""

    columns: int = 0
    styles: bool = False


def look_of(out: TextIO, environ: Mapping[str, str]) -> Look:
    """Styles and wrapping only for a person at a terminal; styles not with NO_COLOR (https://no-color.org) or a dumb terminal."""
    if not out.isatty():
        return Look()
    styles = not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    return Look(max(NARROWEST, shutil.get_terminal_size().columns), styles)


class Terminal:
    """One chat with the desk. `run` returns at the end of input, at /quit, and when nobody reads the output any more.

    `chat` names the customer; `session` is different in each run and makes the keys of what is typed unique. `settled(address)` returns
    once the desk has nothing pending for the address (no event undecided, no message unsent): by it a line is answered before the next is
    read. `input` is a file descriptor. `interactive`: greet and prompt a person; otherwise only read lines and print replies.
    """

    name = "terminal"
    # A terminal takes any length. A second send of a key is drawn again: nobody can tell whether the first was seen.
    capabilities = Capabilities(text_limit=1 << 30)

    def __init__(
        self,
        *,
        chat: str,
        session: str,
        settled: Settled,
        locale: str = "",
        input: int,
        output: TextIO,
        interactive: bool,
        look: Look | None = None,
    ) -> None:
        self.address = Address(self.name, "local", chat)
        self._session, self._settled, self._locale = session, settled, locale
        self._lines, self._output, self._interactive = _Lines(input), output, interactive
        self._look = look_of(output, os.environ) if look is None else look
        self._choices: tuple[Choice, ...] = ()
        self._asking = self._spoken = self._gone = False

    # --- decode ---

    def decode(self, raw: Any) -> Inbound | None:
        """From `{"chat", "key", "line"}`, with `choice` (key and label) when the line picked one, or `start` instead of a line."""
        try:
            typed = msgspec.convert(raw, _Typed)
        except msgspec.ValidationError:
            return None
        event = _event(typed)
        if event is None or not (typed.key + typed.chat).isprintable():
            return None
        return Inbound(Address(self.name, self.address.account, typed.chat), typed.key, event)

    # --- encode ---

    def encode(self, out: Outbound) -> list[Payload]:
        drawn = _Drawing(self._look).doc(number_choices(name_files(out.message)).doc)
        text = wrap(drawn, self._look.columns) if self._look.columns else drawn
        return [Payload(out.address, {"text": text, "choices": out.message.choices})]

    # --- deliver ---

    async def deliver(self, payload: Payload, key: str) -> Receipt:
        if payload.address != self.address:
            raise Later(30.0, "somebody else is at the terminal")
        parting = "\n" if self._spoken else ""
        self._print(f"{parting}{payload.body['text']}\n")
        self._spoken = True
        # A message without choices leaves those before it standing: their numbers are still on the screen.
        self._choices = payload.body["choices"] or self._choices
        return Receipt(key)

    # --- run ---

    async def run(self, accept: Accept) -> None:
        if self._interactive:
            self._print(" · ".join((*COMMANDS, QUIT)) + "\n\n")
            await self._receive(accept, {"start": True})
        while not self._gone:
            line = await self._next()
            if line is None or line.strip() == QUIT:
                return
            if not line.strip():
                continue
            key = pick(self._choices, line)
            label = next((choice.label for choice in self._choices if choice.key == key), "")
            await self._receive(accept, {"line": line, "choice": None if key is None else [key, label]})

    async def _next(self) -> str | None:
        """The next line; None at the end of input, and when nobody reads the output any more."""
        with contextlib.suppress(Unreachable):
            if self._interactive:
                self._print("\n> " if self._spoken else "> ")
            self._asking = self._interactive
            try:
                line = await self._lines.next()
            finally:
                self._asking = False
            if line is None and self._interactive:
                self._print("\n")
            return line
        return None

    async def _receive(self, accept: Accept, what: dict[str, Any]) -> None:
        # Set before the desk knows: a reply may be here before `accept` has returned.
        self._spoken = self._spoken and not self._interactive
        raw = {"chat": self.address.chat, "key": f"{self._session}.{self._lines.count}", "locale": self._locale, **what}
        inbound = self.decode(raw)
        if inbound is None:
            return
        while True:
            try:
                await accept(inbound)
                break
            except NotStored as error:
                await asyncio.sleep(error.after)
        await self._settled(inbound.address)

    def _print(self, text: str) -> None:
        if self._asking:
            # Something the desk says by itself: take the prompt's place, and put it back under it.
            text = f"\r  \r{text}\n> "
        try:
            encoding = self._output.encoding or "utf-8"
            self._output.write(text.encode(encoding, "replace").decode(encoding))
            self._output.flush()
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            self._gone = True
            raise Unreachable("nobody reads the terminal any more") from error


class _Typed(Struct):
    chat: Annotated[str, Meta(min_length=1, max_length=200)]
    key: Annotated[str, Meta(min_length=1, max_length=200)]
    line: str = ""
    choice: tuple[str, str] | None = None
    start: bool = False
    locale: Annotated[str, Meta(max_length=35)] = ""


def _event(typed: _Typed) -> Event | None:
    locale = sendable(typed.locale)
    if typed.start:
        return Started(locale=locale)
    if typed.choice is not None:
        return ChoicePressed(key=sendable(typed.choice[0]), label=sendable(typed.choice[1]))
    line = sendable(typed.line).strip()
    word, _, argument = line.partition(" ")
    if word in COMMANDS:
        return CommandGiven(name=COMMANDS[word], argument=argument.strip(), locale=locale)
    return MessageReceived(text=line, locale=locale) if line else None


class _Lines:
    """Reads lines from a file descriptor without a thread: a thread that waits for a key could not be stopped."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._read = bytearray()
        self._ended = False
        self.count = 0

    async def next(self) -> str | None:
        """The next line without its end, or None. Bytes that are not UTF-8 become U+FFFD."""
        dropping = False
        while True:
            line, end, rest = self._read.partition(b"\n")
            if end or (self._ended and line):
                self._read = rest
                self.count += 1
                return line[:LINE_LIMIT].decode(errors="replace").rstrip("\r")
            if self._ended:
                return None
            if dropping := dropping or len(self._read) > LINE_LIMIT:
                del self._read[LINE_LIMIT:]
            chunk = await self._chunk()
            self._ended = not chunk
            if dropping and b"\n" not in chunk:
                continue
            self._read += chunk[chunk.find(b"\n") :] if dropping else chunk

    async def _chunk(self) -> bytes:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        try:
            loop.add_reader(self._file, ready.set)
        except (OSError, NotImplementedError):
            # A regular file or /dev/null, which cannot be waited for and never makes one wait.
            return await asyncio.to_thread(self._take)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._file)
        return self._take()

    def _take(self) -> bytes:
        try:
            return os.read(self._file, 1 << 16)
        except OSError:  # The terminal was closed, or its connection lost.
            return b""


# --- drawing ---

_STYLE = re.compile("\x1b\\[\\d+m")
_INDENT = re.compile(r"\s*(?:• |\d+[.)] )?")


class _Drawing(Dialect):
    """Plain text, with the terminal's own bold and italic where it has them. `text` lets no control sequence through but these."""

    def __init__(self, look: Look) -> None:
        self._styles = look.styles

    def bold(self, inner: str) -> str:
        return f"\x1b[1m{inner}\x1b[22m" if self._styles else inner

    def italic(self, inner: str) -> str:
        return f"\x1b[3m{inner}\x1b[23m" if self._styles else inner


def wrap(text: str, columns: int) -> str:
    """Lines of at most `columns` columns, broken at blanks; what continues an item of a list is indented under it."""
    return "\n".join(_wrap_line(line, columns) for line in text.split("\n"))


def _wrap_line(line: str, columns: int) -> str:
    if _columns(line) <= columns:
        return line
    found = _INDENT.match(line)
    start = found.group() if found else ""
    indent = " " * width(start)
    lines, current, used = [], start, len(indent)
    for word in line[len(start) :].split(" "):
        needed = _columns(word)
        blank = "" if used == len(indent) else " "
        if blank and used + 1 + needed > columns:
            lines.append(current)
            current, used, blank = indent, len(indent), ""
        current += blank + word
        used += len(blank) + needed
    return "\n".join((*lines, current))


def _columns(text: str) -> int:
    return width(_STYLE.sub("", text))
