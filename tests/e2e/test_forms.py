"""A ticket from the live chat: native fields page by page, files, errors, reloads and questions meanwhile; mouse, thumb and keyboard."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Locator, expect

from tests.e2e.chat import Chat, violations
from tests.e2e.conftest import Contexts
from tests.e2e.keyboard import back, pick, press, to, turn, write
from tests.e2e.program import Program
from tests.e2e.sites import Site
from tests.e2e.test_embedding import DENY_STORAGE, WATCH_POLICY
from tests.pictures import png

SCREENSHOT: FilePayload = {"name": "captura.png", "mimeType": "image/png", "buffer": png()}
DRAWING: FilePayload = {"name": "dibujo.png", "mimeType": "image/png", "buffer": b"<svg xmlns='http://www.w3.org/2000/svg'/>"}
PASTE = """(field) => {
  const held = new DataTransfer();
  held.items.add(new File(['Loss 20%\\n'], 'mtr.log'));
  field.dispatchEvent(new ClipboardEvent('paste', { clipboardData: held, bubbles: true, composed: true, cancelable: true }));
}"""
DROP = """(place) => {
  const held = new DataTransfer();
  held.items.add(new File(['Loss 30%\\n'], 'ping.log'));
  for (const name of ['dragover', 'drop'])
    place.dispatchEvent(new DragEvent(name, { dataTransfer: held, bubbles: true, composed: true, cancelable: true }));
}"""


class Form:
    """The open form of a chat; there is never more than one."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.box = chat.host.locator(".q")

    def page(self, words: str) -> Form:
        expect(self.box).to_have_count(1)
        expect(self.box.locator(".p")).to_contain_text(words)
        return self

    def group(self, label: str) -> Locator:
        return self.box.get_by_role("radiogroup", name=label)

    def field(self, label: str) -> Locator:
        return self.box.get_by_label(label)

    def choose(self, label: str, option: str) -> None:
        self.group(label).get_by_role("radio", name=re.compile(f"^{re.escape(option)}")).check()

    def go(self, name: str) -> None:
        self.box.get_by_role("button", name=name, exact=True).click()

    @property
    def files(self) -> Locator:
        return self.box.locator("input[type=file]")


def begin(chat: Chat, text: str) -> Form:
    chat.open()
    chat.say(text)
    return Form(chat)


def on_the_page(contexts: Contexts, address: str, script: str = "", **options: object) -> Chat:
    context = contexts(**options)
    context.add_init_script(WATCH_POLICY + script)
    page = context.new_page()
    page.goto(address)
    return Chat(page)


