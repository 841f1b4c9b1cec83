"""Every fault of a desk's files is found, with its file and its line, and said so that an editor can mend it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.content_check import check
from bot.knowledge import load_knowledge
from conversations.flows.subscriptions import topics
from tests.bot.desk import DESK as DESK_TEXT
from tests.bot.desk import phrases, write_desk

ES, EN, DESK, PO = "answers/billing.es.md", "answers/billing.en.md", "desk.toml", "phrases/en.po"
EN_HOURS = "answers/hours.en.md"
PLURAL = 'msgid_plural "count"\nmsgstr[0] "{n} en one"\nmsgstr[1] "{n} en many in {minutes}"'
SHIPPED = Path(__file__).parents[2] / "content" / "introserv"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    return write_desk(tmp_path / "desk")


def test_a_sound_desk_has_no_faults(desk: Path) -> None:
    assert check(desk) == []


def test_the_shipped_desk_has_no_faults() -> None:
    assert [str(fault) for fault in check(SHIPPED)] == []


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "message"),
    [
        # front matter
        (ES, "---\ntitle", "title", 1, "begins with a line of ---"),
        (ES, "person]\n---", "person]\n", 1, "not closed"),
        (ES, "  - quiero pagar", "  - 'quiero pagar", 5, "broken YAML"),
        (ES, "related: [hours]", "related: [hours", 9, "broken YAML"),
        (ES, "actions:", "action:", 10, 'unknown key action; did you mean "actions"?'),
        (ES, "actions: [ticket, person]", "related: [hours]", 10, "stands twice; first on line 9"),
        (EN, "title: Invoices\n", "title: Invoices\nrelated: [hours]\n", 3, "belongs in billing.es.md"),
        (EN, "title: Invoices\n", "", 1, "title is missing"),
        (EN, "title: Invoices", "title:", 2, "title is empty"),
        (EN, "title: Invoices", "title: [Invoices]", 2, "title must be one text"),
        (EN, "title: Invoices", f"title: {'x' * 61}", 2, "61 characters; at most 60"),
        (EN_HOURS, "title: Opening hours", "title: INVOICES", 2, 'the title "INVOICES" is also that of answers/billing.en.md:2'),
        (EN, "title: Invoices", "title: Invoices in {minute}", 2, '{minute}: desk.toml has no such fact; did you mean "minutes"?'),
        (EN, "title: Invoices", "title: Invoices {", 2, "must be doubled"),
        (EN, "phrasings:", "phrases:", 3, 'unknown key phrases; did you mean "phrasings"?'),
        (EN, "  - I want to pay\n", "", 3, "4 phrasings are too few"),
        (EN, "  - I want to pay", "  - I want: to pay", 5, "quotes"),
        (EN, "  - I want to pay", "  - I want to pay order #123", 5, "comment"),
        (EN, "  - I want to pay", "  - #123", 5, "empty"),
        (EN, "  - I want to pay", "  - '...'", 5, "no word"),
        (EN, "  - I want to pay", "  - Where is my INVOICE?", 5, "the same as on line 4"),
        (EN_HOURS, "opening hours,", "I want to... pay!,", 3, '"I want to... pay!" is the same as on answers/billing.en.md:5'),
        (ES, "related: [hours]", "related: [hour]", 9, 'there is no "hour" to name here; did you mean "hours"?'),
        (ES, "related: [hours]", "related: [hours, hours]", 9, "stands twice"),
        (ES, "related: [hours]", "related: [billing]", 9, "there is no"),
        (ES, "actions: [ticket, person]", "actions:\n  - ticket\n  - persons", 12, 'did you mean "person"?'),
        (ES, "actions: [ticket, person]", "flow: langage", 10, 'flow: there is no "langage" to name here; did you mean "language"?'),
        (ES, "actions: [ticket, person]", "smalltalk: maybe", 10, "smalltalk is true or false"),
        (ES, "actions: [ticket, person]", "urgent: very", 10, "urgent is true or false"),
        # body
        (EN, "You will see it in {minutes} minutes.", "", 10, "the answer is empty"),
        (EN, "in {minutes} minutes.", "\nin {minuts} minutes.", 11, '{minuts}: desk.toml has no such fact; did you mean "minutes"?'),
        (EN, "in {minutes} minutes.", "in {minutes minutes.", 10, "must be doubled"),
        (EN, "in {minutes} minutes.", "in {minutes.real} minutes.", 10, "must be doubled"),
        (EN, "in {minutes} minutes.", "soon.\n\n# Heading", 12, "headings"),
        (EN, "in {minutes} minutes.", "soon.\n\nHeading\n=====", 12, "headings"),
        (EN, "in {minutes} minutes.", "soon.\n![a picture](https://x.example/y.png)", 11, "images"),
        (EN, "in {minutes} minutes.", "soon.\nor <b>later</b>", 11, "HTML"),
        (EN, "in {minutes} minutes.", "soon.\n\n<div>x</div>", 12, "HTML"),
        (EN, "in {minutes} minutes.", "soon.\n\n- a\n  - b", 13, "list inside a list"),
        (EN, "in {minutes} minutes.", "soon.\n\n- a\n\n  b", 14, "one paragraph"),
        (EN, "in {minutes} minutes.", "soon.\n\n2. a\n3. b", 12, "begin with 1"),
        (EN, "in {minutes} minutes.", "soon.\n\n| a | b |\n|---|---|\n| 1 | 2 |", 12, "tables"),
        (EN, "in {minutes} minutes.", "soon.\n\n```\nx\n```", 12, "code blocks"),
        (EN, "in {minutes} minutes.", "soon.\n\n    x", 12, "code blocks"),
        (EN, "in {minutes} minutes.", "soon.\n\n> x", 12, "quotes"),
        (EN, "in {minutes} minutes.", "soon.\n\n***", 12, "rules"),
        (EN, "in {minutes} minutes.", "soon, ~~not~~.", 10, "struck"),
        (EN, "in {minutes} minutes.", "soon, [here](javascript:alert(1)).", 10, "a link to javascript: is not allowed"),
        (EN, "in {minutes} minutes.", "soon,\n[here](/area).", 11, "a link to /area is not allowed"),
        (EN, "in {minutes} minutes.", "soon, [here](ftp://acme.example).", 10, "ftp"),
        (EN, "in {minutes} minutes.", "soon, [here](https:area).", 10, "not an address"),
        (EN, "in {minutes} minutes.", "soon, [](https://acme.example).", 10, "no text"),
        (EN, "in {minutes} minutes.", "soon, [here](https://{sites}/).", 10, "unknown placeholder {sites}"),
        # desk.toml
        (DESK, 'name = "Acme"', "name = Acme", 1, "broken TOML"),
        (DESK, 'name = "Acme"', "nam = 'Acme'", 1, "unknown key nam"),
        (DESK, 'name = "Acme"', "name = 3", 1, "name must be a text"),
        (DESK, '["es", "en"]', '["es", "xx"]', 2, '"xx" is not the code of a language'),
        (DESK, '["es", "en"]', "[]", 2, "locales must be a list"),
        (DESK, 'default_locale = "es"', 'default_locale = "fr"', 3, "not one of the locales"),
        (DESK, "Europe/Madrid", "Europe/Madird", 4, "not a time zone"),
        (DESK, '["billing", "hours"]', '["billing",\n"hour"]', 6, 'menu: there is no "hour" to name here; did you mean "hours"?'),
        (DESK, '["billing", "hours"]', '["billing", "billing"]', 5, "stands twice"),
        (DESK, 'minutes = "10"', 'minutes = ""', 8, "minutes must be a text"),
        (DESK, 'minutes = "10"', 'minutes = "10"\nOther = "x"', 9, "Other cannot be a placeholder"),
        (DESK, 'title_en = "Sales"\n', "", 11, "departments.sales needs title_en"),
        (DESK, 'title_en = "Sales"', 'title_en = ""', 13, "departments.sales needs title_en"),
        (DESK, 'title_en = "Sales"', 'title_en = "Sales"\ntitle_fr = "Ventes"', 14, "unknown key title_fr"),
        # phrases
        (PO, "nplurals=2; plural=(n != 1)", "nplurals=3; plural=n", 1, "en has 2 plural forms"),
        (PO, "nplurals=2; plural=(n != 1)", "nplurals=2; plural=n", 1, "en has 2 plural forms"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_file_and_line(desk: Path, file: str, old: str, new: str, line: int, message: str) -> None:
    text = (desk / file).read_text(encoding="utf-8")
    assert old in text
    (desk / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    faults = check(desk)
    assert any(fault.path == str(desk / file) and fault.line == line and message in fault.message for fault in faults), list(
        map(str, faults)
    )


NOTICES = """
[notices.outage]
title_es = "Cortes"
title_en = "Outages"
description_es = "Algo no funciona."
description_en = "Something does not work."

