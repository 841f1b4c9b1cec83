"""Kills `relevo run` under customers who fill in the ticket form: at every question, the form must go on at that step with every answer.

Each customer fills in one form after another, by typing, by pressing or page by page, presses *send* twice, and comes back after every
kill to see where the form stands. In the end the tickets are read from the database itself.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.crash.report import Found
from tests.crash.victim import Victim
from tests.crash.web_run import SETTLE_SECONDS, UNLIMITED, Visitor, free_port, judge

CUSTOMERS = 12
REVIEW = "review"
ALSO = 2
"""Times the kills that were asked for, while some question has not had one yet."""

# On the day before: never in the future, and in the same words whenever this runs.
BEGAN = (datetime.now(ZoneInfo("Europe/Madrid")) - timedelta(days=1)).replace(hour=14, minute=5, second=0, microsecond=0)
PING = (
    "64 bytes from 192.0.2.10: icmp_seq=1 ttl=54 time=9.81 ms\n--- ping statistics ---\n10 packets transmitted, 4 received, 60% packet loss"
)


class Answer(NamedTuple):
    """What is typed at a question, and what the ticket must hold in the end (None: nothing)."""

    typed: str
    kept: Any


Script = Mapping[str, Answer]

TECHNICAL: Script = {
    "department": Answer("technical", "technical"),
    "priority": Answer("alta", "high"),
    "reason": Answer("unreachable", "unreachable"),
    "symptom": Answer("loss", "loss"),
    "assets": Answer("192.0.2.10, 2001:db8::7", ["192.0.2.10", "2001:db8::7"]),
    "service": Answer("Servidor web 3", "Servidor web 3"),
    "since": Answer(f"{BEGAN:%d/%m/%Y %H:%M}", f"{BEGAN.isoformat()}[Europe/Madrid]"),
    "ongoing": Answer("intermittent", "intermittent"),
    "scope": Answer("several", "several"),
    "origin": Answer("Valencia, por fibra", "Valencia, por fibra"),
    "change": Answer("firewall", "firewall"),
    "diagnostics": Answer(PING, PING),
    "reboot": Answer("ask_first", "ask_first"),
    "details": Answer("Pierde paquetes a ratos desde ayer.", "Pierde paquetes a ratos desde ayer."),
    "files": Answer("omitir", None),
    "email": Answer("ana@example.com", "ana@example.com"),
}
FINANCIAL: Script = {
    "department": Answer("financial", "financial"),
    "priority": Answer("high", "high"),
    "urgency": Answer("suspended", "suspended"),
    "invoice": Answer("2026-00417", "2026-00417"),
    "amount": Answer("49,90 €", "49.90 EUR"),
    "method": Answer("transfer", "transfer"),
    "paid_on": Answer(f"{BEGAN:%d/%m/%Y}", f"{BEGAN:%Y-%m-%d}"),
    "details": Answer("El pago está hecho y el servicio sigue suspendido.", "El pago está hecho y el servicio sigue suspendido."),
    "files": Answer("omitir", None),
    "email": Answer("eva@example.org", "eva@example.org"),
}
SCRIPTS: Mapping[str, Script] = {"technical": TECHNICAL, "financial": FINANCIAL}
STEPS = frozenset((name, step) for name, script in SCRIPTS.items() for step in (*script, REVIEW))
"""Every question of both branches."""


class Filled(NamedTuple):
    """One form as its customer lived it: the key it had, the steps it was led through, and how often it stood elsewhere after a kill."""

    script: str
    way: str
    key: str
    steps: Sequence[str]
    strayed: int


class Stored(NamedTuple):
    """A ticket's row, as far as it is judged."""

    key: str
    answers: Mapping[str, Any]


