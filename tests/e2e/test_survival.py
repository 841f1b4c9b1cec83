"""The desk is killed in the middle of a conversation, and lines break: nothing typed is lost, nothing said twice, the order stands."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Error, Route, expect

from tests.e2e.chat import Chat
from tests.e2e.conftest import Contexts
from tests.e2e.program import Program

MESSAGES = 24
KILLS = 3


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Program]:
    program = Program(tmp_path, RELEVO_WEBCHAT__LIMITS__MESSAGES__BURST="1000", RELEVO_WEBCHAT__LIMITS__MESSAGES__PER_SECOND="1000")
    program.start()
    yield program
    program.kill()


def two_tabs(context: BrowserContext, program: Program) -> tuple[Chat, Chat]:
    pages = [context.new_page(), context.new_page()]
    for page in pages:
        page.goto(f"{program.url}/?lang=en")
    return Chat(pages[0]), Chat(pages[1])


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_in_the_middle(contexts: Contexts, mortal: Program, seed: int) -> None:
    """One tab types, the other watches. Many acknowledgements are destroyed: the desk has the message, the browser cannot know."""
    chance = random.Random(seed)
    context = contexts()
    writer, watcher = two_tabs(context, mortal)
    lost_acknowledgements = 0

    def lossy(route: Route) -> None:
        nonlocal lost_acknowledgements
        if chance.random() < 0.3:
            lost_acknowledgements += 1
            with contextlib.suppress(Error):  # the desk itself may be away
                route.fetch()
            route.abort()
        else:
            route.continue_()

    writer.open().say("first")
    writer.answered(1)
    watcher.open()
    watcher.answered(1)
    writer.page.route("**/chat/messages", lossy)
    kills = set(chance.sample(range(2, MESSAGES - 2), KILLS))
    said = ["first"]
    for n in range(MESSAGES):
        said.append(f"message {n}")
        writer.say(said[-1])
        if n in kills:
            mortal.kill()
            expect(writer.status).to_have_text("Reconnecting…")
            said.append(f"written while it was away {n}")
            writer.say(said[-1])
            mortal.start()
    writer.settled()
    writer.answered(len(said))
    watcher.answered(len(said))
    assert lost_acknowledgements > 0
    assert writer.mine.all_inner_texts() == said
    assert writer.desks.count() == len(said)
    expect(watcher.all).to_have_count(2 * len(said))
    assert watcher.all.all_inner_texts() == writer.all.all_inner_texts()
    expect(writer.status).to_have_text("")
    # a third window, which reads the whole story from the desk, sees the same
    page = context.new_page()
    page.goto(f"{mortal.url}/?lang=en")
    late = Chat(page).open()
    expect(late.all).to_have_count(2 * len(said))
    assert late.all.all_inner_texts() == writer.all.all_inner_texts()


def test_closing_the_browser_while_the_desk_is_away_loses_nothing(contexts: Contexts, mortal: Program) -> None:
    context = contexts()
    page = context.new_page()
    page.goto(f"{mortal.url}/?lang=en")
    chat = Chat(page).open()
    chat.say("first")
    chat.answered(1)
    mortal.kill()
    chat.say("second")
    chat.say("third")
    page.close()
    mortal.start()
    again = context.new_page()
    again.goto(f"{mortal.url}/?lang=en")
    chat = Chat(again).open()
    chat.answered(3)
    chat.settled()
    assert chat.mine.all_inner_texts() == ["first", "second", "third"]


def test_what_is_written_offline_is_sent_later(contexts: Contexts, desk: Program) -> None:
    context = contexts()
    page = context.new_page()
    page.goto(f"{desk.url}/?lang=en")
    chat = Chat(page).open()
    chat.say("first")
    chat.answered(1)
    context.set_offline(True)
    chat.say("written offline")
    expect(chat.status).to_contain_text("You are offline")
    expect(chat.mine).to_have_count(2)
    context.set_offline(False)
    chat.answered(2)
    chat.settled()
    expect(chat.status).to_have_text("")


def test_a_session_that_ended_is_replaced_and_the_message_is_not_lost(contexts: Contexts, desk: Program) -> None:
    context = contexts()
    page = context.new_page()
    page.goto(f"{desk.url}/?lang=en")
    chat = Chat(page).open()
    chat.say("first")
    chat.answered(1)
    token = page.evaluate("Object.entries(localStorage).find(([key]) => key.endsWith(':token'))[1]")
    page.evaluate("(token) => fetch('/chat/sessions', { method: 'DELETE', headers: { authorization: 'Bearer ' + token } })", token)
    chat.say("second")
    expect(chat.mine).to_have_text(["second"])
    chat.answered(1)
    chat.settled()
    fresh = page.evaluate("Object.entries(localStorage).find(([key]) => key.endsWith(':token'))[1]")
    assert fresh != token
