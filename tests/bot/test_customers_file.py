"""A billing panel's file: every way it may be written, and every fault told with its line."""

from __future__ import annotations

import pytest

from bot.customers_file import COLUMNS, Fault, read_directory
from storage.directory import Listed, Wanted

HEADER = "number,email,name,service_number,service_name,service_kind,service_addresses"
ROWS = "C-1,Ana@Example.com,Ana Núñez,123456,web-1,vps,198.41.0.4 2001:db8::/32\nC-1,,,123457,mail-1,,\n"
ANA = Wanted(
    "C-1",
    "Ana Núñez",
    "",
    "",
    frozenset({("registered", "ana@example.com")}),
    (Listed("123456", "web-1", "vps", '["198.41.0.4", "2001:db8::/32"]'), Listed("123457", "mail-1", "", "[]")),
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_same_file_in_any_dress(encoding: str, delimiter: str, end: str) -> None:
    written = f"{HEADER}\n{ROWS}".replace(",", delimiter).replace("\n", end)
    found = read_directory(written.encode(encoding))
    assert found.faults == []
    assert found.accounts == {"C-1": ANA}
    assert found.lines == {"C-1": 2}


def test_the_order_and_case_of_columns_and_empty_lines_do_not_matter() -> None:
    found = read_directory(b"EMAIL, Number\n\nana@example.com,C-1\n,\n")
    assert found.faults == []
    assert list(found.accounts) == ["C-1"]


def test_what_is_quoted_may_go_on_over_lines_and_the_lines_stay_right() -> None:
    found = read_directory(b'number,name,email\n1,"Ana\nRuiz",a@example.com\n2,"B, Ito",nobody\n')
    assert found.accounts["1"].name == "Ana Ruiz"
    assert Fault(4, "email: 'nobody' is no e-mail address") in found.faults


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ("1,nobody,,,,,", (2, "email: 'nobody' is no e-mail address")),
        ("1,,Ana,,,,", (2, "email: the account has no registered address; each needs one, in one of its rows")),
        (",a@example.com,,,,,", (2, "number: it is empty; each row needs the account's")),
        ("1,a@example.com,Ana,,,,\n1,,Eva,,,,", (3, "name: 'Eva', but 'Ana' in line 2 of the same account")),
        ("1,a@example.com,,,,,\n1,b@example.com,,,,,", (3, "email: 'b@example.com', but 'a@example.com' in line 2 of the same account")),
        ("1,a@example.com,,,,,\n2,A@EXAMPLE.COM,,,,,", (3, "email: 'a@example.com' is account 1's already (line 2)")),
        ("1,a@example.com,,7,,,\n2,b@example.com,,7,,,", (3, "service_number: '7' is account 1's already (line 2)")),
        ("1,a@example.com,,7,x,,\n1,,,7,y,,", (3, "service_number: '7' stands differently in an earlier row of the account")),
        ("1,a@example.com,,,web,,", (2, "service_number: it is empty, but service_name is given")),
        ("1,a@example.com,,7,,,10.0.0", (2, "service_addresses: '10.0.0' is no IP address")),
        ("1,a@example.com", (2, "2 columns, where the first line has 7")),
        ('1,a@example.com,"Ana', (2, "the row cannot be read (unexpected end of data)")),
        (f"{'1' * 65},a@example.com,,,,,", (2, "number: longer than 64 characters")),
        ("1,a@example.com,A\x00na,,,,", (2, "a character that no text has (NUL)")),
    ],
)
def test_every_fault_is_told_with_its_line(rows: str, fault: tuple[int, str]) -> None:
    assert read_directory(f"{HEADER}\n{rows}\n".encode()).faults == [Fault(*fault)]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (b"", "the column number is missing"),
        (b"number,emial\n", "there is no column 'emial'; did you mean \"email\"?"),
        (b"number,email,email\n", "the column email stands twice"),
        (b"number,email\n1,\xe1@example.com\n", "not UTF-8: save the file as “CSV UTF-8”"),
    ],
)
def test_a_file_that_cannot_be_understood(written: bytes, message: str) -> None:
    assert any(fault.message.startswith(message) for fault in read_directory(written).faults)


def test_an_account_may_have_languages_zones_and_addresses_for_each_category() -> None:
    row = "1,Ana,es,Europe/Madrid,a@example.com,b@example.com,s@example.com,x@example.com,,,,"
    found = read_directory(f"{','.join(COLUMNS)}\n{row}\n".encode())
    assert found.faults == []
    assert found.accounts["1"][1:4] == ("Ana", "es", "Europe/Madrid")
    assert {category for category, _ in found.accounts["1"].emails} == {"registered", "billing", "support", "abuse"}
    wrong = read_directory(f"{','.join(COLUMNS)}\n{row.replace('es,', 'Spanish,').replace('Europe/', 'Atlantis/')}\n".encode())
    assert [fault.message.partition(":")[0] for fault in wrong.faults] == ["locale", "zone"]


def test_how_far_it_has_read_is_told() -> None:
    told: list[int] = []
    rows = "".join(f"{n},a{n}@example.com\n" for n in range(2500))
    read_directory(f"number,email\n{rows}".encode(), told.append)
    assert (sum(told), len(told)) == (2501, 3)