def compare(filled: Iterable[Filled], stored: Iterable[Stored]) -> tuple[int, int, int]:
    """Lost, doubled, reordered, over the forms and the tickets of one customer.

    Lost: an answer that the ticket has not, a ticket that is not there, a step that was not gone on with after a kill. Doubled: another
    ticket of one form, or of none. Reordered: a question put twice, left out, or in another order than the form's.
    """
    tickets: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in stored:
        tickets[row.key].append(row.answers)
    lost = doubled = reordered = 0
    for form in filled:
        script, found = SCRIPTS[form.script], tickets.pop(form.key, [])
        wanted = {name: answer.kept for name, answer in script.items() if answer.kept is not None}
        lost += form.strayed
        if found:
            lost += sum(1 for name in wanted.keys() | found[0].keys() if found[0].get(name) != wanted.get(name))
        else:
            lost += len(wanted)
        doubled += max(0, len(found) - 1)
        order = [*script, REVIEW]
        at = [order.index(step) for step in form.steps]
        whole = form.way == "pages" or len(at) == len(order)
        reordered += sum(1 for a, b in itertools.pairwise(at) if b <= a) + (not whole)
    return lost, doubled + sum(map(len, tickets.values())), reordered


class Customer(Visitor):
    """`standing` is the step in front of it; `filled` are the forms it has sent."""

    def __init__(self, name: str, port: int, victim: Victim, chance: random.Random) -> None:
        super().__init__(name, port, victim, chance)
        self.standing: tuple[str, str] | None = None
        self.filled: list[Filled] = []
        self.returned = 0

    async def _go_on(self) -> None:
        """One form, from the first question to the second press of *send*."""
        name, way = self._chance.choice(list(SCRIPTS)), self._chance.choice(("typed", "pressed", "pages"))
        script, steps, strayed = SCRIPTS[name], list[str](), 0
        message = await self._ask({"command": "ticket"})
        key = message["sheet"]["key"]
        while True:
            steps.append(step_of(message))
            self.standing = name, steps[-1]
            kills = self._victim.kills
            # A moment's thought: else a form would be over before anything can happen to it.
            await asyncio.sleep(self._chance.uniform(0, 0.15))
            if self._victim.kills > kills:
                self.returned += 1
                again = await self._ask({"command": "ticket"})
                strayed += stand(again) != stand(message)
                message = again
            if steps[-1] == REVIEW or len(steps) > len(script):
                break
            message = await self._ask(answer(message, script, way))
        send = next((choice for choice in message["choices"] if choice["label"].endswith("Enviar")), message["choices"][0])
        pressed = {"choice": send["key"], "label": send["label"]}
        # From two devices, or with an impatient finger: the second does not wait for an answer to the first.
        for id in [await self.say(pressed), await self.say(pressed)]:
            await self.browser.until_answered(id)
        self.standing = None
        self.filled.append(Filled(name, way, key, steps, strayed))

    async def _ask(self, what: str | Mapping[str, Any]) -> dict[str, Any]:
        """Say it, and return the message under it that asks something."""
        id = await self.say(what)
        return await self.browser.until_asked(id)


def step_of(message: Mapping[str, Any]) -> str:
    return str(message["sheet"]["focus"]) if "sheet" in message else REVIEW


def stand(message: Mapping[str, Any]) -> Any:
    """Where a form stands, and with which answers: a page with what is in its inputs, or the list that is looked over."""
    if "sheet" in message:
        return message["sheet"]["focus"], message["sheet"]["inputs"]
    return [block for block in message["doc"] if block["type"] == "bullets"]


def answer(message: Mapping[str, Any], script: Script, way: str) -> str | Mapping[str, Any]:
    """What the script says to a question: typed, or the button pressed that means it, or all of its page."""
    sheet = message["sheet"]
    if way == "pages":
        given = {field["name"]: [] if field["kind"] == "files" else script[field["name"]].typed for field in sheet["inputs"]}
        return {"form": {"form": sheet["form"], "version": sheet["version"], "key": sheet["key"], "answers": given}}
    focus = next(field for field in sheet["inputs"] if field["name"] == sheet["focus"])
    labels = {option["label"] for option in focus.get("options", ()) if option["value"] == script[focus["name"]].kept}
    choice = next((choice for choice in message["choices"] if choice["label"] in labels), None)
    if way == "pressed" and choice is not None:
        return {"choice": choice["key"], "label": choice["label"]}
    return script[sheet["focus"]].typed