[notices.change]
title_es = "Cambios"
title_en = "Changes"
description_es = "Algo cambia."
description_en = "Something changes."
"""


def test_a_desk_may_declare_notices(desk: Path) -> None:
    (desk / DESK).write_text(DESK_TEXT + NOTICES, encoding="utf-8")
    assert check(desk) == []
    knowledge = load_knowledge(desk, None)
    assert [(each.id, each.titles["en"]) for each in topics(knowledge)] == [("outage", "Outages"), ("change", "Changes")]


def test_a_desk_need_not_declare_any(desk: Path) -> None:
    assert check(desk) == []
    assert topics(load_knowledge(desk, None)) == ()


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        ('title_en = "Outages"\n', "", "[notices.outage]", "notices.outage needs title_en"),
        ('title_es = "Cortes"', 'title_es = ""', 'title_es = ""', "notices.outage needs title_es"),
        ('title_es = "Cortes"', 'titel_es = "x"\ntitle_es = "Cortes"', "titel_es", "unknown key titel_es; did you mean"),
        ("[notices.outage]", "[notices.Out-age]", "[notices.Out-age]", "Out-age cannot be in a link"),
        ("[notices.outage]", f"[notices.{'x' * 31}]", "[notices.xx", "at most 30 small letters"),
        ('"Outages"', f'"{"x" * 41}"', 'title_en = "xx', "the title has 41 characters; at most 40"),
        ('title_en = "Changes"', 'title_en = "outages!"', 'title_en = "outages!"', 'the title "outages!" is also that of notices.outage'),
        ("[notices.outage]", "[notice.outage]", "[notice.outage]", 'unknown key notice; did you mean "notices"?'),
    ],
)  # fmt: skip
def test_a_fault_in_the_notices_is_named_with_its_line(desk: Path, old: str, new: str, at: str, message: str) -> None:
    text = DESK_TEXT + NOTICES
    assert old in text
    text = text.replace(old, new, 1)
    (desk / DESK).write_text(text, encoding="utf-8")
    line = next(n for n, each in enumerate(text.split("\n"), 1) if at in each)
    faults = check(desk)
    assert any((fault.path, fault.line) == (str(desk / DESK), line) and message in fault.message for fault in faults), list(
        map(str, faults)
    )


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        ('msgstr "en menu.greeting"', 'msgstr ""', 'msgid "menu.greeting"', "menu.greeting is not translated"),
        ('msgid "menu.greeting"', '#, fuzzy\nmsgid "menu.greeting"', 'msgid "menu.greeting"', "fuzzy"),
        ('msgid "menu.greeting"', 'msgid "menu.greting"', "", '(the engine says it); did you mean "menu.greting"?'),
        ('msgid "menu.greeting"', 'msgid "menu.again"\nmsgstr "x"\n\nmsgid "menu.greeting"', 'msgid "menu.again"', "stands twice"),
        ('"en menu.greeting"', '"en {who}"', 'msgid "menu.greeting"', "{who} stands here, but not in phrases/es.po"),
        ('"en menu.greeting"', '"en {minutes} {desc}"', 'msgid "menu.greeting"', '{desc}: no fact'),
        ('"en menu.greeting"', '"en {desk}"', 'msgid "menu.greeting"', "{desk} stands here, but not in phrases/es.po"),
        ('"en menu.greeting"', '"en {minutes}"', "", ""),
        ('msgstr "en menu.again"', 'msgid_plural "x"\nmsgstr[0] "a"\nmsgstr[1] "b"', 'msgid "menu.again"', "said without a number"),
        ('"en menu.greeting"', '"en {minutes"', 'msgid "menu.greeting"', "must be doubled"),
        ('"en menu.greeting"', '"# en"', 'msgid "menu.greeting"', "headings"),
        ('"en menu.greeting"', '"[x](https://{who}/)"', 'msgid "menu.greeting"', "unknown placeholder {who}"),
        ('msgstr[1] "{n} en many in {minutes}"', "", 'msgid "count"', "no plural form 1"),
        ('msgstr[1] "{n} en many in {minutes}"', 'msgstr[1] "many"\nmsgstr[2] "all"', "", "broken .po"),
        (PLURAL, 'msgstr "{n} en"', 'msgid "count"', "plural forms"),
        ('{n} en one"\nmsgstr[1] "{n} en many', 'en one"\nmsgstr[1] "en many', 'msgid "count"', "{n} stands in phrases/es.po"),
        ('msgid "menu.greeting"', "msgidd", "msgidd", "broken .po"),
    ],
)  # fmt: skip
def test_a_fault_in_the_phrases_is_named(desk: Path, old: str, new: str, at: str, message: str) -> None:
    text = phrases("en")
    assert old in text
    (desk / PO).write_text(text.replace(old, new, 1), encoding="utf-8")
    faults = check(desk)
    if not message:
        assert faults == []
        return
    found = [fault for fault in faults if fault.path == str(desk / PO) and message in fault.message]
    assert found, list(map(str, faults))
    if at:
        first = at.split("\n")[0]
        lines = [n for n, line in enumerate((desk / PO).read_text(encoding="utf-8").split("\n"), 1) if line.startswith(first)]
        assert found[0].line in lines


@pytest.mark.parametrize(
    ("break_", "file", "message"),
    [
        (lambda desk: (desk / "desk.toml").unlink(), "desk.toml", "the file is missing"),
        (lambda desk: (desk / EN).unlink(), ES, "the topic billing has no answers/billing.en.md"),
        (lambda desk: (desk / ES).unlink(), EN, "the topic billing has no answers/billing.es.md"),
        (lambda desk: (desk / PO).unlink(), PO, "the file is missing"),
        (lambda desk: (desk / EN).write_bytes(b"---\ntitle: caf\xe9\n"), EN, "not UTF-8"),
        (lambda desk: (desk / EN).rename(desk / "answers/billing.md"), "answers/billing.md", "its topic and its language"),
        (lambda desk: (desk / EN).rename(desk / "answers/billing.fr.md"), "answers/billing.fr.md", "not one of the desk's locales"),
        (lambda desk: (desk / PO).rename(desk / "phrases/english.po"), "phrases/english.po", "named after its language"),
        (lambda desk: (desk / EN).write_bytes(b"x" * (1 << 20 | 1)), EN, "larger than 1 MB"),
        (lambda desk: ((desk / EN).unlink(), (desk / EN).mkdir()), EN, "cannot be read"),
    ],
)
def test_a_file_that_is_missing_or_unreadable_is_named(desk: Path, break_: Callable[[Path], object], file: str, message: str) -> None:
    break_(desk)
    assert any(fault.path == str(desk / file) and message in fault.message for fault in check(desk)), list(map(str, check(desk)))


def test_the_line_of_a_broken_byte_is_found(desk: Path) -> None:
    (desk / EN).write_bytes(b"---\ntitle: caf\xe9\n---\n")
    assert [fault.line for fault in check(desk) if fault.path == str(desk / EN)] == [2]


def test_a_folder_that_is_not_there_is_one_fault(tmp_path: Path) -> None:
    (fault,) = check(tmp_path / "nowhere")
    assert str(fault) == f"{tmp_path / 'nowhere'}:1: there is no such folder"


def test_all_faults_are_told_at_once_in_the_order_of_the_files(desk: Path) -> None:
    for file in (EN, ES, PO):
        text = (desk / file).read_text(encoding="utf-8")
        (desk / file).write_text(text.replace("title: ", "titel: ").replace('"en help.text"', '"{"'), encoding="utf-8")
    faults = check(desk)
    assert {fault.path for fault in faults} == {str(desk / file) for file in (EN, ES, PO)}
    assert faults == sorted(faults)


def test_windows_line_ends_a_mark_at_the_front_and_editors_leftovers_do_no_harm(desk: Path) -> None:
    for path in desk.rglob("*.*"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    (desk / "answers" / "billing.es.md~").write_text("old")
    (desk / "answers" / ".billing.es.md.swp").write_text("old")
    assert check(desk) == []


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_checking_is_total(desk: Path, data: st.DataObject) -> None:
    """However a file is damaged, the check ends with faults or none, and never with an exception."""
    path = desk / data.draw(st.sampled_from((ES, DESK, PO)))
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 40)))
    path.write_bytes(
        whole[:start]
        + data.draw(st.binary(max_size=6) | st.text(alphabet="{}[]\"'\\#:-*<>&|!\n", max_size=6).map(str.encode))
        + whole[end:]
    )
    try:
        for fault in check(desk):
            assert fault.line >= 1
            assert fault.message
    finally:
        path.write_bytes(whole)
