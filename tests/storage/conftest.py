"""Fixtures of the storage tests: one PostgreSQL server for all of them, started when the first one asks for it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.postgres import Postgres, memory, running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running() as server:
        yield server


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for this test alone, in memory where there is such a place."""
    with tempfile.TemporaryDirectory(prefix="relevo-test-", dir=memory()) as path:
        yield Path(path)
