"""Every state of the page and the chat, in both schemes, both directions and both sizes: axe finds nothing wrong (WCAG 2.2 AA)."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.chat import Chat, violations
from tests.e2e.conftest import Contexts
from tests.e2e.program import Program

REFUSAL = '{"error":"too_long","message":"The message is too long. Shorten it."}'


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("direction", ["ltr", "rtl"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(contexts: Contexts, desk: Program, screenshots: Path, scheme: str, direction: str, width: int) -> None:
    context = contexts(viewport={"width": width, "height": 844 if width == 390 else 800}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{desk.url}/?lang={'es' if direction == 'ltr' else 'en'}")
    chat = Chat(page)
    if direction == "rtl":
        page.evaluate("document.querySelector('support-chat').setAttribute('locale', 'ar')")
    found: dict[str, list[str]] = {}

    def look(state: str) -> None:
        found[state] = violations(page)
        if direction == "rtl" and state in ("open", "answer", "menu"):
            chat.shot(screenshots, f"ar-{width}-{scheme}-{state}")

    look("closed")
    chat.open()
    expect(chat.host.locator(".m .c button").first).to_be_visible()
    expect(chat.host.locator(".r")).to_have_attribute("dir", direction)
    look("open")
    chat.host.locator(".h button").first.click()
    look("menu")
    page.keyboard.press("Escape")
    chat.say("¿Qué prioridad pongo si mi servidor está caído?")
    chat.answered(1)
    look("answer")
    chat.desks.first.get_by_role("button").first.click()
    chat.answered(2)
    look("pressed")
    chat.field.fill("x" * 3950)
    look("nearly too long")
    chat.field.fill("x" * 4010)
    look("too long")
    chat.field.fill("")
    page.route("**/chat/messages", lambda route: route.fulfill(status=422, body=REFUSAL, content_type="application/json"))
    chat.say("refused")
    expect(chat.host.locator(".t.bad")).to_be_visible()
    look("refused")
    page.unroute("**/chat/messages")
    page.route("**/chat/messages", lambda route: route.abort())
    chat.say("waiting")
    expect(chat.host.locator(".m.new .t button").last).to_be_visible()
    look("waiting")
    context.set_offline(True)
    expect(chat.status).not_to_be_empty()
    look("offline")
    context.set_offline(False)
    page.unroute("**/chat/messages")
    chat.host.locator(".t.bad button").last.click()
    chat.settled()
    chat.leave_asking("hola")
    expect(chat.host.locator(".u")).to_be_visible()
    look("unread")
    assert {state: wrong for state, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("width", [320, 1280])
def test_what_can_be_pressed_is_large_enough_and_nothing_is_cut_off(contexts: Contexts, desk: Program, width: int) -> None:
    page = contexts(viewport={"width": width, "height": 700}).new_page()
    page.goto(f"{desk.url}/?lang=en")
    chat = Chat(page).open()
    chat.say("Which priority do I choose if my server is down?")
    chat.answered(1)
    for box in (button.bounding_box() for button in chat.host.get_by_role("button").all() if button.is_visible()):
        assert box is not None
        assert min(box["width"], box["height"]) >= (40 if width == 320 and box["y"] > 60 else 32)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    log = chat.host.get_by_role("log")
    assert log.evaluate("node => node.scrollWidth <= node.clientWidth")


def test_axe_sees_a_fault_when_there_is_one(contexts: Contexts, desk: Program) -> None:
    page = contexts().new_page()
    page.goto(f"{desk.url}/?lang=en")
    chat = Chat(page).open()
    chat.field.evaluate("field => { field.removeAttribute('aria-label'); field.removeAttribute('placeholder'); }")
    chat.host.locator("h2").evaluate("title => { title.style.color = '#2a5fe0'; }")
    assert {fault.split(":")[0] for fault in violations(page)} >= {"label", "color-contrast"}
