"""The line to Discord: how it breaks, how interactions are answered in time, files, commands, and what each refusal means."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.base import Accepted, Later, Outbound, Refused, Unreachable, Unwelcome
from adapters.discord import commands, link
from adapters.discord.adapter import Discord
from adapters.discord.settings import FILE_IN
from conversations.events import ChoicePressed, CommandGiven, FormAnswered, Inbound, MessageReceived
from conversations.model import Address, Attachment, Choice, Input, Message, Option, Sheet, paragraph
from tests.adapters.discord_desk import Memories, MemoryBlobs, discord_on
from tests.adapters.discord_parts import Fault
from tests.adapters.discord_server import BOT, TOKEN, DiscordServer
from tests.contracts.adapter import Intake, until

ANA, BEN = "80351110224678912", "80351110224678913"
SHEET = Sheet(
    "7000000000000000001.3",
    "ticket",
    1,
    1,
    2,
    (
        Input("priority", "one", "Priority", True, options=(Option("high", "High"), Option("regular", "Regular")), value="regular"),
        Input("details", "lines", "Details", True, value="It does not start"),
        Input("files", "files", "Files"),
    ),
)


class Here:
    """A running account, what it was told, and its server."""

    def __init__(self, server: DiscordServer, adapter: Discord, intake: Intake, blobs: MemoryBlobs, memories: Memories) -> None:
        self.server, self.adapter, self.intake, self.blobs, self.memories = server, adapter, intake, blobs, memories
        self.room = server.room(ANA)

    async def say(self, message: Message, key: str = "5.1.0", room: str = "") -> None:
        for payload in self.adapter.encode(Outbound(Address("discord", BOT, room or self.room), message, key)):
            await self.adapter.deliver(payload, f"{key}.{payload.part}")

    @property
    def texts(self) -> list[str]:
        return [call.event.text for call in self.intake.calls if isinstance(call.event, MessageReceived)]


@asynccontextmanager
async def running(folder: Path | None = None, memories: Memories | None = None, intake: Intake | None = None) -> AsyncIterator[Here]:
    server, blobs, memories, intake = DiscordServer(), MemoryBlobs(folder), memories or Memories(), intake or Intake()
    async with discord_on(server, blobs=blobs, memories=memories) as adapter:
        task = asyncio.create_task(adapter.run(intake.accept))
        try:
            await until(lambda: server.gateway.open or task.done())
            yield Here(server, adapter, intake, blobs, memories)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "IDENTIFY_APART_S", 0.0)


# --- the gateway ---


async def test_it_asks_for_no_privileged_intent() -> None:
    async with running() as here:
        assert here.server.gateway.intents == (1 << 9) | (1 << 12)


async def test_a_broken_line_is_resumed_and_nothing_is_lost_or_doubled() -> None:
    async with running() as here:
        here.server.post(here.room, ANA, "one")
        await until(lambda: here.texts == ["one"])
        await here.server.gateway.drop(4000)
        here.server.post(here.room, ANA, "two")
        await until(lambda: here.texts == ["one", "two"])
        assert (here.server.gateway.resumed, here.server.gateway.identified) == (1, 1)


async def test_a_session_that_is_declared_over_is_begun_anew() -> None:
    async with running() as here:
        await here.server.gateway.invalidate()
        await until(lambda: here.server.gateway.identified == 2 and here.server.gateway.open)
        here.server.post(here.room, ANA, "still here?")
        await until(lambda: here.texts == ["still here?"])


async def test_what_is_malformed_is_passed_over() -> None:
    async with running() as here:
        gateway = here.server.gateway
        gateway.publish("MESSAGE_CREATE", {"id": "x"})
        gateway.publish("MESSAGE_CREATE", {"id": "1", "channel_id": here.room, "author": None, "content": []})
        gateway.publish("INTERACTION_CREATE", {"id": "2", "type": 3, "data": None})
        gateway.publish("SOMETHING_NEW", {"guilds": 7})
        here.server.post(here.room, ANA, "and now?")
        await until(lambda: here.texts == ["and now?"])
        assert gateway.identified == 1


async def test_one_conversation_waits_for_itself_alone() -> None:
    async with running() as here:
        taken: list[str] = []
        first = asyncio.Event()

        async def accept(inbound: Inbound) -> Accepted:
            assert isinstance(inbound.event, MessageReceived)
            if inbound.event.text == "a1":
                await first.wait()
            taken.append(inbound.event.text)
            return Accepted(True)

        here.adapter._accept = accept
        other = here.server.room(BEN)
        for room, user, text in ((here.room, ANA, "a1"), (here.room, ANA, "a2"), (other, BEN, "b1"), (other, BEN, "b2")):
            here.server.post(room, user, text)
        await until(lambda: len(taken) == 2)
        assert taken == ["b1", "b2"]
        first.set()
        await until(lambda: taken == ["b1", "b2", "a1", "a2"])


async def test_a_fault_in_one_event_does_not_end_the_others() -> None:
    async with running() as here:

        async def accept(inbound: Inbound) -> Accepted:
            if inbound.event == MessageReceived(text="poison"):
                raise ValueError("cannot be")
            return await here.intake.accept(inbound)

        here.adapter._accept = accept
        here.server.post(here.room, ANA, "poison")
        here.server.post(here.room, ANA, "water")
        await until(lambda: here.texts == ["water"])


@pytest.mark.parametrize(("code", "words"), [(4004, "does not accept it"), (4014, "privileged intent"), (4013, "intents"), (4011, "4011")])
async def test_an_account_that_is_not_let_in_says_so_in_one_line(code: int, words: str) -> None:
    server = DiscordServer()
    server.gateway.turned_away = code
    async with discord_on(server) as adapter:
        with pytest.raises(Unwelcome, match=rf"^RELEVO_DISCORD__TOKEN: .*{words}") as caught:
            await asyncio.wait_for(adapter.run(Intake().accept), 20)
        assert TOKEN not in str(caught.value)


async def test_a_wrong_token_is_told_before_the_gateway_is_tried() -> None:
    server = DiscordServer()
    async with discord_on(server, token=TOKEN + "x") as adapter:
        with pytest.raises(Unwelcome, match=r"^RELEVO_DISCORD__TOKEN: "):
            await asyncio.wait_for(adapter.run(Intake().accept), 20)
        with pytest.raises(Later) as later:
            await adapter.deliver(
                adapter.encode(Outbound(Address("discord", BOT, "1"), Message(paragraph("x"), "en"), "1.1.0"))[0], "1.1.0.0"
            )
        assert later.value.whole
        assert server.gateway.identified == 0


async def test_a_gateway_that_is_not_there_ends_the_loop_so_that_it_is_started_again() -> None:
    server = DiscordServer()
    async with discord_on(server) as adapter:
        adapter._link._settings = adapter._link._settings.model_copy(update={"gateway_url": "ws://127.0.0.1:9/"})
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(adapter.run(Intake().accept), 20)


# --- interactions ---


async def test_a_press_is_stored_and_then_acknowledged_without_a_word() -> None:
    async with running() as here:
        await here.say(Message(paragraph("Well?"), "en", (Choice("3.1", "Yes"), Choice("3.2", "No", aside=True))))
        pressed = here.server.press(here.server.said(here.room)[0], "No", ANA)
        await until(lambda: bool(pressed.answers))
        assert pressed.answers == [{"type": 6}]
        assert here.intake.calls[-1].event == ChoicePressed(key="3.2", label="No")


async def test_a_command_thinks_until_its_answer_is_there() -> None:
    async with running() as here:
        given = here.server.command(here.room, ANA, "tickets", "es-ES")
        await until(lambda: given.original)
        assert given.answers == [{"type": 5, "data": {"flags": 64}}]
        assert here.intake.calls[-1].event == CommandGiven(name="tickets", locale="es-ES")
        await here.say(Message(paragraph("None."), "es"))
        await until(lambda: not given.original)
        assert here.server.refusals == []


async def test_a_form_is_opened_from_memory_filled_in_and_understood() -> None:
    async with running() as here:
        await here.say(Message(paragraph("Please fill in"), "en", sheet=SHEET))
        opened = here.server.press(here.server.said(here.room)[0], "Fill in the form", ANA)
        await until(lambda: bool(opened.answers))
        sent = here.server.submit(opened, {"Details": "Not *at* all\nreally"}, {"trace.txt": b"1 * * *"})
        await until(lambda: bool(sent.answers))
        event = here.intake.calls[-1].event
        assert isinstance(event, FormAnswered)
        [file] = event.answers.pop("files")
        assert (event.key, event.form, event.answers) == (SHEET.key, "ticket", {"priority": "regular", "details": "Not *at* all\nreally"})
        assert (here.blobs.contents[file["id"]], file["name"]) == (b"1 * * *", "trace.txt")
        assert len(here.intake.calls) == 1


async def test_a_form_of_an_earlier_process_is_looked_up_and_one_that_is_gone_is_told() -> None:
    async with running() as here:
        await here.say(Message(paragraph("Please fill in"), "en", sheet=SHEET))
        here.adapter._sheets.pop("5.1.0")
        gone = here.server.press(here.server.said(here.room)[0], "Fill in the form", ANA, "es-ES")
        await until(lambda: bool(gone.answers))
        assert "ya no se puede abrir" in gone.note
        here.memories.messages["5.1.0"] = Message(paragraph("Please fill in"), "en", sheet=SHEET)
        found = here.server.press(here.server.said(here.room)[0], "Fill in the form", ANA)
        await until(lambda: bool(found.answers))
        assert found.modal is not None
        assert here.server.refusals == []


async def test_an_interaction_that_is_too_old_is_stored_all_the_same() -> None:
    async with running(intake=Intake(open=False)) as here:
        await here.say(Message(paragraph("Well?"), "en", (Choice("3.1", "Yes"),)))
        pressed = here.server.press(here.server.said(here.room)[0], "Yes", ANA)
        await until(lambda: here.intake.calls)
        pressed.until = 0
        here.intake.gate.set()
        await until(lambda: any("10062" in refusal for refusal in here.server.refusals))
        here.server.post(here.room, ANA, "go on")
        await until(lambda: here.texts == ["go on"])


# --- files ---


async def test_files_are_fetched_at_once_and_those_not_taken_are_named() -> None:
    async with running() as here:
        files = {"trace_1.txt": b"hop 1", "setup.exe": b"MZ\x90", "huge.log": b"x" * (FILE_IN + 1)}
        here.server.post(here.room, ANA, "see these", files=files)
        await until(lambda: here.server.said(here.room))
        [call] = here.intake.calls
        assert isinstance(call.event, MessageReceived)
        assert [file.name for file in call.event.files] == ["trace_1.txt"]
        [told] = here.server.said(here.room)
        for words in ("setup.exe", "huge.log", "20 MB", "PNG", "No he podido", "I could not"):
            assert words in told["content"].replace("\\", "")
        assert here.server.refusals == []


async def test_a_message_of_nothing_but_a_refused_file_is_answered_in_the_language_that_was_spoken() -> None:
    async with running() as here:
        await here.say(Message(paragraph("Hola"), "es"))
        here.server.post(here.room, ANA, "", files={"setup.exe": b"MZ"})
        await until(lambda: len(here.server.said(here.room)) == 2)
        assert "I could not" not in here.server.said(here.room)[1]["content"]
        assert here.intake.calls == []


async def test_a_modal_does_not_wait_for_a_slow_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.discord.adapter.FILES_OF_MODAL_S", 0.05)
    async with running() as here:
        await here.say(Message(paragraph("Please fill in"), "en", sheet=SHEET))
        opened = here.server.press(here.server.said(here.room)[0], "Fill in the form", ANA)
        await until(lambda: bool(opened.answers))
        here.server.file_delay = 5
        sent = here.server.submit(opened, {}, {"trace.txt": b"slow"})
        await until(lambda: bool(sent.answers) and len(here.server.said(here.room)) == 2)
        event = here.intake.calls[-1].event
        assert isinstance(event, FormAnswered)
        assert event.answers == {"priority": "regular", "details": "It does not start"}
        assert "in time" in here.server.said(here.room)[1]["content"]


async def test_files_go_out_with_the_message(tmp_path: Path) -> None:
    async with running(tmp_path) as here:
        here.blobs.contents["ab12"] = b"the invoice"
        here.blobs.contents["ab13"] = b"the other"
        files = (Attachment("ab12.proof", "invoice 1.txt", "text/plain", 11), Attachment("ab13", "b.txt", "text/plain", 9))
        here.server.faults.append(Fault("lost"))
        with pytest.raises(Later):
            await here.say(Message(paragraph("Here"), "en", files=files))
        await here.say(Message(paragraph("Here"), "en", files=files))
        [said] = here.server.said(here.room)
        assert [here.server.files[each["id"]] for each in said["attachments"]] == [b"the invoice", b"the other"]
        await here.say(Message(paragraph("Again"), "en", files=(Attachment("gone", "gone.txt", "text/plain", 9),)), "5.2.0")
        assert "gone" in here.server.said(here.room)[1]["content"]


# --- sending ---


async def deliver(here: Here, *faults: Fault) -> Exception | None:
    here.server.faults.extend(faults)
    try:
        await here.say(Message(paragraph("Hello"), "en"))
    except (Later, Unreachable, Refused) as error:
        return error
    finally:
        here.server.faults.clear()
    return None


@pytest.mark.parametrize(
    ("fault", "kind", "after", "whole"),
    [
        (Fault(429, 1.25), Later, 1.25, False),
        (Fault(429, 64.5), Later, 64.5, False),
        (Fault(429, 2.5, whole=True), Later, 2.5, True),
        (Fault(1015), Later, 60, True),
        (Fault(500), Later, 0, False),
        (Fault(503), Later, 0, False),
        (Fault("lost"), Later, 0, False),
        (Fault(40003), Later, 600, True),
        (Fault(130000), Later, 10, False),
        *((Fault(code), Unreachable, None, None) for code in (50007, 50278, 10003, 10004, 10013, 50001, 50013, 50083, 160005)),
        *((Fault(code), Refused, None, None) for code in (50035, 50006, 40005, 50045, 200000, 200001, 240000, 40060)),
    ],
)
async def test_each_refusal_has_its_meaning(fault: Fault, kind: type[Exception], after: float | None, whole: bool | None) -> None:
    async with running() as here:
        began = len(here.server.calls)
        error = await deliver(here, fault)
        assert type(error) is kind
        if isinstance(error, Later):
            assert (error.after, error.whole) == (after, whole)
        # Exactly one layer tries again, and it is not the library.
        assert sum(method == "POST" for method, _, _ in here.server.calls[began:]) == 1


async def test_what_was_sent_and_not_confirmed_is_sent_again_and_shows_once() -> None:
    async with running() as here:
        assert isinstance(await deliver(here, Fault("lost")), Later)
        assert await deliver(here) is None
        assert [line["content"] for line in here.server.said(here.room)] == ["Hello"]
        assert here.server.repeats == 1


async def test_who_closed_their_messages_is_unreachable_and_others_are_not() -> None:
    async with running() as here:
        here.server.closed_to.add(here.room)
        with pytest.raises(Unreachable):
            await here.say(Message(paragraph("Hello"), "en"))
        await here.say(Message(paragraph("Hello"), "en"), "6.1.0", here.server.room(BEN))


async def test_a_nonce_is_short_its_own_and_the_same_again() -> None:
    keys = [f"{2**63 - 1}.{version}.{ord}.{part}" for version in range(30) for ord in range(3) for part in range(3)]
    assert len({link.nonce_of(key) for key in keys}) == len(keys)
    assert all(len(link.nonce_of(key)) <= 25 for key in keys)
    assert link.nonce_of("1.1.0.0") == link.nonce_of("1.1.0.0")


# --- commands ---


async def test_commands_are_told_once_and_again_only_when_they_change(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as here:
        await until(lambda: here.server.synced == 1)
        assert await commands.sync(here.adapter._link) is False
        assert here.server.synced == 1
        names = {name for command in here.server.commands for name in (command["name"], command["name_localizations"]["es-ES"])}
        assert {"ticket", "abrir-ticket", "help", "ayuda"} <= names
        here.server.commands[0]["description"] = "changed by hand"
        assert await commands.sync(here.adapter._link) is True
        assert here.server.refusals == []


async def test_a_token_goes_nowhere_but_to_the_api(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as here:
        here.server.post(here.room, ANA, "a file", files={"a.txt": b"x"})
        await until(lambda: here.intake.calls)
        assert here.server.refusals == []
    assert TOKEN not in caplog.text
