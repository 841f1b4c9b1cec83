"""What every command needs: the settings or one clear line, and text from the database that is safe to show in a terminal."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from bot.settings import Settings

FAILED_CHECK = 1
WRONG_USE = 2


def refuse(line: str) -> NoReturn:
    """One clear line, and the exit code of a wrong use or setting."""
    click.echo(f"relevo: {line}", err=True)
    sys.exit(WRONG_USE)


def fail(line: str) -> NoReturn:
    """One clear line, and the exit code of something that could not be done."""
    click.echo(line, err=True)
    sys.exit(FAILED_CHECK)


def configured() -> Settings:
    from bot.settings import WrongSetting, load

    try:
        return load()
    except WrongSetting as error:
        refuse(str(error))


def shown(text: str) -> str:
    """What a customer wrote, without what would steer the reader's terminal."""
    from adapters.text import without_controls

    return without_controls(text)


def time_shown(at: int | None) -> str:
    """Epoch ms as people read it; nothing for None."""
    return "" if at is None else datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
