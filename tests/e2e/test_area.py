"""The client area in a real browser, without script: a ticket from the live chat is read, answered, closed and rated; axe finds nothing."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, FilePayload, Page, expect

from tests.e2e.chat import violations
from tests.e2e.conftest import Contexts
from tests.e2e.program import Program
from tests.pictures import png

EMAIL = "ana@example.com"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("area")


@pytest.fixture(scope="module")
def desk_of_ana(home: Path) -> Program:
    """A desk of its own, whose log tells the links."""
    program = Program(home)
    program.start()
    now = time.time_ns() // 1_000_000
    with sqlite3.connect(home / "relevo.db") as connection:
        connection.execute("INSERT INTO account VALUES (1, 'C-1001', 'ACME S.L.', '', '', ?, ?)", (now, now))
        connection.execute("INSERT INTO account_address VALUES (1, 'registered', ?, ?, ?)", (EMAIL, now, now))
    assert program.stop() == 0, program.output()
    return program


@pytest.fixture
def running(desk_of_ana: Program) -> Iterator[Program]:
    """Started anew for each test: they are many customers at one address, whom the limits would take for one."""
    desk_of_ana.start()
    yield desk_of_ana
    assert desk_of_ana.stop() == 0, desk_of_ana.output()


def opened(page: Page, desk: Program, details: str) -> str:
    """A ticket, sent through the live chat's own protocol; its number."""
    token = page.request.post(f"{desk.url}/chat/sessions", data={}).json()["token"]
    bearer = {"authorization": f"Bearer {token}"}
    answers = {
        "department": "technical", "priority": "regular", "assets": "198.51.100.7", "service": "VPS Uno", "files": "",
        "details": details, "email": EMAIL,
    }  # fmt: skip
    form = {"form": "ticket", "version": 1, "answers": answers, "send": True}
    sent = page.request.post(f"{desk.url}/chat/messages", data={"client_id": "form-00001", "form": form, "locale": "en"}, headers=bearer)
    assert sent.ok, sent.text()
    for _ in range(40):
        told = page.request.get(f"{desk.url}/chat/events?after=0&wait=0", headers=bearer).text()
        if found := re.search(r'"([0-9A-Z]{4}-[0-9A-Z]{4})"', told):
            return found[1]
        page.wait_for_timeout(250)
    raise AssertionError(told)


def signed_in(page: Page, desk: Program) -> None:
    page.goto(f"{desk.url}/area")
    page.locator("#email").fill(EMAIL)
    page.locator("main button").click()
    expect(page.locator("h1")).to_be_visible()
    links = re.findall(r"http://127\.0\.0\.1:\d+/area/link/[\w-]{43}", desk.output())
    page.goto(links[-1])
    page.locator("main button").click()
    expect(page.locator("h1")).to_be_visible()


def marked(home: Path, number: str) -> None:
    """As a platform leaves it on which customers can edit and delete; the live chat has neither. What was deleted has no words left."""
    now = time.time_ns() // 1_000_000
    with sqlite3.connect(home / "relevo.db", timeout=20) as connection:
        edited = connection.execute("UPDATE ticket SET edited_at = ? WHERE number = ?", (now, number))
        deleted = connection.execute(
            "UPDATE ticket_entry SET text = '', files = '[]', deleted_at = ? WHERE ticket = (SELECT key FROM ticket WHERE number = ?)"
            " AND text <> ''",
            (now, number),
        )
        assert (edited.rowcount, deleted.rowcount) == (1, 1)


@pytest.fixture
def without_script(contexts: Contexts) -> BrowserContext:
    return contexts(java_script_enabled=False)


