"""One ticket from the first word to the stars, as a customer goes it: live chat, client area, the team's command line, mail, and back.

The keyboard alone, in both languages, on a desk with a real mail server; the account was brought in from the panel's file.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.chat import Chat, violations
from tests.e2e.conftest import Contexts
from tests.e2e.keyboard import pick, press, to, turn, write
from tests.e2e.program import ROOT, Program
from tests.e2e.test_forms import SCREENSHOT, Form
from tests.postbox import Postbox, opened, text_of

EMAIL = "ana@example.com"
PANEL = (
    f"number;name;email;locale;service_number;service_name;service_kind;service_addresses\nC-1;Ana;{EMAIL};;123456;web-1;vps;185.22.1.7\n"
)


class Words(NamedTuple):
    """What is said and read on the way, in one language."""

    question: str
    answer: str
    wish: str
    department: tuple[str, str]
    priority: tuple[str, str]
    reason: tuple[str, str]
    symptom: tuple[str, str]
    assets: str
    service: str
    begun: tuple[str, str]
    going_on: tuple[str, str]
    scope: tuple[str, str]
    change: tuple[str, str]
    reboot: tuple[str, str]
    details: tuple[str, str]
    add: str
    email: str
    send: str
    number: str
    reply: str
    solved: str
    stars: str
    thanks: str


ES = Words(
    "¿Qué prioridad pongo si mi servidor está caído?",
    "Alta",
    "quiero abrir un ticket",
    ("Departamento", "Cuestiones técnicas"),
    ("Prioridad", "Alta"),
    ("Motivo de la prioridad alta", "No se puede acceder"),
    ("Síntoma", "No resp"),
    "IP o número de pedido",
    "Nombre del servicio",
    ("Hora de inicio", "desde hace 10 minutos"),
    ("¿Sigue ocurriendo?", "Sí, sin parar"),
    ("Alcance", "A un servidor"),
    ("Último cambio", "Nada"),
    ("Permiso para reiniciar", "Sí"),
    ("Descripción", "No responde a ping ni a SSH desde las dos."),
    "Añadir archivos",
    "Correo",
    "Enviar ya",
    "Tu ticket es el ",
    "Era el cortafuegos: ya <responde> & sigue bien.",
    "Está resuelto, cerrarlo",
    "😀 Muy satisfecho",
    "Gracias",
)
EN = Words(
    "Which priority should I choose when my server is down?",
    "High",
    "I want to open a ticket",
    ("Department", "Technical"),
    ("Priority", "High"),
    ("Reason for high priority", "The server"),
    ("Symptom", "Not resp"),
    "IP or order number",
    "Service name",
    ("Start time", "10 minutes ago"),
    ("Still happening?", "Yes, all the time"),
    ("Scope", "One server"),
    ("Last change", "Nothing"),
    ("Permission to reboot", "Yes"),
    ("Description", "Neither ping nor SSH since two."),
    "Add files",
    "E-mail",
    "Send now",
    "Your ticket is ",
    "It was the firewall: it <answers> & stays up.",
    "It is solved, close it",
    "😀 Very satisfied",
    "Thank",
)


@pytest.fixture(scope="module")
def postbox() -> Iterator[Postbox]:
    """A mail server of its own loop, beside the browser's."""
    found: list[Postbox] = []
    ready, done = threading.Event(), threading.Event()

    async def serve() -> None:
        async with opened() as box:
            found.append(box)
            ready.set()
            await asyncio.to_thread(done.wait)

    server = threading.Thread(target=asyncio.run, args=(serve(),))
    server.start()
    ready.wait(20)
    yield found[0]
    done.set()
    server.join(20)


@pytest.fixture(scope="module")
def desk_with_mail(tmp_path_factory: pytest.TempPathFactory, postbox: Postbox) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("mail")
    program = Program(folder, RELEVO_EMAIL__ADDRESS="support@desk.example", RELEVO_EMAIL__SMTP_URL=postbox.url)
    (folder / "panel.csv").write_text(PANEL, encoding="utf-8")
    program.start()
    relevo(program, "customers", "import", str(folder / "panel.csv"))
    yield program
    assert program.stop() == 0, program.output()


