"""What reading a typed value comes to when it is not simply right: an error in the desk's words, and the occasion it is read on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Occasion(NamedTuple):
    """When and for whom something is read: `now` in epoch ms (UTC), the time zone meant when none is named, the customer's language."""

    now: int
    zone: str
    locale: str


class Wrong(ValueError):
    """A value that cannot be taken as it was typed. `phrase` and `values` say what is expected, in the desk's words.

    `near`: it was clearly meant as this value, so nothing else needs to be tried with it. `readings`: what it may have meant, each in a
    form that reads without doubt; there are none when it means nothing.
    """

    def __init__(self, phrase: str, *, near: bool = False, readings: tuple[str, ...] = (), **values: str | int) -> None:
        super().__init__(phrase)
        self.phrase = phrase
        self.near = near or bool(readings)
        self.readings = readings
        self.values: Mapping[str, str | int] = values


class Remark(NamedTuple):
    """Something to tell about a value that was taken."""

    phrase: str
    values: Mapping[str, str | int] = MappingProxyType({})
