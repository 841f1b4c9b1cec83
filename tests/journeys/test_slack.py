"""A whole ticket on Slack, by the real library and a strict server: by messages and buttons, and by forms; both end in the same ticket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from conversations.knowledge import Knowledge
from storage import tickets
from tests.adapters.slack_server import SlackServer, slack
from tests.journeys.slack_street import SlackCustomer, opened
from tests.journeys.ticket_script import EXPECTED, QUESTION, REPLY, SCREENSHOT, SINCE, Team, facts, play, whole_ticket

FILL = "📝 Fill in as a form"
FILLED: dict[str, Any] = {
    "department": "technical",
    "priority": "high",
    "reason": "unreachable",
    "symptom": "slow",
    "assets": "the usual one",
    "service": "vps-*madrid*-2",
    "since": f"{SINCE:%Y-%m-%d %H:%M} UTC",
    "ongoing": "intermittent",
    "scope": "one",
    "origin": "",
    "change": "reboot",
    "diagnostics": "",
    "reboot": "yes",
    "details": EXPECTED["text"],
    "email": "ana@example.com",
}


@pytest.fixture
async def server() -> AsyncIterator[SlackServer]:
    async with slack() as server:
        yield server


@pytest.fixture
def here(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'relevo.db'}"


async def test_a_whole_ticket_by_messages_and_buttons(server: SlackServer, here: str, tmp_path: Path, knowledge: Knowledge) -> None:
    async with opened(server, here, tmp_path, knowledge) as street:
        ticket = await whole_ticket(SlackCustomer(server), Team(here, tmp_path), street.database)
        assert facts(ticket) == EXPECTED


async def test_a_whole_ticket_by_forms(server: SlackServer, here: str, tmp_path: Path, knowledge: Knowledge) -> None:
    async with opened(server, here, tmp_path, knowledge) as street:
        ana, team, wanted = SlackCustomer(server), Team(here, tmp_path), dict(FILLED)
        await play(ana, QUESTION)
        # The command that asked for the form has opened it, and its message stands in the chat as well.
        assert (await ana.window())["title"]["text"] == "Form"
        assert FILL in ana.news()[-1]
        assert ana.fields() == ["department", "priority"]
        assert await ana.submit(wanted) == "update"
        # Closed before it was sent: the chat has the page that comes next, with its button.
        ana.close()
        await ana.see("needs one of these reasons")
        await ana.press(FILL)
        assert "reason" in ana.fields()
        while "assets" not in ana.fields():
            assert await ana.submit(wanted) == "update"
        # A wrong input is said beside its field, and nothing else is lost.
        assert await ana.submit(wanted) == "errors"
        view = await ana.window()
        assert list(view["errors"]) == ["assets"]
        wanted["assets"] = "185.10.20.31"
        assert await ana.submit(wanted) == "update"
        # A question in the middle is answered; the window waits.
        await ana.say("what is live chat for?")
        await ana.see("available 24/7")
        # Back, in the chat, to change an earlier answer; the form opens at that page.
        ana.close()
        for _ in range(10):
            await ana.press("← Back")
            await ana.see(FILL)
            await ana.press(FILL)
            if "symptom" in ana.fields():
                break
            ana.close()
        wanted["symptom"] = "unreachable"
        while server.views:
            values: dict[str, Any] = dict(wanted)
            if "files" in ana.fields():
                values["files"] = [server.file("screen.png", SCREENSHOT, "image/png")]
            assert await ana.submit(values) in ("update", "clear")
        await ana.see("Look over your ticket")
        for label, then in (
            ("✏️ Change something", "What would"),
            ("Scope", "How much"),
            ("Several servers", "Look over"),
            ("✅ Send", "first reply"),
        ):
            await ana.press(label)
            await ana.see(then)
        [ticket] = await street.database.read(tickets.list_open)
        assert facts(ticket) == EXPECTED
        await team.run("reply", ticket.number, REPLY, "--as", "Eva")
        await ana.see(REPLY)
