"""What all tests share: where their files go, that no property is timed, and that the browser tests are not even read where their tools are
not installed (`make e2e` brings them).
"""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is. With a limit of time, some run fails for nothing.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

collect_ignore = [] if find_spec("playwright") else ["e2e"]

MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3
"""Bytes that must be free there: a container may lend as little as 64 MB."""


def pytest_configure() -> None:
    # Thousands of commits that wait for a disk each are most of the time of a run, and no test here pulls the plug: a killed process
    # loses nothing that it wrote, wherever it wrote it. `make crash` and `make bench` stay on the disk.
    if os.access(MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """More than there are cores: a third of the time is spent waiting for the pace at which a platform may be written to."""
    return min(8, 2 * (os.cpu_count() or 1))