def test_a_high_priority_ticket_with_a_screenshot_on_a_phone(contexts: Contexts, desk: Program, screenshots: Path) -> None:
    chat = on_the_page(contexts, f"{desk.url}/?lang=es", locale="es", viewport={"width": 390, "height": 844}, has_touch=True)
    found: dict[str, list[str]] = {}

    def look(state: str) -> None:
        found[state] = violations(chat.page)
        chat.shot(screenshots, f"es-390-form-{state}")

    form = begin(chat, "quiero abrir un ticket").page("Página 1 ·")
    look("first")
    form.go("Continuar")
    expect(form.group("Departamento")).to_have_attribute("aria-invalid", "true")
    expect(form.box.get_by_text("Elige una opción para continuar.")).to_have_count(2)
    expect(form.group("Departamento").get_by_role("radio").first).to_be_focused()
    look("missing")
    form.choose("Departamento", "Cuestiones técnicas")
    form.choose("Prioridad", "Alta")
    form.go("Continuar")
    form.page("Página 2 de 4")
    expect(chat.mine.last).to_have_text("Departamento: Cuestiones técnicasPrioridad: Alta")
    form.choose("Motivo de la prioridad alta", "No se puede acceder")
    form.field("Síntoma").select_option(label="No responde")
    form.field("IP o número de pedido").fill("999.1.2.3")
    form.field("Nombre del servicio").fill("web-01")
    form.field("Hora de inicio").fill("desde hace 10 minutos")
    form.go("Continuar")
    # the desk refuses one field: what it says stands beside it, and everything typed is still there
    expect(form.field("IP o número de pedido")).to_have_attribute("aria-invalid", "true")
    expect(form.field("IP o número de pedido")).to_have_value("999.1.2.3")
    expect(form.field("IP o número de pedido")).to_be_focused()
    expect(form.field("Nombre del servicio")).to_have_value("web-01")
    described = form.field("IP o número de pedido").evaluate(
        "field => field.getAttribute('aria-describedby').split(' ').map((id) => field.getRootNode().getElementById(id).textContent).join()"
    )
    assert "999.1.2.3" in described
    look("refused")
    form.field("IP o número de pedido").fill("185.22.1.7")
    form.go("Continuar")
    form.page("Página 3 de 4")
    expect(chat.desks.last.locator(".b")).to_contain_text("CE")  # the time is read back with its zone
    form.choose("¿Sigue ocurriendo?", "Sí, sin parar")
    form.choose("Alcance", "A un servidor")
    form.choose("Último cambio", "Nada")
    look("third")
    form.go("Continuar")
    form.page("Página 4 de 4")
    form.choose("Permiso para reiniciar", "Sí")
    form.field("Descripción").fill("No responde a ping ni a SSH desde las dos.")
    form.files.set_input_files([SCREENSHOT, DRAWING])
    expect(form.box.get_by_role("button", name="Quitar captura.png")).to_be_visible()
    expect(form.box.get_by_text("dibujo.png: Este tipo de archivo no se acepta.")).to_be_visible()
    form.box.get_by_role("button", name="Añadir archivos").scroll_into_view_if_needed()
    look("files")
    form.go("Revisar antes de enviar")
    expect(chat.desks.last).to_contain_text("captura.png")
    expect(form.box).to_have_count(0)
    look("review")
    chat.desks.last.get_by_role("button", name="Enviar").click()
    expect(chat.desks.last).to_contain_text(re.compile(r"Tu ticket es el .*Alta"))
    chat.settled()
    look("sent")
    assert chat.page.evaluate("Object.keys(localStorage).filter((key) => key.includes(':form:'))") == []
    assert {state: wrong for state, wrong in found.items() if wrong} == {}


def test_the_same_in_english_with_the_keyboard_alone(contexts: Contexts, desk: Program, screenshots: Path) -> None:
    chat = on_the_page(contexts, f"{desk.url}/?lang=en")
    page, keys = chat.page, chat.page.keyboard
    form = Form(chat)
    # From the beginning, or on a busy machine the system's own dialog could open before it is listened for.
    page.on("filechooser", lambda _: None)

    chat.launcher.focus()
    keys.press("Enter")
    expect(chat.field).to_be_focused()
    keys.type("I want to open a ticket")
    keys.press("Enter")
    form.page("Page 1 ·")
    expect(chat.field).to_be_focused()  # whoever writes in the chat is left there
    back(keys, form.group("Department"))
    turn(keys, form.group("Department"), "Technical")
    pick(keys, form.group("Priority"), "High")
    keys.press("Enter")
    form.page("Page 2 of 4")
    expect(form.group("Reason for high priority").get_by_role("radio").first).to_be_focused()
    pick(keys, form.group("Reason for high priority"), "The server")
    to(keys, form.field("Symptom"))
    keys.type("Not resp")
    write(keys, form.field("IP or order number"), "185.22.1.7")
    write(keys, form.field("Service name"), "web-01")
    write(keys, form.field("Start time"), "10 minutes ago")
    chat.shot(screenshots, "en-1280-form-filled")
    assert violations(page) == []
    keys.press("Enter")
    form.page("Page 3 of 4")
    pick(keys, form.group("Still happening?"), "Yes, all the time")
    pick(keys, form.group("Scope"), "One server")
    pick(keys, form.group("Last change"), "Nothing")
    keys.press("Enter")
    form.page("Page 4 of 4")
    pick(keys, form.group("Permission to reboot"), "Yes")
    write(keys, form.field("Description"), "Neither ping nor SSH since two.")
    add = form.box.get_by_role("button", name="Add files")
    to(keys, add)
    with page.expect_file_chooser() as chooser:
        keys.press("Enter")
    chooser.value.set_files([SCREENSHOT])
    expect(form.box.get_by_role("button", name="Remove captura.png")).to_be_visible()
    add.evaluate(PASTE)
    remove = form.box.get_by_role("button", name="Remove mtr.log")
    expect(remove).to_be_visible()
    back(keys, remove)
    keys.press("Enter")
    expect(remove).to_have_count(0)
    expect(add).to_be_focused()
    chat.shot(screenshots, "en-1280-form-files")
    assert violations(page) == []
    press(keys, form.box.get_by_role("button", name="Send now", exact=True))
    expect(chat.desks.last).to_contain_text(re.compile(r"Your ticket is .*High"))
    expect(chat.desks.last).to_be_focused()
    chat.shot(screenshots, "en-1280-form-sent")
    # what was sent can be fetched again, as a download
    with page.expect_response("**/chat/files/link") as answer, page.context.expect_page():
        chat.mine.last.get_by_role("button", name="Download captura.png").click()
    got = page.request.get(desk.url + answer.value.json()["url"])
    assert got.ok
    assert got.headers["content-disposition"].startswith('attachment; filename="captura.png"')
    assert got.body().startswith(png()[:33])
    assert b"Author" not in got.body()


