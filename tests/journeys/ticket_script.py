"""The script of a whole ticket, from the question to the stars, for any platform: what the customer does, and what they must then see.

A platform brings a Customer who does these steps with the platform's own means, a question at a time; a FormCustomer fills in the
same form by the platform's native pages. `whole_ticket` plays it, and `told` is what must be the same of it everywhere, byte for byte.
"""

from __future__ import annotations

import asyncio
import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import msgspec
from click.testing import CliRunner

from adapters.ports import Kept
from bot.cli import main
from storage import tickets
from storage.engines import Database
from storage.rows import NewChange, NewEntry, Ticket
from tests.pictures import png


class Customer(Protocol):
    """Somebody at the platform's own client. Each act is done when the platform has it; `see` waits for what comes of it.

    `uploads` is False where a platform has no files at all.
    """

    uploads: bool

    async def say(self, text: str) -> None: ...
    async def command(self, name: str) -> None: ...
    async def press(self, label: str) -> None: ...
    async def upload(self, name: str, content: bytes) -> None: ...

    async def see(self, text: str) -> None:
        """Returns once `text` has been shown since the last act; fails when it never is."""
        ...


@runtime_checkable
class FormCustomer(Customer, Protocol):
    """Somebody who fills in the pages of the form that the platform draws."""

    async def open(self) -> None:
        """The page that stands in the chat is opened, if it does not stand open."""
        ...

    def fields(self) -> list[str]:
        """Of the open page; none when the form is filled in."""
        ...

    async def submit(self, values: dict[str, Any]) -> list[str]:
        """Send the open page with those of the values that it asks for: the fields that were wrong. Else the next page is open."""
        ...

    async def back(self) -> None:
        """The question before, which the chat then asks, as a page."""
        ...


class Step(NamedTuple):
    """`act` is the name of a Customer's method, or `attach`: upload, and leave it at that."""

    act: str
    what: str
    then: str


SCREENSHOT = png()
SINCE = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=3)).replace(hour=14, minute=5, second=0, microsecond=0)
"""Lately enough not to be asked about again, and on a day of its own."""

QUESTION: Sequence[Step] = (
    Step("say", "how long does it take to get a reply to a ticket?", "10 minutes"),
    Step("command", "ticket", "Which department is it for?"),
)

FORM: Sequence[Step] = (
    Step("press", "Technical issues", "Which priority is it?"),
    Step("press", "High", "needs one of these reasons"),
    Step("press", "The server cannot be reached", "What is wrong with it?"),
    Step("press", "Very slow", "Which server is it about?"),
    # Back, and another answer.
    Step("press", "← Back", "What is wrong with it?"),
    Step("press", "Not responding", "Which server is it about?"),
    # A wrong input, which says what is expected.
    Step("say", "the usual one", "Which server is it about?"),
    Step("say", "185.10.20.31", "What is the service called?"),
    # An interruption, answered, and back to where it was.
    Step("say", "what is live chat for?", "available 24/7"),
    Step("see", "", "What is the service called?"),
    Step("say", "vps-*madrid*-2", "Since when has this been happening?"),
    Step("say", f"{SINCE:%Y-%m-%d %H:%M} UTC", "Is it still happening now?"),
    Step("press", "It comes and goes", "How much does it affect?"),
    Step("press", "One server", "Where do you notice it from?"),
    Step("press", "Skip", "last thing that changed"),
    Step("press", "A reboot", "If you have diagnostics"),
    Step("press", "Skip", "May we reboot"),
    Step("press", "Yes, whenever needed", "Tell me about the problem"),
    Step("say", "Nothing answers on port 22 since <b>the reboot</b>.", "screenshots or logs"),
    Step("attach", "screen.png", "Which e-mail address"),
    Step("say", "ana@example.com", "Look over your ticket"),
)

REVIEW: Sequence[Step] = (
    # Looked over, and one thing changed.
    Step("press", "✏️ Change something", "What would you like to change?"),
    Step("press", "Scope", "How much does it affect?"),
    Step("press", "Several servers", "Look over your ticket"),
    Step("press", "✅ Send", "first reply"),
)

ANSWER = Step("say", "Yes, it answers again. 🎉", "")
REPLY = "It was the firewall: is it <reachable> now?"

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
    "details": "Nothing answers on port 22 since <b>the reboot</b>.",
    "files": ["screen.png"],
    "email": "ana@example.com",
}
"""The same answers as in FORM, by the names of the fields: options by their values, files by their names."""

