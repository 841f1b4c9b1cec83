"""Cleans one file that has arrived, durably: here when it is small, otherwise in a process of its own."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import subprocess
import sys
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, Final, NamedTuple

from storage.media import STEP, Broken, Unwanted, copy_clean

HERE_AT_MOST: Final = 1_048_576
"""Bytes. To look at more holds the interpreter again and again, and the event loop has to ask for it back each time, which on a busy
machine takes longer than a reply may; a process of its own leaves that to the system.
"""

_ROOT: Final = Path(__file__).resolve().parent.parent
# Without `site` and without what the environment says of paths: it needs the standard library and this room.
_PROGRAM: Final = "import sys; sys.path.append(sys.argv.pop(1)); from storage.cleaning import main; main()"
_LESS_URGENT: Final = 10
_SECONDS: Final = 60
"""A disk that takes longer than this for one file is broken."""


class Cleaned(NamedTuple):
    """What was written: its media type, its size in bytes, the SHA-256 (hex) of its content."""

    mime: str
    size: int
    digest: str


def clean(arrived: Path, into: Path) -> Cleaned:
    """Write `arrived`, which is not empty, without metadata to `into`, which must not be there. Raises Unwanted, Broken or OSError."""
    return clean_here(arrived, into) if arrived.stat().st_size <= HERE_AT_MOST else _clean_elsewhere(arrived, into)


def clean_here(arrived: Path, into: Path) -> Cleaned:
    with (
        arrived.open("rb") as file,
        mmap(file.fileno(), 0, access=ACCESS_READ) as content,
        _Settling(into, "xb", opener=_private) as disk,
        io.BufferedWriter(disk, STEP) as clean,
    ):
        mime = copy_clean(content, clean)
        clean.flush()
        os.fsync(clean.fileno())
    digest = hashlib.sha256()
    size = 0
    with into.open("rb") as file:
        while part := file.read(STEP):
            digest.update(part)
            size += len(part)
    return Cleaned(mime, size, digest.hexdigest())


def _clean_elsewhere(arrived: Path, into: Path) -> Cleaned:
    command = [sys.executable, "-I", "-S", "-c", _PROGRAM, str(_ROOT), str(arrived), str(into)]
    try:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False, encoding="ascii")  # noqa: S603
    except subprocess.TimeoutExpired:
        raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from None
    match ended.stdout.split():
        case ["clean", mime, size, digest]:
            return Cleaned(mime, int(size), digest)
        case ["unwanted"]:
            raise Unwanted
        case ["broken"]:
            raise Broken
        case ["refused", number]:
            raise OSError(int(number), os.strerror(int(number)))
    # It was killed, perhaps for want of memory.
    raise OSError(errno.EIO, f"the file could not be looked at: {ended.returncode}")


def main() -> None:
    """The process of its own. Its one line is what came of it."""
    os.nice(_LESS_URGENT)
    try:
        told = " ".join(("clean", *map(str, clean_here(Path(sys.argv[1]), Path(sys.argv[2])))))
    except Unwanted:
        told = "unwanted"
    except Broken:
        told = "broken"
    except OSError as error:
        told = f"refused {error.errno or errno.EIO}"
    sys.stdout.write(told)


class _Settling(io.FileIO):
    """Durable piece by piece: 20 MB that become so at once hold up the commits of everybody else, who wait for the same disk."""

    _owed = 0

    def write(self, part: Any, /) -> int:
        written = super().write(part)
        self._owed += written
        if self._owed >= STEP:
            os.fdatasync(self.fileno())
            self._owed = 0
        return written


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
