"""The command `relevo`. Every command imports what it needs only when it is called, so that none waits for another's libraries."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from bot.command import FAILED_CHECK, configured, fail, refuse, shown, time_shown
from bot.customers_cli import customers_group
from bot.notices_cli import notice_group
from bot.tickets_cli import tickets_group

if TYPE_CHECKING:
    from bot.content import ContentFault
    from storage.engines import Connection
    from storage.rows import Request

T = TypeVar("T")


def turn_over(coroutine: Any) -> None:
    """Run to the end in a quick event loop; a start that is refused ends with its one line."""
    import uvloop

    from bot.settings import WrongSetting

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(coroutine)
    except WrongSetting as error:
        refuse(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="relevo", prog_name="relevo")
def main() -> None:
    """A customer-support desk that answers on every messaging platform at once."""


main.add_command(tickets_group)
main.add_command(customers_group)
main.add_command(notice_group)


@main.command()
@click.option("--roles", default="adapters,worker,web", show_default=True, help="The parts of the desk that this process is.")
def run(roles: str) -> None:
    """Run the desk until it is told to stop (Ctrl-C)."""
    chosen = [role.strip() for role in roles.split(",") if role.strip()]
    from bot import memory

    memory.use_little()
    settings = configured()
    from bot.learning import ahead

    with ahead(settings.content_dir, settings.data_dir):
        # Half of a start is loading libraries.
        from bot.app import ROLES, build
        from bot.telemetry import configure

    if unknown := next((role for role in chosen if role not in ROLES), None):
        refuse(f"--roles: there is no role {unknown}; there are {', '.join(ROLES)}")
    if not chosen:
        refuse(f"--roles: name at least one of {', '.join(ROLES)}")
    log = configure(settings.log.level, settings.log.format)

    def announce(address: str) -> None:
        where = f"Chat with the desk on {address}/" if address else f"This process is its {' and '.join(chosen)}"
        click.echo(f"Relevo is open. {where}  (Ctrl-C stops it)")
        if address:
            click.echo(f"The client area is {address}/area")

    async def serve() -> None:
        await build(settings, log, chosen).run(announce)

    turn_over(serve())


@main.command()
@click.option("--locale", default="", help="The language to begin in, for example es.")
@click.option("--as", "name", default="you", show_default=True, help="Who you are: each name is a customer.")
def chat(locale: str, name: str) -> None:
    """Talk to the desk in this terminal. Nothing of it is kept."""
    settings = configured()
    from bot.telemetry import configure
    from bot.trial import converse

    log = configure("error", settings.log.format)
    turn_over(converse(settings, log, locale, name))


@main.command()
def migrate() -> None:
    """Bring the database up to this release."""
    settings = configured()
    from bot.lock import only_process
    from bot.settings import WrongSetting
    from storage import migrate as migrations
    from storage.engines import SchemaTooNew, Unavailable

    try:
        with only_process(settings.database):
            migrations.upgrade(settings.database)
    except (WrongSetting, SchemaTooNew, Unavailable) as error:
        refuse(str(error))
    click.echo("The database is up to date.")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one object.")
def doctor(as_json: bool) -> None:
    """Check the installation: what is wrong, and what to do about it. Changes nothing; the desk may be running."""
    import logging

    from bot.doctor import Line, examine, failed
    from bot.settings import WrongSetting, load

    # What libraries would say of a fault is said by the checks, in one line each.
    logging.disable(logging.CRITICAL)
    try:
        lines = asyncio.run(examine(load()))
    except WrongSetting as error:
        lines = [Line("settings", "FAIL", str(error))]
    if as_json:
        click.echo(json.dumps({"ok": not failed(lines), "checks": [line._asdict() for line in lines]}, ensure_ascii=False))
    else:
        click.echo("\n".join(map(str, lines)))
    if failed(lines):
        sys.exit(FAILED_CHECK)


@main.group()
def content() -> None:
    """The desk's files: what it knows and how it speaks."""


@content.command("check")
@click.argument("directory", required=False, type=click.Path(path_type=Path))
def check_content(directory: Path | None) -> None:
    """Check the desk's files; each fault is named by file and line."""
    from bot.content_check import check

    directory = directory or configured().content_dir
    if faults := check(directory):
        _tell_faults(faults, directory)
    click.echo(f"{directory}: no faults")


def _tell_faults(faults: Sequence[ContentFault], directory: Path) -> NoReturn:
    for fault in faults:
        click.echo(str(fault))
    fail(f"{len(faults)} fault{'s' if len(faults) > 1 else ''} in {directory}")


@content.command("learn")
@click.argument("directory", required=False, type=click.Path(path_type=Path))
def learn_content(directory: Path | None) -> None:
    """Learn the desk's files for this installation, ahead of any start: also the first one then only reads what was learnt."""
    directory = directory or configured().content_dir
    from bot.content import ContentInvalid
    from bot.knowledge import load_knowledge
    from bot.learning import INSTALLED

    try:
        INSTALLED.mkdir(parents=True, exist_ok=True)
        load_knowledge(directory, INSTALLED)
    except ContentInvalid as invalid:
        _tell_faults(invalid.faults, directory)
    except OSError as error:
        refuse(f"{INSTALLED} cannot be made: {error.strerror}; run this as whoever installed the desk")
    # To load what cannot be kept is no fault elsewhere: here it was all that was asked for.
    if not os.access(INSTALLED, os.W_OK):
        refuse(f"{INSTALLED} cannot be written; run this as whoever installed the desk")
    click.echo(f"{directory}: learnt; kept in {INSTALLED}")


