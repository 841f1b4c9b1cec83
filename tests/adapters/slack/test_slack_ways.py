"""Slack's own ways: forms in windows, files, the home, threads, what is told and what is passed over."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from adapters.slack.adapter import Slack
from adapters.slack.files import FILE_LIMIT, ours
from adapters.slack.ports import Own
from conversations.events import ChoicePressed, CommandGiven, FormAnswered, Inbound, MessageDeleted, MessageEdited, MessageReceived
from conversations.model import Address, Attachment, Choice, Input, Message, Option, Sheet, paragraph
from tests.adapters import slack_desk as desk
from tests.adapters.slack_desk import running, say
from tests.adapters.slack_people import People
from tests.adapters.slack_samples import JUNK
from tests.adapters.slack_server import SlackServer
from tests.adapters.slack_wire import labels, shown
from tests.contracts.adapter import Intake, settle, until

FILL = "📝 Rellenar como formulario"
INPUTS = (
    Input("department", "one", "Departamento", True, options=(Option("technical", "Técnico", "Servidores"), Option("sales", "Ventas"))),
    Input("details", "lines", "Detalles", True, limit=4_000),
)


def asked(page: int = 1, *, inputs: tuple[Input, ...] = INPUTS, key: str = "17.1") -> Message:
    choices = (Choice("5.1", "Técnico"), Choice("5.2", "Cancelar", True))
    return Message(paragraph(f"¿Pregunta {page}?"), "es", choices, Sheet(key, "ticket", 1, page, 3, inputs))


# --- acknowledging ---


async def test_what_is_not_for_us_is_acknowledged_and_nothing_else_is_asked_for_it(server: SlackServer, adapter: Slack) -> None:
    async with running(server, adapter) as intake:
        calls = len(server.calls)
        for sample in JUNK[:8]:
            await (await server.offer(sample["type"], sample["payload"])).answer
        assert intake.calls == []
        methods = [method for method, _ in server.calls[calls:]]
        assert set(methods) <= {"views.publish", "users.info", "conversations.open", "chat.postEphemeral"}
        # Bolt would ask who we are before it lets anything through, and would acknowledge what it then cannot let through.
        assert [method for method, _ in server.calls].count("auth.test") == 1


async def test_a_retry_while_the_first_is_being_stored_shares_its_answer(server: SlackServer, adapter: Slack, people: People) -> None:
    async with running(server, adapter, Intake(open=False)) as intake:
        first = await people.dm("U0ANA", "hola")
        await until(lambda: intake.calls)
        again = [asyncio.create_task(adapter._receiver.receive(first.payload)) for _ in range(2)]
        await settle()
        intake.gate.set()
        assert [(await each).stored for each in again] == [True, True]
        await first.answer
        assert len(intake.calls) == 1


async def test_frames_that_mean_nothing_do_no_harm(server: SlackServer, adapter: Slack, people: People) -> None:
    async with running(server, adapter) as intake:
        await server.babble("", "nonsense", "{", '{"type": 7}', '{"type": "interactive", "envelope_id": "x"}', "[]")
        await (await people.dm("U0ANA", "hola")).answer
        assert [inbound.event for inbound in intake.calls] == [MessageReceived(text="hola", locale="es-ES")]


async def test_order_holds_although_a_file_takes_longer(server: SlackServer, adapter: Slack, people: People) -> None:
    picture = server.file("a.png", b"\x89PNG" + b"0" * 500_000, "image/png")
    async with running(server, adapter) as intake:
        sent = [await people.dm("U0ANA", "mira", picture), await people.dm("U0ANA", "¿lo ves?")]
        await asyncio.gather(*(each.answer for each in sent))
        assert [inbound.event.text for inbound in intake.calls if isinstance(inbound.event, MessageReceived)] == ["mira", "¿lo ves?"]


async def test_a_mention_is_answered_in_its_thread(server: SlackServer, adapter: Slack, people: People) -> None:
    async with running(server, adapter) as intake:
        envelope = await people.mention("U0ANA", "C0HELP", "¿estáis?")
        await envelope.answer
        [inbound] = intake.calls
        assert inbound.address == Address("slack", "desk", "C0HELP", envelope.key)
        await say(adapter, Message(paragraph("Sí"), "es"), to=inbound.address)
        assert server.by_desk("C0HELP")[0]["thread_ts"] == envelope.key


async def test_a_slash_command_is_answered_in_the_direct_chat(server: SlackServer, adapter: Slack, people: People) -> None:
    async with running(server, adapter) as intake:
        answer = await (await people.slash("U0ANA", "tickets", "C0HELP")).answer
        assert answer == {"response_type": "ephemeral", "text": "Te he contestado en nuestros mensajes directos."}
        assert await (await people.slash("U0ANA", "tickets", "D0ANA")).answer == {}
        assert {(inbound.address, inbound.event) for inbound in intake.calls} == {(desk.ANA, CommandGiven(name="tickets", locale="es-ES"))}


async def test_what_is_changed_and_deleted_reaches_the_desk_and_a_preview_does_not(
    server: SlackServer, adapter: Slack, people: People
) -> None:
    async with running(server, adapter) as intake:
        first = await people.dm("U0ANA", "mira https://a.example")
        await first.answer
        await (await people.preview("D0ANA", first.key)).answer
        for text in ("mira https://b.example", "mira https://c.example"):
            await (await people.edit("U0ANA", "D0ANA", first.key, text)).answer
        await (await people.delete("U0ANA", "D0ANA", first.key)).answer
        said, one, two, gone = [inbound.event for inbound in intake.calls]
        assert isinstance(said, MessageReceived)
        assert isinstance(one, MessageEdited)
        assert isinstance(two, MessageEdited)
        assert [each.text for each in (one, two)] == ["mira https://b.example", "mira https://c.example"]
        assert gone == MessageDeleted(of=f"m:{first.key}")
        assert len({inbound.key for inbound in intake.calls}) == 4
        assert {each.of for each in (one, two)} == {f"m:{first.key}"}
        assert not server.whispers


# --- files ---


async def test_a_refused_file_is_told_with_the_limit_before_anything_is_acknowledged(
    server: SlackServer, adapter: Slack, people: People
) -> None:
    files = (
        server.file("todo.exe", b"MZ\x90", "application/octet-stream"),
        server.file("enorme.png", b"\x89PNG", "image/png"),
        server.file("enlace", b"", "text/plain", mode="external"),
        server.file("otro.png", b"\x89PNG", "image/png", url_private_download="https://evil.example/otro.png"),
        server.file("bien.png", b"\x89PNG bien", "image/png"),
    )
    server.files[files[1]][0]["size"] = FILE_LIMIT + 1
    async with running(server, adapter) as intake:
        envelope = await people.dm("U0ANA", "mira", *files)
        await envelope.answer
        [inbound] = intake.calls
        assert isinstance(inbound.event, MessageReceived)
        assert [file.name for file in inbound.event.files] == ["bien.png"]
        notes = [shown(post) for post in server.by_desk("D0ANA")]
        assert [
            name in note and "20 MB" in note for name, note in zip(("todo.exe", "enorme.png", "enlace", "otro.png"), notes, strict=True)
        ]
        # Delivered again it is one event, and nothing is told twice.
        await (await server.offer("events_api", envelope.payload)).answer
        assert len(server.by_desk("D0ANA")) == 4


async def test_a_page_to_sign_in_at_is_no_file(server: SlackServer, adapter: Slack, people: People) -> None:
    server.missing = "files:read"
    async with running(server, adapter) as intake:
        await (await people.dm("U0ANA", "", server.file("a.txt", b"uno", "text/plain"))).answer
        assert intake.calls == []
        assert "20 MB" in server.screen("D0ANA")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://files.slack.com/files-pri/T-F/download/a.png", True),
        ("http://127.0.0.1:8/files/a", True),
        ("http://files.slack.com/a", False),
        ("https://files.slack.com.evil.example/a", False),
        ("https://evilslack.com/a", False),
        ("https://user:pw@files.slack.com/a", False),
        ("http://127.0.0.1:9/files/a", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_the_token_is_shown_to_slack_alone(url: str, expected: bool) -> None:
    assert ours(url, "http://127.0.0.1:8/api/") is expected


async def test_a_file_is_sent_along_and_one_that_is_gone_is_said_to_be(server: SlackServer, adapter: Slack, tmp_path: Path) -> None:
    server.im("U0ANA")
    (tmp_path / "ab12").write_bytes(b"\x89PNG")
    files = (Attachment("ab12.proof", "informe.png", "image/png", 4), Attachment("cd34", "otro.png", "image/png", 4))
    await say(adapter, Message(paragraph("Aquí tienes"), "es", files=files))
    first, second, third = server.by_desk("D0ANA")
    assert (shown(first).strip(), second["files"][0]["name"]) == ("Aquí tienes", "informe.png")
    assert "otro.png" in shown(third)


# --- forms ---


async def test_a_press_opens_the_form_at_once_and_its_message_stands_in_the_chat(
    server: SlackServer, adapter: Slack, people: People
) -> None:
    async with running(server, adapter) as intake:
        await say(adapter, Message(paragraph("¿Qué?"), "es", (Choice("1.1", "Abrir un ticket"),)), "5.1.0")
        await (await people.press("U0ANA", "D0ANA", "Abrir un ticket")).answer
        assert isinstance(intake.calls[-1].event, ChoicePressed)
        await say(adapter, asked())
        assert len(server.views) == 1
        assert labels(server.by_desk("D0ANA")[-1]) == ["Técnico", FILL, "Cancelar"]
        # Who goes on by buttons in the chat has no window pushed before their eyes with each.
        server.views.clear()
        await (await people.press("U0ANA", "D0ANA", "Técnico")).answer
        await say(adapter, asked(2), "5.3.0")
        assert server.views == {}


async def test_the_button_opens_the_newest_page_from_memory_or_from_what_was_said(
    server: SlackServer, adapter: Slack, people: People, memories: desk.Memories, tmp_path: Path
) -> None:
    async with running(server, adapter):
        await say(adapter, asked(), "5.2.1")
        await say(adapter, asked(2), "5.3.0")
        old = server.by_desk("D0ANA")[0]
        button = next(each for block in old["blocks"][1:] for each in block["elements"] if each["action_id"] == "sheet")
        await (await people._pressed("U0ANA", "D0ANA", old, button, None)).answer
        assert [view["title"]["text"] for view in server.views.values()] == ["Formulario 2/3"]
    server.views.clear()
    memories.said["5.3.0"] = asked(2)
    async with desk.closing(desk.adapter_for(server, tmp_path, memories)) as after, running(server, after):
        await (await people.press("U0ANA", "D0ANA", FILL)).answer
        assert len(server.views) == 1


async def test_a_click_that_came_too_late_is_told_what_to_do(server: SlackServer, adapter: Slack, people: People) -> None:
    async with running(server, adapter):
        await say(adapter, asked())
        server.trigger_s = -1
        await (await people.press("U0ANA", "D0ANA", FILL)).answer
        await server.until(lambda: server.whispers)
        assert "otra vez el botón" in server.whispers[0][2]
        assert server.views == {}


async def filled_in(server: SlackServer, adapter: Slack, people: People, then: Message | None) -> tuple[str, Inbound, Slack]:
    """A page is sent; the desk says `then` as soon as it is stored. What the window did, and the event."""
    calls: list[Inbound] = []

    class Desk(Intake):
        async def accept(self, inbound: Inbound) -> Any:
            calls.append(inbound)
            if isinstance(inbound.event, FormAnswered) and then is not None:
                self.answer = asyncio.create_task(say(adapter, then, "5.9.0"))
            return await super().accept(inbound)

    async with running(server, adapter, Desk()):
        await say(adapter, asked())
        await (await people.press("U0ANA", "D0ANA", FILL)).answer
        [id] = server.views
        did = await people.submit("U0ANA", id, {"department": "technical", "details": "No va"})
        if then is not None:
            await server.until(lambda: any(text in server.screen("D0ANA") for text in ("¿Pregunta 2?", "Repasa", "¿Pregunta 1?")))
    return did, calls[-1], adapter


async def test_the_next_page_comes_into_the_window_and_into_the_chat(server: SlackServer, adapter: Slack, people: People) -> None:
    did, inbound, _ = await filled_in(server, adapter, people, asked(2, inputs=(Input("since", "line", "Desde"),)))
    assert did == "update"
    assert inbound.event == FormAnswered(
        form="ticket", version=1, answers={"department": "technical", "details": "No va"}, key="17.1", locale="es-ES"
    )
    await server.until(lambda: "¿Pregunta 2?" in server.screen("D0ANA"))
    # The message of the page before has become this one: closing the window loses nothing, and nothing is there twice.
    assert [shown(post).strip() for post in server.by_desk("D0ANA")] == ["¿Pregunta 2?"]
    assert [view["title"]["text"] for view in server.views.values()] == ["Formulario 2/3"]


async def test_a_wrong_answer_is_said_beside_its_field(server: SlackServer, adapter: Slack, people: People) -> None:
    wrong = (INPUTS[0], Input("details", "lines", "Detalles", True, value="No va", error="Cuéntame algo más."))
    did, _, _ = await filled_in(server, adapter, people, asked(1, inputs=wrong))
    assert did == "errors"
    assert [view["errors"] for view in server.views.values()] == [{"details": "Cuéntame algo más."}]


@pytest.mark.parametrize("then", [Message(paragraph("Repasa lo que has escrito"), "es"), asked(2, key="99.9"), None])
async def test_anything_else_that_is_said_closes_the_window(
    server: SlackServer, adapter: Slack, people: People, then: Message | None
) -> None:
    did, _, _ = await filled_in(server, adapter, people, then)
    assert did == "clear"
    assert server.views == {}


async def test_a_form_that_could_not_be_stored_stays_open_with_what_was_typed(server: SlackServer, adapter: Slack, people: People) -> None:
    async with running(server, adapter, Intake(refusals=1_000_000)):
        await say(adapter, asked())
        await (await people.press("U0ANA", "D0ANA", FILL)).answer
        [id] = server.views
        assert await people.submit("U0ANA", id, {"department": "sales", "details": "No va"}) == "errors"
        assert "envíalo otra vez" in str(server.views[id]["errors"])


# --- the home ---


async def test_the_home_shows_ones_tickets_and_leads_to_the_desk(
    server: SlackServer, adapter: Slack, people: People, memories: desk.Memories
) -> None:
    memories.own = [Own("A1-<b>", "Servidor *caído*", "abierto")]
    async with running(server, adapter) as intake:
        await (await people.open_home("U0ANA")).answer
        await server.until(lambda: server.homes)
        home = server.homes["U0ANA"]
        assert "A1-<b> · Servidor *caído* · abierto" in shown(home)
        assert labels(home) == ["💬 Preguntar", "🎫 Abrir un ticket", "📋 Mis tickets"]
        await (await people.press_home("U0ANA", "command:ticket")).answer
        assert [(inbound.address, inbound.event) for inbound in intake.calls] == [(desk.ANA, CommandGiven(name="ticket", locale="es-ES"))]
