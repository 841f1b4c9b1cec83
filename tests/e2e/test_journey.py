"""A customer asks, presses, reloads, changes language, and goes: with the mouse, and with the keyboard alone."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.chat import Chat
from tests.e2e.conftest import Contexts
from tests.e2e.program import Program

ENGLISH = "Which priority do I choose if my server is down?"
SPANISH = "¿Qué prioridad pongo si mi servidor está caído?"


def on_the_page(contexts: Contexts, desk: Program, lang: str = "en", **options: object) -> Chat:
    page = contexts(**options).new_page()
    page.goto(f"{desk.url}/?lang={lang}")
    return Chat(page)


def test_a_question_in_english_and_a_choice(contexts: Contexts, desk: Program, screenshots: Path) -> None:
    chat = on_the_page(contexts, desk).open()
    chat.say(ENGLISH)
    chat.answered(1)
    expect(chat.desks.first).to_contain_text(re.compile(r"\bHigh\b"))
    expect(chat.desks.first.locator(".b")).to_have_attribute("lang", "en")
    chat.shot(screenshots, "en-1280-answer")
    button = chat.desks.first.get_by_role("button").first
    label = button.inner_text()
    button.click()
    chat.answered(2)
    expect(chat.mine.nth(1)).to_have_text(label)
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(button).to_have_attribute("aria-disabled", "true")
    button.click(force=True)
    chat.settled()
    expect(chat.mine).to_have_count(2)
    chat.shot(screenshots, "en-1280-choice")


def test_a_question_in_spanish(contexts: Contexts, desk: Program, screenshots: Path) -> None:
    chat = on_the_page(contexts, desk, "es", locale="es").open()
    expect(chat.field).to_have_attribute("placeholder", "Escribe tu pregunta…")
    chat.say(SPANISH)
    chat.answered(1)
    expect(chat.desks.first).to_contain_text(re.compile(r"\bAlta\b", re.IGNORECASE))
    expect(chat.desks.first.locator(".b")).to_have_attribute("lang", "es")
    chat.shot(screenshots, "es-1280-answer")


def test_on_a_phone_the_chat_fills_the_screen(contexts: Contexts, desk: Program, screenshots: Path) -> None:
    for lang, scheme, question in (("es", "light", SPANISH), ("en", "dark", ENGLISH)):
        chat = on_the_page(contexts, desk, lang, viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True)
        chat.shot(screenshots, f"{lang}-390-{scheme}-page")
        chat.open()
        expect(chat.launcher).to_be_hidden()
        expect(chat.host.locator(".m .c button").first).to_be_visible()
        chat.shot(screenshots, f"{lang}-390-{scheme}-greeting")
        assert chat.panel.bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
        chat.say(question)
        chat.answered(1)
        chat.shot(screenshots, f"{lang}-390-{scheme}-answer")
        assert chat.page.evaluate("document.documentElement.scrollWidth") <= 390
        chat.host.get_by_role("button", name=re.compile("^(Close chat|Cerrar el chat)$")).click()
        expect(chat.launcher).to_be_visible()


def test_the_page_in_the_dark(contexts: Contexts, desk: Program, screenshots: Path) -> None:
    chat = on_the_page(contexts, desk, "es", color_scheme="dark")
    chat.shot(screenshots, "es-1280-dark-page")
    chat.open()
    chat.say(SPANISH)
    chat.answered(1)
    chat.shot(screenshots, "es-1280-dark-answer")


def test_a_reload_keeps_everything(contexts: Contexts, desk: Program) -> None:
    chat = on_the_page(contexts, desk).open()
    chat.say(ENGLISH)
    chat.answered(1)
    chat.desks.first.get_by_role("button").first.click()
    chat.answered(2)
    chat.settled()
    before = chat.all.all_inner_texts()
    chat.field.fill("half a thou")
    chat.page.reload()
    chat.open()
    expect(chat.all).to_have_count(len(before))
    assert chat.all.all_inner_texts() == before
    expect(chat.field).to_have_value("half a thou")
    expect(chat.desks.first.get_by_role("button").first).to_have_attribute("aria-pressed", "true")


def test_nothing_is_stored_or_opened_before_a_chat(contexts: Contexts, desk: Program) -> None:
    context = contexts()
    page = context.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("websocket", lambda socket: requests.append(socket.url))
    page.goto(f"{desk.url}/?lang=en")
    chat = Chat(page)
    expect(chat.launcher).to_be_visible()
    assert [url for url in requests if "/chat/" in url and "page." not in url and "favicon" not in url] == [
        url for url in requests if "/chat/widget.js" in url
    ]
    chat.open()
    expect(chat.host.locator(".m .c button").first).to_be_visible()
    assert not [url for url in requests if "socket" in url or "events" in url or "sessions" in url]
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    chat.say(ENGLISH)
    chat.answered(1)
    assert sum("socket" in url for url in requests) == 1
    assert not context.cookies()
    token = page.evaluate("Object.entries(localStorage).find(([key]) => key.endsWith(':token'))[1]")
    assert len(token) == 43
    assert not [url for url in requests if token in url]


def test_two_tabs_are_in_step(contexts: Contexts, desk: Program) -> None:
    context = contexts()
    tabs = []
    for _ in range(2):
        page = context.new_page()
        page.goto(f"{desk.url}/?lang=en")
        tabs.append(Chat(page).open())
    one, two = tabs
    one.say("hello")
    two.answered(1)
    for n in range(4):
        (one, two)[n % 2].say(f"question number {n}")
    for tab in tabs:
        expect(tab.mine).to_have_count(5)
        tab.answered(5)
        tab.settled()
    assert one.all.all_inner_texts() == two.all.all_inner_texts()
    one.desks.last.get_by_role("button").first.click()
    expect(two.desks.nth(4).get_by_role("button").first).to_have_attribute("aria-pressed", "true")


def test_unread_answers_are_counted_on_the_launcher(contexts: Contexts, desk: Program, screenshots: Path) -> None:
    chat = on_the_page(contexts, desk).open()
    chat.leave_asking(ENGLISH)
    expect(chat.launcher).to_have_accessible_name("Open chat, 1 unread")
    chat.shot(screenshots, "en-1280-unread")
    chat.open()
    expect(chat.launcher).to_have_accessible_name("Close chat")
    chat.launcher.click()
    expect(chat.launcher).to_have_accessible_name("Open chat")


def test_with_the_keyboard_alone(contexts: Contexts, desk: Program) -> None:
    chat = on_the_page(contexts, desk)
    page, keys = chat.page, chat.page.keyboard
    expect(chat.launcher).to_be_visible()
    reached = 0
    while focused(page) != "l":
        keys.press("Tab")
        reached += 1
        assert reached < 30
    keys.press("Enter")
    expect(chat.field).to_be_focused()
    keys.type("Which priority?")
    keys.press("Shift+Enter")
    keys.type("My server is down.")
    expect(chat.field).to_have_value("Which priority?\nMy server is down.")
    keys.press("Enter")
    expect(chat.field).to_have_value("")
    expect(chat.field).to_be_focused()
    chat.answered(1)
    expect(chat.mine.first).to_have_text("Which priority?\nMy server is down.")
    last = chat.desks.first.get_by_role("button").last
    for _ in range(3):
        keys.press("Shift+Tab")
        if last.evaluate("button => button.getRootNode().activeElement === button"):
            break
    expect(last).to_be_focused()
    keys.press("Enter")
    chat.answered(2)
    expect(last).to_have_attribute("aria-pressed", "true")
    expect(last).to_be_focused()
    # the menu opens, closes with Escape without closing the chat, and gives the focus back
    menu = chat.host.get_by_role("button", name="Menu")
    menu.focus()
    keys.press("Enter")
    expect(chat.host.get_by_role("button", name="Start over")).to_be_focused()
    keys.press("Escape")
    expect(menu).to_be_focused()
    expect(chat.panel).to_be_visible()
    keys.press("Escape")
    expect(chat.panel).to_be_hidden()
    expect(chat.launcher).to_be_focused()


def focused(page: Page) -> str:
    """The class of what has the focus, inside the widget too."""
    return str(page.evaluate("() => (document.activeElement.shadowRoot?.activeElement ?? document.activeElement).className"))


def test_the_first_letter_after_opening_is_not_lost(contexts: Contexts, desk: Program) -> None:
    chat = on_the_page(contexts, desk)
    chat.launcher.focus()
    chat.page.keyboard.press("Enter")
    expect(chat.panel).to_be_visible()
    chat.page.keyboard.type("abc")
    expect(chat.field).to_have_value("abc")


def test_the_menu_starts_over_changes_the_language_and_ends(contexts: Contexts, desk: Program, screenshots: Path) -> None:
    chat = on_the_page(contexts, desk).open()
    chat.say(ENGLISH)
    chat.answered(1)
    menu = chat.host.get_by_role("button", name="Menu")
    menu.click()
    chat.shot(screenshots, "en-1280-menu")
    chat.host.get_by_role("button", name="Start over").click()
    chat.answered(2)
    menu.click()
    chat.host.get_by_role("button", name="Español", exact=True).click()
    expect(chat.field).to_have_attribute("placeholder", "Escribe tu pregunta…")
    chat.answered(3)
    expect(chat.desks.nth(2).locator(".b")).to_have_attribute("lang", "es")
    chat.host.get_by_role("button", name="Menú").click()
    chat.host.get_by_role("button", name="Terminar este chat").click()
    chat.host.get_by_role("button", name="Pulsa otra vez para terminarlo").click()
    expect(chat.all).to_have_count(0)
    assert chat.page.evaluate("localStorage.length") == 0
    chat.say(SPANISH)
    chat.answered(1)
    expect(chat.mine).to_have_count(1)


def test_a_message_that_is_too_long_is_held_back_and_explained(contexts: Contexts, desk: Program) -> None:
    chat = on_the_page(contexts, desk).open()
    chat.field.fill("x" * 3900)
    expect(chat.host.get_by_text("100 characters left")).to_be_visible()
    chat.field.fill("x" * 4003)
    chat.field.press("Enter")
    expect(chat.host.get_by_text("3 characters too many")).to_be_visible()
    expect(chat.field).to_have_attribute("aria-invalid", "true")
    expect(chat.mine).to_have_count(0)
    expect(chat.field).to_have_value("x" * 4003)


def test_a_refused_message_can_be_edited_and_sent_again(contexts: Contexts, desk: Program, screenshots: Path) -> None:
    chat = on_the_page(contexts, desk).open()
    refusal = '{"error":"too_long","message":"The message is too long. Shorten it."}'
    chat.page.route("**/chat/messages", lambda route: route.fulfill(status=422, body=refusal, content_type="application/json"))
    chat.say("a question that is refused")
    expect(chat.host.get_by_text("Not sent. The message is too long. Shorten it.")).to_be_visible()
    chat.shot(screenshots, "en-1280-refused")
    chat.page.reload()
    chat.open()
    expect(chat.host.get_by_text("Not sent. The message is too long. Shorten it.")).to_be_visible()
    chat.page.unroute("**/chat/messages")
    chat.host.get_by_role("button", name="Edit").click()
    expect(chat.mine).to_have_count(0)
    expect(chat.field).to_be_focused()
    expect(chat.field).to_have_value("a question that is refused")
    chat.field.press("Enter")
    chat.answered(1)
    expect(chat.mine).to_have_count(1)


def test_too_many_messages_are_kept_and_sent_in_order(contexts: Contexts, desk: Program) -> None:
    """The desk takes eight at once, then one a second: the rest wait in the browser."""
    chat = on_the_page(contexts, desk).open()
    said = [f"message {n}" for n in range(11)]
    for text in said:
        chat.say(text)
    chat.settled()
    assert chat.mine.all_inner_texts() == said


def test_what_customers_and_the_desk_say_is_never_markup(contexts: Contexts, desk: Program) -> None:
    chat = on_the_page(contexts, desk).open()
    nasty = "<img src=x onerror=alert(1)><b>bold</b> javascript:alert(1) **x** &lt;"
    chat.say(nasty)
    chat.answered(1)
    expect(chat.mine.first).to_have_text(nasty)
    expect(chat.mine.first.locator("*")).to_have_count(0)


def test_an_example_on_the_page_is_asked(contexts: Contexts, desk: Program) -> None:
    chat = on_the_page(contexts, desk)
    example = chat.page.locator("[data-ask]").first
    text = example.inner_text()
    example.click()
    expect(chat.panel).to_be_visible()
    expect(chat.mine.first).to_have_text(text)
    chat.answered(1)
