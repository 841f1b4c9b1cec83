"""The terminal: lines in, replies out, nothing that could steer the terminal itself."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from adapters.base import Accepted, Adapter, Later, Outbound, Payload, Unreachable
from adapters.terminal import LINE_LIMIT, Look, Terminal, look_of, wrap
from conversations.events import ChoicePressed, CommandGiven, Inbound, MessageReceived, Started
from conversations.model import Address, Bold, Bullets, Choice, Message, Paragraph, Text, paragraph
from tests.contracts.adapter import AdapterContract, Sample, until

ANA = Address("terminal", "local", "ana")


class Pipe:
    """What is typed, and everything the terminal shows."""

    def __init__(self) -> None:
        self.input, self._end = os.pipe()
        self.output = io.StringIO()
        self.settled = 0

    def type(self, text: str | bytes) -> None:
        os.write(self._end, text.encode() if isinstance(text, str) else text)

    def end(self) -> None:
        os.close(self._end)
        self._end = -1

    async def count(self, address: Address) -> None:
        self.settled += 1

    def close(self) -> None:
        os.close(self.input)
        if self._end >= 0:
            self.end()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


class TestTerminal(AdapterContract):
    samples = (
        Sample(
            {"chat": "ana", "key": "s.1", "line": "¿Hola? 🎉", "locale": "es"},
            Inbound(ANA, "s.1", MessageReceived(text="¿Hola? 🎉", locale="es")),
        ),
        Sample(
            {"chat": "ana", "key": "s.2", "line": "1", "choice": ["3.1", "Sí"]}, Inbound(ANA, "s.2", ChoicePressed(key="3.1", label="Sí"))
        ),
        Sample({"chat": "ana", "key": "s.3", "line": "/lang en"}, Inbound(ANA, "s.3", CommandGiven(name="language", argument="en"))),
        Sample({"chat": "ana", "key": "s.4", "start": True, "locale": "es"}, Inbound(ANA, "s.4", Started(locale="es"))),
    )
    junk = ({"chat": "ana", "key": "s.1", "line": "  "}, {"chat": "", "key": "s.1", "line": "x"}, {"chat": "ana", "key": "\n", "line": "x"})

    @pytest.fixture(params=[Look(), Look(40, styles=True)], ids=["plain", "styled"])
    def adapter(self, pipe: Pipe, request: pytest.FixtureRequest) -> Adapter:
        self.pipe = pipe
        return Terminal(
            chat="ana",
            session="s",
            settled=pipe.count,
            locale="es",
            input=pipe.input,
            output=pipe.output,
            interactive=False,
            look=request.param,
        )

    def shown(self, payload: Payload) -> str:
        return re.sub("\x1b\\[(1|22|3|23)m", "", payload.body["text"])

    def markup(self, payload: Payload) -> list[str]:
        return re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069].{0,9}", payload.body["text"])

    async def offer(self, adapter: Adapter, raw: Any) -> None:
        self.pipe.type(raw["line"] + "\n")

    def acknowledged(self, adapter: Adapter) -> int:
        return self.pipe.settled

    async def screen(self, adapter: Adapter) -> str:
        return re.sub("\x1b\\[\\d+m", "", self.pipe.output.getvalue())

    def breakages(self, adapter: Adapter) -> Iterable[AbstractAsyncContextManager[None]]:
        closed = io.StringIO()
        closed.close()
        yield self.printing_to(adapter, closed)
        yield self.printing_to(adapter, NoReader())

    def gone(self, adapter: Adapter) -> AbstractAsyncContextManager[None]:
        return self.printing_to(adapter, NoReader())

    @contextlib.asynccontextmanager
    async def printing_to(self, adapter: Adapter, broken: io.StringIO) -> AsyncIterator[None]:
        assert isinstance(adapter, Terminal)
        adapter._output, kept = broken, adapter._output
        yield
        adapter._output = kept


class NoReader(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


class Desk:
    """Answers each event with the message that `replies` gives; `settled` waits until that has been delivered."""

    def __init__(self, replies: Callable[[Inbound], list[Message]]) -> None:
        self.replies = replies
        self.heard: list[Inbound] = []
        self.sending: asyncio.Task[None] | None = None
        self.terminal: Terminal | None = None

    def attach(self, pipe: Pipe, **options: Any) -> Terminal:
        given: dict[str, Any] = {"chat": "ana", "session": "s", "input": pipe.input, "output": pipe.output, "interactive": False}
        self.terminal = Terminal(**given | {"settled": self.settled} | options)
        return self.terminal

    async def accept(self, inbound: Inbound) -> Accepted:
        self.heard.append(inbound)
        self.sending = asyncio.create_task(self.send(self.replies(inbound)))
        return Accepted(True)

    async def send(self, messages: list[Message]) -> None:
        assert self.terminal
        for n, message in enumerate(messages):
            await asyncio.sleep(0)
            for payload in self.terminal.encode(Outbound(ANA, message, f"1.1.{n}")):
                await self.terminal.deliver(payload, f"1.1.{n}")

    async def settled(self, address: Address) -> None:
        assert address == ANA
        assert self.sending
        await self.sending


def echo(inbound: Inbound) -> list[Message]:
    said = inbound.event.text if isinstance(inbound.event, MessageReceived) else type(inbound.event).__name__
    return [Message(paragraph(f"«{said}»"), "es"), Message(paragraph("¿Ayuda?"), "es", (Choice("1.1", "Sí"), Choice("1.2", "No")))]


async def test_piped_lines_are_answered_one_after_the_other_and_then_it_ends(pipe: Pipe) -> None:
    desk = Desk(echo)
    terminal = desk.attach(pipe)
    pipe.type("hola\r\n\n  \n2\nsi\nsin fin de línea")
    pipe.end()
    await terminal.run(desk.accept)
    ask = "\n\n¿Ayuda?\n\n1) Sí\n2) No\n"
    assert pipe.output.getvalue() == f"«hola»{ask}\n«ChoicePressed»{ask}\n«ChoicePressed»{ask}\n«sin fin de línea»{ask}"
    assert [heard.event for heard in desk.heard][1:3] == [ChoicePressed(key="1.2", label="No"), ChoicePressed(key="1.1", label="Sí")]
    assert len({heard.key for heard in desk.heard}) == 4


async def test_a_person_is_greeted_prompted_and_can_leave(pipe: Pipe) -> None:
    desk = Desk(lambda inbound: [Message(paragraph(type(inbound.event).__name__), "es")])
    terminal = desk.attach(pipe, interactive=True, locale="es")
    pipe.type("hola\n/help\n/quit\nnever read\n")
    await terminal.run(desk.accept)
    assert pipe.output.getvalue() == (
        "/help · /menu · /lang · /person · /ticket · /tickets · /services · /start · /link · /links · /quit\n\n"
        "Started\n\n> MessageReceived\n\n> CommandGiven\n\n> "
    )
    assert desk.heard[0] == Inbound(ANA, "s.0", Started(locale="es"))


async def test_what_the_desk_says_by_itself_does_not_swallow_the_prompt(pipe: Pipe) -> None:
    desk = Desk(lambda inbound: [])
    terminal = desk.attach(pipe, interactive=True)
    run = asyncio.create_task(terminal.run(desk.accept))
    await until(lambda: pipe.output.getvalue().endswith("> "))
    await desk.send([Message(paragraph("Ya hay alguien"), "es")])
    assert pipe.output.getvalue().endswith("> \r  \rYa hay alguien\n\n> ")
    pipe.end()
    await run


@pytest.mark.parametrize("ending", ["\n", ""])
async def test_an_endless_line_is_cut_and_what_follows_is_read(pipe: Pipe, tmp_path: Path, ending: str) -> None:
    (tmp_path / "lines").write_bytes(b"a" * (3 * LINE_LIMIT) + b"\nb\xffc" + ending.encode())
    desk = Desk(lambda inbound: [])
    file = os.open(tmp_path / "lines", os.O_RDONLY)
    await desk.attach(pipe, input=file).run(desk.accept)
    os.close(file)
    assert [heard.event for heard in desk.heard] == [MessageReceived(text="a" * LINE_LIMIT), MessageReceived(text="b\ufffdc")]


async def test_nobody_reading_ends_it(pipe: Pipe) -> None:
    desk = Desk(echo)

    async def settled(address: Address) -> None:
        assert desk.sending
        with contextlib.suppress(Unreachable):
            await desk.sending

    terminal = desk.attach(pipe, output=NoReader(), settled=settled)
    pipe.type("uno\ndos\n")
    await terminal.run(desk.accept)
    assert len(desk.heard) == 1


async def test_a_message_for_somebody_else_waits(pipe: Pipe) -> None:
    terminal = Desk(echo).attach(pipe)
    (payload,) = terminal.encode(Outbound(Address("terminal", "local", "eva"), Message(paragraph("Hola Eva"), "es"), "1.1.0"))
    with pytest.raises(Later):
        await terminal.deliver(payload, "1.1.0")
    assert pipe.output.getvalue() == ""


def test_characters_the_output_cannot_write_do_not_stop_it(pipe: Pipe) -> None:
    raw = io.BytesIO()
    terminal = Desk(echo).attach(pipe, output=io.TextIOWrapper(raw, encoding="ascii"))
    (payload,) = terminal.encode(Outbound(ANA, Message(paragraph("¿Sí?"), "es"), "1.1.0"))
    asyncio.run(terminal.deliver(payload, "1.1.0"))
    assert raw.getvalue() == b"?S??\n"


def test_styles_are_for_people_at_a_terminal() -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert look_of(io.StringIO(), {}) == Look()
    assert look_of(Screen(), {}).styles
    assert not look_of(Screen(), {"NO_COLOR": "1"}).styles
    assert look_of(Screen(), {"NO_COLOR": ""}).styles
    assert not look_of(Screen(), {"TERM": "dumb"}).styles
    assert look_of(Screen(), {"NO_COLOR": "1"}).columns >= 20


def test_bold_is_bold_where_there_are_styles(pipe: Pipe) -> None:
    out = Outbound(ANA, Message((Paragraph((Text("¡"), Bold((Text("Ya\x1b[0m"),)), Text("!"))),), "es"), "1.1.0")
    assert Desk(echo).attach(pipe, look=Look(styles=True)).encode(out)[0].body["text"] == "¡\x1b[1mYa[0m\x1b[22m!"
    assert Desk(echo).attach(pipe, look=Look()).encode(out)[0].body["text"] == "¡Ya[0m!"


def test_long_lines_are_wrapped_and_lists_hang(pipe: Pipe) -> None:
    doc = (Paragraph((Text("uno dos tres "), Bold((Text("cuatro cinco"),)))), Bullets(((Text("问题问题 问题问题 问题问题 fin"),),)))
    drawn = Desk(echo).attach(pipe, look=Look(20, styles=True)).encode(Outbound(ANA, Message(doc, "es"), "1.1.0"))[0].body["text"]
    assert drawn == "uno dos tres \x1b[1mcuatro\ncinco\x1b[22m\n\n• 问题问题 问题问题\n  问题问题 fin"
    assert wrap("una palabra larguísimademasiado larga", 12) == "una palabra\nlarguísimademasiado\nlarga"
    assert wrap("corta\n\n1) " + "a b c d e f", 8) == "corta\n\n1) a b c\n   d e f"
