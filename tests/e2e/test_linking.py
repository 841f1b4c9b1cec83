"""Two browsers of one person: a form begun in one goes on in the other, by the link that the first one shows, and comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.chat import Chat, violations
from tests.e2e.conftest import Contexts
from tests.e2e.program import Program
from tests.e2e.test_forms import Form, begin


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Program]:
    """One that knows the address of its own page: nobody has embedded it elsewhere."""
    program = Program(tmp_path)
    program.start()
    yield program
    assert program.stop() == 0, program.output()


def test_a_form_goes_on_in_another_browser_and_comes_back(contexts: Contexts, desk: Program, screenshots: Path) -> None:
    found: dict[str, list[str]] = {}

    def look(page: Page, name: str) -> None:
        found[name] = violations(page)
        page.screenshot(path=screenshots / f"link-{name}.png")

    # On the telephone, in Spanish, a ticket is begun.
    first = contexts(locale="es", viewport={"width": 390, "height": 844}).new_page()
    first.goto(f"{desk.url}/?lang=es")
    one = Chat(first)
    form = begin(one, "quiero abrir un ticket").page("Página 1 ·")
    form.choose("Departamento", "Cuestiones técnicas")
    form.choose("Prioridad", "Regular")
    form.go("Continuar")
    form.page("Página 2 de 2")
    form.field("Nombre del servicio").fill("web-01")
    one.say("vincular mis chats")
    shown = one.desks.filter(has_text="No des el código a nadie")
    expect(shown).to_have_count(1)
    link = re.search(re.escape(desk.url) + r"/#start=link_[0-9A-Z]{16}", shown.inner_text())
    look(first, "1-code")
    assert link, shown.inner_text()
    look(first, "1-code")

    # On the computer the link is opened: nothing happens before the customer says yes.
    second = contexts(locale="es").new_page()
    second.goto(link[0])
    two = Chat(second)
    agree = two.choice("Sí, ese chat es mío: vincular")
    expect(agree).to_be_visible()
    assert "link_" not in second.url
    look(second, "2-asked")
    expect(Form(one).box).to_have_count(1)
    agree.click()
    there = Form(two).page("Página 2 de 2")
    look(second, "3-linked")
    expect(one.desks.filter(has_text="donde lo dejaste aquí")).to_have_count(1)
    look(first, "4-gone")

    # And back to the telephone, where it is sent; the ticket is seen on both.
    there.field("Nombre del servicio").fill("web-02")
    one.choice("↩ Seguir aquí").click()
    form = Form(one).page("Página 2 de 2")
    form.field("Nombre del servicio").fill("web-03")
    form.field("Descripción").fill("El panel no abre.")
    form.go("Enviar ya")
    expect(one.desks.last).to_contain_text("Tu ticket es el ")
    number = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", one.desks.last.inner_text())
    assert number
    two.say("mis tickets")
    expect(two.desks.last).to_contain_text(number[0])
    look(second, "5-tickets")
    two.say("mis chats vinculados")
    expect(two.desks.last).to_contain_text("web")
    two.choice("Desvincular la web").click()
    expect(one.desks.last).to_contain_text("ya no está vinculado")
    look(first, "6-unlinked")
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
