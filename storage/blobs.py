"""Keeps every file once, under the SHA-256 of its content: written aside, made durable, then given its name, until nothing refers to it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from storage.cleaning import clean
from storage.media import Broken, Unwanted

_DIGEST: Final = re.compile(r"[0-9a-f]{64}(?![0-9a-f])")
_LEFT_OVER_MS: Final = 86_400_000
_QUARANTINE: Final = 100
"""Files held at most; the oldest go first."""

_FOLDERS: Final = 256
# Each round that fails has seen somebody else collect or keep the very same file in between.
_ROUNDS: Final = 20
_PARTS: Final = 256
"""Handed to the system in one call; POSIX lets it refuse more than 1,024."""

__all__ = ["Blob", "Blobs", "Broken", "Incoming", "Unwanted"]


class Blob(NamedTuple):
    """A kept file: the SHA-256 (hex) of its content, its media type, its size in bytes."""

    digest: str
    mime: str
    size: int


class Blobs:
    """Files under `folder`: `ab/cdef…` by digest, `incoming/` for what is not whole yet, `quarantine/` for what was infected.

    Every method may wait for the disk.

    A file has an age: since it was kept, or last renewed. Only what is old may be collected, by whoever has found out that nothing refers
    to it. To renew and to collect each lock the file itself, also against other processes, so a file that was just renewed is never
    taken; and what is locked when a process dies is free again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self) -> Incoming:
        """A file that begins to arrive. Raises OSError, as do its methods, when the disk does not take it."""
        aside = self._folder / "incoming"
        aside.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Incoming(self._folder, aside / secrets.token_hex(16))

    def find(self, id: str) -> Path | None:
        """The kept file of an attachment's id, which begins with the digest; None when there is none."""
        known = _DIGEST.match(id)
        path = self._folder / id[:2] / id[2:64] if known else None
        return path if path is not None and path.is_file() else None

    def renew(self, id: str) -> bool:
        """Its age begins anew, durably: whoever is about to refer to it has time to say so. False when it is not kept (any more)."""
        path = self.find(id)
        return path is not None and _renew(path)

    def aged(self, before: int, start: int, most: int) -> list[str]:
        """Digests of at most `most` files whose age began before `before` (epoch ms). `start` tells where to begin, or the first were
        looked at every time and the last never.
        """
        found: list[str] = []
        for nth in range(_FOLDERS):
            name = f"{(start + nth) % _FOLDERS:02x}"
            try:
                entries = os.scandir(self._folder / name)
            except FileNotFoundError:
                continue
            with entries:
                for entry in entries:
                    digest = name + entry.name
                    try:
                        if _DIGEST.fullmatch(digest) and _age(entry.stat()) < before:
                            found.append(digest)
                    except FileNotFoundError:
                        continue
            if len(found) >= most:
                break
        return found[:most]

    def collect(self, digests: Iterable[str], before: int) -> tuple[int, int]:
        """Remove those whose age still began before `before` (epoch ms), to which nothing may refer: how many, and their bytes."""
        count = size = 0
        for digest in digests:
            path = self._folder / digest[:2] / digest[2:]
            with _locked(path) as there:
                # Looked at under the lock: renewed in the meantime, it stays.
                if there is not None and _age(there) < before:
                    path.unlink()
                    count, size = count + 1, size + there.st_size
        return count, size

    def tidy(self, now: int) -> int:
        """Remove what a crash left half-arrived more than a day before `now` (epoch ms); how many files."""
        aside = self._folder / "incoming"
        left = [path for path in aside.glob("*") if path.stat().st_mtime * 1000 < now - _LEFT_OVER_MS] if aside.is_dir() else []
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)


class Incoming:
    """One file on its way in. Its methods may be called from any thread; after `discard` or `keep` it takes nothing more."""

    def __init__(self, folder: Path, aside: Path) -> None:
        self._folder = folder
        self._aside = aside
        self._clean = aside.with_suffix(".clean")
        self._lock = threading.Lock()
        self._handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._open = True
        self._size = 0
        self._blob: Blob | None = None

    @property
    def content(self) -> Path:
        """What would be kept, once it was cleaned."""
        return self._clean

    def write(self, *parts: bytes) -> None:
        with self._lock:
            left = [memoryview(part) for part in parts if part]
            while left:
                # One call for many: after each the thread has to ask for the interpreter again.
                written = os.writev(self._handle, left[:_PARTS])
                self._size += written
                while left and written >= len(left[0]):
                    written -= len(left.pop(0))
                if written:
                    left[0] = left[0][written:]

    def clean(self) -> Blob:
        """Write `content`: nothing is kept yet, and it takes nothing more. Raises Unwanted or Broken."""
        with self._lock:
            if not self._size:
                raise Unwanted
            cleaned = clean(self._aside, self._clean)
            self._blob = Blob(cleaned.digest, cleaned.mime, cleaned.size)
            return self._blob

    def keep(self) -> Blob:
        """Give it its name; durable when this returns, and its age begins. Raises as `clean` does, if that was not done."""
        blob = self._blob or self.clean()
        digest = blob.digest
        with self._lock:
            path = self._folder / digest[:2] / digest[2:]
            if not path.parent.is_dir():
                path.parent.mkdir(mode=0o700, exist_ok=True)
                _settle(self._folder)
            for _ in range(_ROUNDS):
                if _renew(path):
                    break
                # Not renamed: that would replace a file that somebody else has put there and may be about to lock.
                with contextlib.suppress(FileExistsError):
                    path.hardlink_to(self._clean)
                    break
            else:
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
            # Also when it was there: whoever put it there may not have come to this line.
            _settle(path.parent)
            return blob

    def quarantine(self) -> None:
        """Set it aside, once it was cleaned, where nothing is ever given out from: for the keeper of the desk to look at."""
        blob = self._blob or self.clean()
        with self._lock:
            folder = self._folder / "quarantine"
            folder.mkdir(mode=0o700, exist_ok=True)
            # Somebody who sends one after another must not fill the disk.
            held = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
            for path in held[: max(0, len(held) - _QUARANTINE + 1)]:
                path.unlink(missing_ok=True)
            self._clean.replace(folder / blob.digest)
            _settle(folder)

    def discard(self) -> None:
        """Forget what is not kept."""
        with self._lock:
            if self._open:
                os.close(self._handle)
                self._open = False
            self._aside.unlink(missing_ok=True)
            self._clean.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[os.stat_result | None]:
    """Hold the file of this name, and what it is; None when there is none, or it went while we waited for it."""
    try:
        # For writing: network file systems lock no other.
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        held = os.fstat(handle)
        try:
            there = os.path.samestat(held, path.stat())
        except FileNotFoundError:
            there = False
        yield held if there else None
    finally:
        os.close(handle)


def _renew(path: Path) -> bool:
    with _locked(path) as there:
        if there is None:
            return False
        os.utime(path)
        _settle(path)
        return True


def _age(found: os.stat_result) -> int:
    """When it began, epoch ms."""
    return found.st_mtime_ns // 1_000_000


def _settle(path: Path) -> None:
    """A name is durable when its directory is, a file's age when the file is."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
