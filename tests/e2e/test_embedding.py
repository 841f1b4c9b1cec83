"""The chat on somebody else's site: strict policies, foreign origins, blocked sockets, denied storage, many tabs, proved customers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.chat import Chat
from tests.e2e.conftest import Contexts
from tests.e2e.program import Program
from tests.e2e.sites import Site

WATCH_POLICY = """window.broken = [];
document.addEventListener('securitypolicyviolation', (event) => broken.push(event.violatedDirective + ' ' + event.blockedURI));"""
DENY_STORAGE = """Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('denied', 'SecurityError'); } });"""
BLOCK_SOCKETS = """window.tried = 0; window.WebSocket = class {
  constructor() { tried++; setTimeout(() => this.onclose?.({ code: 1006 }), 20); }
  close() {} send() {} };"""


def visit(contexts: Contexts, address: str, script: str = "", **options: Any) -> Chat:
    context = contexts(**options)
    context.add_init_script(WATCH_POLICY + script)
    page = context.new_page()
    page.goto(address)
    return Chat(page)


def test_on_a_strict_site_of_another_origin(contexts: Contexts, desk: Program, site: Site, screenshots: Path) -> None:
    chat = visit(contexts, site.allowed)
    chat.open()
    expect(chat.field).to_have_attribute("placeholder", "Escribe tu pregunta…")
    chat.say("¿Cuánto tardáis en responder un ticket?")
    chat.answered(1)
    chat.shot(screenshots, "es-1280-strict-site")
    chat.page.reload()
    chat.open()
    chat.answered(1)
    assert chat.page.evaluate("broken") == []
    # the page's own style sheet reaches nothing of ours
    style = chat.mine.first.evaluate(
        "node => [getComputedStyle(node).fontSize, getComputedStyle(node).float, getComputedStyle(node).color]"
    )
    assert style == ["15px", "none", "rgb(0, 0, 0)"]


def test_a_foreign_site_is_refused_and_says_so(contexts: Contexts, desk: Program, site: Site) -> None:
    chat = visit(contexts, site.foreign)
    chat.open()
    expect(chat.status).to_contain_text("The chat cannot be reached")
    chat.say("hola")
    expect(chat.host.get_by_text("Not sent yet, trying again.")).to_be_visible()
    expect(chat.desks).to_have_count(0)


@pytest.mark.parametrize("how", ["policy", "network"])
def test_where_sockets_are_blocked_it_polls(contexts: Contexts, desk: Program, site: Site, how: str) -> None:
    site.sockets = how != "policy"
    try:
        chat = visit(contexts, site.allowed, BLOCK_SOCKETS if how == "network" else "")
        chat.open()
        chat.say("¿Cuánto tardáis en responder un ticket?")
        chat.answered(1)
        chat.say("¿Y por correo?")
        chat.answered(2)
        chat.settled()
        expect(chat.status).to_have_text("")
        if how == "network":
            assert chat.page.evaluate("tried") <= 3
    finally:
        site.sockets = True


def test_where_storage_is_denied_it_works_for_as_long_as_the_page_lives(contexts: Contexts, desk: Program, site: Site) -> None:
    chat = visit(contexts, site.allowed, DENY_STORAGE)
    chat.open()
    chat.say("¿Cuánto tardáis en responder un ticket?")
    chat.answered(1)
    chat.say("¿Y por correo?")
    chat.answered(2)
    chat.settled()


def test_with_neither_sockets_nor_storage(contexts: Contexts, desk: Program, site: Site) -> None:
    chat = visit(contexts, site.allowed, DENY_STORAGE + BLOCK_SOCKETS)
    chat.open()
    chat.say("¿Cuánto tardáis en responder un ticket?")
    chat.answered(1)


def test_nine_tabs_of_one_customer(contexts: Contexts, desk: Program) -> None:
    """A browser opens six connections to one place: were each tab to hold one for a stream, the seventh could not even send."""
    context = contexts()
    tabs: list[Chat] = []
    for _ in range(9):
        page = context.new_page()
        page.goto(f"{desk.url}/?lang=en")
        tabs.append(Chat(page))
    tabs[0].open().say("hello")
    tabs[0].answered(1)
    for tab in tabs[1:]:
        tab.open()
        tab.answered(1)
    for n, tab in enumerate(tabs):
        tab.say(f"from tab {n}")
        tab.answered(2 + n)
    for tab in tabs:
        tab.answered(10)
        tab.settled()
    assert len({tuple(tab.all.all_inner_texts()) for tab in tabs}) == 1


def test_yellow_is_made_readable(contexts: Contexts, desk: Program, site: Site) -> None:
    chat = visit(contexts, site.allowed).open()
    chat.say("hola")
    expect(chat.desks.first).to_be_visible()
    assert chat.mine.first.evaluate("node => getComputedStyle(node).color") == "rgb(0, 0, 0)"
    text, ground = chat.desks.first.get_by_role("button").first.evaluate(
        "node => [getComputedStyle(node).color, getComputedStyle(node.getRootNode().querySelector('dialog')).backgroundColor]"
    )
    assert contrast(text, ground) >= 4.5


def contrast(one: str, two: str) -> float:
    """WCAG 2.2, relative luminance, of two `rgb(…)` colours."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in colour.strip("rgb()").split(",")]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(one), luminance(two)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


