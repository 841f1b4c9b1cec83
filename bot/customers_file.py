"""Reads a customer directory from a CSV file: rows of accounts, their services and addresses, and everything that is wrong with them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_interface
from typing import NamedTuple
from zoneinfo import available_timezones

from bot.markdown import nearest
from conversations.identity import CATEGORIES, REGISTERED, mailbox
from storage.directory import Listed, Wanted

EMAILS = {"email": REGISTERED, **{f"{category}_email": category for category in CATEGORIES}}
COLUMNS = ("number", "name", "locale", "zone", *EMAILS, "service_number", "service_name", "service_kind", "service_addresses")
LIMITS = {"number": 64, "name": 200, "service_number": 64, "service_name": 120, "service_kind": 60, "service_addresses": 2000}
DELIMITERS = ",;\t"
TOLD_EVERY = 1000

_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class Fault(NamedTuple):
    line: int
    message: str


class Directory(NamedTuple):
    """The accounts by number, in the order of the file, with the line that each was first named in; or what is wrong, by line."""

    accounts: dict[str, Wanted]
    lines: dict[str, int]
    faults: list[Fault]


class _Account:
    """One account while its rows are gathered."""

    def __init__(self, line: int) -> None:
        self.line = line
        self.single: dict[str, tuple[str, int]] = {}
        self.emails: set[tuple[str, str]] = set()
        self.mistyped = False
        self.services: dict[str, Listed] = {}


def read_directory(data: bytes, told: Callable[[int], object] = lambda lines: None) -> Directory:
    """Every row of the file, checked on its own and against the others. `told` is given how many more lines have been read.

    The text is UTF-8, with or without a byte-order mark (or UTF-16 with one, as Excel writes it); columns are separated by , ; or tabs.
    """
    try:
        text = data.decode(_MARKS.get(data[:2], "utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return Directory({}, {}, [Fault(line, "not UTF-8: save the file as “CSV UTF-8”")])
    return _Reader(text, told).read()


class _Reader:
    def __init__(self, text: str, told: Callable[[int], object]) -> None:
        # Only real line ends end a line here; str.splitlines knows a dozen more.
        self._lines = list(io.StringIO(text, newline=""))
        self._told = told
        self._faults: list[Fault] = []
        self._accounts: dict[str, _Account] = {}
        # Whose a registered address or a service is, and the line that said so.
        self._owners: dict[tuple[str, str], tuple[str, int]] = {}
        self._zones = available_timezones()

    def read(self) -> Directory:
        header = self._lines[0] if self._lines else ""
        delimiter = max(DELIMITERS, key=header.count)
        rows = self._rows(delimiter)
        names = [name.strip().lower() for name in next(rows, (1, []))[1]]
        if self._header(names):
            for line, cells in rows:
                self._row(line, names, cells)
        for account in self._accounts.values():
            if not account.mistyped and not any(category == REGISTERED for category, _ in account.emails):
                self._wrong(account.line, "email: the account has no registered address; each needs one, in one of its rows")
        accounts = {number: self._wanted(number, account) for number, account in self._accounts.items()}
        return Directory(accounts, {number: account.line for number, account in self._accounts.items()}, sorted(self._faults))

    def _wrong(self, line: int, message: str) -> None:
        self._faults.append(Fault(line, message))

    def _rows(self, delimiter: str) -> Iterator[tuple[int, list[str]]]:
        """Each row with the line it begins in; what is quoted may go on over several."""
        reader = csv.reader(self._lines, delimiter=delimiter, strict=True)
        line = told = 0
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                self._wrong(line + 1, f"the row cannot be read ({error})")
                break
            if line - told >= TOLD_EVERY:
                self._told(line - told)
                told = line
            if any(cell.strip() for cell in cells):
                yield line + 1, cells
            line = reader.line_num
        self._told(line - told)

    def _header(self, names: list[str]) -> bool:
        for name in names:
            if name not in COLUMNS:
                self._wrong(1, f"there is no column {name!r}{nearest(name, COLUMNS)}; there are {', '.join(COLUMNS)}")
        for name, count in Counter(names).items():
            if count > 1:
                self._wrong(1, f"the column {name} stands twice")
        for name in ("number", "email"):
            if name not in names:
                self._wrong(1, f"the column {name} is missing")
        return not self._faults

    def _row(self, line: int, names: list[str], cells: list[str]) -> None:
        if len(cells) != len(names):
            self._wrong(line, f"{len(cells)} columns, where the first line has {len(names)}")
            return
        row = {name: " ".join(cell.split()) for name, cell in zip(names, cells, strict=True)}
        for name, limit in LIMITS.items():
            if len(row.get(name, "")) > limit:
                self._wrong(line, f"{name}: longer than {limit} characters")
        if "\x00" in "".join(cells):
            self._wrong(line, "a character that no text has (NUL)")
            return
        number = row["number"]
        if not number:
            self._wrong(line, "number: it is empty; each row needs the account's")
            return
        account = self._accounts.setdefault(number, _Account(line))
        self._once(line, account, "name", row.get("name", ""))
        if (locale := row.get("locale", "")) and not _LOCALE.fullmatch(locale):
            self._wrong(line, f"locale: {locale!r} is no language; write it like es or en")
        self._once(line, account, "locale", locale)
        if (zone := row.get("zone", "")) and zone not in self._zones:
            self._wrong(line, f"zone: {zone!r} is no time zone; write it like Europe/Madrid")
        self._once(line, account, "zone", zone)
        for name, category in EMAILS.items():
            if typed := row.get(name, ""):
                self._email(line, number, account, name, category, typed)
        self._service(line, number, account, row)

    def _once(self, line: int, account: _Account, name: str, value: str) -> None:
        """What an account has one of may stand in any of its rows, but not differently."""
        if not value:
            return
        before, at = account.single.setdefault(name, (value, line))
        if before != value:
            self._wrong(line, f"{name}: {value!r}, but {before!r} in line {at} of the same account")

    def _email(self, line: int, number: str, account: _Account, name: str, category: str, typed: str) -> None:
        email = mailbox(typed)
        if not email:
            account.mistyped = account.mistyped or category == REGISTERED
            self._wrong(line, f"{name}: {typed[:80]!r} is no e-mail address")
            return
        if category == REGISTERED:
            self._once(line, account, name, email)
            self._owned(line, number, name, email)
        account.emails.add((category, email))

    def _owned(self, line: int, number: str, name: str, value: str) -> None:
        owner, at = self._owners.setdefault((name, value), (number, line))
        if owner != number:
            self._wrong(line, f"{name}: {value!r} is account {owner}'s already (line {at})")

    def _service(self, line: int, number: str, account: _Account, row: dict[str, str]) -> None:
        service = row.get("service_number", "")
        if not service:
            if given := [name for name in COLUMNS if name.startswith("service_") and row.get(name)]:
                self._wrong(line, f"service_number: it is empty, but {given[0]} is given")
            return
        addresses: dict[str, None] = {}
        for typed in filter(None, re.split(r"[\s,;|]+", row.get("service_addresses", ""))):
            try:
                addresses[str(ip_interface(typed) if "/" in typed else ip_address(typed))] = None
            except ValueError:
                self._wrong(line, f"service_addresses: {typed[:60]!r} is no IP address")
        self._owned(line, number, "service_number", service)
        listed = Listed(service, row.get("service_name", ""), row.get("service_kind", ""), json.dumps(list(addresses)))
        if account.services.setdefault(service, listed) != listed:
            self._wrong(line, f"service_number: {service!r} stands differently in an earlier row of the account")

    def _wanted(self, number: str, account: _Account) -> Wanted:
        single = {name: account.single.get(name, ("", 0))[0] for name in ("name", "locale", "zone")}
        services = tuple(account.services.values())
        return Wanted(number, single["name"], single["locale"], single["zone"], frozenset(account.emails), services)