def test_a_ticket_from_the_first_look_to_the_rating_by_keyboard(without_script: BrowserContext, running: Program) -> None:
    page = without_script.new_page()
    number = opened(page, running, "My mail queue is stuck since this morning.")
    signed_in(page, running)
    page.goto(f"{running.url}/area/tickets")
    # Tab, Enter, and what was meant opens.
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.locator(f'a[href="/area/tickets/{number}"]').focus()
    page.keyboard.press("Enter")
    expect(page.locator(".number").first).to_have_text(number)
    page.locator("#text").fill("It is the <new> one\nand slow")
    page.locator("#files").set_input_files({"name": "captura.png", "mimeType": "image/png", "buffer": png()})
    page.locator("#text").press("Tab")
    expect(page.locator("#files")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Your reply was added")
    expect(page.locator(".entry.customer .text")).to_have_text("It is the <new> one\nand slow")
    with page.expect_download() as download:
        page.get_by_role("link", name="captura.png").click()
    assert download.value.suggested_filename == "captura.png"
    page.get_by_role("button", name="Close the ticket").click()
    expect(page.get_by_role("status")).to_contain_text("The ticket is closed")
    page.get_by_label("5").check()
    page.get_by_role("button", name="Send the rating").click()
    expect(page.locator("main")).to_contain_text("You rated this ticket 5 out of 5")
    page.reload()
    expect(page.locator(".entry.customer")).to_have_count(1)


@pytest.mark.parametrize("locale", ["es", "en"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(
    contexts: Contexts, running: Program, home: Path, screenshots: Path, scheme: str, width: int, locale: str
) -> None:
    with sqlite3.connect(home / "relevo.db", timeout=20) as connection:
        connection.execute("DELETE FROM area_link")  # nor for somebody who asks for too many links
    context = contexts(viewport={"width": width, "height": 844 if width == 390 else 800}, color_scheme=scheme, locale=locale)
    page = context.new_page()
    number = opened(page, running, "The site answers with errors.\n\n  curl: (7) Failed to connect")
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        found[name] = violations(page)
        assert page.title()
        assert page.locator("html").get_attribute("lang") == locale
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        small = page.evaluate(
            "() => [...document.querySelectorAll('button, input:not([type=hidden]), select, .button')]"
            ".filter(node => node.getBoundingClientRect().height < 24 && !node.closest('label')).map(node => node.outerHTML)"
        )
        assert small == []
        page.screenshot(path=screenshots / f"area-{name}-{width}-{scheme}-{locale}.png", full_page=True)

    page.goto(f"{running.url}/area")
    look("sign-in")
    page.locator("#email").fill("ana@")
    page.locator("main button").click()
    look("sign-in-wrong")
    signed_in(page, running)
    for name in ("tickets", "notifications", "addresses", "settings"):
        page.goto(f"{running.url}/area/{name}")
        look(name)
    page.goto(f"{running.url}/area/tickets?q=nothing")
    look("nothing-found")
    page.goto(f"{running.url}/area/nothing")
    look("not-found")
    page.goto(f"{running.url}/area/tickets/{number}")
    page.locator("#text").fill("Look at this, please")
    page.locator("#files").set_input_files(
        [
            FilePayload(name="page.html", mimeType="text/html", buffer=b"\x00\x01<!doctype html>"),
            FilePayload(name="captura.png", mimeType="image/png", buffer=png()),
        ]
    )
    page.locator('form[action$="/reply"] button').click()
    expect(page.get_by_role("alert")).to_be_visible()
    look("reply-wrong")
    page.locator('form[action$="/reply"] button').click()
    expect(page.get_by_role("status")).to_be_visible()
    look("ticket")
    marked(home, number)
    page.reload()
    expect(page.locator(".hint").filter(has_text={"es": "Borrado: ", "en": "Deleted "}[locale])).to_have_count(1)
    expect(page.locator(".hint").filter(has_text={"es": "Editado:", "en": "Edited "}[locale])).to_have_count(1)
    look("ticket-marked")
    page.locator('form[action$="/close"] button').click()
    expect(page.get_by_role("status")).to_be_visible()
    look("closed")
    page.goto(f"{running.url}/area/addresses")
    page.locator("#c1-1-email").fill(f"b{time.time_ns()}@example.com")
    page.locator('form[action$="/add"] button').first.click()
    expect(page.get_by_role("status")).to_be_visible()
    look("address-added")
    page.locator('form[action$="/remove"] button').first.click()
    page.goto(f"{running.url}/area/settings")
    page.locator("#zone1").fill("Madird")
    page.locator('form[action="/area/settings"] button').click()
    look("zone-wrong")
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
