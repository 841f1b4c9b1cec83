"""Learns the desk's files in a process of its own, ahead of whoever needs them: a server never holds what only learning takes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

KEPT_CONTENT: Final = "content.json"
KEPT_MODEL: Final = "answers.npz"

INSTALLED: Final = Path(sys.prefix, "share", "relevo")
"""What was learnt when the desk was installed (`relevo content learn`): also a first start, whose own folder is empty, finds it."""

_SECONDS: Final = 60
"""Longer than any desk takes. Whoever waited so long learns for itself."""


@contextlib.contextmanager
def ahead(content_dir: Path, data_dir: Path) -> Iterator[None]:
    """What was not learnt yet is learnt by another process while the block runs; when the block is left, it is kept in `data_dir`.

    Whatever goes wrong there costs only time: what is not kept is learnt by whoever needs it, and that is where faults are told.
    """
    learner = _begun(content_dir, data_dir) if _is_due(content_dir, data_dir) else None
    try:
        yield
        if learner is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                learner.wait(_SECONDS)
    finally:
        if learner is not None:
            learner.kill()
            learner.wait()


def code_files() -> list[Path]:
    """The code that makes what is kept: with other code the same files may come to something else."""
    own = Path(__file__).parent
    return sorted((*own.glob("content*.py"), own / "markdown.py", *own.parent.joinpath("conversations").glob("*.py")))


def _is_due(content_dir: Path, data_dir: Path) -> bool:
    """A guess from the files' times, which are looked at in a moment. Whoever loads what is kept looks at what is in them."""
    try:
        newest = max(path.stat().st_mtime_ns for path in (*code_files(), *content_dir.rglob("*")) if path.is_file())
    except OSError:
        return True
    return all(_oldest(folder) < newest for folder in (data_dir, INSTALLED))


def _oldest(folder: Path) -> int:
    try:
        return min((folder / name).stat().st_mtime_ns for name in (KEPT_CONTENT, KEPT_MODEL))
    except OSError:
        return 0


def _begun(content_dir: Path, data_dir: Path) -> subprocess.Popen[bytes] | None:
    # It can be asked for a stranger's folder: never take a module from the one it is started in.
    command = [sys.executable, "-P", "-m", __name__, str(content_dir), str(data_dir)]
    quiet = subprocess.DEVNULL
    try:
        return subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)  # noqa: S603
    except OSError:
        return None


def main() -> None:
    """The process of its own."""
    from bot import memory
    from bot.content import ContentInvalid
    from bot.knowledge import load_knowledge

    memory.use_little()
    content_dir, data_dir = Path(sys.argv[1]), Path(sys.argv[2])
    with contextlib.suppress(ContentInvalid, OSError):
        load_knowledge(content_dir, data_dir)
        # What was found to be good still is not looked at again before a file changes.
        for name in (KEPT_CONTENT, KEPT_MODEL):
            os.utime(data_dir / name)


if __name__ == "__main__":
    main()
