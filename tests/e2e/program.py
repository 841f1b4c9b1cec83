"""The real program, started by its own command on a free port with a directory of its own, and killed when a test says so."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

PATIENCE_S = 40.0
ROOT = Path(__file__).resolve().parents[2]


class Program:
    """`start` returns when the desk says that it is ready. `kill` is SIGKILL: nothing is tidied up."""

    def __init__(self, folder: Path, **settings: str) -> None:
        with socket.socket() as probe:  # a port that somebody still listens on would answer in our place
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._output = folder / "output.txt"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RELEVO_")}
        self.environment = kept | {
            "RELEVO_DATA_DIR": str(folder),
            "RELEVO_HTTP__PORT": str(self.port),
            # The tests are many visitors at one address.
            "RELEVO_WEBCHAT__LIMITS__SESSIONS__BURST": "1000",
            "RELEVO_WEBCHAT__LIMITS__CONNECTS__BURST": "1000",
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._output.open("ab") as output:
            command = [sys.executable, "-m", "bot", "run"]
            self._process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=output, stderr=output)
        deadline = time.monotonic() + PATIENCE_S
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the desk did not become ready:\n{self.output()}")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> int:
        """Ask it to stop, as a service would; the exit code."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(15)
        finally:
            self.kill()
        return code

    def output(self) -> str:
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/ready", timeout=1) as answer:
                return bool(json.load(answer)["status"] == "ready")
        except (OSError, urllib.error.URLError, ValueError):
            return False
