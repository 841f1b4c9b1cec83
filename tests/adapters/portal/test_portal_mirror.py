"""What a customer edits or deletes in the chat is marked in the client area, in the language of the page, with its time."""

from __future__ import annotations

import re

import pytest

from conversations.events import Event, Inbound, MessageDeleted, MessageEdited, MessageReceived
from conversations.model import Address
from tests.adapters.portal_desk import Browser, Desk, browsing
from tests.bot.rig import until

ANA_CHAT = Address("memory", "desk", "ana")


async def happens(desk: Desk, key: str, event: Event) -> None:
    await desk.pipeline.intake.accept(Inbound(ANA_CHAT, key, event))

    async def decided() -> bool:
        return await desk.ask("SELECT id FROM inbox WHERE turn = 0") == []

    await until(decided)


async def replies(desk: Desk, key: str, text: str) -> None:
    for count, said in enumerate(("my tickets", "1", "Reply")):
        await happens(desk, f"{key}.{count}", MessageReceived(text=said, locale="en"))
    await happens(desk, key, MessageReceived(text=text, locale="en"))


@pytest.mark.parametrize(
    ("locale", "edited", "deleted"),
    [("es", "Editado: {at}", "Borrado: {at}"), ("en", "Edited {at}", "Deleted {at}")],
)
async def test_what_was_edited_and_deleted_says_so_and_when(desk: Desk, browser: Browser, locale: str, edited: str, deleted: str) -> None:
    await desk.account()
    ticket = await desk.opened()
    await replies(desk, "first", "It is sind yesterday <b>")
    await replies(desk, "second", "Forget about the invoice")
    await replies(desk, "third", "Nothing answers")
    await browser.sign_in()
    async with browsing(desk, **{"accept-language": locale}) as other:
        await other.sign_in()
        path = f"/area/tickets/{ticket.number}"
        marks = (edited.partition("{")[0].strip(), deleted.partition("{")[0].strip())
        await other.get(path)
        assert "It is sind yesterday &lt;b&gt;" in other.page
        assert not [mark for mark in marks if mark in other.page]
        await happens(desk, "edit", MessageEdited(of="first", text="It is since yesterday <i>"))
        await happens(desk, "delete", MessageDeleted(of="second"))
        await other.get(path)
        assert ("It is since yesterday &lt;i&gt;" in other.page, "sind" in other.page) == (True, False)
        assert ("Nothing answers" in other.page, "Forget about" in other.page) == (True, False)
        for mark in marks:
            assert len(re.findall(rf'<p class="hint">{re.escape(mark)} [^<]*\d{{1,2}}:\d\d', other.page)) == 1, other.page
