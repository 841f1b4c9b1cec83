"""Finds the kept files that the database refers to, a few rows at a time: whatever else is kept, nobody will ask for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from storage import reference_statements

# In the JSON of an attachment its id, which begins with the digest, stands right behind a quote, however deep it is wrapped.
_DIGEST: Final = re.compile(r'"([0-9a-f]{64})')

PLACES: Final = tuple(reference_statements.COLUMNS)
"""Tables that hold attachments, in the order in which these travel: what moves on while they are read is met again further down."""


class Part(NamedTuple):
    """Some rows of a place: their texts, and the key of the last (None: there are no more)."""

    texts: tuple[str, ...]
    last: tuple[Any, ...] | None


def read(conn: Connection, place: str, after: tuple[Any, ...] | None, limit: int) -> Part:
    """The next `limit` rows of a place behind the key `after`; None begins. In a transaction of its own each, so it is in nobody's way."""
    key = reference_statements.before_all(place) if after is None else after
    given = {f"after_{nth}": value for nth, value in enumerate(key)}
    rows = conn.execute(reference_statements.texts_of(place), {**given, "limit": limit}).all()
    last = tuple(rows[-1][: len(key)]) if len(rows) == limit else None
    return Part(tuple(text for row in rows for text in row[len(key) :]), last)


def digests(texts: Iterable[str]) -> set[str]:
    """Every digest that stands in these texts where an attachment's would."""
    return {found for text in texts for found in _DIGEST.findall(text)}
