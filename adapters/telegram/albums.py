"""Parts of albums on disk, until all of an album is there: it comes as several updates, and no part says that it is the last.

A part is stored here before Telegram is told that it arrived, so a process that dies between two parts loses none. What is passed on as one
message is written down before it is: whoever takes over passes on the same, and a part that comes later is a message of its own. Parts that
were passed on stay for as long as Telegram may deliver them again: a part that is known is not taken a second time, not even alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from adapters.base import NotStored
from adapters.ports import Now
from adapters.telegram.decode import Part

KEPT_MS = 3 * 86_400_000
"""Telegram keeps updates for a day (https://core.telegram.org/bots/api#getting-updates)."""

T = TypeVar("T")

_PENDING, _SEALED, _DONE = ".part", ".sealed", ".done"


class Albums:
    """Files named `<album>-<update>`; several processes may share the folder. Every method may raise NotStored."""

    def __init__(self, folder: Path, now: Now) -> None:
        self._folder = folder
        self._now = now

    async def keep(self, part: Part, raw: Any) -> bool:
        """Durable when this returns; False when it was passed on already."""
        return await _stored(lambda: self._keep(part, raw))

    async def seal(self, chat: str, group: str) -> list[Any]:
        """The updates of an album that are to be passed on as one message: the same again until they are `done`. None when none wait."""
        return await _stored(lambda: self._seal(_album(chat, group)))

    async def done(self, raws: list[Any], chat: str, group: str) -> None:
        await _stored(lambda: self._finish(raws, _album(chat, group)))

    async def left(self) -> list[Any]:
        """All updates that an earlier run has not passed on, as they came; what is older than can come again is forgotten."""
        return await _stored(self._left)

    async def park(self, raw: Any) -> None:
        """Set aside an update that nobody can take, for the developers."""
        await _stored(lambda: self._park(raw))

    # --- in threads ---

    def _keep(self, part: Part, raw: Any) -> bool:
        name = f"{_album(part.chat, part.group)}-{part.update}"
        if (self._folder / (name + _DONE)).exists():
            return False
        self._write(name + _PENDING, raw)
        return True

    def _write(self, name: str, raw: Any) -> None:
        """Whole or not at all, and never over what is there."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = self._folder / f".{name}.{os.getpid()}"
        with aside.open("w", encoding="utf-8") as file:
            json.dump(raw, file)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            (self._folder / name).hardlink_to(aside)
        aside.unlink()
        self._sync()

    def _sync(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _parts(self, album: str) -> list[Any]:
        return [raw for path in sorted(self._folder.glob(f"{album}-*{_PENDING}")) if (raw := _read(path)) is not None]

    def _seal(self, album: str) -> list[Any]:
        sealed = self._folder / (album + _SEALED)
        if not sealed.exists():
            raws = self._parts(album)
            if not raws:
                return []
            self._write(sealed.name, raws)
        # Another process may have been quicker, and with fewer parts.
        found = _read(sealed)
        return found if isinstance(found, list) else []

    def _finish(self, raws: list[Any], album: str) -> None:
        for raw in raws:
            path = self._folder / f"{album}-{raw['update_id']}{_PENDING}"
            with contextlib.suppress(FileNotFoundError):
                path.rename(path.with_suffix(_DONE))
        (self._folder / (album + _SEALED)).unlink(missing_ok=True)
        self._sync()

    def _left(self) -> list[Any]:
        if not self._folder.is_dir():
            return []
        oldest = (self._now() - KEPT_MS) / 1000
        for path in [*self._folder.glob(f"*{_DONE}"), *self._folder.glob(".*")]:
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)
        found = [raw for path in self._folder.glob(f"*{_PENDING}") if (raw := _read(path)) is not None]
        return sorted(found, key=lambda raw: int(raw["update_id"]))

    def _park(self, raw: Any) -> None:
        text = json.dumps(raw, sort_keys=True, default=str)
        self._write(f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.parked", raw)


def _album(chat: str, group: str) -> str:
    """Names from outside do not become names of files."""
    return hashlib.sha256(f"{chat} {group}".encode()).hexdigest()[:32]


def _read(path: Path) -> Any:
    with contextlib.suppress(FileNotFoundError, ValueError):  # another process was quicker; a disk that lied
        return json.loads(path.read_text(encoding="utf-8"))
    return None


async def _stored(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except OSError:
        raise NotStored(5) from None
