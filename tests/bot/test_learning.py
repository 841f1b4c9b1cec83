"""The desk's files are learnt ahead: by a process of its own while a start loads its libraries, or when the desk is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bot.cli import main
from bot.content import ContentInvalid
from bot.knowledge import load_knowledge
from bot.learning import KEPT_CONTENT, KEPT_MODEL, ahead
from tests.bot.desk import write_desk

BOTH = {KEPT_CONTENT, KEPT_MODEL}


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    return write_desk(tmp_path / "desk")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "share" / "relevo"
    monkeypatch.setattr("bot.learning.INSTALLED", folder)
    monkeypatch.setattr("bot.knowledge.INSTALLED", folder)
    return folder


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The processes that were started."""
    numbers: list[int] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            numbers.append(self.pid)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    return numbers


def kept(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.usefixtures("installed")
def test_a_first_start_has_another_process_learn(desk: Path, data: Path, built: list[str], begun: list[int]) -> None:
    with ahead(desk, data):
        assert len(begun) == 1
    assert kept(data) == BOTH
    assert load_knowledge(desk, data).matcher.match("no me llega el recibo").topics[0] == "billing"
    assert built == []


@pytest.mark.usefixtures("installed")
def test_no_process_is_started_for_what_was_learnt(desk: Path, data: Path, begun: list[int]) -> None:
    load_knowledge(desk, data)
    with ahead(desk, data):
        pass
    assert begun == []


@pytest.mark.usefixtures("installed")
def test_a_file_that_changed_is_looked_at_once(desk: Path, data: Path, begun: list[int]) -> None:
    load_knowledge(desk, data)
    for name in BOTH:
        os.utime(data / name, (1, 1))
    for _ in range(3):
        with ahead(desk, data):
            pass
    # Nothing in it had changed, so nothing was written; it is not guessed again at every start from now on.
    assert len(begun) == 1


@pytest.mark.usefixtures("installed")
def test_faults_are_told_by_whoever_needs_the_files(desk: Path, data: Path, begun: list[int]) -> None:
    (desk / "phrases/en.po").unlink()
    with ahead(desk, data):
        pass
    assert len(begun) == 1
    with pytest.raises(ContentInvalid):
        load_knowledge(desk, data)


@pytest.mark.usefixtures("installed")
def test_a_start_goes_on_when_no_process_can_be_had(desk: Path, data: Path, built: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(data / "nothing"))
    with ahead(desk, data):
        pass
    load_knowledge(desk, data)
    assert built == ["read", "learn"]


@pytest.mark.usefixtures("installed")
def test_a_start_that_fails_leaves_no_process_behind(desk: Path, data: Path, begun: list[int]) -> None:
    with pytest.raises(RuntimeError), ahead(desk, data):
        raise RuntimeError
    with pytest.raises(ProcessLookupError):
        os.kill(begun[0], 0)


def test_what_was_learnt_at_the_installation_serves_every_first_start(
    desk: Path, data: Path, installed: Path, built: list[str], begun: list[int]
) -> None:
    done = CliRunner().invoke(main, ["content", "learn", str(desk)])
    assert (done.exit_code, done.output) == (0, f"{desk}: learnt; kept in {installed}\n")
    assert kept(installed) == BOTH
    built.clear()
    with ahead(desk, data):
        pass
    assert load_knowledge(desk, data).matcher.match("no me llega el recibo").topics[0] == "billing"
    assert (built, begun, data.exists()) == ([], [], False)
    # The files of this desk are others: what was learnt for the installation is not theirs.
    answer = desk / "answers/billing.es.md"
    answer.write_text(answer.read_text(encoding="utf-8").replace("no me llega el recibo", "la cuenta"), encoding="utf-8")
    os.utime(answer, ns=(time.time_ns(), time.time_ns() + 10**9))
    with ahead(desk, data):
        assert len(begun) == 1
    load_knowledge(desk, data)
    assert (built, kept(data)) == ([], BOTH)


def test_learning_for_the_installation_says_what_stopped_it(desk: Path, installed: Path) -> None:
    installed.parent.mkdir()
    installed.write_text("not a folder")
    done = CliRunner().invoke(main, ["content", "learn", str(desk)])
    assert (done.exit_code, done.output.count("\n")) == (2, 1)
    assert "run this as whoever installed the desk" in done.output
    installed.unlink()
    shutil.rmtree(desk / "phrases")
    done = CliRunner().invoke(main, ["content", "learn", str(desk)])
    assert (done.exit_code, "phrases/en.po" in done.output) == (1, True)