def relevo(program: Program, *arguments: str) -> str:
    command = [sys.executable, "-m", "bot", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=program.environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def arrived(page: Page, postbox: Postbox, wanted: Callable[[EmailMessage], bool]) -> EmailMessage:
    """The first mail of that kind, as soon as it is there."""
    for _ in range(120):
        for mail in postbox.mails:
            if wanted(mail):
                return mail
        page.wait_for_timeout(250)
    raise AssertionError([f"{mail['to']}: {mail['subject']}" for mail in postbox.mails])


@pytest.mark.parametrize(("locale", "width"), [("es", 1280), ("es", 390), ("en", 1280), ("en", 390)])
def test_from_the_first_word_to_the_stars(
    contexts: Contexts, desk_with_mail: Program, postbox: Postbox, screenshots: Path, locale: str, width: int
) -> None:
    desk, words = desk_with_mail, ES if locale == "es" else EN
    postbox.mails.clear()
    context = contexts(locale=locale, viewport={"width": width, "height": 844 if width == 390 else 800})
    page, found = context.new_page(), dict[str, list[str]]()
    chat, keys = Chat(page), page.keyboard
    form = Form(chat)
    page.on("filechooser", lambda _: None)

    def look(name: str, shown: Page = page) -> None:
        found[name] = violations(shown)
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        shown.screenshot(path=screenshots / f"way-{locale}-{width}-{name}.png")

    # --- the live chat ---
    page.goto(f"{desk.url}/?lang={locale}")
    press(keys, chat.launcher)
    expect(chat.field).to_be_focused()
    keys.type(words.question)
    keys.press("Enter")
    expect(chat.desks.last).to_contain_text(words.answer)
    look("1-answer")
    keys.type(words.wish)
    keys.press("Enter")
    expect(form.box).to_have_count(1)
    to(keys, form.group(words.department[0]), reach=60)
    turn(keys, form.group(words.department[0]), words.department[1])
    pick(keys, form.group(words.priority[0]), words.priority[1])
    look("2-first-page")
    keys.press("Enter")
    expect(form.group(words.reason[0]).get_by_role("radio").first).to_be_focused()
    pick(keys, form.group(words.reason[0]), words.reason[1])
    write(keys, form.field(words.symptom[0]), words.symptom[1])
    write(keys, form.field(words.assets), "185.22.1.7")
    write(keys, form.field(words.service), "web-1")
    write(keys, form.field(words.begun[0]), words.begun[1])
    look("3-critical")
    keys.press("Enter")
    expect(form.group(words.going_on[0])).to_be_visible()
    for label, option in (words.going_on, words.scope, words.change):
        pick(keys, form.group(label), option)
    keys.press("Enter")
    expect(form.group(words.reboot[0])).to_be_visible()
    pick(keys, form.group(words.reboot[0]), words.reboot[1])
    write(keys, form.field(words.details[0]), words.details[1])
    to(keys, form.box.get_by_role("button", name=words.add))
    with page.expect_file_chooser() as chooser:
        keys.press("Enter")
    chooser.value.set_files([SCREENSHOT])
    expect(form.box.get_by_role("button", name="captura.png")).to_be_visible()
    write(keys, form.field(words.email), EMAIL)
    look("4-files")
    press(keys, form.box.get_by_role("button", name=words.send, exact=True))
    expect(chat.desks.last).to_contain_text(words.number)
    look("5-sent")
    match = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", chat.desks.last.inner_text())
    assert match
    number = match[0]

    # --- the client area ---
    area = context.new_page()
    area.goto(f"{desk.url}/area")
    write(area.keyboard, area.locator("#email"), EMAIL)
    look("6-sign-in", area)
    area.keyboard.press("Enter")
    expect(area.locator("#email")).to_have_count(0)
    letter = text_of(arrived(page, postbox, lambda mail: "/area/link/" in text_of(mail)))
    link = re.search(r"http://127\.0\.0\.1:\d+/area/link/[\w-]{43}", letter)
    assert link
    area.goto(link[0])
    press(area.keyboard, area.locator("main button"))
    expect(area.locator(f'a[href="/area/tickets/{number}"]')).to_be_visible()
    look("7-tickets", area)
    press(area.keyboard, area.locator(f'a[href="/area/tickets/{number}"]'))
    expect(area.locator("main")).to_contain_text(words.details[1])
    look("8-ticket", area)

    # --- the team ---
    assert words.details[1] in relevo(desk, "tickets", "show", number)
    relevo(desk, "tickets", "reply", number, words.reply, "--as", "Marta", "--state", "resolved")
    expect(chat.desks.filter(has_text=words.reply)).to_have_count(1)
    look("9-replied")
    mail = arrived(page, postbox, lambda mail: mail["to"] == EMAIL and words.reply in text_of(mail))
    assert number in mail["subject"]

    # --- and back ---
    page.bring_to_front()
    for choice in (words.solved, words.stars):
        to(keys, chat.choice(choice), reach=60)
        keys.press("Enter")
    expect(chat.desks.last).to_contain_text(words.thanks)
    look("10-rated")
    area.reload()
    expect(area.locator("main")).to_contain_text(words.reply)
    look("11-ticket-answered", area)
    assert re.search(r"\b5\b", relevo(desk, "tickets", "show", number))
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
