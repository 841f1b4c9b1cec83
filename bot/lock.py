"""One process at a time on one SQLite file: whoever comes second is refused before it has touched anything."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from bot.settings import WrongSetting


def sqlite_path(url: str) -> Path | None:
    """The file of an SQLite address; None for another database or one in memory."""
    scheme, _, rest = url.partition("://")
    path = rest.removeprefix("/").partition("?")[0]
    return Path(path) if scheme.startswith("sqlite") and path and path != ":memory:" else None


@contextlib.contextmanager
def only_process(database_url: str) -> Iterator[None]:
    """Hold the database for this process. The system lets go of it whatever way the process ends. Raises WrongSetting.

    The lock stands beside the database, so it is found whatever else the two processes were told.
    """
    path = sqlite_path(database_url)
    if path is None:
        yield
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise WrongSetting(f"RELEVO_DATABASE_URL: {path.parent} cannot be written ({error.strerror})") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            raise WrongSetting(
                f"RELEVO_DATABASE_URL: {path} is in use by the relevo that runs as process {other or '(unknown)'}; stop it first"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode("ascii"), 0)
        yield
    finally:
        os.close(descriptor)
