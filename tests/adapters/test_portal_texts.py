"""The client area's texts: complete in every language, given what they are filled with, and none that nobody shows."""

from __future__ import annotations

import re
from pathlib import Path

import adapters.portal
from bot.area import catalogues
from conversations.identity import CATEGORIES
from conversations.texts import placeholders

ROOM = Path(adapters.portal.__file__).parent
COMPUTED = (
    "nav.",
    "link.",
    "ticket.changed_",
    "ticket.done_",
    "tickets.show_",
    "addresses.done_",
    "settings.done_",
    "rate.",
    "error.",
    "mail.",
)
"""Ids that are put together where they are used."""


def test_every_language_has_every_text_with_the_same_places() -> None:
    found = catalogues()
    assert set(found) == {"es", "en"}
    places = {
        locale: {id: {name for form in forms for name in placeholders(form)} for id, forms in catalogue.phrases.items()}
        for locale, catalogue in found.items()
    }
    assert places["es"] == places["en"]


def test_every_text_that_is_named_exists_and_no_other() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in [*ROOM.glob("*.py"), *ROOM.glob("pages/*.html")])
    named = set(re.findall(r"""["']([a-z_]+(?:\.[a-z0-9_]+)+)["']""", sources))
    ids = set(catalogues()["en"].phrases)
    kinds = (
        {f"addresses.{category}{end}" for category in CATEGORIES for end in ("", "_hint")}
        | {"reply.file_type", "reply.file_broken"}
        | {
            "reply.file_infected",
            "reply.file_unchecked",
        }
    )
    kinds |= {f"ticket.{what}{end}" for what in ("close", "reopen") for end in ("", "_hint")}
    assert {id for id in ids - named - kinds if not id.startswith(COMPUTED)} == set()
    known = ids | {"adapters.portal", "area.css"}
    assert {
        id for id in named - known if not id.endswith((".html", ".css", "_")) and f"{id}.title" not in ids and f"{id}.text" not in ids
    } == set()