def test_what_is_typed_survives_a_reload_a_question_and_the_way_back(contexts: Contexts, desk: Program) -> None:
    chat = on_the_page(contexts, f"{desk.url}/?lang=en")
    form = begin(chat, "I want to open a ticket").page("Page 1 ·")
    form.choose("Department", "Technical")
    form.choose("Priority", "Regular")
    form.go("Continue")
    form.page("Page 2 of 2")
    form.field("Service name").fill("web-0")
    chat.settled()
    chat.page.reload()
    chat.open()
    form.page("Page 2 of 2")
    expect(form.field("Service name")).to_have_value("web-0")
    form.field("Service name").fill("web-01")
    chat.say("How long do you take to answer a ticket?")
    # the answer comes, the form is put again below it, and what was typed is in it
    expect(chat.desks.filter(has_text="10 minutes")).not_to_have_count(0)
    form.page("Page 2 of 2")
    expect(form.field("Service name")).to_have_value("web-01")
    expect(chat.field).to_be_focused()
    form.box.get_by_role("button", name=re.compile("Back")).click()
    form.page("Page 1 ·")
    expect(form.group("Department").get_by_role("radio").first).to_be_checked()
    form.go("Continue")
    form.page("Page 2 of 2")
    expect(form.field("Service name")).to_have_value("web-01")
    expect(chat.host.get_by_text(re.compile(r"^Page 1: Department, Priority$"))).not_to_have_count(0)


def test_a_refused_page_is_open_again_with_what_was_typed(contexts: Contexts, desk: Program) -> None:
    chat = on_the_page(contexts, f"{desk.url}/?lang=en")
    form = begin(chat, "I want to open a ticket").page("Page 1 ·")
    form.choose("Department", "Technical")
    form.choose("Priority", "Regular")
    refusal = '{"error":"bad_field","message":"It is not taken."}'
    chat.page.route("**/chat/messages", lambda route: route.fulfill(status=422, body=refusal, content_type="application/json"))
    form.go("Continue")
    expect(chat.host.get_by_text("Not sent. It is not taken.")).to_be_visible()
    expect(form.group("Priority").get_by_role("radio").first).to_be_checked()
    chat.page.unroute("**/chat/messages")
    chat.host.get_by_role("button", name="Discard").click()
    form.go("Continue")
    form.page("Page 2 of 2")


def test_two_tabs_see_the_same_form(contexts: Contexts, desk: Program) -> None:
    context = contexts()
    one, two = (Chat(context.new_page()) for _ in range(2))
    for tab in (one, two):
        tab.page.goto(f"{desk.url}/?lang=en")
        tab.open()
    one.say("I want to open a ticket")
    first, second = Form(one).page("Page 1 ·"), Form(two).page("Page 1 ·")
    first.choose("Department", "Technical")
    first.choose("Priority", "Regular")
    first.go("Continue")
    second.page("Page 2 of 2")
    first.page("Page 2 of 2")
    expect(two.mine.last).to_have_text("Department: Technical issuesPriority: Regular")


