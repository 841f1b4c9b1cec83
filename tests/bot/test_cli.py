"""The command line as it is typed: what it prints, and its exit codes."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.settings import BESIDE_THE_CODE


def environment(folder: Path, **variables: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RELEVO_")}
    return {**clean, "PYTHONPATH": str(BESIDE_THE_CODE), "RELEVO_DATA_DIR": str(folder / "var"), **variables}


def relevo(*words: str, folder: Path, said: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot", *words],
        input=said,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
        env=environment(folder, **variables),
        check=False,
    )


def test_a_piped_question_is_answered(tmp_path: Path) -> None:
    done = relevo("chat", "--locale", "es", folder=tmp_path, said="¿Qué prioridad pongo si mi servidor está caído?\n¿teléfono?\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "prioridad" in done.stdout.lower()
    assert re.search(r"^ *1[.)] ", done.stdout, re.MULTILINE), "choices are numbered"


def test_a_conversation_without_a_word_ends_well(tmp_path: Path) -> None:
    assert relevo("chat", folder=tmp_path).returncode == 0


def test_an_unknown_setting_stops_every_start(tmp_path: Path) -> None:
    for words in (("run",), ("chat",), ("migrate",), ("requests", "list")):
        done = relevo(*words, folder=tmp_path, RELEVO_HTTP__PROT="1")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "relevo: RELEVO_HTTP__PROT: there is no such setting; did you mean RELEVO_HTTP__PORT?\n"


def test_wrong_use(tmp_path: Path) -> None:
    done = relevo("run", "--roles", "adapters,cook", folder=tmp_path)
    assert (done.returncode, done.stderr) == (2, "relevo: --roles: there is no role cook; there are adapters, worker, web\n")
    assert relevo("dance", folder=tmp_path).returncode == 2
    assert re.fullmatch(r"relevo, version \S+\n", relevo("--version", folder=tmp_path).stdout)


def test_the_content_is_checked(tmp_path: Path) -> None:
    assert relevo("content", "check", folder=tmp_path).returncode == 0
    done = relevo("content", "check", str(tmp_path), folder=tmp_path)
    assert done.returncode == 1
    assert "desk.toml" in done.stdout


def test_transcripts_are_played(tmp_path: Path) -> None:
    kept = Path(__file__).parents[1] / "conversations" / "transcripts"
    wrong = tmp_path / "wrong.md"
    wrong.write_text("> hello\nI am a teapot\n", encoding="utf-8")
    done = relevo("content", "test", str(kept), str(wrong), folder=tmp_path)
    assert done.returncode == 1
    assert f"{wrong}:2: expected 'I am a teapot'" in done.stdout
    assert done.stdout.count("expected") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_run_opens_and_a_signal_closes_it(tmp_path: Path, number: int) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bot", "run"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=tmp_path,
        env=environment(tmp_path, RELEVO_HTTP__PORT="0", RELEVO_LOG__FORMAT="json"),
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
    assert re.match(r"Relevo is open\. Chat with the desk on http://127\.0\.0\.1:\d+/", line)
    process.send_signal(number)
    _, logged = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    key = (tmp_path / "var" / "secret_key").read_text()
    assert key not in line + logged.decode()


def test_requests_are_listed_shown_and_closed(tmp_path: Path) -> None:
    assert relevo("migrate", folder=tmp_path).returncode == 0
    assert relevo("requests", "list", folder=tmp_path).stdout == "No open requests.\n"
    asyncio.run(record_request(tmp_path / "var" / "relevo.db"))
    listed = relevo("requests", "list", folder=tmp_path).stdout
    assert re.search(r"^A-1 +open .* ana@example\.com +my server \[31mis down$", listed, re.MULTILINE)
    shown = relevo("requests", "show", "A-1", folder=tmp_path)
    assert (shown.returncode, "\x1b" in shown.stdout) == (0, False)
    assert relevo("requests", "close", "A-1", folder=tmp_path).returncode == 0
    assert relevo("requests", "close", "A-1", folder=tmp_path).returncode == 1
    assert relevo("requests", "show", "B-2", folder=tmp_path).returncode == 1
    assert "closed" in relevo("requests", "list", "--all", folder=tmp_path).stdout


async def record_request(file: Path) -> None:
    """A request as a turn records it; the customer tried to paint the reader's terminal."""
    from storage import turns
    from storage.engines import open_database
    from storage.rows import NewEvent, NewRequest, Turn

    database = open_database(f"sqlite:///{file}")
    await database.write(lambda c: turns.accept(c, [NewEvent(1, "test:desk:ana", "k", "{}", 1)], 1))
    [claim] = await database.write(lambda c: turns.claim(c, "n", 2, 60_000, 10))
    request = NewRequest("r", "A-1", "en", "my server \x1b[31mis down", "", "Ana", "ana@example.com")
    turn = Turn(claim, 1, "{}", "en", ((1, 1),), (), (), (request,), ())
    await database.write(lambda c: turns.commit(c, "n", [turn], 3))
    await database.close()
