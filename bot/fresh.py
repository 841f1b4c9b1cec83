"""What was just written as JSON, as it was before: whoever in this process reads it back from the database is spared the decoding."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Fresh(Generic[T]):
    """At most `limit` values by key, the oldest given up first. Rows are the truth: a value counts only for the very text it became.

    Of the text only its length and hash are kept, which nobody outside can steer: Python's hashes are keyed, anew in each process.
    """

    __slots__ = ("_limit", "_values")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: dict[Hashable, tuple[tuple[int, int], T]] = {}

    def keep(self, key: Hashable, text: str, value: T) -> None:
        if len(self._values) >= self._limit:
            del self._values[next(iter(self._values))]
        self._values[key] = (len(text), hash(text)), value

    def take(self, key: Hashable, text: str) -> T | None:
        """The value that became `text`, which is then not kept any more; None when another is there, or none."""
        found = self._values.pop(key, None)
        return found[1] if found is not None and found[0] == (len(text), hash(text)) else None
