"""The commands `relevo tickets`: what the team sees of tickets and does to them, on the database, while the desk runs or not."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from bot.command import configured, fail, refuse, shown, time_shown

if TYPE_CHECKING:
    from bot.scanner import Scanner
    from conversations.events import TicketChanged, TicketReplied
    from conversations.model import Attachment, OwnTicket
    from storage.engines import Database
    from storage.rows import NewChange, NewEntry, Ticket

T = TypeVar("T")

TEXT_LIMIT = 4000
MEGABYTE = 1_048_576
WAIT_MS = 5_000
LOOK_MS = 100
"""How long a command waits for the running desk to do what was asked, and how often it looks."""


@click.group("tickets")
def tickets_group() -> None:
    """Tickets: list them, read one, reply to it, change its state."""


@tickets_group.command("list")
@click.option("--all", "everything", is_flag=True, help="Resolved and closed ones as well.")
@click.option("--state", default="", help="Only those in this state.")
def list_tickets(everything: bool, state: str) -> None:
    """The tickets that wait for somebody, the oldest first."""
    from conversations.tickets import STATES
    from storage import tickets

    if state and state not in STATES:
        refuse(f"--state: there is no state {state}; there are {', '.join(STATES)}")

    async def ask(database: Database) -> list[Ticket]:
        if state:
            return await database.read(lambda connection: tickets.list_in(connection, state))
        return await database.read(tickets.list_all if everything else tickets.list_open)

    found = _with_database(ask)
    for ticket in found:
        what = " ".join(shown(ticket.title).split())[:60]
        due = "" if ticket.first_reply_at or not ticket.due_at else f"  reply by {time_shown(ticket.due_at)}"
        kind = f"{ticket.priority:<8} {ticket.department:<10}"
        click.echo(f"{ticket.number:<10} {ticket.state:<16} {kind} {time_shown(ticket.created_at)}  {what}{due}")
    if not found:
        click.echo("No tickets." if everything or state else "No open tickets.")


@tickets_group.command("show")
@click.argument("number")
def show_ticket(number: str) -> None:
    """Everything about one ticket: what was sent, and what happened since."""
    from storage import tickets

    async def ask(database: Database) -> tuple[Ticket, tickets.History, str]:
        ticket = await _found(database, number)
        history = await database.read(lambda connection: tickets.history(connection, ticket))
        return ticket, history, await database.read(lambda connection: tickets.address(connection, ticket))

    ticket, history, address = _with_database(ask)
    rows = [
        ("number", ticket.number),
        ("state", ticket.state),
        ("title", ticket.title),
        ("department", ticket.department),
        ("priority", ticket.priority),
        ("opened", time_shown(ticket.created_at)),
        ("reply by", time_shown(ticket.due_at)),
        ("replied", time_shown(ticket.first_reply_at)),
        ("resolved", time_shown(ticket.resolved_at)),
        ("closed", time_shown(ticket.closed_at)),
        ("last change", time_shown(ticket.updated_at)),
        ("rating", f"{ticket.rating}/5" if ticket.rating else ""),
        ("customer", ticket.name),
        ("e-mail", ticket.email),
        ("account", ticket.account),
        ("proof", _proof(ticket)),
        ("language", ticket.locale),
        ("chat", address),
    ]
    for name, value in rows:
        click.echo(f"{name:<12} {shown(value) or '-'}")
    click.echo("")
    for name, answer in json.loads(ticket.answers).items():
        if name != "details":
            click.echo(f"  {name}: {shown(answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False))}")
    for line in _files(ticket.files):
        click.echo(line)
    click.echo(f"\n{shown(ticket.text)}{_mark(ticket)}\n")
    happened: list[tuple[int, int, list[str]]] = []
    for entry in history.entries:
        who = f"{entry.name or entry.author} ({entry.author})" if entry.author == "team" else f"{entry.name or 'customer'}"
        lines = [f"{time_shown(entry.at)}  {shown(who)} wrote:{_mark(entry)}", *(f"    {line}" for line in shown(entry.text).splitlines())]
        lines += _files(entry.files)
        happened.append((entry.at, entry.id, lines))
    happened += [(change.at, change.id, [f"{time_shown(change.at)}  {_change(change)}"]) for change in history.changes]
    for _, _, lines in sorted(happened, key=lambda one: one[:2]):
        click.echo("\n".join(lines))


@tickets_group.command("reply")
@click.argument("number")
@click.argument("text")
@click.option("--state", default="", help="What the ticket is to be now; waiting_customer when nothing is said.")
@click.option("--as", "name", default="", help="Who writes, as the customer is to see it.")
@click.option("--file", "paths", multiple=True, type=click.Path(path_type=Path), help="A file to send along; may be given several times.")
def reply_to_ticket(number: str, text: str, state: str, name: str, paths: tuple[Path, ...]) -> None:
    """Write TEXT to the customer, in the chat where the ticket was opened and by e-mail; - reads it from standard input."""
    from conversations.events import TicketReplied

    text = (sys.stdin.read() if text == "-" else text).strip()
    if not text or len(text) > TEXT_LIMIT:
        refuse(f"TEXT: between 1 and {TEXT_LIMIT} characters, not {len(text)}")
    files = _kept(paths)

    def event(seen: OwnTicket) -> TicketReplied:
        return TicketReplied(ticket=seen, text=text, state=state, name=name, place="cli", files=files)

    _act(number, state, event, writing=True)


@tickets_group.command("state")
@click.argument("number")
@click.argument("state")
@click.option("--as", "name", default="", help="Who does it.")
@click.option("--note", default="", help="For the team's eyes only.")
def change_state(number: str, state: str, name: str, note: str) -> None:
    """Bring a ticket to another STATE; the customer is told."""
    from conversations.events import TicketChanged

    def event(seen: OwnTicket) -> TicketChanged:
        return TicketChanged(ticket=seen, state=state, name=name, place="cli", note=note)

    _act(number, state, event)


def _kept(paths: tuple[Path, ...]) -> tuple[Attachment, ...]:
    """The files as the desk keeps them: told by their content, pictures without what cameras write into them."""
    if not paths:
        return ()
    from adapters.uploads import name_of
    from adapters.webchat.wire import FILES
    from bot.sources import scanner_of
    from conversations.model import Attachment
    from storage.blobs import Blobs, Broken, Unwanted

    settings = configured()
    limit = settings.chat.limits.file
    if len(paths) > FILES:
        refuse(f"--file: at most {FILES} files, not {len(paths)}")
    blobs = Blobs(settings.data_dir / "blobs")
    scanner = scanner_of(settings)
    kept = []
    for path in paths:
        try:
            if path.stat().st_size > limit:
                refuse(f"--file {path}: at most {limit // MEGABYTE} MB")
            content = path.read_bytes()
        except OSError as error:
            refuse(f"--file {path}: it cannot be read ({error.strerror})")
        try:
            incoming = blobs.begin()
            try:
                incoming.write(content)
                incoming.clean()
                if scanner is not None:
                    _scanned(scanner, path, incoming.content)
                blob = incoming.keep()
            finally:
                incoming.discard()
        except (Unwanted, Broken):
            refuse(f"--file {path}: only whole pictures (PNG, JPEG, WebP), PDF and plain text are taken")
        except OSError as error:
            refuse(f"RELEVO_DATA_DIR: {settings.data_dir} cannot be written ({error.strerror})")
        kept.append(Attachment(blob.digest, name_of(path.name, blob.mime), blob.mime, blob.size))
    return tuple(kept)


def _scanned(scanner: Scanner, path: Path, content: Path) -> None:
    """Ends the command unless the scanner calls it clean."""
    from bot.scanner import Unscanned

    try:
        found = asyncio.run(scanner.ask(content))
    except Unscanned as error:
        refuse(f"RELEVO_FILES__CLAMD: the virus scanner could not be asked about {path} ({error})")
    if found:
        refuse(f"--file {path}: the virus scanner found {found} in it")


def _act(number: str, state: str, event: Callable[[OwnTicket], TicketReplied | TicketChanged], *, writing: bool = False) -> None:
    """Give the ticket's conversation what was done, and say what became of it."""
    from bot.clock import Clock, Ids
    from conversations.events import encoder
    from conversations.model import OwnTicket
    from conversations.tickets import STATES, WAYS
    from storage import tickets

    if state and state not in STATES:
        refuse(f"there is no state {state}; there are {', '.join(STATES)}")
    clock = Clock()
    ids = Ids(clock)

    async def act(database: Database) -> tuple[Ticket, Ticket | None]:
        ticket = await _found(database, number)
        if state == ticket.state and not writing:
            fail(f"Ticket {number} is {state} already.")
        if state and state != ticket.state and state not in WAYS[ticket.state]:  # type: ignore[index]
            ways = ", ".join(name for name in STATES if name in WAYS[ticket.state])  # type: ignore[index]
            fail(f"Ticket {number} is {ticket.state}; from there it can be {ways or 'nothing else'}.")
        id, now = ids.new(), clock.now()
        seen = OwnTicket(
            ticket.key, ticket.number, ticket.title, ticket.state, ticket.created_at, rating=ticket.rating or 0, email=ticket.email
        )
        payload = encoder.encode(event(seen)).decode()
        if not await database.write(lambda connection: tickets.tell(connection, ticket, id, payload, now)):
            fail(f"Ticket {number} was changed at this very moment. Nothing was done; look at it again.")
        until = now + WAIT_MS
        while clock.now() < until:
            history = await database.read(lambda connection: tickets.history(connection, ticket))
            if id in {*(entry.id for entry in history.entries), *(change.id for change in history.changes)}:
                return ticket, await _found(database, number)
            await clock.sleep(LOOK_MS)
        return ticket, None

    before, after = _with_database(act)
    if after is None:
        click.echo(f"Ticket {number}: kept. The desk is not running, or busy; the customer is told as soon as it goes on.")
    elif state and after.state != state:
        fail(f"Ticket {number} is {after.state} meanwhile; it was not brought to {state}.")
    else:
        moved = "" if after.state == before.state else f", which was {before.state}"
        click.echo(f"Ticket {number} is {after.state}{moved}. The customer is told.")


