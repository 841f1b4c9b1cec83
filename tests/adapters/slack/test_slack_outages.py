"""Slack when things go wrong: what a failure means, sends whose answer was lost, outages, and tokens that are not taken any more."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from adapters.base import Later, Refused, Unreachable, Unwelcome
from adapters.slack.adapter import Slack
from adapters.slack.deliver import told
from adapters.slack.web import Failure
from conversations.events import MessageReceived
from conversations.model import Address, Choice, Message, paragraph
from tests.adapters import slack_desk as desk
from tests.adapters.slack_desk import running, say
from tests.adapters.slack_people import People
from tests.adapters.slack_server import SlackServer
from tests.adapters.slack_wire import BOT_ID, BOT_USER, event, shown
from tests.contracts.adapter import Intake, until

# --- sending ---


@pytest.mark.parametrize(
    ("failure", "kind", "after", "whole"),
    [
        (Failure("ratelimited", after=7.0), Later, 7.0, False),
        (Failure("token_revoked"), Later, 60.0, True),
        (Failure("fatal_error", unknown=True), Later, 1.0, False),
        (Failure("channel_not_found"), Unreachable, None, None),
        (Failure("is_archived"), Unreachable, None, None),
        (Failure("not_in_channel"), Unreachable, None, None),
        (Failure("msg_too_long"), Refused, None, None),
        (Failure("a_new_one"), Refused, None, None),
    ],
)
def test_what_a_failure_is_in_the_words_of_the_port(
    failure: Failure, kind: type[Exception], after: float | None, whole: bool | None
) -> None:
    found = told(failure)
    assert type(found) is kind
    if isinstance(found, Later):
        assert (found.after, found.whole) == (after, whole)


@pytest.mark.parametrize(("said", "waited"), [("7", 7.0), ("0.5", 0.5), (None, 30.0), ("soon", 30.0), ("-1", 30.0), ("inf", 30.0)])
async def test_a_wait_is_as_long_as_slack_says(
    server: SlackServer, adapter: Slack, people: People, said: str | None, waited: float
) -> None:
    server.faults["chat.postMessage"].append(("429", said))
    with pytest.raises(Later) as later:
        await say(adapter, Message(paragraph("Hola"), "es"))
    assert later.value.after == waited


async def test_a_send_whose_answer_was_lost_is_found_and_not_made_again(server: SlackServer, adapter: Slack, people: People) -> None:
    await say(adapter, Message(paragraph("Antes"), "es"), "5.1.0")
    server.faults["chat.postMessage"].append(("reset after",))
    with pytest.raises(Later):
        await say(adapter, Message(paragraph("Una vez"), "es"))
    receipt = await say(adapter, Message(paragraph("Una vez"), "es"))
    assert [post["ts"] for post in server.by_desk("D0ANA") if "Una vez" in shown(post)] == [receipt]
    # One that did not get there is made again.
    server.faults["chat.postMessage"].append(("5xx", 502))
    with pytest.raises(Later):
        await say(adapter, Message(paragraph("Otra"), "es"), "5.3.0")
    await say(adapter, Message(paragraph("Otra"), "es"), "5.3.0")
    assert [shown(post).strip() for post in server.by_desk("D0ANA")] == ["Antes", "Una vez", "Otra"]


async def test_what_the_last_run_died_sending_is_found_by_the_next(
    server: SlackServer, adapter: Slack, people: People, tmp_path: Path
) -> None:
    asked = missed(server, "C0HELP", "U0ANA", f"<@{BOT_USER}> hola")
    for address in (desk.ANA, Address("slack", "desk", "C0HELP", asked)):
        await say(adapter, Message(paragraph("Una vez"), "es"), to=address)
        async with desk.closing(desk.adapter_for(server, tmp_path)) as after:
            await say(after, Message(paragraph("Una vez"), "es"), to=address)
        assert len(server.by_desk(address.chat)) == 1


async def test_blocks_that_slack_will_not_have_are_said_as_text(server: SlackServer, adapter: Slack, people: People) -> None:
    server.faults["chat.postMessage"].append(("refuse", "invalid_blocks"))
    await say(adapter, Message(paragraph("¿<Qué>?"), "es", (Choice("1.1", "Sí"), Choice("1.2", "No"))))
    [post] = server.by_desk("D0ANA")
    assert post["text"] == "¿&lt;Qué&gt;?\n\n1) Sí\n2) No"


async def test_a_slow_send_is_not_taken_for_a_failure(server: SlackServer, adapter: Slack, people: People) -> None:
    slow = asyncio.Event()
    server.faults["chat.postMessage"].append(("slow", slow))
    task = asyncio.create_task(say(adapter, Message(paragraph("Hola"), "es")))
    await server.until(lambda: server.by_desk("D0ANA"))
    slow.set()
    assert await task == server.by_desk("D0ANA")[0]["ts"]


# --- outages ---


def missed(server: SlackServer, chat: str, user: str, text: str, **more: Any) -> str:
    """Posted while nobody of ours was there, and given up on by Slack."""
    return str(server.post(chat, {"user": user, "text": text, **more})["ts"])


async def test_what_was_said_during_an_outage_comes_first_and_in_its_order(
    server: SlackServer, adapter: Slack, people: People, memories: desk.Memories
) -> None:
    read = missed(server, "D0ANA", "U0ANA", "leído")
    root = missed(server, "C0HELP", "U0ANA", f"<@{BOT_USER}> hola")
    memories.heard.late = {desk.ANA: f"m:{read}", Address("slack", "desk", "C0HELP", root): f"m:{root}"}
    for n in range(150):
        missed(server, "D0ANA", "U0ANA", f"perdido {n}")
    missed(server, "D0ANA", BOT_USER, "yo", bot_id=BOT_ID)
    missed(server, "C0HELP", "U0EVA", "entre nosotros", thread_ts=root)
    missed(server, "C0HELP", "U0ANA", f"<@{BOT_USER}> ¿seguís?", thread_ts=root)
    server.faults["conversations.history"].extend([("429", 0.01), ("5xx", 500)])
    async with running(server, adapter) as intake:
        await (await people.dm("U0ANA", "y ahora")).answer
        await until(lambda: sum(inbound.address.chat == "C0HELP" for inbound in intake.calls) == 2)
    heard = [inbound.event.text for inbound in intake.calls if isinstance(inbound.event, MessageReceived) and inbound.address == desk.ANA]
    assert [text for n, text in enumerate(heard) if text not in heard[:n]] == ["leído", *(f"perdido {n}" for n in range(150)), "y ahora"]
    assert [
        inbound.event.text for inbound in intake.calls if inbound.address.chat == "C0HELP" and isinstance(inbound.event, MessageReceived)
    ] == [
        "hola",
        "¿seguís?",
    ]


async def test_a_history_that_cannot_be_read_holds_nothing_up(
    server: SlackServer, adapter: Slack, people: People, memories: desk.Memories
) -> None:
    memories.heard.late = {Address("slack", "desk", "D0GONE"): "m:1719000000.000100", desk.ANA: "m:nonsense"}
    async with running(server, adapter) as intake:
        await (await people.dm("U0ANA", "hola")).answer
        assert len(intake.calls) == 1


@pytest.mark.parametrize("how", ["drop", "refresh"])
async def test_a_lost_connection_is_made_again(server: SlackServer, adapter: Slack, people: People, how: str) -> None:
    async with running(server, adapter) as intake:
        await (await people.dm("U0ANA", "uno")).answer
        await (server.drop() if how == "drop" else server.refresh())
        await server.until(lambda: server.connections == 2)
        await (await people.dm("U0ANA", "dos")).answer
        assert [inbound.event.text for inbound in intake.calls if isinstance(inbound.event, MessageReceived)] == ["uno", "dos"]


async def test_an_event_whose_acknowledgement_was_lost_comes_again_on_the_next_connection(
    server: SlackServer, adapter: Slack, people: People
) -> None:
    async with running(server, adapter, Intake(open=False)) as intake:
        envelope = await people.dm("U0ANA", "uno")
        await until(lambda: intake.calls)
        await server.drop()
        intake.gate.set()
        await envelope.answer
        assert {inbound.key for inbound in intake.calls} == {f"m:{envelope.key}"}


@pytest.mark.parametrize(
    ("spoil", "names"),
    [
        (lambda server: setattr(server, "revoked", "token_revoked"), "RELEVO_SLACK__BOT_TOKEN"),
        (lambda server: server.faults["auth.test"].append(("refuse", "invalid_auth")), "RELEVO_SLACK__BOT_TOKEN"),
        (lambda server: server.faults["apps.connections.open"].append(("refuse", "invalid_auth")), "RELEVO_SLACK__APP_TOKEN"),
    ],
)
async def test_a_token_that_is_not_taken_ends_the_run_with_the_name_of_its_setting(
    server: SlackServer, adapter: Slack, spoil: Any, names: str
) -> None:
    spoil(server)
    with pytest.raises(Unwelcome, match=f"^{names}: ") as lost:
        await asyncio.wait_for(adapter.run(Intake().accept), 20)
    assert "xoxb" not in str(lost.value)
    assert "xapp" not in str(lost.value)


@pytest.mark.parametrize("way", ["event", "send"])
async def test_a_token_that_is_revoked_while_it_runs_ends_it(server: SlackServer, adapter: Slack, people: People, way: str) -> None:
    task = asyncio.create_task(adapter.run(Intake().accept))
    await server.until(lambda: server.connections)
    if way == "event":
        await (await server.offer("events_api", event({"type": "app_uninstalled"}))).answer
    else:
        server.revoked = "account_inactive"
        with pytest.raises(Later) as later:
            await say(adapter, Message(paragraph("Hola"), "es"))
        assert later.value.whole
    with pytest.raises(Unwelcome, match=r"^RELEVO_SLACK__BOT_TOKEN: "):
        await asyncio.wait_for(task, 20)


async def test_slack_being_away_at_the_start_is_waited_out(server: SlackServer, adapter: Slack) -> None:
    server.faults["auth.test"].append(("429", 0.01))
    server.faults["apps.connections.open"].append(("5xx", 503))
    async with running(server, adapter):
        assert server.connections == 1
