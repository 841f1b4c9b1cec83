"""Reads desk.toml: who the desk is, its facts, and the lists that forms choose from, with the line of everything found."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from bot.content_files import Marked, is_locale
from bot.markdown import Report, nearest
from conversations.engine import GUIDES
from conversations.flows.menu import NOTICES
from conversations.flows.subscriptions import ID_LIMIT
from conversations.knowledge import Desk, Listed
from conversations.texts import fold

LISTS = tuple(sorted({name for guide in GUIDES.values() for name in guide.form.lists}))
"""The tables that forms choose from."""

_NOTICE = re.compile(rf"[a-z][a-z0-9_]{{0,{ID_LIMIT - 1}}}")
_NOTICE_TITLE = 40
"""Characters: it stands on buttons, behind what they do."""

_FACT_NAME = re.compile(r"[a-z][a-z0-9_]*")


class DeskFile(NamedTuple):
    desk: Desk
    menu: tuple[Marked, ...]


def read_desk(text: str, report: Report) -> DeskFile | None:
    """Who the desk is; None when that cannot be told."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+)", str(error))
        report(int(place.group(1)) if place else text.count("\n") + 1, f"broken TOML: {error}")
        return None
    return _DeskReader(text, data, report).read()


class _DeskReader:
    def __init__(self, text: str, data: dict[str, Any], report: Report) -> None:
        self._lines = text.split("\n")
        self._data = data
        self._report = report
        self._sound = True

    def read(self) -> DeskFile | None:
        known = ("name", "locales", "default_locale", "time_zone", "menu", "facts", *LISTS, NOTICES)
        for key in self._data.keys() - set(known):
            self._report(self._line(key), f"unknown key {key}{nearest(key, known)}")
        name, zone, default = self._string("name"), self._string("time_zone"), self._string("default_locale")
        locales, menu = self._strings("locales"), self._strings("menu")
        for locale in locales:
            if not is_locale(locale.value):
                self._wrong(locale.line, f'"{locale.value}" is not the code of a language')
        codes = tuple(locale.value for locale in locales)
        if default and codes and default not in codes:
            self._wrong(self._line("default_locale"), f'default_locale "{default}" is not one of the locales{nearest(default, codes)}')
        if zone and not _is_zone(zone):
            self._wrong(self._line("time_zone"), f'"{zone}" is not a time zone; write it like Europe/Madrid')
        facts = self._facts()
        lists = {table: listed for table in (*LISTS, NOTICES) if (listed := self._described(table, codes))}
        self._check_notices(lists.get(NOTICES, ()))
        if not self._sound:
            return None
        return DeskFile(Desk(name, codes, default, zone, tuple(topic.value for topic in menu), facts, lists), menu)

    def _wrong(self, line: int, message: str) -> None:
        self._sound = False
        self._report(line, message)

    def _string(self, key: str) -> str:
        value = self._data.get(key)
        if isinstance(value, str) and value.strip():
            return value
        self._wrong(self._line(key), f"{key} must be a text in quotes" if key in self._data else f"{key} is missing")
        return ""

    def _strings(self, key: str) -> tuple[Marked, ...]:
        value = self._data.get(key)
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            self._wrong(self._line(key), f"{key} must be a list of texts in quotes" if key in self._data else f"{key} is missing")
            return ()
        marked = tuple(Marked(item, self._line(key, item=item)) for item in value)
        for twice in {item.value: item for n, item in enumerate(marked) if item.value in value[:n]}.values():
            self._wrong(twice.line, f'"{twice.value}" stands twice in {key}')
        return marked

    def _facts(self) -> dict[str, str]:
        facts = self._data.get("facts", {})
        if not isinstance(facts, dict):
            self._wrong(self._line("facts"), "facts must be a table: [facts]")
            return {}
        for name, value in facts.items():
            line = self._line(name, table="facts")
            if not _FACT_NAME.fullmatch(name):
                self._wrong(line, f"{name} cannot be a placeholder: a fact's name has only small letters, digits and _")
            elif isinstance(value, bool) or not isinstance(value, (str, int, float)) or not str(value).strip() or "\n" in str(value):
                self._wrong(line, f"the fact {name} must be a text in quotes, on one line, and not empty")
        return {name: str(value) for name, value in facts.items()}

    def _described(self, table: str, locales: Sequence[str]) -> tuple[Listed, ...]:
        """What a form can choose from: each entry has a title and a description in every language."""
        entries = self._data.get(table, {})
        fields = {f"{field}_{locale}" for field in ("title", "description") for locale in locales}
        for id, entry in entries.items() if isinstance(entries, dict) else ():
            where = f"{table}.{id}"
            line = self._line("", table=where)
            given = entry if isinstance(entry, dict) else {}
            for field in sorted(fields):
                if not isinstance(given.get(field), str) or not given[field].strip():
                    self._wrong(self._line(field, table=where) if field in given else line, f"{where} needs {field}, a text in quotes")
            for field in given.keys() - fields:
                self._report(self._line(field, table=where), f"unknown key {field}{nearest(field, fields)}")
        if not isinstance(entries, dict):
            self._wrong(self._line(table), f"{table} must be tables: [{table}.name]")
            return ()
        return tuple(
            Listed(id, *({locale: str(entry.get(f"{field}_{locale}", "")) for locale in locales} for field in ("title", "description")))
            for id, entry in entries.items()
            if isinstance(entry, dict)
        )

    def _check_notices(self, topics: Sequence[Listed]) -> None:
        """What one can subscribe to: its id travels in links and buttons, its title stands on buttons and can be typed."""
        first: dict[tuple[str, str], str] = {}
        for topic in topics:
            where = f"{NOTICES}.{topic.id}"
            if not _NOTICE.fullmatch(topic.id):
                self._wrong(self._line("", table=where), f"{topic.id} cannot be in a link: at most {ID_LIMIT} small letters, digits and _")
            for locale, title in topic.titles.items():
                line = self._line(f"title_{locale}", table=where)
                if len(title) > _NOTICE_TITLE:
                    self._wrong(line, f"the title has {len(title)} characters; at most {_NOTICE_TITLE} fit on a button")
                other = first.setdefault((locale, fold(title)), topic.id)
                if title and other != topic.id:
                    self._wrong(line, f'the title "{title}" is also that of {NOTICES}.{other}')

    def _line(self, key: str, *, table: str = "", item: str = "") -> int:
        """Where a key (or one item of its list, or with an empty key a table) is written; tomllib does not say. 1 when it is nowhere."""
        current, found = "", 0
        for n, line in enumerate(self._lines, 1):
            if header := re.match(r"\s*\[+\s*([^\]]*?)\s*\]", line):
                if found:
                    break
                current = re.sub(r"[\"'\s]", "", header.group(1))
                if current == (table or key) and not (table and key):
                    return n
                if not table and current.startswith(f"{key}."):
                    return n
            elif not found and current == table and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
                found = n
            if found and (not item or f'"{item}"' in line or f"'{item}'" in line):
                return n
        return found or 1


def _is_zone(name: str) -> bool:
    try:
        return bool(ZoneInfo(name))
    except (ValueError, KeyError, OSError):
        return False
