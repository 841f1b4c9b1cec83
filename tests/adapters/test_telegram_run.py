"""Receiving and sending by the official library: albums, files, lost connections, floods, rivals, and a webhook."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.base import Accepted, Later, Outbound, Refused, Unreachable, Unwelcome
from adapters.ports import FileRefused
from adapters.telegram.adapter import Telegram
from adapters.telegram.settings import Pace
from conversations.events import ChoicePressed, Inbound, MessageReceived
from conversations.model import Address, Attachment, Choice, Input, Message, Paragraph, Sheet, Text, paragraph
from storage.blobs import Blob
from tests.adapters.telegram_samples import PHOTOS
from tests.adapters.telegram_server import BOT, TOKEN, Fault, TelegramServer
from tests.adapters.telegram_wire import Refusal
from tests.adapters.test_telegram import telegram
from tests.contracts.adapter import Intake, until
from tests.pictures import png

ANA = 482113907
HERE = Address("telegram", str(BOT["id"]), str(ANA))


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    with TelegramServer() as server:
        server.know(ANA)
        yield server


class Kept:
    """The port over a folder: only pictures are taken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def keep(self, parts: AsyncIterator[bytes]) -> Blob:
        content = b"".join([part async for part in parts])
        if not content.startswith((b"\x89PNG", b"%PDF")):
            raise FileRefused("type")
        digest = hashlib.sha256(content).hexdigest()
        (self.folder / digest).write_bytes(content)
        return Blob(digest, "image/png" if content[0] == 0x89 else "application/pdf", len(content))

    async def find(self, id: str) -> Path | None:
        path = self.folder / id
        return path if path.exists() else None


@contextlib.asynccontextmanager
async def running(adapter: Telegram, accept: Any) -> AsyncIterator[asyncio.Task[None]]:
    run = asyncio.create_task(adapter.run(accept))
    try:
        yield run
    finally:
        run.cancel()
        with contextlib.suppress(asyncio.CancelledError, Unwelcome):
            await run


def say(text: str = "hola", *choices: Choice, **more: Any) -> Outbound:
    return Outbound(HERE, Message(paragraph(text), "es", choices, **more), "71.9.0")


def failing(*answers: Any, method: str = "sendMessage") -> Fault:
    left = list(answers)
    return lambda name, form: left.pop(0) if name == method and left else None


# --- albums ---


def part(server: TelegramServer, group: str, **more: Any) -> None:
    server.message(ANA, document=server.file(png(), "a.png", "image/png"), media_group_id=group, **more)


async def test_an_album_is_one_message_whatever_else_is_said(server: TelegramServer, tmp_path: Path) -> None:
    adapter, intake = telegram(server, tmp_path, blobs=Kept(tmp_path)), Intake()
    part(server, "g1", caption="mira")
    part(server, "g1")
    server.message(ANA, text="antes de nada")
    part(server, "g2")
    async with running(adapter, intake.accept):
        await until(lambda: len(intake.calls) == 3)
        await until(lambda: len(server.confirmed) == 4)
    first, text, second = [call.event for call in intake.calls]
    assert isinstance(first, MessageReceived)
    assert isinstance(second, MessageReceived)
    assert (first.text, len(first.files), len(second.files)) == ("mira", 2, 1)
    assert text == MessageReceived(text="antes de nada", locale="en")
    assert {file.id for file in first.files} == {hashlib.sha256(png()).hexdigest()}
    assert {(file.name, file.mime) for file in first.files} == {("a.png", "image/png")}


async def test_an_album_survives_a_death_between_its_parts(server: TelegramServer, tmp_path: Path) -> None:
    slow = Pace(poll=1, album=60, again=0.02, retry=0.02)
    part(server, "g1")
    async with running(telegram(server, tmp_path, slow, blobs=Kept(tmp_path)), Intake().accept):
        await until(lambda: len(server.confirmed) == 1)
    part(server, "g1")
    intake = Intake()
    async with running(telegram(server, tmp_path, Pace(poll=1, album=0.3, again=0.02), blobs=Kept(tmp_path)), intake.accept):
        await until(lambda: intake.calls)
        await until(lambda: len(server.confirmed) == 2)
    [call] = intake.calls
    assert isinstance(call.event, MessageReceived)
    assert len(call.event.files) == 2


