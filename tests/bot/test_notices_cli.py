"""`relevo notice` as it is typed: what it publishes, what it refuses and in which words, and that a dry run leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, text

from adapters.discord.commands import declared
from adapters.telegram import words
from bot.cli import main
from storage import migrate
from tests.bot.desk import write_desk

OUTAGE = ("publish", "--topic", "outage")


class Shell:
    def __init__(self, folder: Path) -> None:
        self._url = f"sqlite:///{folder / 'relevo.db'}"
        self.settings = {"RELEVO_DATA_DIR": str(folder), "RELEVO_DATABASE_URL": self._url}
        migrate.upgrade(self._url)

    def run(self, *typed: str, code: int = 0, said: str = "") -> str:
        done = CliRunner().invoke(main, ["notice", *typed], env=self.settings, input=said)
        assert done.exit_code == code, done.output
        return done.output

    def published(self) -> list[tuple[str, str, dict[str, str]]]:
        with create_engine(self._url.replace("sqlite", "sqlite+pysqlite", 1)).connect() as connection:
            found = connection.execute(text("SELECT key, topic, texts FROM notice ORDER BY id")).all()
        return [(key, topic, json.loads(texts)) for key, topic, texts in found]

    def subscribe(self, *readers: tuple[str, str]) -> None:
        with create_engine(self._url.replace("sqlite", "sqlite+pysqlite", 1)).begin() as connection:
            for id, (address, locale) in enumerate(readers, 1):
                connection.execute(
                    text("INSERT INTO conversation VALUES (1, :id, 1, 1, :address, '', :locale, 1, 1)"),
                    {"id": id, "address": address, "locale": locale},
                )
                connection.execute(text("INSERT INTO subscription VALUES (1, :id, 'outage', 1)"), {"id": id})


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_a_dry_run_shows_who_gets_what_and_leaves_nothing(shell: Shell) -> None:
    shell.subscribe(("telegram:1:1", "es"), ("telegram:1:2", "en"), ("slack:t:3", "en"), ("web:s:4", ""))
    told = shell.run(*OUTAGE, "--en", "The network is slow.\n\nMore at 12:30.", "--dry-run")
    assert "--- es ---\nIncidencias y cortes\n\nThe network is slow.\n\nMore at 12:30.\n\nTe llega porque" in told
    assert "[🔕 Turn off: Outages]" in told
    assert "Recipients: 4 (slack 1, telegram 2, web 1)" in told
    assert "There is no text in es: 2 of them read es, and get it in en." in told
    assert "Nothing was kept or sent" in told
    assert shell.published() == []


def test_both_languages_are_kept_and_nothing_is_missing(shell: Shell) -> None:
    told = shell.run(*OUTAGE, "--es", "  La red va lenta. ", "--en", "-", "--key", "n1", said="The network is slow.\n")
    assert "There is no text" not in told
    assert "Notice n1 is published" in told
    assert shell.published() == [("n1", "outage", {"es": "La red va lenta.", "en": "The network is slow."})]
    assert "beginning" in shell.run("list")
    [listed] = json.loads(shell.run("list", "--json"))
    assert (listed["key"], listed["stage"], listed["planned"], listed["sent"]) == ("n1", "beginning", 0, 0)


def test_the_same_key_publishes_once_and_another_text_under_it_is_refused(shell: Shell) -> None:
    shell.run(*OUTAGE, "--en", "One.", "--key", "n1")
    assert "published" in shell.run(*OUTAGE, "--en", "One.", "--key", "n1")
    for other in ((*OUTAGE, "--en", "Two."), (*OUTAGE, "--en", "One.", "--es", "Uno."), ("publish", "--topic", "change", "--en", "One.")):
        assert "another notice was published with this key" in shell.run(*other, "--key", "n1", code=1)
    assert len(shell.published()) == 1


def test_without_a_key_each_is_a_notice_of_its_own(shell: Shell) -> None:
    shell.run(*OUTAGE, "--en", "One.")
    shell.run(*OUTAGE, "--en", "One.")
    assert len({key for key, _, _ in shell.published()}) == 2


def test_what_steers_a_terminal_or_turns_text_around_is_taken_out(shell: Shell) -> None:
    shell.run(*OUTAGE, "--en", "up \x1b[31mred\x07 and \u202edown\udcff")
    [(_, _, texts)] = shell.published()
    assert texts["en"].isprintable()
    assert "\u202e" not in texts["en"]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (("publish", "--topic", "outages", "--en", "x"), "there is no outages; there are outage, maintenance, change"),
        (OUTAGE, "a notice needs a text: --es, --en, or better both"),
        ((*OUTAGE, "--en", "   "), "--en: the text is empty"),
        ((*OUTAGE, "--en", "x" * 3001), "--en: at most 3000 characters, not 3001"),
        ((*OUTAGE, "--en", "-", "--es", "-"), "only one text can be read from standard input"),
        ((*OUTAGE, "--en", "x", "--key", "k" * 101), "--key: at most 100 characters"),
        ((*OUTAGE, "--en", "x", "--key", "a\nb"), "--key: at most 100 characters that can be printed"),
    ],
)
def test_what_cannot_be_published_is_refused_in_one_line(shell: Shell, typed: tuple[str, ...], told: str) -> None:
    said = shell.run(*typed, code=2)
    assert told in said
    assert said.count("\n") == 1
    assert shell.published() == []


def test_a_desk_that_declares_none_publishes_none_and_a_language_it_does_not_speak_is_said(shell: Shell, tmp_path: Path) -> None:
    desk = write_desk(tmp_path / "desk")
    shell.settings["RELEVO_CONTENT_DIR"] = str(desk)
    assert "this desk declares no notices" in shell.run(*OUTAGE, "--en", "x", code=2)
    toml = desk / "desk.toml"
    spanish = toml.read_text(encoding="utf-8").replace('locales = ["es", "en"]', 'locales = ["es"]').replace('title_en = "Sales"\n', "")
    spanish = spanish.replace('description_en = "Purchases."\n', "")
    toml.write_text(spanish + '\n[notices.outage]\ntitle_es = "Cortes"\ndescription_es = "Algo."\n', encoding="utf-8")
    for english in (*desk.glob("*/*.en.md"), desk / "phrases/en.po"):
        english.unlink()
    assert "--en: this desk does not speak it; it speaks es" in shell.run(*OUTAGE, "--en", "x", code=2)


def test_a_database_of_an_older_release_is_said_to_be_one(shell: Shell, tmp_path: Path) -> None:
    shell.settings["RELEVO_DATABASE_URL"] = f"sqlite:///{tmp_path / 'other.db'}"
    assert "start the desk, or run relevo migrate" in shell.run("list", code=2)
    assert not (tmp_path / "other.db").exists()


def test_with_nothing_published_the_list_says_so(shell: Shell) -> None:
    assert shell.run("list") == "No notices.\n"
    assert json.loads(shell.run("list", "--json")) == []


def test_telegrams_menu_has_the_command_only_where_there_are_notices() -> None:
    for language in words.LANGUAGES:
        have, lack = words.commands(language, True), words.commands(language, False)
        assert [name for name, _ in have if name not in dict(lack)] == ["notices"]
        # https://core.telegram.org/bots/api#botcommand
        assert all(3 <= len(description) <= 256 for _, description in have)


def test_discords_list_has_the_command_only_where_there_are_notices() -> None:
    have, lack = ({command["name"]: command["name_localizations"]["es-ES"] for command in declared(notices)} for notices in (True, False))
    assert {name: have[name] for name in have.keys() - lack.keys()} == {"notices": "avisos"}
