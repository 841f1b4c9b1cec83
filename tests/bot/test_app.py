"""The whole program in one process: start, serve, reload, refuse what it must refuse, and stop."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from bot.app import App, build
from bot.lock import only_process
from bot.settings import BESIDE_THE_CODE, FilesSettings, HttpSettings, Settings, WrongSetting
from bot.telemetry import configure
from tests.clamd import EICAR, Clamd, serving

CONTENT = BESIDE_THE_CODE / "content" / "introserv"


@pytest.fixture(scope="session")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the desk keeps of its files between starts: made once, so that each test starts quickly."""
    from bot.knowledge import load_knowledge

    folder = tmp_path_factory.mktemp("learnt")
    load_knowledge(CONTENT, folder)
    return folder


@pytest.fixture
def settings(tmp_path: Path, learnt: Path, file: Path) -> Settings:
    data = tmp_path / "var"
    shutil.copytree(learnt, data)
    shutil.move(file, data / "relevo.db")
    return Settings(content_dir=CONTENT, data_dir=data, http=HttpSettings(port=0))


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[tuple[App, httpx.AsyncClient]]:
    app = build(settings, configure("warning", "json"))
    opened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    run = asyncio.create_task(app.run(opened.set_result))
    done, _ = await asyncio.wait((run, opened), timeout=20, return_when=asyncio.FIRST_COMPLETED)
    if run in done:
        await run
    try:
        async with httpx.AsyncClient(base_url=await opened, trust_env=False) as client:
            yield app, client
    finally:
        app.stop()
        await asyncio.wait_for(run, 20)


async def test_it_says_that_it_is_well(settings: Settings) -> None:
    async with running(settings) as (app, client):
        assert (await client.get("/health")).json() == {"status": "ok"}
        ready = await client.get("/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")
        app.supervisor.down.add("worker")
        ready = await client.get("/ready")
        assert ready.status_code == 503
        assert "worker" in ready.json()["checks"]["loops"]
        app.supervisor.unwelcome["adapter.pigeon"] = "RELEVO_PIGEON__TOKEN: not known"
        assert "pigeon" in (await client.get("/ready")).json()["checks"]["platforms"]
        app.supervisor.down.clear()


async def test_every_answer_is_careful_and_tells_nothing_of_its_insides(settings: Settings) -> None:
    async with running(settings) as (app, client):
        for path, status, error in (("/nowhere", 404, "not_found"), ("/docs", 404, "not_found"), ("/openapi.json", 404, "not_found")):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()) == (status, {"error": error})
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "server" not in answer.headers

        async def broken(connection: object) -> None:
            raise RuntimeError("the password is hunter2")

        app.wellness._check_knowledge = broken  # type: ignore[assignment, method-assign]
        app.wellness._library = None  # type: ignore[assignment]
        answer = await client.get("/ready")
        assert (answer.status_code, answer.json()) == (500, {"error": "internal"})


async def test_the_metrics_have_their_names(settings: Settings) -> None:
    async with running(settings) as (_, client):
        text = (await client.get("/metrics")).text
    for name in (
        "events_accepted_total",
        "events_not_stored_total",
        "turns_total",
        "turns_failed_total",
        "answers_total",
        "deliveries_total",
        "turn_seconds_bucket",
        "inbox_pending",
        "inbox_lag_seconds",
        "conversations_parked",
        "outbox_due",
        "outbox_oldest_due_seconds",
        "outbox_failed",
        "requests_open",
        'tickets_open{state="waiting_customer"}',
        "resident_memory_bytes",
        "loop_restarts_total",
    ):
        assert f"relevo_{name}" in text
    resident = next(line for line in text.splitlines() if line.startswith("relevo_resident_memory_bytes "))
    assert float(resident.split()[1]) > 1e7


async def test_a_question_on_the_web_is_answered(settings: Settings) -> None:
    async with running(settings) as (_, client):
        token = (await client.post("/chat/sessions", json={"locale": "es"})).json()["token"]
        bearer = {"authorization": f"Bearer {token}"}
        question = {"client_id": "question-1", "text": "¿Qué prioridad pongo si mi servidor está caído?"}
        first, second = [await client.post("/chat/messages", json=question, headers=bearer) for _ in range(2)]
        assert (first.status_code, second.status_code) == (202, 200)
        entries: list[dict[str, Any]] = []
        while not any(entry["by"] == "desk" for entry in entries):
            after = entries[-1]["n"] if entries else 0
            entries += (await client.get(f"/chat/events?after={after}", headers=bearer, timeout=30)).json()["entries"]
        assert [entry["text"] for entry in entries if entry["by"] == "you"] == [question["text"]]
        assert "relevo_turns_total 1.0" in (await client.get("/metrics")).text


