"""What the preview shows of Telegram, Slack and Discord is what their encoders wrote: every word, its looks, and nothing of the markup."""

from __future__ import annotations

from typing import Any, cast

import pytest

from adapters.base import Outbound
from bot.preview_platforms import PLATFORMS
from conversations.knowledge import Desk
from conversations.model import Address, Bold, Bullets, Choice, Code, Italic, Link, Message, Paragraph, Text, paragraph
from tests.contracts.adapter import NASTY, visible

TALKS = [platform for platform in PLATFORMS if platform.look == "talk"]


def drawn(name: str, message: Message) -> list[dict[str, Any]]:
    platform = next(each for each in TALKS if each.id == name)
    return platform.open(cast(Desk, None))(Outbound(Address(name, "preview", "1"), message, "1.1.0"))


@pytest.mark.parametrize("name", [platform.id for platform in TALKS])
def test_looks_and_buttons(name: str) -> None:
    doc = (
        Paragraph((Text("Lee "), Bold((Text("esto"),)), Text(" y "), Italic((Text("esto otro"),)), Text(": "), Code("a_b*c"))),
        Bullets(((Text("uno"),), (Link("https://relevo.example/x", (Text("el área"),)),))),
    )
    [part] = drawn(name, Message(doc, "es", (Choice("1.1", "Sí"), Choice("1.2", "← Atrás", aside=True))))
    looks = {text: look for text, look in part["pieces"] if look}
    assert looks == {"esto": "b", "esto otro": "i", "a_b*c": "code", "el área": "link"}
    text = "".join(text for text, _ in part["pieces"])
    assert "• uno" in text
    assert [label for row in part["buttons"] for label in row] == ["Sí", "← Atrás"]


@pytest.mark.parametrize("name", [platform.id for platform in TALKS])
@pytest.mark.parametrize("said", NASTY)
def test_what_people_write_is_shown_as_it_is(name: str, said: str) -> None:
    shown = "".join(text for part in drawn(name, Message(paragraph(said), "es")) for text, _ in part["pieces"])
    assert visible(shown) == visible(said)