async def test_albums_stay_in_their_order_over_a_death_and_when_a_part_of_the_first_is_late(server: TelegramServer, tmp_path: Path) -> None:
    for n in range(1, 6):
        part(server, f"g{n}", caption=str(n))
    async with running(telegram(server, tmp_path, Pace(poll=1, album=60, again=0.02), blobs=Kept(tmp_path)), Intake().accept):
        await until(lambda: len(server.confirmed) == 5)
    intake = Intake()
    async with running(telegram(server, tmp_path, Pace(poll=1, album=1, again=0.02), blobs=Kept(tmp_path)), intake.accept):
        clock = asyncio.get_running_loop().time
        began = clock()
        await until(lambda: clock() > began + 0.6)
        part(server, "g1")
        await until(lambda: clock() > began + 1.2)
        # Somebody else's, so that the albums are looked at: of all but the first nothing was heard for a second.
        server.message(ANA + 1, text="6")
        await until(lambda: len(intake.calls) == 6)
    assert [getattr(call.event, "text", "?") for call in intake.calls] == ["6", "1", "2", "3", "4", "5"]


async def test_parts_that_come_again_are_known_and_a_late_one_is_not_lost(server: TelegramServer, tmp_path: Path) -> None:
    intake, kept = Intake(), Kept(tmp_path)
    part(server, "g1")
    part(server, "g1")
    again = [dict(update) for update in server.updates]
    async with running(telegram(server, tmp_path, blobs=kept), intake.accept):
        await until(lambda: len(server.confirmed) == 2)
        await until(lambda: intake.calls)
    server.updates.extend(again[1:])
    part(server, "g1")
    async with running(telegram(server, tmp_path, blobs=kept), intake.accept):
        await until(lambda: len(server.confirmed) == 4)
        await until(lambda: len({call.key for call in intake.calls}) == 2)
    # One that was stopped before it could note that it had passed on the album passes on the same again, which is known by its key.
    found = {call.key: call.event for call in intake.calls}
    assert len({(call.key, str(call.event)) for call in intake.calls}) == 2
    assert [len(event.files) for event in found.values() if isinstance(event, MessageReceived)] == [2, 1]


# --- files ---


async def test_what_is_not_taken_is_said_with_the_limit_and_the_rest_arrives(server: TelegramServer, tmp_path: Path) -> None:
    adapter, intake = telegram(server, tmp_path, blobs=Kept(tmp_path)), Intake()
    server.message(ANA, document=server.file(b"", "big.pdf", "application/pdf", 30_000_000), caption="el PDF", language="es")
    server.message(ANA, voice=server.file(b"OggS", mime="audio/ogg"), language="es")
    server.message(ANA, document=server.file(b"MZ", "x.exe", "application/pdf"))
    server.message(ANA, document={**PHOTOS[0], "file_name": "gone.png"})
    server.message(ANA, poll={"id": "1", "question": "?", "options": []})
    async with running(adapter, intake.accept):
        await until(lambda: len(server.confirmed) == 5)
    assert [call.event for call in intake.calls] == [MessageReceived(text="el PDF", locale="es")]
    big, voice, program, gone, poll = server.texts(ANA)
    assert ("big.pdf" in big, "20 MB" in big, "No se ha guardado" in big) == (True, True, True)
    assert "mensaje de voz" in voice
    assert "x.exe" in program
    assert "gone.png" in gone
    assert "cannot read" in poll


async def test_a_slow_download_keeps_nobody_else_waiting(server: TelegramServer, tmp_path: Path) -> None:
    adapter, intake = telegram(server, tmp_path, Pace(poll=1, read=30.0, again=0.02), blobs=Kept(tmp_path)), Intake()
    server.fault = failing("slow", method="getFile")
    server.message(ANA, document=server.file(png(), "a.png", "image/png"))
    server.message(ANA, text="behind it")
    async with running(adapter, intake.accept):
        await until(lambda: any(method == "getFile" for method, _ in server.calls))
        server.message(555, text="somebody else")
        await until(lambda: intake.calls)
        assert [call.address.chat for call in intake.calls] == ["555"]
        assert server.confirmed == []
        server.released.set()
        await until(lambda: len(server.confirmed) == 3)
    events = [call.event for call in intake.calls if call.address.chat != "555"]
    assert [isinstance(event, MessageReceived) and len(event.files) for event in events] == [1, 0]


async def test_a_file_that_cannot_be_fetched_is_tried_again_and_not_for_ever(server: TelegramServer, tmp_path: Path) -> None:
    adapter, intake = telegram(server, tmp_path, blobs=Kept(tmp_path)), Intake()
    server.fault = failing("html", "drop", Refusal(500, "x"), Refusal(404, "Not Found"), method="getFile")
    server.message(ANA, document=server.file(png(), "a.png", "image/png"))
    async with running(adapter, intake.accept):
        await until(lambda: len(server.confirmed) == 1)
        [call] = intake.calls
        assert isinstance(call.event, MessageReceived)
        assert [file.name for file in call.event.files] == ["a.png"]
        server.fault = lambda method, form: Refusal(404, "Not Found") if method == "getFile" else None
        server.message(ANA, document=server.file(png(), "b.png", "image/png"))
        await until(lambda: len(server.confirmed) == 2)
    assert len(intake.calls) == 1
    assert "b.png" in server.texts(ANA)[-1]


