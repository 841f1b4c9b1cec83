"""Keeps every file once, under the SHA-256 of its content: written aside, made durable, then given its name."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import threading
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from storage.media import STEP, Broken, Unwanted, copy_clean

_DIGEST: Final = re.compile(r"[0-9a-f]{64}(?![0-9a-f])")
_LEFT_OVER_MS: Final = 86_400_000

__all__ = ["Blob", "Blobs", "Broken", "Incoming", "Unwanted"]


class Blob(NamedTuple):
    """A kept file: the SHA-256 (hex) of its content, its media type, its size in bytes."""

    digest: str
    mime: str
    size: int


class Blobs:
    """Files under `folder`: `ab/cdef…` by digest, and `incoming/` for what is not whole yet. Every method may wait for the disk.

    Nothing is ever removed but what was never given a name: whether a file is referenced is written in many places, and in texts that
    SQL does not look into.
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
        self._file = _create(aside)

    def write(self, part: bytes) -> None:
        with self._lock:
            self._file.write(part)

    def keep(self) -> Blob:
        """Give it its name, for ever; durable when this returns. Raises Unwanted or Broken."""
        with self._lock:
            self._file.flush()
            if not self._file.tell():
                raise Unwanted
            with (
                self._aside.open("rb") as arrived,
                mmap(arrived.fileno(), 0, access=ACCESS_READ) as content,
                _create(self._clean) as clean,
            ):
                mime = copy_clean(content, clean)
                clean.flush()
                os.fsync(clean.fileno())
                size = clean.tell()
            digest = _digest_of(self._clean)
            path = self._folder / digest[:2] / digest[2:]
            if not path.is_file():
                if not path.parent.is_dir():
                    path.parent.mkdir(mode=0o700, exist_ok=True)
                    _settle(self._folder)
                self._clean.rename(path)
            # Also when it was there: whoever put it there may not have come to this line.
            _settle(path.parent)
            return Blob(digest, mime, size)

    def discard(self) -> None:
        """Forget what is not kept."""
        with self._lock:
            self._file.close()
            self._aside.unlink(missing_ok=True)
            self._clean.unlink(missing_ok=True)


def _create(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")


def _digest_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(STEP):
            digest.update(part)
    return digest.hexdigest()


def _settle(folder: Path) -> None:
    """A name is durable when its directory is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
