"""What was said in passing, before a form asked for it: when something began, and an address to write to."""

from __future__ import annotations

import re
from contextlib import suppress

from conversations.moments import DAY
from conversations.times import read_time
from conversations.values import Occasion, Wrong

_BEGINNINGS = re.compile(
    r"\b(?:desde|since|hace|llev\w+|for the (?:last|past)|anoche|last night|a las|this morning|esta mañana)\b", re.IGNORECASE
)
_AGO = re.compile(r"\b(?:\w+ ){1,4}ago\b", re.IGNORECASE)
MOST_WORDS = 8


def find_time(text: str, occasion: Occasion) -> str | None:
    """The words in `text` that surely say when something began, to be read by `read_time`; None when there are none. Never raises."""
    for mark in _BEGINNINGS.finditer(text):
        following = re.split(r"(?<=[^\d])[.,;!?](?:\s|$)|\n", text[mark.start() :])[0].split()[:MOST_WORDS]
        for count in range(len(following), 1, -1):
            said = " ".join(following[:count])
            with suppress(Wrong):
                # Longer ago it is more likely about something else: "hace tres días contraté ..."
                if occasion.now - read_time(said, occasion).at <= DAY or mark[0].casefold() in ("desde", "since"):
                    return said
    if found := _AGO.search(text):
        with suppress(Wrong):
            if occasion.now - read_time(found[0], occasion).at <= DAY:
                return found[0]
    return None
