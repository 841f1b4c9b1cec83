"""The script of a whole ticket, from the question to the stars, for any platform: what the customer does, and what they must then see.

A platform's test brings a Customer who does these steps with the platform's own means (types, presses, fills in a native form), plays
`whole_ticket`, and compares the ticket with `EXPECTED`: it is the same on every platform, byte for byte.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from bot.settings import BESIDE_THE_CODE
from storage import tickets
from storage.engines import Database
from storage.rows import Ticket
from tests.pictures import png


class Customer(Protocol):
    """Somebody at the platform's own client. Each act is done when the platform has it; `see` waits for what comes of it."""

    async def say(self, text: str) -> None: ...
    async def command(self, name: str) -> None: ...
    async def press(self, label: str) -> None: ...
    async def upload(self, name: str, content: bytes) -> None: ...

    async def see(self, text: str) -> None:
        """Returns once `text` has been shown since the last act; fails when it never is."""
        ...


class Step(NamedTuple):
    """`act` is the name of a Customer's method. `field` is what is answered by it, for platforms that show a form as a whole."""

    act: str
    what: str
    then: str
    field: str = ""


SCREENSHOT = png()
SINCE = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=3)).replace(hour=14, minute=5, second=0, microsecond=0)
"""Lately enough not to be asked about again, and on a day of its own."""

QUESTION: Sequence[Step] = (
    Step("say", "how long does it take to get a reply to a ticket?", "10 minutes"),
    Step("command", "ticket", "Which department is it for?"),
)

FORM: Sequence[Step] = (
    Step("press", "Technical issues", "Which priority is it?", "department"),
    Step("press", "High", "needs one of these reasons", "priority"),
    Step("press", "The server cannot be reached", "What is wrong with it?", "reason"),
    Step("press", "Very slow", "Which server is it about?", "symptom"),
    # Back, and another answer.
    Step("press", "← Back", "What is wrong with it?"),
    Step("press", "Not responding", "Which server is it about?", "symptom"),
    # A wrong input, which says what is expected.
    Step("say", "the usual one", "Which server is it about?", "assets"),
    Step("say", "185.10.20.31", "What is the service called?", "assets"),
    # An interruption, answered, and back to where it was.
    Step("say", "what is live chat for?", "available 24/7"),
    Step("see", "", "What is the service called?"),
    Step("say", "vps-*madrid*-2", "Since when has this been happening?", "service"),
    Step("say", f"{SINCE:%Y-%m-%d %H:%M} UTC", "Is it still happening now?", "since"),
    Step("press", "It comes and goes", "How much does it affect?", "ongoing"),
    Step("press", "One server", "Where do you notice it from?", "scope"),
    Step("press", "Skip", "last thing that changed", "origin"),
    Step("press", "A reboot", "If you have diagnostics", "change"),
    Step("press", "Skip", "May we reboot", "diagnostics"),
    Step("press", "Yes, whenever needed", "Tell me about the problem", "reboot"),
    Step("say", "Nothing answers on port 22 since <b>the reboot</b>.", "screenshots or logs", "details"),
    Step("upload", "screen.png", "I have kept your file", "files"),
    Step("press", "Leave it as it is", "Which e-mail address", "files"),
    Step("say", "ana@example.com", "Look over your ticket", "email"),
    # Looked over, and one thing changed.
    Step("press", "✏️ Change something", "What would you like to change?"),
    Step("press", "Scope", "How much does it affect?"),
    Step("press", "Several servers", "Look over your ticket", "scope"),
    Step("press", "✅ Send", "first reply"),
)

ANSWER = Step("say", "Yes, it answers again. 🎉", "")
REPLY = "It was the firewall: is it <reachable> now?"

EXPECTED = {
    "department": "technical",
    "priority": "high",
    "title": "Not responding · 185.10.20.31",
    "text": "Nothing answers on port 22 since <b>the reboot</b>.",
    "email": "ana@example.com",
    "answers": {
        "department": "technical",
        "priority": "high",
        "reason": "unreachable",
        "symptom": "unreachable",
        "assets": ["185.10.20.31"],
        "service": "vps-*madrid*-2",
        "since": SINCE.isoformat(),
        "ongoing": "intermittent",
        "scope": "several",
        "change": "reboot",
        "reboot": "yes",
        "details": "Nothing answers on port 22 since <b>the reboot</b>.",
        "email": "ana@example.com",
    },
    "files": [("screen.png", "image/png")],
}


class Team:
    """The team at the command line, while the desk runs."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder

    async def run(self, *words: str) -> str:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RELEVO_")}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bot", "tickets", *words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self._folder,
            env={**clean, "PYTHONPATH": str(BESIDE_THE_CODE), "RELEVO_DATA_DIR": str(self._folder), "RELEVO_DATABASE_URL": self._url},
        )
        printed, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, printed.decode()
        return printed.decode()


async def play(customer: Customer, steps: Sequence[Step]) -> None:
    for step in steps:
        match step.act:
            case "say":
                await customer.say(step.what)
            case "command":
                await customer.command(step.what)
            case "press":
                await customer.press(step.what)
            case "upload":
                await customer.upload(step.what, SCREENSHOT)
        await customer.see(step.then)


async def whole_ticket(customer: Customer, team: Team, database: Database) -> Ticket:
    """Everything, to the end; the ticket as it is then."""
    await play(customer, QUESTION)
    await play(customer, FORM)
    [ticket] = await database.read(tickets.list_open)
    await customer.see(ticket.number)
    await team.run("reply", ticket.number, REPLY, "--as", "Eva")
    await customer.see(REPLY)
    await customer.say(ANSWER.what)
    await customer.see(ticket.number)
    await team.run("state", ticket.number, "closed")
    await customer.see("is closed")
    await customer.press("😀 Very satisfied")
    await customer.see("Thank you")
    shown = await team.run("show", ticket.number)
    assert "5/5" in shown
    assert ANSWER.what in shown
    found = await database.read(lambda conn: tickets.find(conn, ticket.number))
    assert found is not None
    return found


def facts(ticket: Ticket) -> dict[str, Any]:
    """What must be the same on every platform."""
    return {
        "department": ticket.department,
        "priority": ticket.priority,
        "title": ticket.title,
        "text": ticket.text,
        "email": ticket.email,
        "answers": json.loads(ticket.answers),
        "files": [(file["name"], file["mime"]) for file in json.loads(ticket.files)],
    }