TICKET: dict[str, Any] = {
    "form": "ticket",
    "version": 1,
    "department": "technical",
    "priority": "high",
    "title": "Not responding · 185.10.20.31",
    "text": FILLED["details"],
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
        "details": FILLED["details"],
        "email": "ana@example.com",
    },
    "files": ["screen.png"],
    "locale": "en",
    "topic": "live_chat",
    "name": "",
    "email": "ana@example.com",
    "state": "closed",
    "rating": 5,
    "proof": "",
    "proved_at": None,
    "account": "",
    "edited_at": None,
    "deleted_at": None,
}
UNCHANGED = {"edited_at": None, "deleted_at": None}
EXPECTED: dict[str, Any] = {
    "ticket": TICKET,
    "entries": [
        {"author": "team", "name": "Eva", "text": REPLY, "files": [], **UNCHANGED},
        {"author": "customer", "name": "", "text": ANSWER.what, "files": [], **UNCHANGED},
    ],
    "changes": [
        {"who": "customer", "before": "", "state": "new", "note": ""},
        {"who": "Eva", "before": "new", "state": "waiting_customer", "note": ""},
        {"who": "customer", "before": "waiting_customer", "state": "open", "note": ""},
        {"who": "team", "before": "open", "state": "closed", "note": ""},
    ],
}
"""What stands in the tables at the end; `expected` has the file as it is kept."""

ITS_OWN = frozenset(
    {
        *("shard", "conversation", "key", "id", "number", "ticket"),
        *("at", "created_at", "updated_at", "due_at", "first_reply_at", "resolved_at", "closed_at"),
        "place",
    }
)
"""What is left out when tickets are compared, and nothing else: the ids of two tickets, the times of two runs, and at each change the place
where it was made, which is the platform's name.
"""


class Team:
    """The team at the command line, while the desk runs: the real command, without waiting for a new interpreter each time."""

    def __init__(self, url: str, folder: Path) -> None:
        self._settings = {"RELEVO_DATA_DIR": str(folder), "RELEVO_DATABASE_URL": url}

    async def run(self, *words: str) -> str:
        done = await asyncio.to_thread(CliRunner().invoke, main, ["tickets", *words], env=self._settings)
        assert done.exit_code == 0, done.output
        return done.output


async def play(customer: Customer, steps: Sequence[Step]) -> None:
    for step in steps:
        match step.act:
            case "say":
                await customer.say(step.what)
            case "command":
                await customer.command(step.what)
            case "press":
                await customer.press(step.what)
            case "attach" if customer.uploads:
                await customer.upload(step.what, SCREENSHOT)
                await customer.see("I have kept your file")
                await customer.press("Leave it as it is")
            case "attach":
                await customer.press("Skip")
        await customer.see(step.then)


async def fill_in(customer: FormCustomer) -> None:
    """FORM by pages: a wrong input, an interruption, the way back to another answer, and on to the end."""
    wanted = dict(FILLED)
    await customer.open()
    assert customer.fields() == ["department", "priority"]
    while "assets" not in customer.fields():
        assert await customer.submit(wanted) == []
    # What was wrong is said beside its field; whatever else stood on the page is not asked for again.
    assert await customer.submit(wanted) == ["assets"]
    wanted["assets"] = "185.10.20.31"
    assert await customer.submit(wanted) == []
    # A question in the middle is answered; the form waits.
    await customer.say("what is live chat for?")
    await customer.see("available 24/7")
    for _ in range(10):
        await customer.back()
        if "symptom" in customer.fields():
            break
    wanted["symptom"] = "unreachable"
    while customer.fields():
        assert await customer.submit(wanted) == []
    await customer.see("Look over your ticket")


async def whole_ticket(customer: Customer, team: Team, database: Database) -> Ticket:
    """Everything, to the end; the ticket as it is then."""
    await play(customer, QUESTION)
    if isinstance(customer, FormCustomer):
        await fill_in(customer)
    else:
        await play(customer, FORM)
    await play(customer, REVIEW)
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


async def told(database: Database, ticket: Ticket) -> bytes:
    """The ticket with everything that happened to it, as it is stored, as canonical JSON."""
    history = await database.read(lambda conn: tickets.history(conn, ticket))
    return canonical({"ticket": row(ticket), "entries": list(map(row, history.entries)), "changes": list(map(row, history.changes))})


def expected(kept: Kept | None) -> bytes:
    """What `told` must be; `kept` is the picture as it is kept, None on a platform that has no files."""
    file = [] if kept is None else [{"id": kept.digest, "name": "screen.png", "mime": kept.mime, "size": kept.size}]
    return canonical(EXPECTED | {"ticket": TICKET | {"files": file}})


def row(of: Ticket | NewEntry | NewChange) -> dict[str, Any]:
    found = {name: value for name, value in of._asdict().items() if name not in ITS_OWN}
    return {name: json.loads(value) if name in ("answers", "files") else value for name, value in found.items()}


def canonical(what: dict[str, Any]) -> bytes:
    return msgspec.json.encode(what, order="sorted")