async def _found(database: Database, number: str) -> Ticket:
    from storage import tickets

    ticket = await database.read(lambda connection: tickets.find(connection, number.upper()))
    if ticket is None:
        fail(f"There is no ticket {number}.")
    return ticket


def _with_database(unit: Callable[[Database], Awaitable[T]]) -> T:
    from bot.sources import database_of
    from storage.engines import SchemaTooNew, Unavailable

    settings = configured()

    async def ask() -> T:
        database = database_of(settings)
        try:
            return await unit(database)
        finally:
            await database.close()

    try:
        return asyncio.run(ask())
    except (Unavailable, SchemaTooNew) as error:
        refuse(f"RELEVO_DATABASE_URL: {error}")


def _proof(ticket: Ticket) -> str:
    """By what, and how long before the ticket was opened, it was proven whose account it is."""
    if not ticket.proof or ticket.proved_at is None:
        return "none: check who it is before anything is told or done about an account"
    how = "a code mailed to the registered address" if ticket.proof == "code" else "signed in on the page of the chat"
    return f"{ticket.proof}: {how}, {max(0, ticket.created_at - ticket.proved_at) // 60_000} min before"


def _mark(what: Ticket | NewEntry) -> str:
    """What the customer has done to their own words since."""
    edited = f" [edited by the customer {time_shown(what.edited_at)}]" if what.edited_at else ""
    return edited + (f" [deleted by the customer {time_shown(what.deleted_at)}]" if what.deleted_at else "")


def _change(change: NewChange) -> str:
    who, note = shown(change.who), f" ({shown(change.note)})" if change.note else ""
    if not change.before:
        return f"{who} opened it on {change.place}"
    if change.before == change.state:
        return f"{who} on {change.place}: it stays {change.state}{note}"
    return f"{who} on {change.place}: {change.before} → {change.state}{note}"


def _files(written: str) -> list[str]:
    return [
        f"  file: {shown(file.get('name', '') or file['id'])} ({file.get('mime', '') or '?'}, {file.get('size', 0)} bytes)"
        for file in json.loads(written)
    ]