async def test_a_file_goes_out_once_and_then_by_its_id(server: TelegramServer, tmp_path: Path) -> None:
    adapter, kept = telegram(server, tmp_path, blobs=Kept(tmp_path)), Kept(tmp_path)

    async def content() -> AsyncIterator[bytes]:
        yield png()

    blob = await kept.keep(content())
    files = (
        Attachment(f"{blob.digest}.proof", "así.png", "image/png", blob.size),
        Attachment(blob.digest, "a.pdf", "application/pdf", blob.size),
    )
    for _ in range(2):
        for payload in adapter.encode(say("dos", files=files)):
            await adapter.deliver(payload, "k")
    assert [sent.method for sent in server.sent] == ["sendMessage", "sendPhoto", "sendDocument"] * 2
    assert {server.content(sent.message) for sent in server.sent if sent.method != "sendMessage"} == {png()}
    names = [form for method, form in server.calls if method == "sendDocument"]
    assert isinstance(names[1]["document"], str)
    missing = adapter.encode(say("", files=(Attachment("0" * 64, "x.png", "image/png", 5),)))
    with pytest.raises(Refused):
        await adapter.deliver(missing[-1], "k")


# --- sending ---


@pytest.mark.parametrize(
    ("fault", "kind", "after", "whole"),
    [
        (Refusal(429, "Too Many Requests: retry after 17", retry_after=17), Later, 17, False),
        (Refusal(429, "Too Many Requests: retry after 9"), Later, 9, False),
        (Refusal(429, "Too Many Requests"), Later, 5, False),
        (Refusal(502, "Bad Gateway"), Later, 0, False),
        (Refusal(401, "Unauthorized"), Later, 30, True),
        (Refusal(403, "Forbidden: user is deactivated"), Unreachable, None, None),
        (Refusal(400, "Bad Request: chat not found"), Unreachable, None, None),
        (Refusal(400, "Bad Request: not enough rights to send text messages to the chat"), Unreachable, None, None),
        (Refusal(400, "Bad Request: BUTTON_DATA_INVALID"), Refused, None, None),
        ("reset", Later, 0, False),
        ("html", Later, 0, False),
    ],
)
async def test_what_an_error_means(server: TelegramServer, tmp_path: Path, fault: Any, kind: Any, after: Any, whole: Any) -> None:
    adapter = telegram(server, tmp_path)
    server.fault = failing(fault)
    with pytest.raises(kind) as raised:
        await adapter.deliver(adapter.encode(say())[0], "k")
    assert (getattr(raised.value, "after", None), getattr(raised.value, "whole", None)) == (after, whole)
    assert TOKEN.partition(":")[2] not in str(raised.value)


async def test_a_server_that_is_away_holds_up_the_whole_account(tmp_path: Path) -> None:
    with TelegramServer() as server:
        adapter = telegram(server, tmp_path)
    with pytest.raises(Later) as raised:
        await adapter.deliver(adapter.encode(say())[0], "k")
    assert raised.value.whole


async def test_an_answer_that_takes_too_long_may_have_been_sent(server: TelegramServer, tmp_path: Path) -> None:
    adapter = telegram(server, tmp_path, Pace(read=0.2))
    server.fault = failing("slow")
    with pytest.raises(Later):
        await adapter.deliver(adapter.encode(say())[0], "k")
    assert server.texts(ANA) == ["hola"]


async def test_a_group_that_became_a_supergroup_and_a_topic_that_is_gone_are_followed(server: TelegramServer, tmp_path: Path) -> None:
    adapter = telegram(server, tmp_path)
    server.migrated[-400] = -100400
    server.fault = lambda method, form: Refusal(400, "Bad Request: message thread not found") if "message_thread_id" in form else None
    for address, moved in (
        (Address("telegram", HERE.account, "-400"), Address("telegram", HERE.account, "-100400")),
        (Address("telegram", HERE.account, "-500", "7"), Address("telegram", HERE.account, "-500")),
    ):
        with pytest.raises(Unreachable) as raised:
            await adapter.deliver(adapter.encode(Outbound(address, Message(paragraph("x"), "es"), "1.1.0"))[0], "k")
        assert raised.value.moved == moved


async def test_two_chats_in_flood_hold_up_the_account(server: TelegramServer, tmp_path: Path) -> None:
    adapter = telegram(server, tmp_path)
    server.fault = lambda method, form: Refusal(429, "Too Many Requests: retry after 5", retry_after=5)
    found = []
    for chat in ("1", "1", "2"):
        with pytest.raises(Later) as raised:
            await adapter.deliver(adapter.encode(Outbound(Address("telegram", HERE.account, chat), say().message, "1.1.0"))[0], "k")
        found.append(raised.value.whole)
    assert found == [False, False, True]