def tickets_in(file: Path) -> dict[str, list[Stored]]:
    """The tickets that stand in the database, by the chat they were opened in."""
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        found = connection.execute(
            "SELECT c.address, t.key, t.answers FROM ticket t JOIN conversation c ON c.shard = t.shard AND c.id = t.conversation"
        ).fetchall()
    finally:
        connection.close()
    stored: defaultdict[str, list[Stored]] = defaultdict(list)
    for address, key, answers in found:
        stored[address].append(Stored(key, json.loads(answers)))
    return stored


def belonging(customer: Customer, stored: Mapping[str, list[Stored]]) -> list[Stored]:
    """The tickets of the chats in which any of the customer's forms became one."""
    keys = {form.key for form in customer.filled}
    return [row for rows in stored.values() if any(row.key in keys for row in rows) for row in rows]


async def run(kills: int, chance: random.Random, folder: Path) -> Found:
    began = time.monotonic()
    port = free_port()
    environment = {"RELEVO_HTTP__PORT": str(port), "RELEVO_DATA_DIR": str(folder / "var"), "RELEVO_LOG__FORMAT": "json", **UNLIMITED}
    victim = Victim(["-m", "bot", "run"], environment, folder)
    enough = asyncio.Event()
    customers = [Customer(f"customer{n:02d}", port, victim, random.Random(chance.random())) for n in range(CUSTOMERS)]
    talks = [asyncio.create_task(customer.talk(enough)) for customer in customers]
    killed_at: Counter[tuple[str, str]] = Counter()
    while victim.kills < kills or (killed_at.keys() < STEPS and victim.kills < ALSO * kills):
        await victim.live_and_die(chance)
        killed_at.update(customer.standing for customer in customers if customer.standing is not None)
        if failed := next((talk for talk in talks if talk.done()), None):
            await failed
    if left := STEPS - killed_at.keys():
        raise RuntimeError(f"no kill came at {sorted(left)}")
    process = await victim.start()
    await victim.wait_until_up(process)
    enough.set()
    async with asyncio.timeout(SETTLE_SECONDS):
        await asyncio.gather(*talks)
        shown = [judge(customer, await customer.transcript()) for customer in customers]
    for customer in customers:
        customer.browser.close()
    code = await victim.stop(process)
    if code != 0:
        raise RuntimeError(f"the desk did not stop cleanly: exit code {code}")
    stored = tickets_in(folder / "var" / "relevo.db")
    found = [compare(customer.filled, belonging(customer, stored)) for customer in customers]
    strangers = sum(map(len, stored.values())) - sum(len(belonging(customer, stored)) for customer in customers)
    lost, doubled, reordered = (sum(column) for column in zip(*found, strict=True))
    lost_shown, doubled_shown, reordered_shown, repeated = (sum(column) for column in zip(*shown, strict=True))
    forms = sum(len(customer.filled) for customer in customers)
    tickets, returned = sum(map(len, stored.values())), sum(customer.returned for customer in customers)
    note = (
        f"ticket form: {forms} forms sent twice each, {tickets} tickets; "
        f"killed at each of {len(STEPS)} questions, {returned} times come back to after a kill"
    )
    return Found(
        "ticket form",
        victim.kills,
        sum(len(customer.acknowledged) for customer in customers),
        sum(customer.redelivered for customer in customers),
        lost + lost_shown,
        doubled + doubled_shown + strangers,
        reordered + reordered_shown,
        repeated,
        time.monotonic() - began,
        note,
    )
