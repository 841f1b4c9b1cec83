"""The pages of a form as they are drawn: what is counted, what the buttons under them do, what may be picked, and files from the team."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.chat import Chat, violations
from tests.e2e.conftest import Contexts
from tests.e2e.program import ROOT, Program
from tests.e2e.test_embedding import SECRET, identify, proof
from tests.e2e.test_forms import SCREENSHOT, Form, begin
from tests.pictures import png

CUSTOMERS = """number;name;email;service_number;service_name;service_kind;service_addresses
C-1;Ana;ana@example.com;123456;web-1;dedicated;198.41.0.4
C-1;;;123457;mail-1;vps;
"""

WAYS = {"es": ("← Atrás", "✕ Cancelar"), "en": ("← Back", "✕ Cancel")}


def relevo(desk: Program, *words: str) -> str:
    """A command of the team's, on the running desk."""
    command = [sys.executable, "-m", "bot", *words]
    done = subprocess.run(command, cwd=ROOT, env=desk.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A desk that knows the company's customers, on a site that they are signed in on."""
    folder = tmp_path_factory.mktemp("house")
    program = Program(folder, RELEVO_WEBCHAT__IDENTITY_SECRETS=SECRET)
    program.start()
    (folder / "customers.csv").write_text(CUSTOMERS, encoding="utf-8")
    relevo(program, "customers", "import", str(folder / "customers.csv"))
    yield program
    assert program.stop() == 0, program.output()


def visit(contexts: Contexts, desk: Program, locale: str = "en", **options: object) -> Chat:
    page = contexts(locale=locale, **options).new_page()
    page.goto(f"{desk.url}/?lang={locale}")
    return Chat(page)


def financial(form: Form) -> Form:
    form.choose("Department", "Financial")
    form.choose("Priority", "Regular")
    form.go("Continue")
    return form.page("Page 2 of 3")


def test_nothing_under_a_page_is_about_one_of_its_fields_only(contexts: Contexts, desk: Program) -> None:
    chat = visit(contexts, desk)
    form = begin(chat, "I want to open a ticket").page("Page 1 · Fields marked * are needed.")
    expect(form.box.locator(".c button")).to_have_text(["Continue", "✕ Cancel"])
    financial(form)
    expect(form.box.locator(".c button")).to_have_text(["Continue", "← Back", "✕ Cancel"])
    expect(form.box.locator(".p")).to_contain_text("the others may be left empty")
    form.field("Description").fill("I was charged twice in May.")
    form.go("Continue")
    # what was left empty is skipped, and nobody is asked for it again
    form.page("Page 3 of 3 · Nothing here is required")
    expect(form.box.locator(".c button")).to_have_text(["Review before sending", "Send now", "← Back", "✕ Cancel"])
    form.go("← Back")
    form.page("Page 2 of 3")
    expect(form.field("Description")).to_have_value("I was charged twice in May.")
    form.go("← Back")
    form.page("Page 1 ·")


def test_the_main_button_of_the_last_page_shows_everything_before_it_is_sent(contexts: Contexts, desk: Program) -> None:
    chat = visit(contexts, desk)
    form = financial(begin(chat, "I want to open a ticket"))
    form.field("Description").fill("I was charged twice in May.")
    form.go("Continue")
    form.page("Page 3 of 3")
    form.field("E-mail").press("Enter")
    expect(chat.desks.last).to_contain_text("Look over your ticket before it is sent")
    expect(chat.desks.last).to_contain_text("I was charged twice in May.")
    expect(form.box).to_have_count(0)
    chat.choice("← Back").click()
    form.page("Page 3 of 3")
    form.go("Review before sending")
    expect(chat.desks.last).to_contain_text("Look over your ticket before it is sent")
    chat.choice("← Back").click()
    form.page("Page 3 of 3")
    form.go("Send now")
    expect(chat.desks.last).to_contain_text("Your ticket is")


def test_an_optional_choice_can_be_taken_back(contexts: Contexts, desk: Program) -> None:
    chat = visit(contexts, desk)
    form = financial(begin(chat, "I want to open a ticket"))
    form.field("Payment method").select_option(index=1)
    form.field("Description").fill("I was charged twice in May.")
    form.go("Continue")
    form.page("Page 3 of 3")
    form.go("← Back")
    form.page("Page 2 of 3")
    expect(form.field("Payment method")).not_to_have_value("")
    form.field("Payment method").select_option(label="Choose…")
    form.go("Continue")
    form.page("Page 3 of 3")
    form.go("Review before sending")
    expect(chat.desks.last).to_contain_text("I was charged twice in May.")
    expect(chat.desks.last).not_to_contain_text("Payment method")


def test_another_answer_than_the_options_stands_with_its_field(contexts: Contexts, desk: Program) -> None:
    chat = visit(contexts, desk)
    form = begin(chat, "I want to open a ticket").page("Page 1 ·")
    form.choose("Department", "Technical")
    form.choose("Priority", "High")
    form.go("Continue")
    form.page("Page 2 of 4")
    none = form.group("Reason for high priority").get_by_role("button")
    expect(none).to_have_count(1)
    none.click()
    form.page("Page 2 of 2")  # regular, then
    expect(form.group("Reason for high priority")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_proven_customer_picks_from_their_services_or_types_another(
    contexts: Contexts, house: Program, screenshots: Path, scheme: str
) -> None:
    chat = visit(contexts, house, color_scheme=scheme)
    identify(chat.page, proof(f"ana-{scheme}", email="ana@example.com"))
    form = begin(chat, "I want to open a ticket").page("Page 1 ·")
    form.choose("Department", "Technical")
    form.choose("Priority", "Regular")
    form.go("Continue")
    form.page("Page 2 of 2")
    service = form.field("Service name")
    picks = form.box.get_by_role("group", name="Pick one or type another").get_by_role("button")
    expect(picks).to_have_text(["mail-1", "web-1"])
    service.fill("mai")
    picks.first.focus()
    chat.page.keyboard.press("Enter")
    expect(service).to_have_value("mail-1")
    expect(picks.first).to_have_attribute("aria-pressed", "true")
    chat.shot(screenshots, f"en-1280-{scheme}-form-services")
    assert violations(chat.page) == []
    # what was picked is kept like what is typed
    chat.page.reload()
    chat.open()
    expect(service).to_have_value("mail-1")
    expect(picks.first).to_have_attribute("aria-pressed", "true")
    service.fill("something of a friend's")
    expect(picks.first).to_have_attribute("aria-pressed", "false")
    form.field("Description").fill("It has not answered since yesterday.")
    form.go("Review before sending")
    expect(chat.desks.last).to_contain_text("something of a friend's")


@pytest.mark.parametrize(("locale", "width", "scheme"), [("es", 390, "dark"), ("en", 1280, "light")])
def test_files_from_the_team_are_downloads(
    contexts: Contexts, house: Program, screenshots: Path, tmp_path: Path, locale: str, width: int, scheme: str
) -> None:
    chat = visit(contexts, house, locale, viewport={"width": width, "height": 844}, color_scheme=scheme)
    form = begin(chat, {"es": "quiero abrir un ticket", "en": "I want to open a ticket"}[locale])
    words = {"es": ("Departamento", "Prioridad", "Cuestiones"), "en": ("Department", "Priority", "Technical")}
    department, priority, technical = words[locale]
    form.choose(department, technical)
    form.choose(priority, "Regular")
    form.go({"es": "Continuar", "en": "Continue"}[locale])
    form.field({"es": "Descripción", "en": "Description"}[locale]).fill("web-1 ↯")
    form.go({"es": "Enviar ya", "en": "Send now"}[locale])
    expect(chat.desks.last).to_contain_text(re.compile(r"\b[A-Z0-9]+-[A-Z0-9]+\b"))
    number = re.search(r"\b[A-Z0-9]+-[A-Z0-9-]+\b", chat.desks.last.inner_text())
    assert number is not None
    picture, steps = tmp_path / "rescue screen.png", tmp_path / "<b>steps.txt"
    picture.write_bytes(png())
    steps.write_text("1. Open the console.\n" * 60)
    relevo(house, "tickets", "reply", number[0], "This is what you will see.", "--file", str(picture), "--file", str(steps))
    download = {"es": "Descargar", "en": "Download"}[locale]
    expect(chat.desks.last.locator(".get")).to_have_text(["rescue screen.png (1 KB)", "bsteps.txt (1 KB)"])
    chat.shot(screenshots, f"{locale}-{width}-{scheme}-team-files")
    assert violations(chat.page) == []
    chat.page.reload()
    chat.open()
    with chat.page.expect_response("**/chat/files/link") as answer, chat.page.context.expect_page():
        chat.host.get_by_role("button", name=f"{download} rescue screen.png").click()
    got = chat.page.request.get(house.url + answer.value.json()["url"])
    assert got.headers["content-disposition"].startswith("attachment;")
    assert got.body().startswith(png()[:33])


def test_pages_that_cannot_be_loaded_leave_the_question_and_say_why(contexts: Contexts, desk: Program) -> None:
    chat = visit(contexts, desk)
    told: list[str] = []
    chat.page.on("console", lambda message: told.append(message.text) if message.type == "warning" else None)
    chat.page.route("**/chat/form.js?*", lambda route: route.fulfill(body="let a; let a;", content_type="text/javascript"))
    chat.open()
    chat.say("I want to open a ticket")
    chat.choice("Technical issues").click()
    expect(chat.desks.last).to_contain_text("2/")
    assert any("SyntaxError" in text for text in told), told


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("locale", ["es", "en"])
def test_every_page_can_be_shown(contexts: Contexts, desk: Program, screenshots: Path, locale: str, width: int, scheme: str) -> None:
    chat = visit(contexts, desk, locale, viewport={"width": width, "height": 844}, color_scheme=scheme)
    found: dict[str, list[str]] = {}

    def look(state: str) -> None:
        found[state] = violations(chat.page)
        chat.shot(screenshots, f"{locale}-{width}-{scheme}-page-{state}")

    spanish = locale == "es"
    form = begin(chat, "quiero abrir un ticket" if spanish else "I want to open a ticket").page("1 ·")
    look("first")
    form.choose("Departamento" if spanish else "Department", "Cuestiones técnicas" if spanish else "Technical")
    form.choose("Prioridad" if spanish else "Priority", "Alta" if spanish else "High")
    form.go("Continuar" if spanish else "Continue")
    form.page("2 de 4" if spanish else "2 of 4")
    look("reason")
    form.group("prioridad alta" if spanish else "high priority").get_by_role("button").click()
    form.page("2 de 2" if spanish else "2 of 2")
    expect(form.box.locator(".c.by button")).to_have_text(list(WAYS[locale]))
    form.field("Descripción" if spanish else "Description").fill("El correo va a ratos." if spanish else "Mail comes and goes.")
    form.files.set_input_files([SCREENSHOT])
    expect(form.box.locator(".fs li")).to_have_count(1)
    form.box.get_by_role("button", name="Enviar ya" if spanish else "Send now").scroll_into_view_if_needed()
    look("last")
    form.go("Revisar antes de enviar" if spanish else "Review before sending")
    expect(chat.desks.last).to_contain_text("captura.png")
    look("review")
    chat.choice("✅ Enviar" if spanish else "✅ Send").click()
    expect(chat.desks.last).to_contain_text("Tu ticket es" if spanish else "Your ticket is")
    look("sent")
    assert {state: wrong for state, wrong in found.items() if wrong} == {}
