"""The commands `relevo notice`: what is published to those who subscribe, by whoever may use this shell; the running desk sends it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

import click

from bot.command import configured, fail, refuse, shown, time_shown

if TYPE_CHECKING:
    from bot.settings import Settings
    from conversations.knowledge import Knowledge
    from storage.engines import Connection
    from storage.notice_rows import Notice, Reach, Reader

T = TypeVar("T")

TEXT_LIMIT = 3000
KEY_LIMIT = 100
LISTED = 20


@click.group("notice")
def notice_group() -> None:
    """Notices to those who subscribe to them in a chat: publish one, see how far they have come."""


@notice_group.command("publish")
@click.option("--topic", required=True, help="What it is about: one of the desk's notices, as in desk.toml.")
@click.option("--es", default="", help="The text in Spanish; - reads it from standard input.")
@click.option("--en", default="", help="The text in English; - reads it from standard input.")
@click.option("--key", default="", help="A name for this notice: published again with the same key and text, nothing is sent twice.")
@click.option("--dry-run", is_flag=True, help="Show who would get it, and how it looks. Nothing is kept or sent.")
def publish(topic: str, es: str, en: str, key: str, dry_run: bool) -> None:
    """Send a notice to everybody who subscribes to its topic, each in their language."""
    texts = _texts({"es": es, "en": en})
    if len(key) > KEY_LIMIT or not key.isprintable():
        refuse(f"--key: at most {KEY_LIMIT} characters that can be printed")
    settings = configured()
    from bot.clock import Clock, Ids
    from storage import notices
    from storage.notice_rows import NewNotice

    knowledge = _knowledge(settings)
    _check(knowledge, topic, texts)
    clock = Clock()
    id = Ids(clock).new()
    new = NewNotice(id, key or str(id), topic, json.dumps(texts, ensure_ascii=False, sort_keys=True), clock.now())
    if dry_run:
        _preview(knowledge, topic, texts)
        readers = _ask(settings, lambda connection: notices.readers(connection, topic))
        _tell(readers, knowledge, texts)
        click.echo("Nothing was kept or sent: this was a dry run.")
        return

    def unit(connection: Connection) -> tuple[Notice, list[Reader]]:
        return notices.publish(connection, new), notices.readers(connection, topic)

    kept, readers = _ask(settings, unit, write=True)
    if (kept.topic, kept.texts) != (new.topic, new.texts):
        fail(f"--key {key}: another notice was published with this key ({time_shown(kept.created_at)}). Nothing was done.")
    if kept.id != id:
        click.echo(f"Notice {kept.key} was published {time_shown(kept.created_at)} already. Nothing was done.")
        return
    _tell(readers, knowledge, texts)
    click.echo(f"Notice {kept.key} is published. The running desk sends it; relevo notice list shows how far it is.")


@notice_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
def list_notices(as_json: bool) -> None:
    """The newest notices, with how many each has reached."""
    from storage import notices

    found = _ask(configured(), lambda connection: notices.newest(connection, LISTED))
    if as_json:
        click.echo(json.dumps([_object(notice, reach) for notice, reach in found], ensure_ascii=False))
        return
    for notice, reach in found:
        first = " ".join(shown(next(iter(json.loads(notice.texts).values()))).split())[:60]
        counts = f"planned {reach.planned}  sent {reach.sent}  failed {reach.failed}  unreachable {reach.unreachable}"
        click.echo(f"{notice.key}  {notice.topic}  {time_shown(notice.created_at)}  {_stage(notice, reach)}  {counts}\n    {first}")
    if not found:
        click.echo("No notices.")


def _stage(notice: Notice, reach: Reach) -> str:
    if notice.planned_at is None:
        return "beginning"
    return "sending" if reach.planned else "done"


def _object(notice: Notice, reach: Reach) -> dict[str, object]:
    about = {"key": notice.key, "topic": notice.topic, "texts": json.loads(notice.texts), "created_at": notice.created_at}
    return {**about, "stage": _stage(notice, reach), **reach._asdict()}


def _texts(given: Mapping[str, str]) -> dict[str, str]:
    if list(given.values()).count("-") > 1:
        refuse("only one text can be read from standard input")
    texts = {}
    for locale, text in given.items():
        # As a terminal would not be steered by it, so nobody's chat is.
        written = shown(sys.stdin.read() if text == "-" else text).strip()
        if len(written) > TEXT_LIMIT:
            refuse(f"--{locale}: at most {TEXT_LIMIT} characters, not {len(written)}")
        if written:
            texts[locale] = written
        elif text:
            refuse(f"--{locale}: the text is empty")
    if not texts:
        refuse("a notice needs a text: --es, --en, or better both")
    return texts


def _knowledge(settings: Settings) -> Knowledge:
    from bot.content import ContentInvalid
    from bot.knowledge import load_knowledge

    try:
        return load_knowledge(settings.content_dir, settings.data_dir)
    except ContentInvalid as invalid:
        refuse(f"RELEVO_CONTENT_DIR: {invalid.faults[0]}")


def _check(knowledge: Knowledge, topic: str, texts: Mapping[str, str]) -> None:
    from conversations.flows import subscriptions

    declared = [each.id for each in subscriptions.topics(knowledge)]
    if not declared:
        refuse("this desk declares no notices: desk.toml has no [notices.…]")
    if topic not in declared:
        refuse(f"--topic: there is no {topic}; there are {', '.join(declared)}")
    for locale in texts:
        if locale not in knowledge.desk.locales:
            refuse(f"--{locale}: this desk does not speak it; it speaks {', '.join(knowledge.desk.locales)}")


def _preview(knowledge: Knowledge, topic: str, texts: Mapping[str, str]) -> None:
    from adapters.text import PLAIN
    from conversations.flows import subscriptions

    for locale in knowledge.desk.locales:
        message = subscriptions.notice(knowledge, locale, topic, texts)
        buttons = " ".join(f"[{choice.label}]" for choice in message.choices)
        click.echo(f"--- {locale} ---\n{PLAIN.doc(message.doc)}\n{buttons}\n")


def _tell(readers: list[Reader], knowledge: Knowledge, texts: Mapping[str, str]) -> None:
    """How many get it, where, and who of them gets it in another language than their own."""
    desk = knowledge.desk
    platforms = Counter(reader.address.partition(":")[0] for reader in readers)
    where = ", ".join(f"{name} {count}" for name, count in sorted(platforms.items()))
    click.echo(f"Recipients: {len(readers)}" + (f" ({where})" if where else ": nobody subscribes to it"))
    missing = [locale for locale in desk.locales if locale not in texts]
    for locale in missing:
        count = sum((reader.locale if reader.locale in desk.locales else desk.default_locale) == locale for reader in readers)
        other = desk.default_locale if desk.default_locale in texts else next(iter(texts))
        click.echo(f"There is no text in {locale}: {count} of them read {locale}, and get it in {other}.")


def _ask(settings: Settings, unit: Callable[[Connection], T], *, write: bool = False) -> T:
    from bot.settings import WrongSetting
    from bot.sources import database_of
    from storage import migrate
    from storage.engines import SchemaTooNew, Unavailable

    try:
        database = database_of(settings)
    except WrongSetting as error:
        refuse(str(error))

    async def ask() -> T:
        try:
            return await (database.write(unit) if write else database.read(unit))
        finally:
            await database.close()

    try:
        if not migrate.check(settings.database):
            refuse("RELEVO_DATABASE_URL: the tables are not this release's; start the desk, or run relevo migrate")
        return asyncio.run(ask())
    except (Unavailable, SchemaTooNew) as error:
        refuse(f"RELEVO_DATABASE_URL: {error}")
