"""A page of a form as a whole: the ways round it, and what going on does with fields that are left as they are."""

from __future__ import annotations

import pytest

from conversations.events import ChoicePressed, CommandGiven
from conversations.knowledge import Knowledge
from tests.conversations.test_filling import Customer, desk


@pytest.fixture
def knowledge() -> Knowledge:
    return desk()


def test_round_a_page_there_are_the_page_before_and_the_way_out(knowledge: Knowledge) -> None:
    customer = Customer(knowledge)
    (first,) = customer.send(CommandGiven(name="ticket"))
    assert first.sheet is not None
    assert [way.label for way in first.sheet.ways] == ["✕ Cancelar"]
    customer.fill({"department": "technical", "priority": "high"})
    (page,) = customer.fill({"reason": "down", "symptom": "loss", "assets": "300.1.2.3"})
    assert page.sheet is not None
    assert (page.sheet.page, page.sheet.focus) == (2, "assets")
    back, cancel = page.sheet.ways
    assert cancel in page.choices
    # the question before is on the same page, and whoever sees the page is on none of its questions in particular
    customer.send(ChoicePressed(key=back.key, label=back.label))
    assert (customer.heard[-1].sheet.page if customer.heard[-1].sheet else 0) == 1
    # an impatient finger: twice is the page before, not the one before that
    customer.send(ChoicePressed(key=back.key, label=back.label))
    assert (customer.heard[-1].sheet.page if customer.heard[-1].sheet else 0) == 1
    customer.fill({"department": "technical", "priority": "high"})
    customer.heard = [page]
    customer.press("← Atrás")
    assert customer.filling is not None
    assert customer.filling.focus == "symptom"


def test_a_page_is_skipped_and_kept_by_going_on(knowledge: Knowledge) -> None:
    customer = Customer(knowledge)
    customer.fill({"department": "technical", "priority": "regular"})
    customer.fill({"assets": "", "service": "vps-1", "details": "No responde desde ayer.", "files": [], "email": ""})
    assert customer.filling is not None
    assert customer.filling.asking == "review"
    customer.press("← Atrás")
    (page,) = customer.heard
    assert page.sheet is not None
    customer.fill({each.name: each.value for each in page.sheet.inputs if each.kind != "files"} | {"files": []})
    assert customer.filling.asking == "review"
    answers = customer.filling.answers
    assert (answers["assets"], answers["service"], answers["files"]) == (None, "vps-1", None)