async def test_faulty_content_is_not_learnt_and_good_content_is(settings: Settings, tmp_path: Path) -> None:
    content = tmp_path / "content"
    shutil.copytree(CONTENT, content)
    async with running(settings.model_copy(update={"content_dir": content})) as (app, client):
        before = app.library.current
        desk = content / "desk.toml"
        good = desk.read_text()
        desk.write_text("name = ")
        await app.reload()
        assert app.library.current is before
        assert (await client.get("/ready")).status_code == 200
        desk.write_text(good.replace(before.desk.name, "Another Desk"))
        await app.reload()
        assert app.library.current.desk.name == "Another Desk"
        assert (await client.get("/chat/config")).json()["name"] == "Another Desk"


async def test_a_second_process_on_the_same_file_is_refused(settings: Settings) -> None:
    refusal = r"^RELEVO_DATABASE_URL: .*in use by the relevo that runs as process \d+; stop it first$"
    with only_process(settings.database), pytest.raises(WrongSetting, match=refusal):
        async with running(settings):
            pass
    async with running(settings) as (_, client):
        assert (await client.get("/health")).status_code == 200


async def test_a_port_that_is_taken_is_said_plainly(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(WrongSetting, match=rf"^RELEVO_HTTP__PORT: 127.0.0.1:{port} is in use by another program"):
            async with running(settings.model_copy(update={"http": HttpSettings(port=port)})):
                pass


async def test_content_that_cannot_be_read_stops_the_start_with_its_place(settings: Settings, tmp_path: Path) -> None:
    content = tmp_path / "content"
    shutil.copytree(CONTENT, content)
    (content / "desk.toml").write_text("name = ")
    with pytest.raises(WrongSetting, match=r"^RELEVO_CONTENT_DIR: .*desk\.toml:\d+: ") as caught:
        build(settings.model_copy(update={"content_dir": content}), configure("error", "json"))
    assert "\n" not in str(caught.value)


async def test_a_database_that_cannot_be_used_is_said_without_its_password(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for url in ("postgresql://desk:hunter2@127.0.0.1:1/desk", f"sqlite:///{folder}"):
        with pytest.raises(WrongSetting, match=r"^RELEVO_DATABASE_URL: ") as caught:
            async with running(settings.model_copy(update={"database_url": SecretStr(url)})):
                pass
        assert "hunter2" not in str(caught.value)


async def test_a_newer_database_is_refused(settings: Settings) -> None:
    import sqlite3

    with sqlite3.connect(settings.data_dir / "relevo.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with pytest.raises(WrongSetting, match=r"^RELEVO_DATABASE_URL: .*newer release"):
        async with running(settings):
            pass


async def test_a_scanner_that_is_away_is_told_and_files_are_refused_in_both_languages(settings: Settings, tmp_path: Path) -> None:
    files = FilesSettings(clamd=f"unix:{tmp_path}/away")
    async with running(settings.model_copy(update={"files": files})) as (_, client):
        ready = await client.get("/ready")
        assert ready.status_code == 503
        assert "scanner" in ready.text
        token = (await client.post("/chat/sessions", json={})).json()["token"]
        headers = {"authorization": f"Bearer {token}", "x-file-name": "a.log"}
        for language, said in (("en", "Try again later"), ("es", "Inténtalo más tarde")):
            answer = await client.post("/chat/files", content=b"a line\n", headers=headers | {"accept-language": language})
            assert (answer.status_code, answer.json()["error"]) == (503, "file_unchecked")
            assert said in answer.json()["message"]


async def test_an_infected_file_is_told(settings: Settings) -> None:
    async with serving(Clamd()) as address, running(settings.model_copy(update={"files": FilesSettings(clamd=address)})) as (_, client):
        assert (await client.get("/ready")).status_code == 200
        token = (await client.post("/chat/sessions", json={})).json()["token"]
        headers = {"authorization": f"Bearer {token}", "accept-language": "es"}
        answer = await client.post("/chat/files", content=EICAR, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (422, "file_infected")
        assert "antivirus" in answer.json()["message"]
        assert (await client.post("/chat/files", content=b"a line\n", headers=headers)).status_code == 201


@pytest.mark.parametrize("wrong", ["clamd", "tcp://host", "tcp://:3310", "tcp://host:port", "http://host:3310", "unix:clamd.ctl"])
def test_where_the_scanner_is_must_be_clear(wrong: str) -> None:
    with pytest.raises(ValueError, match="write it like"):
        FilesSettings(clamd=wrong)
