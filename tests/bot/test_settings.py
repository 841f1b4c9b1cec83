"""Settings: what may be said, and the one clear line for whatever is wrong. A secret never appears in it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from adapters.email.settings import Server
from bot.settings import WrongSetting, load, secret_key, variables

KEY = "a-perfectly-long-enough-secret-key-of-ours"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper().startswith("RELEVO_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_without_any_setting_there_is_a_working_desk() -> None:
    settings = load()
    assert settings.database == f"sqlite:///{Path.cwd() / 'var' / 'relevo.db'}"
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 8080)
    assert (settings.content_dir / "answers").is_dir()


def test_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("RELEVO_HTTP__PORT=1111\nRELEVO_HTTP__HOST=0.0.0.0\nOTHER=1\n")
    monkeypatch.setenv("RELEVO_HTTP__PORT", "2222")
    assert (load().http.host, load().http.port) == ("0.0.0.0", 2222)


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELEVO_HTTP__ALLOWED_ORIGINS", "https://a.example, https://b.example:8443")
    monkeypatch.setenv("RELEVO_HTTP__TRUSTED_PROXIES", "10.0.0.0/8,::1")
    settings = load()
    assert settings.http.allowed_origins == ("https://a.example", "https://b.example:8443")
    assert settings.chat.allowed_origins == settings.http.allowed_origins
    assert [str(network) for network in settings.chat.trusted_proxies] == ["10.0.0.0/8", "::1/128"]


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("RELEVO_HTTP__PRT", "1", r"^RELEVO_HTTP__PRT: there is no such setting; did you mean RELEVO_HTTP__PORT\?$"),
        ("RELEVO_DATABSE_URL", "x", r"did you mean RELEVO_DATABASE_URL\?$"),
        ("RELEVO_QQQ", "1", r"^RELEVO_QQQ: there is no such setting$"),
        ("RELEVO_HTTP", "{}", r"^RELEVO_HTTP: there is no such setting"),
        ("RELEVO_HTTP__PORT", "eighty", r"^RELEVO_HTTP__PORT: .*integer"),
        ("RELEVO_HTTP__PORT", "70000", r"^RELEVO_HTTP__PORT: "),
        ("RELEVO_HTTP__ALLOWED_ORIGINS", "example.com", r"^RELEVO_HTTP__ALLOWED_ORIGINS: .*not an origin"),
        ("RELEVO_HTTP__TRUSTED_PROXIES", "10.0.0.0/8,proxy", r"^RELEVO_HTTP__TRUSTED_PROXIES: "),
        ("RELEVO_LOG__LEVEL", "loud", r"^RELEVO_LOG__LEVEL: "),
        ("RELEVO_WEBCHAT__LIMITS__MESSAGES__BURST", "0", r"^RELEVO_WEBCHAT__LIMITS__MESSAGES__(BURST|PER_SECOND): "),
        ("RELEVO_DATABASE_URL", "mysql://u:hunter2hunter2@h/d", r"^RELEVO_DATABASE_URL: write it like"),
        ("RELEVO_SECRET_KEY", "hunter2hunter2", r"^RELEVO_SECRET_KEY: .*32"),
        ("RELEVO_WEBCHAT__IDENTITY_SECRETS", "hunter2hunter2", r"^RELEVO_WEBCHAT__IDENTITY_SECRETS: .*32"),
        ("RELEVO_EMAIL__ADDRESS", "support", r"^RELEVO_EMAIL__ADDRESS: write one e-mail address"),
        ("RELEVO_EMAIL__ADDRESS", "support@desk.example", r"^RELEVO_EMAIL__SMTP_URL: it must be set where"),
        ("RELEVO_EMAIL__SMTP_URL", "smtp://u:hunter2@mail.desk.example/", r"^RELEVO_EMAIL__SMTP_URL: RELEVO_EMAIL__ADDRESS must be set"),
        ("RELEVO_EMAIL__SMTP_URL", "mail.desk.example", r"^RELEVO_EMAIL__SMTP_URL: write it like"),
        ("RELEVO_EMAIL__SMTP_URL", "imap://u:hunter2@mail.desk.example/", r"^RELEVO_EMAIL__SMTP_URL: write it like"),
        ("RELEVO_EMAIL__SMTP_URL", "smtp://u:hunter2@mail.desk.example:99999/", r"^RELEVO_EMAIL__SMTP_URL: write it like"),
        ("RELEVO_EMAIL__SMTP_URL", "smtp://u:hunter2@mail.desk.example/?tls=no", r"^RELEVO_EMAIL__SMTP_URL: write it like"),
        ("RELEVO_EMAIL__SMTP_URL", "smtp://u:hunter2@h.example/?starttls=maybe", r"^RELEVO_EMAIL__SMTP_URL: behind \? there may be"),
        ("RELEVO_EMAIL__SMTP_URL", "smtp://hunter2@mail.desk.example/", r"^RELEVO_EMAIL__SMTP_URL: a user needs a password"),
        ("RELEVO_DISCORD__TOKEN", "hunter2hunter2", r"^RELEVO_DISCORD__TOKEN: this is not the token of a bot"),
        ("RELEVO_DISCORD__API_BASE_URL", "discord.com", r"^RELEVO_DISCORD__API_BASE_URL: write it like https://discord.com/api/v10$"),
        ("RELEVO_DISCORD__GATEWAY_URL", "https://x.example", r"^RELEVO_DISCORD__GATEWAY_URL: write it like wss://"),
        ("RELEVO_DISCORD__TOKN", "x", r"^RELEVO_DISCORD__TOKN: .*did you mean RELEVO_DISCORD__TOKEN"),
        ("RELEVO_SECRET_KEY_FILE", "/does/not/exist", r"^RELEVO_SECRET_KEY_FILE: the file /does/not/exist cannot be read"),
    ],
)
@pytest.mark.parametrize("where", ["environment", "file"])
def test_a_wrong_setting_is_one_clear_line(where: str, name: str, value: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if where == "file":
        Path(".env").write_text(f"{name}='{value}'\n")
    else:
        monkeypatch.setenv(name, value)
    with pytest.raises(WrongSetting, match=line) as caught:
        load()
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtps://u:p%40ss@mail.example/", Server("mail.example", 465, "direct", "u", "p@ss")),
        ("smtp://mail.example", Server("mail.example", 587, "starttls")),
        ("smtp://mail.example:25/?starttls=never", Server("mail.example", 25, "never")),
        ("smtp://127.0.0.1:2525/", Server("127.0.0.1", 2525, "never")),
        ("smtp://[::1]:2525/", Server("::1", 2525, "never")),
        ("smtp://localhost/?starttls=always", Server("localhost", 587, "starttls")),
        ("smtp://127.0.0.1.evil.example/", Server("127.0.0.1.evil.example", 587, "starttls")),
    ],
)
def test_mail_is_encrypted_unless_it_stays_here_or_that_was_asked_for(url: str, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELEVO_EMAIL__ADDRESS", "Support@Desk.example")
    monkeypatch.setenv("RELEVO_EMAIL__SMTP_URL", url)
    assert load().email.address == "support@desk.example"
    assert load().email.server == server


def test_secrets_come_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    (tmp_path / "url").write_text("postgresql://desk:hunter2@db/desk")
    monkeypatch.setenv("RELEVO_SECRET_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("RELEVO_DATABASE_URL_FILE", str(tmp_path / "url"))
    settings = load()
    assert secret_key(settings).get_secret_value() == KEY
    assert settings.database == "postgresql://desk:hunter2@db/desk"
    assert KEY not in repr(settings)
    assert "hunter2" not in repr(settings)


def test_a_secret_given_twice_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    monkeypatch.setenv("RELEVO_SECRET_KEY", KEY)
    monkeypatch.setenv("RELEVO_SECRET_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(WrongSetting, match="keep one of the two") as caught:
        load()
    assert KEY not in str(caught.value)


def test_the_key_is_made_once_and_only_its_owner_may_read_it() -> None:
    settings = load()
    made = secret_key(settings).get_secret_value()
    file = settings.data_dir / "secret_key"
    assert len(made) >= 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret_key(load()).get_secret_value() == made
    assert [path.name for path in settings.data_dir.iterdir()] == ["secret_key"]


def test_a_key_cut_short_stops_the_start() -> None:
    settings = load()
    secret_key(settings)
    (settings.data_dir / "secret_key").write_text("short")
    with pytest.raises(WrongSetting, match=r"RELEVO_SECRET_KEY.*too short"):
        secret_key(settings)


def test_every_variable_has_a_plain_name() -> None:
    names = [name for name, _ in variables()]
    assert len(names) == len(set(names))
    assert all(name.isupper() and name.startswith("RELEVO_") for name in names)


def test_a_desk_that_anybody_else_may_reach_is_not_just_tried_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().tried_out
    for name, value in {
        "RELEVO_HTTP__HOST": "0.0.0.0",
        "RELEVO_HTTP__PUBLIC_URL": "https://chat.example.com",
        "RELEVO_HTTP__TRUSTED_PROXIES": "127.0.0.1/32",
        "RELEVO_WEBCHAT__ALLOWED_ORIGINS": "https://www.example.com",
    }.items():
        monkeypatch.setenv(name, value)
        assert not load().tried_out, name
        monkeypatch.delenv(name)
