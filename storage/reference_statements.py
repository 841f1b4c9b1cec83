"""The statements that read every text in which an attachment may stand, by key."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from sqlalchemy import Integer, Select, Text, bindparam, select, tuple_

from storage.schema import metadata

COLUMNS: Final = {
    "inbox": ("payload",),
    "conversation": ("state",),
    "outbox": ("payload",),
    "ticket": ("answers", "files"),
    "ticket_entry": ("files",),
}
"""In the order in which attachments travel: a message that came, what the conversation remembers, what was said, what was opened."""


@cache
def texts_of(place: str) -> Select[Any]:
    """The key and the texts of so many rows behind a key (`after_0`, `after_1`, …)."""
    table = metadata.tables[place]
    key = list(table.primary_key)
    after = [bindparam(f"after_{nth}", type_=column.type) for nth, column in enumerate(key)]
    return (
        select(*key, *(table.c[name] for name in COLUMNS[place]))
        .where(tuple_(*key) > tuple_(*after))
        .order_by(*key)
        .limit(bindparam("limit", type_=Integer))
    )


def before_all(place: str) -> tuple[Any, ...]:
    """A key before every key there is: shards and numbers are not negative."""
    return tuple("" if isinstance(column.type, Text) else -1 for column in metadata.tables[place].primary_key)
