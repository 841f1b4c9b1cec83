"""Looks at what a desk stands on: its folders, key, content, database, clock and port. Nothing is made or changed that was not there."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from adapters.base import Finding
from bot.clock import Clock
from bot.settings import KEY_LENGTH, LOOPBACK, Settings, WrongSetting
from bot.wellness import LEAST_FREE_BYTES

LITTLE_SPACE = 512 * 2**20
"""Bytes: enough for a while, and time to look for more."""

FIRST_YEAR_MS = 1_750_000_000_000
"""Before the middle of 2025 there was no Relevo: a clock that says so was never set."""

APART_MS = 5_000
"""Leases, promises and codes are counted by each node's own clock."""

SHOWN = 3


async def data_folder(settings: Settings) -> list[Finding]:
    folder = settings.data_dir.resolve()
    try:
        return await asyncio.to_thread(_folder, folder)
    except OSError as error:
        return [Finding("FAIL", f"{folder} cannot be written ({error.strerror}): give it to the desk's user, or set RELEVO_DATA_DIR")]


def _folder(folder: Path) -> list[Finding]:
    there = folder
    while not there.exists():
        there = there.parent
    if there != folder and not os.access(there, os.W_OK | os.X_OK):
        return [
            Finding("FAIL", f"{folder} is not there and cannot be made: make it and give it to the desk's user, or set RELEVO_DATA_DIR")
        ]
    if there == folder:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"relevo doctor")
            file.flush()
            os.fsync(file.fileno())
    free = shutil.disk_usage(there).free
    space = f"{free / 2**30:.1f} GB free" if free >= 2**30 else f"{free >> 20} MB free"
    if free < LITTLE_SPACE:
        return [Finding("FAIL" if free < LEAST_FREE_BYTES else "warn", f"{folder}: only {space}; make room, or set RELEVO_DATA_DIR")]
    if there != folder:
        return [Finding("ok", f"{folder} is made at the first start; {space}")]
    return [Finding("ok", f"{folder} can be written; {space}")]


async def key(settings: Settings) -> list[Finding]:
    """The desk's own secret, and that nobody else on this machine can read it."""
    if settings.secret_key.get_secret_value():
        return [Finding("ok", "RELEVO_SECRET_KEY is set")]
    path = settings.data_dir.resolve() / "secret_key"
    try:
        about = path.stat()
        whole = len(path.read_text(encoding="ascii").strip()) >= KEY_LENGTH
    except FileNotFoundError:
        return [Finding("ok", f"{path} is made at the first start")]
    except (OSError, UnicodeDecodeError):
        return [Finding("FAIL", f"{path} cannot be read: give it to the desk's user")]
    if not whole:
        return [Finding("FAIL", f"{path} is too short for a key: remove it to have a new one made")]
    if about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return [Finding("FAIL", f"others on this machine may read the key: chmod 600 {path}")]
    return [Finding("ok", f"{path} is there, for its owner alone")]


async def content(settings: Settings) -> list[Finding]:
    from bot.content_check import check

    faults = await asyncio.to_thread(check, settings.content_dir)
    if not faults:
        return [Finding("ok", f"{settings.content_dir}: no faults")]
    more = f"; all of them: relevo content check {settings.content_dir}" if len(faults) > SHOWN else ""
    first = "; ".join(str(fault) for fault in faults[:SHOWN])
    return [Finding("FAIL", f"{len(faults)} fault{'s' if len(faults) > 1 else ''}: {first}{more}")]


async def database(settings: Settings) -> list[Finding]:
    """Reached, of this release, and it keeps what is written; the clock beside that of its server."""
    from bot.lock import sqlite_path
    from bot.sources import database_of
    from storage import migrate, soundness
    from storage.engines import Rejected, SchemaTooNew, Unavailable

    path = sqlite_path(settings.database)
    where = str(path) if path is not None else f"the database on {urlsplit(settings.database).hostname or 'this machine'}"
    if path is not None and not path.exists():
        return [Finding("ok", f"{path} is made at the first start")]
    try:
        current = await asyncio.to_thread(migrate.check, settings.database)
    except SchemaTooNew as error:
        return [Finding("FAIL", f"{error}: install that release")]
    except (Unavailable, Rejected, ValueError) as error:
        return [Finding("FAIL", f"RELEVO_DATABASE_URL: {where} cannot be reached ({_brief(error)})")]
    if not current:
        return [
            Finding("warn", f"{where} has no tables or those of an older release: the next start brings them up to date, or relevo migrate")
        ]
    opened = database_of(settings)
    clock = Clock()
    try:
        before = clock.now()
        sound = await opened.write(soundness.examine)
        after = clock.now()
    except (Unavailable, Rejected) as error:
        return [Finding("FAIL", f"{where} takes no writes ({_brief(error)}): look at its disk and its rights")]
    finally:
        await opened.close()
    if not sound.kept:
        return [Finding("FAIL", f"{where} does not give back what was written: restore it from a backup")]
    found = [Finding("ok", f"{where}: {sound.product}, tables of this release, written and read back")]
    if sound.now is not None:
        found.append(_beside(sound.now, before, after))
    return found


def _beside(theirs: int, before: int, after: int) -> Finding:
    """`before` and `after`: our clock, around the moment at which theirs was asked."""
    apart = max(before - theirs, theirs - after, 0)
    if apart <= APART_MS:
        return Finding("ok", "this machine's clock agrees with the database's")
    return Finding("FAIL", f"this machine's clock and the database's are {apart / 1000:.0f} s apart: set both by NTP")


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:120]


async def clock(settings: Settings) -> list[Finding]:
    if Clock().now() < FIRST_YEAR_MS:
        return [Finding("FAIL", "this machine's clock is years behind: set it by NTP")]
    return [Finding("ok", "this machine's clock has been set")]


async def port(settings: Settings) -> list[Finding]:
    """Free, or answered by a desk."""
    from bot.web import listen

    place = f"{settings.http.host}:{settings.http.port}"
    try:
        (await asyncio.to_thread(listen, settings.http)).close()
    except WrongSetting as error:
        return [Finding("ok", f"a desk answers on {place}") if await _is_desk(settings) else Finding("FAIL", str(error))]
    return [Finding("ok", f"{place} is free" if settings.http.port else "any free port is taken")]


async def _is_desk(settings: Settings) -> bool:
    """By `/health`, which says nothing that others would say in the same words."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.http.host, settings.http.host)  # noqa: S104 - compared, not listened on
    said = b""
    try:
        async with asyncio.timeout(3):
            reader, writer = await asyncio.open_connection(host, settings.http.port)
            try:
                writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                while len(said) < 8_192 and (part := await reader.read(4_096)):
                    said += part
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return said.startswith(b"HTTP/1.1 200") and said.endswith(b'{"status":"ok"}')


async def public_address(settings: Settings) -> list[Finding]:
    """Where customers' browsers and mailed links go."""
    url = settings.http.public_url
    if not url and settings.http.host in LOOPBACK and not settings.email.address:
        return [Finding("ok", "only this machine is served; set RELEVO_HTTP__PUBLIC_URL when the world shall come")]
    if not url:
        return [
            Finding("warn", "RELEVO_HTTP__PUBLIC_URL is not set: mailed links and the live chat's own need the address that the world uses")
        ]
    if url.startswith("http://") and urlsplit(url).hostname not in LOOPBACK:
        return [Finding("warn", f"{url}: what customers write can be read on the way; put a proxy with TLS in front and write https://")]
    return [Finding("ok", url)]
