"""Opens what a desk is made from, its content and its database; whatever is wrong with them is said as a setting that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.content import ContentInvalid
from bot.knowledge import Library
from bot.settings import Settings, WrongSetting
from conversations.knowledge import Codes
from storage.engines import Database, open_database

if TYPE_CHECKING:
    from bot.scanner import Scanner


def scanner_of(settings: Settings) -> Scanner | None:
    """What looks for viruses in files, if it is set up; else it takes no memory."""
    if not settings.files.clamd:
        return None
    from bot.scanner import Scanner

    return Scanner(settings.files.clamd)


def library_of(settings: Settings, codes: Codes = "") -> Library:
    """What the desk knows, and how its `codes` go out. Raises WrongSetting: a desk does not start from faulty files."""
    try:
        return Library(settings.content_dir, settings.data_dir, codes)
    except ContentInvalid as error:
        first, more = error.faults[0], len(error.faults) - 1
        raise WrongSetting(f"RELEVO_CONTENT_DIR: {first}" + (f" (and {more} more: relevo content check)" if more else "")) from None


def database_of(settings: Settings) -> Database:
    """Nothing is connected yet. Raises WrongSetting."""
    try:
        return open_database(settings.database)
    except ValueError as error:
        raise WrongSetting(f"RELEVO_DATABASE_URL: {error}") from None
