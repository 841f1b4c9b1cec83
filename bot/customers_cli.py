"""The commands `relevo customers`: the directory of accounts, their services and addresses, brought in from the billing panel."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.command import configured, fail, refuse, shown

if TYPE_CHECKING:
    from bot.customers_file import Directory
    from storage.directory import Plan
    from storage.engines import Connection, Database

FILE_LIMIT = 200 * 1024 * 1024


@click.group("customers")
def customers_group() -> None:
    """Customers: their accounts, services and addresses."""


@customers_group.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--remove-missing", is_flag=True, help="Remove accounts that are not in FILE, and end services that are not.")
def import_customers(file: Path, dry_run: bool, remove_missing: bool) -> None:
    """Bring the directory up to date with FILE, a CSV whose first line names the columns.

    One row for each account and service, or one for each account. Columns: number (of the account) and email (the registered address)
    are needed; name, locale, zone, billing_email, support_email, abuse_email, service_number, service_name, service_kind and
    service_addresses (IP addresses, with spaces between them) are not. What is the same for an account need stand in one of its rows only.

    All of it is brought in, or nothing: every fault is told with its line. The same file twice changes nothing. UTF-8; columns separated
    by commas, semicolons or tabs. The desk may be running.
    """
    from bot.customers_file import read_directory

    try:
        if file.stat().st_size > FILE_LIMIT:
            refuse(f"{file}: larger than {FILE_LIMIT // 1024**2} MB; is it the right file?")
        data = file.read_bytes()
    except OSError as error:
        refuse(f"{file}: {error.strerror}")
    with _bar(data.count(b"\n") + 1, "Reading  ") as bar:
        directory = read_directory(data, bar.update)
    if directory.faults:
        for fault in directory.faults:
            click.echo(f"{file}:{fault.line}: {shown(fault.message)}", err=True)
        fail(f"{_many(len(directory.faults), 'fault')}. Nothing was imported.")
    if not directory.accounts:
        fail(f"{file}: there is no account in it. Nothing was imported.")
    plan, ended = asyncio.run(_bring(file, directory, dry_run, remove_missing))
    click.echo(_summary(plan, ended, dry_run))


async def _bring(file: Path, directory: Directory, dry_run: bool, remove_missing: bool) -> tuple[Plan, int]:
    from bot.clock import Clock, Ids
    from bot.sources import database_of
    from storage import directory as stored
    from storage.engines import Rejected, SchemaTooNew, Unavailable

    database: Database = database_of(configured())
    clock = Clock()
    ids = Ids(clock)
    try:
        # Compared before anything is written: the desk that runs goes on writing meanwhile, and only what differs holds it up.
        plan = await database.read(lambda connection: stored.compare(connection, directory.accounts, remove_missing))
        for email, wants, has in plan.taken:
            click.echo(f"{file}:{directory.lines[wants]}: email: {email!r} is the registered address of account {shown(has)}", err=True)
        if plan.taken:
            fail(f"{_many(len(plan.taken), 'fault')}. Nothing was imported.")
        if dry_run:
            return plan, 0
        with _bar(plan.size, "Importing") as bar:

            def unit(connection: Connection) -> int:
                # Run again when another process was in the way: the bar starts anew.
                bar.update(-bar.pos)
                return stored.apply(connection, plan, ids.new, clock.now(), bar.update)

            return plan, await database.write(unit)
    except stored.Taken:
        fail("The directory was changed at this very moment. Nothing was imported; try again.")
    except (Unavailable, SchemaTooNew, Rejected) as error:
        refuse(f"RELEVO_DATABASE_URL: {error}; nothing was imported (where the desk has never run: relevo migrate)")
    finally:
        await database.close()


def _bar(length: int, label: str) -> click._termui_impl.ProgressBar[int]:
    return click.progressbar(length=length, label=label, file=sys.stderr, show_pos=True)


def _summary(plan: Plan, ended: int, dry_run: bool) -> str:
    lines = [
        f"{_many(plan.created + plan.changed + plan.same, 'account')} in the file: "
        f"{plan.created} new, {plan.changed} changed, {plan.same} as they were."
    ]
    if plan.accounts_gone:
        lines.append(f"{_many(len(plan.accounts_gone), 'account')} not in the file: removed.")
    if plan.services or plan.services_ended:
        lines.append(f"{_many(len(plan.services), 'service')} new or changed, {len(plan.services_ended)} ended.")
    if plan.lost:
        lines.append(f"{_many(len(plan.lost), 'registered address', 'es')} given up; {_many(ended, 'proof')} of ownership ended.")
    if dry_run:
        lines.append("Nothing was written: this was a dry run.")
    return "\n".join(lines)


def _many(count: int, what: str, plural: str = "s") -> str:
    return f"{count} {what}{plural if count != 1 else ''}"