def test_on_a_strict_site_without_storage(contexts: Contexts, desk: Program, site: Site, screenshots: Path) -> None:
    """Trusted Types and a strict policy of another origin: the second script is let in as the first one was."""
    chat = on_the_page(contexts, site.allowed, DENY_STORAGE)
    form = begin(chat, "quiero abrir un ticket").page("Página 1 ·")
    form.choose("Departamento", "Cuestiones técnicas")
    form.choose("Prioridad", "Regular")
    form.go("Continuar")
    form.page("Página 2 de 2")
    form.field("Nombre del servicio").fill("web-01")
    chat.say("¿Cuánto tardáis en responder un ticket?")
    chat.settled()
    form.page("Página 2 de 2")
    expect(form.field("Nombre del servicio")).to_have_value("web-01")
    chat.field.evaluate(PASTE)
    expect(chat.mine.filter(has_text="mtr.log")).to_be_visible()
    chat.settled()
    chat.shot(screenshots, "es-1280-form-strict-site")
    assert chat.page.evaluate("broken") == []


def test_files_beside_the_words(contexts: Contexts, desk: Program, screenshots: Path) -> None:
    chat = on_the_page(contexts, f"{desk.url}/?lang=en")
    chat.open()
    chat.host.get_by_role("button", name="Send a file").wait_for()
    chat.host.get_by_role("log").evaluate(DROP)
    expect(chat.mine.last).to_have_text("ping.log (1 KB)")
    chat.answered(1)
    chat.host.locator(".at input[type=file]").set_input_files([DRAWING])
    expect(chat.host.get_by_text("dibujo.png: This type of file is not taken.")).to_be_visible()
    chat.shot(screenshots, "en-1280-file-refused")
    assert violations(chat.page) == []
    expect(chat.mine).to_have_count(1)
    # a connection that fails says so, and the next try works
    chat.page.route("**/chat/files", lambda route: route.abort())
    chat.host.locator(".at input[type=file]").set_input_files([SCREENSHOT])
    expect(chat.host.get_by_text("captura.png could not be uploaded.")).to_be_visible()
    chat.page.unroute("**/chat/files")
    chat.host.locator(".at input[type=file]").set_input_files([SCREENSHOT])
    expect(chat.mine.last).to_have_text("captura.png (1 KB)")
    chat.settled()


@pytest.mark.parametrize(("scheme", "locale"), [("dark", "en"), ("light", "ar"), ("dark", "ar")])
def test_axe_finds_nothing_in_forms(contexts: Contexts, desk: Program, screenshots: Path, scheme: str, locale: str) -> None:
    chat = on_the_page(contexts, f"{desk.url}/?lang=en", viewport={"width": 320, "height": 700}, color_scheme=scheme)
    chat.page.evaluate(f"document.querySelector('support-chat').setAttribute('locale', '{locale}')")
    chat.page.evaluate("document.querySelector('support-chat').ask('I want to open a ticket')")
    form = Form(chat)
    expect(form.box).to_have_count(1)
    form.box.locator(".go").click()
    expect(form.box.locator("[aria-invalid=true]")).to_have_count(2)
    assert violations(chat.page) == []
    chat.shot(screenshots, f"{locale}-320-{scheme}-form-missing")
    for radio in form.box.get_by_role("radiogroup").all():
        radio.get_by_role("radio").first.check()
    form.box.locator(".go").click()
    expect(form.box.locator("input[type=text]").first).to_be_visible()
    form.box.locator("input[type=text]").last.fill("x" * 200)
    form.box.locator(".go").click()
    expect(form.box.locator(".e:not(:empty)").first).to_be_visible()
    assert violations(chat.page) == []
    chat.shot(screenshots, f"{locale}-320-{scheme}-form-too-long")
    assert chat.host.get_by_role("log").evaluate("node => node.scrollWidth <= node.clientWidth")
    for box in (target.bounding_box() for target in form.box.get_by_role("button").all()):
        assert box is not None
        assert min(box["width"], box["height"]) >= 40
