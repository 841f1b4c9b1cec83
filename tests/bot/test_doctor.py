"""`relevo doctor`: what it says of an installation, of one that is faulty, and of platforms that do not let us in."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import pytest
from discord import Intents
from pydantic import SecretStr

from adapters.base import Finding
from adapters.discord import check as discord_check
from adapters.discord.settings import DiscordSettings
from adapters.email.settings import EmailSettings
from adapters.slack import check as slack_check
from adapters.slack.settings import SlackSettings
from adapters.telegram.settings import TelegramSettings
from bot import doctor
from bot.doctor import Line, examine, failed
from bot.settings import BESIDE_THE_CODE, HttpSettings, Settings
from storage import migrate
from tests.adapters.discord_desk import library_restored, settings_for
from tests.adapters.discord_server import TOKEN as DISCORD_TOKEN
from tests.adapters.discord_server import DiscordServer
from tests.adapters.slack_server import SlackServer
from tests.adapters.slack_wire import APP_TOKEN, BOT_TOKEN
from tests.adapters.telegram_server import TOKEN as TELEGRAM_TOKEN
from tests.adapters.telegram_server import TelegramServer
from tests.bot.test_cli import relevo
from tests.e2e.program import Program
from tests.postbox import CERTIFICATE, certified, opened


def settings(folder: Path, **more: Any) -> Settings:
    return Settings(_env_file=None, **{"data_dir": folder, "http": HttpSettings(port=0), **more})


async def told(name: str, settings: Settings) -> list[Finding]:
    """What is said of one thing, when nothing else is looked at."""
    with patch.object(doctor, "CHECKS", tuple(each for each in doctor.CHECKS if each[0] == name)):
        lines = await examine(settings)
    return [Finding(line.level, line.text) for line in lines if line.check == name and line.level != "off"]


def levels(lines: list[Line], name: str) -> set[str]:
    return {line.level for line in lines if line.check == name}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- the installation ---


async def test_a_fresh_folder_has_no_faults_and_stays_as_it_was(tmp_path: Path) -> None:
    lines = await examine(settings(tmp_path / "var"))
    assert not failed(lines)
    assert [line.check for line in lines] == ["settings", *(name for name, _ in doctor.CHECKS)]
    assert [line.check for line in lines if line.level == "off"] == ["e-mail", "telegram", "slack", "discord"]
    assert not (tmp_path / "var").exists()


async def test_a_database_is_written_and_read_back(file: Path) -> None:
    [found] = await told("database", settings(file.parent))
    assert found.level == "ok"
    assert f"SQLite {sqlite3.sqlite_version}, tables of this release, written and read back" in found.text
    with sqlite3.connect(file) as database:
        assert database.execute("SELECT count(*), max(version_num) FROM alembic_version").fetchone() == (1, migrate.HEAD)


async def test_tables_of_another_release_are_told_apart(file: Path) -> None:
    for revision, level, remedy in (("9999", "FAIL", "newer release"), ("0001", "warn", "relevo migrate")):
        with sqlite3.connect(file) as database:
            database.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        database.close()
        [found] = await told("database", settings(file.parent))
        assert found.level == level
        assert remedy in found.text


async def test_a_file_that_is_no_database_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "relevo.db").write_bytes(b"these are not tables " * 100)
    [found] = await told("database", settings(tmp_path))
    assert found.level == "FAIL"


async def test_a_database_server_that_is_away_is_a_fault_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql://desk:a-password-of-ours@127.0.0.1:{free_port()}/desk"
    lines = await examine(settings(tmp_path, database_url=SecretStr(url)))
    assert levels(lines, "database") == {"FAIL"}
    assert "a-password-of-ours" not in str(lines)


async def test_a_key_that_others_can_read_is_a_fault(tmp_path: Path) -> None:
    key = tmp_path / "secret_key"
    key.write_text("k" * 64)
    key.chmod(0o640)
    [found] = await told("key", settings(tmp_path))
    assert found == Finding("FAIL", f"others on this machine may read the key: chmod 600 {key}")
    key.chmod(0o600)
    assert [found.level for found in await told("key", settings(tmp_path))] == ["ok"]
    key.write_text("short")
    assert [found.level for found in await told("key", settings(tmp_path))] == ["FAIL"]


async def test_a_data_folder_that_is_a_file_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("not a folder")
    assert [found.level for found in await told("data", settings(tmp_path / "var"))] == ["FAIL"]


async def test_faults_in_the_content_are_counted_and_the_first_are_named(tmp_path: Path) -> None:
    content = shutil.copytree(BESIDE_THE_CODE / "content" / "introserv", tmp_path / "content")
    for path in sorted((content / "answers").glob("*.md"))[:5]:
        path.write_text("nothing that could be read\n", encoding="utf-8")
    [found] = await told("content", settings(tmp_path / "var", content_dir=content))
    assert found.level == "FAIL"
    assert int(found.text.split(" ", 1)[0]) >= 5
    assert found.text.count(".md:") == 3
    assert found.text.endswith(f"relevo content check {content}")


async def test_a_port_that_another_program_has_is_a_fault(tmp_path: Path) -> None:
    async def stranger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nit works")
        writer.close()

    server = await asyncio.start_server(stranger, "127.0.0.1", 0)
    number = server.sockets[0].getsockname()[1]
    async with server:
        [found] = await told("port", settings(tmp_path, http=HttpSettings(port=number)))
    assert found.level == "FAIL"
    assert "in use by another program" in found.text


async def test_a_desk_that_runs_is_recognised_and_not_disturbed(tmp_path: Path) -> None:
    program = Program(tmp_path)
    try:
        await asyncio.to_thread(program.start)
        lines = await examine(settings(tmp_path, http=HttpSettings(port=program.port)))
        assert not failed(lines)
        assert any(line.text == f"a desk answers on 127.0.0.1:{program.port}" for line in lines)
        assert await asyncio.to_thread(program.stop) == 0
    finally:
        await asyncio.to_thread(program.kill)


@pytest.mark.parametrize(
    ("http", "level"),
    [
        (HttpSettings(port=0), "ok"),
        (HttpSettings(port=0, host="0.0.0.0"), "warn"),
        (HttpSettings(port=0, public_url="http://chat.example.com"), "warn"),
        (HttpSettings(port=0, public_url="http://localhost:8080"), "ok"),
        (HttpSettings(port=0, public_url="https://chat.example.com"), "ok"),
    ],
)
async def test_the_public_address(tmp_path: Path, http: HttpSettings, level: str) -> None:
    assert [found.level for found in await told("address", settings(tmp_path, http=http))] == [level]


async def test_a_clock_that_is_years_behind_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.clock.Clock.now", lambda self: 1_000)
    assert [found.level for found in await told("clock", settings(tmp_path))] == ["FAIL"]


async def test_a_check_that_breaks_or_hangs_does_not_hide_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(_: Settings) -> list[Finding]:
        raise RuntimeError("with a customer's words")

    async def hangs(_: Settings) -> list[Finding]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(doctor, "CHECKS", (("data", breaks), ("key", hangs), *doctor.CHECKS[2:]))
    lines = await examine(settings(tmp_path), longest=5)
    assert levels(lines, "data") == levels(lines, "key") == {"FAIL"}
    assert levels(lines, "port") == {"ok"}
    assert "customer's words" not in str(lines)


# --- as it is typed ---


def test_the_command_says_a_line_a_check_and_its_exit_code(tmp_path: Path) -> None:
    done = relevo("doctor", folder=tmp_path, RELEVO_HTTP__PORT="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert {line[:5].strip() for line in done.stdout.splitlines()} == {"ok", "off"}
    faulty = relevo("doctor", "--json", folder=tmp_path, RELEVO_HTTP__PORT="0", RELEVO_CONTENT_DIR=str(tmp_path))
    assert (faulty.returncode, faulty.stderr) == (1, "")
    said = json.loads(faulty.stdout)
    assert said["ok"] is False
    assert [line["check"] for line in said["checks"] if line["level"] == "FAIL"] == ["content"]


def test_settings_that_are_wrong_are_a_failed_check(tmp_path: Path) -> None:
    done = relevo("doctor", folder=tmp_path, RELEVO_HTTP__PROT="1")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == "FAIL  settings  RELEVO_HTTP__PROT: there is no such setting; did you mean RELEVO_HTTP__PORT?\n"


# --- Telegram ---


def telegram(server: TelegramServer, token: str = TELEGRAM_TOKEN, **more: Any) -> TelegramSettings:
    return TelegramSettings(token=SecretStr(token), base_url=server.url, **more)


async def test_a_telegram_bot_that_is_well(tmp_path: Path) -> None:
    with TelegramServer() as server:
        found = await told("telegram", settings(tmp_path, telegram=telegram(server)))
        assert [finding.level for finding in found] == ["ok"] * 4
        assert "@relevo_bot" in found[0].text
        assert not {"getUpdates", "deleteWebhook", "setMyCommands"} & {method for method, _ in server.calls}


async def test_a_wrong_telegram_token_is_a_fault_and_is_not_shown(tmp_path: Path) -> None:
    token = "7000000001:AAE-another_Token"
    with TelegramServer() as server:
        lines = await examine(settings(tmp_path, telegram=telegram(server, token)))
    assert levels(lines, "telegram") == {"FAIL"}
    assert "BotFather" in str(lines)
    assert token not in str(lines)


async def test_what_stands_in_the_way_of_a_telegram_bot_is_said(tmp_path: Path) -> None:
    with TelegramServer() as server:
        server.webhook, server.hears_all = {"url": "https://elsewhere.example/hook"}, True
        server.commands = {"": [{"command": "old", "description": "of an older release"}]}
        found = await told("telegram", settings(tmp_path, telegram=telegram(server)))
    assert [finding.level for finding in found] == ["ok", "warn", "warn", "warn"]
    assert ("/setprivacy" in found[1].text, "a webhook is set" in found[2].text) == (True, True)


async def test_a_telegram_webhook_that_cannot_be_delivered_to_is_a_fault(tmp_path: Path) -> None:
    hooked: dict[str, Any] = {"mode": "webhook", "webhook_secret": SecretStr("a-long-random-word")}
    with TelegramServer() as server:
        desk = settings(tmp_path, telegram=telegram(server, **hooked), http=HttpSettings(port=0, public_url="https://chat.example.com"))
        assert (await told("telegram", desk))[2].level == "warn"
        server.webhook = {"url": "https://chat.example.com/hooks/telegram"}
        assert (await told("telegram", desk))[2].level == "ok"
        server.message(7, text="hello")
        server.undelivered = "Connection refused"
        found = (await told("telegram", desk))[2]
        assert (found.level, "Connection refused" in found.text) == ("FAIL", True)
        without = settings(tmp_path, telegram=telegram(server, **hooked))
        assert [found.level for found in await told("telegram", without)] == ["FAIL"]


async def test_a_telegram_that_cannot_be_reached_is_a_fault(tmp_path: Path) -> None:
    away = TelegramSettings(token=SecretStr(TELEGRAM_TOKEN), base_url=f"http://127.0.0.1:{free_port()}")
    [found] = await told("telegram", settings(tmp_path, telegram=away))
    assert (found.level, "cannot be reached" in found.text) == ("FAIL", True)


# --- Slack ---


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    server = SlackServer()
    await server.start()
    yield server
    await server.stop()


def app(server: SlackServer, bot: str = BOT_TOKEN, token: str = APP_TOKEN) -> SlackSettings:
    return SlackSettings(bot_token=SecretStr(bot), app_token=SecretStr(token), base_url=server.base_url)


async def test_a_slack_app_that_is_well(tmp_path: Path, slack: SlackServer) -> None:
    found = await told("slack", settings(tmp_path, slack=app(slack)))
    assert [finding.level for finding in found] == ["ok"] * 4
    assert found[2].text == "this machine's clock agrees with Slack's"
    assert [method for method, _ in slack.calls] == ["auth.test", "apps.connections.open"]


@pytest.mark.parametrize("scope", slack_check.SCOPES)
async def test_a_missing_slack_scope_is_named(tmp_path: Path, slack: SlackServer, scope: str) -> None:
    slack.missing = scope
    found = (await slack_check.check(app(slack), "", lambda: 0))[1]
    assert found.level == "FAIL"
    assert found.text.startswith(f"the bot lacks the scopes {scope}: ")


async def test_wrong_slack_tokens_are_told_apart(tmp_path: Path, slack: SlackServer) -> None:
    found = await told("slack", settings(tmp_path, slack=app(slack, bot="xoxb-another")))
    assert [finding.level for finding in found] == ["FAIL", "ok"]
    assert found[0].text.startswith("RELEVO_SLACK__BOT_TOKEN: Slack does not take it (invalid_auth)")
    found = await told("slack", settings(tmp_path, slack=app(slack, token="xapp-another")))
    assert [finding.level for finding in found] == ["ok", "ok", "ok", "FAIL"]
    assert found[3].text.startswith("RELEVO_SLACK__APP_TOKEN: Slack does not take it (invalid_auth)")


async def test_a_clock_that_slack_would_not_agree_with_is_a_fault(slack: SlackServer) -> None:
    found = (await slack_check.check(app(slack), "", lambda: 1_000))[2]
    assert (found.level, "NTP" in found.text) == ("FAIL", True)


async def test_slack_by_http_needs_an_https_address(tmp_path: Path, slack: SlackServer) -> None:
    by_http = SlackSettings(mode="http", bot_token=SecretStr(BOT_TOKEN), signing_secret=SecretStr("s" * 32), base_url=slack.base_url)
    assert (await told("slack", settings(tmp_path, slack=by_http)))[3].level == "FAIL"
    public = HttpSettings(port=0, public_url="https://chat.example.com")
    found = (await told("slack", settings(tmp_path, slack=by_http, http=public)))[3]
    assert (found.level, "https://chat.example.com/hooks/slack" in found.text) == ("ok", True)


# --- Discord ---


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    server = DiscordServer()
    await server.start()
    with library_restored():
        yield server
    await server.stop()


async def test_a_discord_bot_that_is_well(tmp_path: Path, discord: DiscordServer) -> None:
    found = await told("discord", settings(tmp_path, discord=settings_for(discord)))
    assert [finding.level for finding in found] == ["ok"] * 4
    assert discord.gateway.open == 0


async def test_a_wrong_discord_token_is_a_fault_and_is_not_shown(tmp_path: Path, discord: DiscordServer) -> None:
    token = DISCORD_TOKEN[:-4] + "wron"
    lines = await examine(settings(tmp_path, discord=settings_for(discord, token)))
    assert levels(lines, "discord") == {"FAIL"}
    assert "RELEVO_DISCORD__TOKEN: Discord does not accept it" in str(lines)
    assert token not in str(lines)


async def test_a_missing_discord_intent_is_a_fault(discord: DiscordServer) -> None:
    wanted = Intents(guild_messages=True, message_content=True)
    found = (await discord_check.check(settings_for(discord), wanted))[1]
    assert (found.level, "lacks the Message Content Intent" in found.text) == ("FAIL", True)
    discord.flags = 1 << 19
    assert (await discord_check.check(settings_for(discord), wanted))[1].level == "ok"


async def test_what_stands_in_the_way_of_a_discord_bot_is_said(tmp_path: Path, discord: DiscordServer) -> None:
    discord.flags, discord.endpoint, discord.sessions_left = 1 << 14, "https://elsewhere.example/", 0
    found = await told("discord", settings(tmp_path, discord=settings_for(discord)))
    assert [finding.level for finding in found] == ["ok", "warn", "FAIL", "FAIL"]
    assert "Server Members Intent" in found[1].text


async def test_a_discord_that_cannot_be_reached_is_a_fault(tmp_path: Path) -> None:
    away = f"127.0.0.1:{free_port()}"
    nowhere = DiscordSettings(token=SecretStr(DISCORD_TOKEN), api_base_url=f"http://{away}/api", gateway_url=f"ws://{away}/")
    with library_restored():
        [found] = await told("discord", settings(tmp_path, discord=nowhere))
    assert (found.level, "cannot be reached" in found.text) == ("FAIL", True)


# --- mail ---


def mail(url: str) -> EmailSettings:
    return EmailSettings(address="support@example.com", smtp_url=SecretStr(url))


async def test_a_mail_server_is_logged_in_to_and_sent_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    async with opened(tls=certified(), login=b"a secret word") as box:
        url = f"smtp://desk:{quote('a secret word')}@localhost:{box.port}/?starttls=always"
        found = await told("e-mail", settings(tmp_path, email=mail(url)))
        assert found == [Finding("ok", f"localhost:{box.port} is there (STARTTLS, logged in)")]
        assert (box.logins, box.mails) == ([(b"desk", b"a secret word")], [])


async def test_a_login_that_is_refused_is_a_fault_without_the_password(tmp_path: Path) -> None:
    async with opened(login=b"right") as box:
        lines = await examine(settings(tmp_path, email=mail(f"smtp://desk:wrong-password@127.0.0.1:{box.port}/")))
    assert levels(lines, "e-mail") == {"FAIL"}
    assert "does not take the user and password (535)" in str(lines)
    assert "wrong-password" not in str(lines)


async def test_other_faults_of_a_mail_server_are_told_apart(tmp_path: Path) -> None:
    async with opened() as box:
        [found] = await told("e-mail", settings(tmp_path, email=mail(f"{box.url}?starttls=always")))
        assert (found.level, "does not offer" in found.text) == ("FAIL", True)
    async with opened(tls=certified(), direct=True) as box:
        [found] = await told("e-mail", settings(tmp_path, email=mail(f"smtps://localhost:{box.port}/")))
        assert (found.level, "certificate of localhost is not accepted" in found.text) == ("FAIL", True)
    [found] = await told("e-mail", settings(tmp_path, email=mail(f"smtp://127.0.0.1:{free_port()}/")))
    assert (found.level, "cannot be reached" in found.text) == ("FAIL", True)
