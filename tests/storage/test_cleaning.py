"""Large files are looked at in a process of their own: what comes of it is the same, and whatever becomes of that process is told."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest

from storage import cleaning
from storage.blobs import Blob, Blobs, Broken, Unwanted
from tests.pictures import GPS, jpeg, png, webp

LOG = b"2026-11-22T12:00:00Z host kernel: [1] TCP: out of memory -- consider tuning tcp_mem\n" * 20_000


def keep(folder: Path, *parts: bytes) -> Blob:
    incoming = Blobs(folder).begin()
    try:
        incoming.write(*parts)
        return incoming.keep()
    finally:
        incoming.discard()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as large."""
    monkeypatch.setattr(cleaning, "HERE_AT_MOST", 0)


def test_a_large_log_is_kept_as_it_came_for_its_owner_alone(tmp_path: Path) -> None:
    assert len(LOG) > cleaning.HERE_AT_MOST
    blob = keep(tmp_path, LOG)
    assert blob == Blob(hashlib.sha256(LOG).hexdigest(), "text/plain", len(LOG))
    (file,) = files(tmp_path)
    assert file.read_bytes() == LOG
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_came_in_very_many_parts_is_whole(tmp_path: Path) -> None:
    parts = [LOG[at : at + 1_111] for at in range(0, len(LOG), 1_111)]
    assert keep(tmp_path, b"", *parts, b"").digest == hashlib.sha256(LOG).hexdigest()


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("original", [jpeg(), png(), webp()], ids=["jpeg", "png", "webp"])
def test_a_picture_loses_there_what_it_loses_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, original: bytes) -> None:
    there = keep(tmp_path, original)
    (file,) = files(tmp_path)
    assert GPS not in file.read_bytes()
    monkeypatch.setattr(cleaning, "HERE_AT_MOST", len(original))
    assert keep(tmp_path, original) == there


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(("content", "refusal"), [(b"\x7fELF\x02", Unwanted), (png()[:60], Broken)])
def test_what_is_refused_there_is_refused_and_nothing_stays(tmp_path: Path, content: bytes, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        keep(tmp_path, content)
    assert files(tmp_path) == []


@pytest.mark.usefixtures("elsewhere")
def test_what_the_disk_says_there_is_said_here(tmp_path: Path) -> None:
    arrived, taken = tmp_path / "arrived", tmp_path / "taken"
    arrived.write_bytes(b"a log\n")
    taken.write_bytes(b"somebody's")
    with pytest.raises(FileExistsError):
        cleaning.clean(arrived, taken)
    assert taken.read_bytes() == b"somebody's"


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("end", ["import os; os.kill(os.getpid(), 9)", "raise SystemExit(3)", "import time; time.sleep(600)"])
def test_a_process_that_dies_or_does_not_come_back_is_an_error_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(cleaning, "_PROGRAM", end)
    monkeypatch.setattr(cleaning, "_SECONDS", 0.5)
    with pytest.raises(OSError, match=r"could not be looked at|timed out"):
        keep(tmp_path, b"a log\n")
    assert files(tmp_path) == []