@content.command("preview")
@click.argument("out", type=click.Path(path_type=Path))
def preview_content(out: Path) -> None:
    """Draw every form and message, in every language and on every platform, as one HTML page in OUT."""
    directory = configured().content_dir
    from bot.clock import Clock
    from bot.content import ContentInvalid
    from bot.preview import preview

    clock = Clock()
    begun, bar = clock.now(), None

    def told(done: int, of: int) -> None:
        nonlocal bar
        if bar is None and clock.now() - begun > 1000 and sys.stderr.isatty():
            bar = click.progressbar(length=of, label="Drawing", file=sys.stderr)
        if bar is not None:
            bar.update(done - bar.pos)

    try:
        preview(directory, out, told)
    except ContentInvalid as invalid:
        _tell_faults(invalid.faults, directory)
    except OSError as error:
        refuse(f"{out} cannot be written: {error.strerror or error}")
    finally:
        if bar is not None:
            bar.render_finish()
    click.echo(f"{out}: open it in a browser")


@content.command("test")
@click.argument("transcripts", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
def test_content(transcripts: tuple[Path, ...]) -> None:
    """Play transcripts against the desk (files, or folders of .md files); each line it does not keep to is named."""
    settings = configured()
    from bot.content import ContentInvalid
    from bot.knowledge import load_knowledge
    from bot.transcripts import play

    try:
        knowledge = load_knowledge(settings.content_dir, settings.data_dir)
    except ContentInvalid as invalid:
        refuse(str(invalid))
    files = [file for path in transcripts for file in (sorted(path.glob("*.md")) if path.is_dir() else [path])]
    wrong = {file: found for file in files if (found := play(file, knowledge))}
    for mismatch in (mismatch for found in wrong.values() for mismatch in found):
        click.echo(str(mismatch))
    click.echo(f"{len(files) - len(wrong)} of {len(files)} transcripts are kept to")
    if wrong or not files:
        sys.exit(FAILED_CHECK)


@main.group()
def answers() -> None:
    """How well the desk answers, measured on labelled questions."""


def _measure(make: Callable[[], Any], as_json: bool) -> None:
    try:
        report = make()
    except (OSError, ValueError) as error:
        refuse(str(error))
    click.echo(json.dumps(report.as_dict()) if as_json else report.as_text())


@answers.command("eval")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one flat object.")
def evaluate_answers(file: Path, as_json: bool) -> None:
    """Measure the desk's answers on FILE (tab-separated, with a header)."""
    settings = configured()
    from bot.evaluation import evaluate
    from bot.knowledge import load_knowledge

    _measure(lambda: evaluate(load_knowledge(settings.content_dir, settings.data_dir), file), as_json)


@answers.command("bench")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one flat object.")
def bench_answers(file: Path, as_json: bool) -> None:
    """Learn from the train rows of FILE and measure on the others."""
    from bot.evaluation import bench

    _measure(lambda: bench(file), as_json)


@main.group("requests")
def requests_group() -> None:
    """Customers who asked for a person."""


def _ask_database(unit: Callable[[Connection], T], write: bool = False) -> T:
    settings = configured()
    from bot.sources import database_of
    from storage.engines import SchemaTooNew, Unavailable

    async def ask() -> T:
        database = database_of(settings)
        try:
            return await (database.write(unit) if write else database.read(unit))
        finally:
            await database.close()

    try:
        return asyncio.run(ask())
    except (Unavailable, SchemaTooNew) as error:
        refuse(f"RELEVO_DATABASE_URL: {error}")


def _line(request: Request) -> str:
    state = "open" if request.closed_at is None else "closed"
    first = " ".join(shown(request.text).split())
    email = shown(request.email) or "-"
    return f"{request.number:<10} {state:<7} {time_shown(request.created_at)}  {email:<28} {first[:60]}"


@requests_group.command("list")
@click.option("--all", "everything", is_flag=True, help="Closed ones as well.")
def list_requests(everything: bool) -> None:
    """The requests that wait for somebody."""
    from storage import requests

    found = _ask_database(requests.list_all if everything else requests.list_open)
    for request in found:
        click.echo(_line(request))
    if not found:
        click.echo("No requests." if everything else "No open requests.")


@requests_group.command("show")
@click.argument("number")
def show_request(number: str) -> None:
    """Everything that is known of one request."""
    from storage import requests

    request = _ask_database(lambda connection: requests.find(connection, number))
    if request is None:
        click.echo(f"There is no request {number}.", err=True)
        sys.exit(FAILED_CHECK)
    closed = "open" if request.closed_at is None else f"closed {time_shown(request.closed_at)}"
    rows = [
        ("number", request.number),
        ("state", closed),
        ("since", time_shown(request.created_at)),
        ("name", request.name),
        ("e-mail", request.email),
        ("language", request.locale),
        ("topic", request.topic),
    ]
    for name, value in rows:
        click.echo(f"{name:<10} {shown(value) or '-'}")
    if request.text:
        click.echo(f"\n{shown(request.text)}")


@requests_group.command("close")
@click.argument("number")
def close_request(number: str) -> None:
    """Mark a request as answered."""
    from bot.clock import Clock
    from storage import requests

    if not _ask_database(lambda connection: requests.close(connection, number, Clock().now()), write=True):
        click.echo(f"There is no open request {number}.", err=True)
        sys.exit(FAILED_CHECK)
    click.echo(f"Request {number} is closed.")