# --- buttons ---

QUESTION = Message(
    (Paragraph((Text("1/9 · ¿Qué departamento?"),)),),
    "es",
    (Choice("4.1", "Técnico"), Choice("4.2", "Financiero"), Choice("4.3", "Cancelar", aside=True)),
    Sheet("k", "ticket", 1, 1, 1, (Input("department", "one", "Departamento"),), focus="department"),
)


async def test_a_pressed_question_becomes_its_answer(server: TelegramServer, tmp_path: Path) -> None:
    async def said(key: str) -> Message | None:
        return QUESTION if key == "71.9.0" else None

    adapter, intake = telegram(server, tmp_path, said=said), Intake()
    await adapter.deliver(adapter.encode(Outbound(HERE, QUESTION, "71.9.0"))[0], "k")
    server.press(ANA, "Técnico")
    async with running(adapter, intake.accept):
        await until(lambda: server.texts(ANA) == ["Departamento: Técnico"])
        assert [call.event for call in intake.calls] == [ChoicePressed(key="4.1", label="Técnico")]
        assert server.alerts
    [shown] = server.shown(ANA)
    assert "reply_markup" not in shown
    assert shown["entities"] == [{"type": "bold", "offset": 0, "length": 13}]


async def test_an_answer_that_was_typed_takes_the_buttons_away_too(server: TelegramServer, tmp_path: Path) -> None:
    adapter = telegram(server, tmp_path)
    await adapter.deliver(adapter.encode(Outbound(HERE, QUESTION, "71.9.0"))[0], "k")
    await adapter.deliver(adapter.encode(say("gracias", Choice("5.1", "Menú")))[0], "k")
    await adapter.deliver(adapter.encode(say("y más"))[0], "k")
    await until(lambda: "reply_markup" not in server.shown(ANA)[0])
    assert "reply_markup" in server.shown(ANA)[1]


# --- being let in ---


async def test_a_token_that_is_not_known_stops_it_with_a_line_for_its_keeper(server: TelegramServer, tmp_path: Path) -> None:
    server.refuses_token = True
    with pytest.raises(Unwelcome, match="RELEVO_TELEGRAM__TOKEN") as raised:
        await telegram(server, tmp_path).run(Intake().accept)
    assert TOKEN.partition(":")[2] not in str(raised.value)


async def test_a_token_that_is_withdrawn_later_stops_it_too(server: TelegramServer, tmp_path: Path) -> None:
    run = asyncio.create_task(telegram(server, tmp_path, Pace(poll=1)).run(Intake().accept))
    await until(lambda: any(method == "getUpdates" for method, _ in server.calls))
    server.refuses_token = True
    with pytest.raises(Unwelcome):
        await run


async def test_a_rival_is_told_of_and_a_short_one_outlived(server: TelegramServer, tmp_path: Path) -> None:
    conflict = Refusal(409, "Conflict: terminated by other getUpdates request")
    server.fault = failing(*[conflict] * 3, method="getUpdates")
    adapter, intake = telegram(server, tmp_path), Intake()
    server.message(ANA, text="hola")
    async with running(adapter, intake.accept):
        await until(lambda: intake.calls)
    server.fault = lambda method, form: conflict if method == "getUpdates" else None
    with pytest.raises(Unwelcome, match="another program"):
        await telegram(server, tmp_path).run(intake.accept)


async def test_a_server_in_trouble_is_asked_again(server: TelegramServer, tmp_path: Path) -> None:
    server.fault = failing(
        "drop", "html", "reset", Refusal(429, "Too Many Requests", retry_after=0), Refusal(500, "x"), method="getUpdates"
    )
    server.untidy = True
    adapter, intake = telegram(server, tmp_path), Intake()
    for n in range(5):
        server.message(ANA, text=str(n))
        server.message(555, text=str(n))
    async with running(adapter, intake.accept):
        await until(lambda: len(server.confirmed) == 10)
    for chat in (str(ANA), "555"):
        heard = [call.event for call in intake.calls if call.address.chat == chat]
        assert heard == [MessageReceived(text=str(n), locale="en") for n in range(5)]


async def test_an_update_that_breaks_us_is_set_aside_for_the_others(server: TelegramServer, tmp_path: Path) -> None:
    taken: list[str] = []

    async def accept(inbound: Inbound) -> Accepted:
        if inbound.event == MessageReceived(text="poison", locale="en"):
            raise ZeroDivisionError
        taken.append(inbound.key)
        return Accepted(True)

    server.message(ANA, text="poison")
    server.message(ANA, text="fine")
    async with running(telegram(server, tmp_path), accept):
        await until(lambda: len(server.confirmed) == 2)
    assert len(taken) == 1
    [parked] = (tmp_path / "telegram").glob("*.parked")
    assert "poison" in parked.read_text()