SECRET = "a key that the site and the desk share"


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    program = Program(tmp_path_factory.mktemp("knowing"), RELEVO_WEBCHAT__IDENTITY_SECRETS=SECRET, RELEVO_LOG__LEVEL="debug")
    program.start()
    yield program
    program.stop()


def proof(subject: str, **claims: Any) -> str:
    return jwt.encode({"sub": subject, "aud": "desk", "exp": int(time.time()) + 120, "name": "Ana"} | claims, SECRET, algorithm="HS256")


def identify(page: Page, token: str) -> None:
    page.evaluate("(token) => document.querySelector('support-chat').identify(token)", token)


def test_a_proved_customer_finds_the_chat_again_on_another_device(contexts: Contexts, knowing: Program) -> None:
    devices = []
    for _ in range(2):
        page = contexts().new_page()
        page.goto(f"{knowing.url}/?lang=en")
        identify(page, proof("customer-7"))
        devices.append(Chat(page))
    phone, laptop = devices
    phone.open().say("Which priority do I choose if my server is down?")
    phone.answered(1)
    laptop.open().say("thank you")
    laptop.answered(2)
    phone.answered(2)
    assert phone.all.all_inner_texts() == laptop.all.all_inner_texts()
    # the site logs the customer out: nothing of the chat stays on the device
    laptop.page.evaluate("document.querySelector('support-chat').logout()")
    expect(laptop.all).to_have_count(0)
    assert laptop.page.evaluate("localStorage.length") == 0
    # and somebody else on the same device does not see it
    identify(laptop.page, proof("customer-8"))
    laptop.say("hello")
    laptop.answered(1)
    expect(laptop.mine).to_have_count(1)


def test_another_customer_on_the_same_device_gets_a_chat_of_their_own(contexts: Contexts, knowing: Program) -> None:
    page = contexts().new_page()
    page.goto(f"{knowing.url}/?lang=en")
    identify(page, proof("customer-1"))
    chat = Chat(page).open()
    chat.say("something private")
    chat.answered(1)
    identify(page, proof("customer-2"))
    expect(chat.all).to_have_count(0)
    chat.say("hello")
    chat.answered(1)
    expect(chat.mine).to_have_text(["hello"])


def test_a_forged_proof_keeps_nobody_from_asking(contexts: Contexts, knowing: Program) -> None:
    page = contexts().new_page()
    page.goto(f"{knowing.url}/?lang=en")
    page.evaluate("window.failed = 0; document.addEventListener('support-chat:identify-failed', () => failed++)")
    identify(page, jwt.encode({"sub": "x", "aud": "desk", "exp": int(time.time()) + 60}, "y" * 40, algorithm="HS256"))
    chat = Chat(page).open()
    chat.say("Which priority do I choose if my server is down?")
    chat.answered(1)
    assert page.evaluate("failed") == 1


def test_no_token_and_no_proof_is_ever_logged(contexts: Contexts, knowing: Program) -> None:
    page = contexts().new_page()
    page.goto(f"{knowing.url}/?lang=en")
    jwt_of_a_customer = proof("customer-3")
    identify(page, jwt_of_a_customer)
    chat = Chat(page).open()
    chat.say("Which priority do I choose if my server is down?")
    chat.answered(1)
    token = page.evaluate("Object.entries(localStorage).find(([key]) => key.endsWith(':token'))[1]")
    logged = knowing.output()
    assert "the desk is open" in logged
    assert [secret for secret in (token, jwt_of_a_customer, SECRET) if secret in logged] == []
