"""The keyboard alone, as somebody uses it who cannot or will not use a mouse: by Tab to what is within reach, by arrows within a group."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Keyboard, Locator

HAS_FOCUS = "node => node.contains(node.getRootNode().activeElement)"

REACH = 25
"""Tabs to what is on the same page: further off it is not within reach."""


def to(keys: Keyboard, target: Locator, reach: int = REACH) -> None:
    """Tab until it has the focus."""
    _go(keys, target, "Tab", reach)


def back(keys: Keyboard, target: Locator, reach: int = 8) -> None:
    _go(keys, target, "Shift+Tab", reach, first=True)


def _go(keys: Keyboard, target: Locator, key: str, reach: int, first: bool = False) -> None:
    for _ in range(reach):
        if not first and target.evaluate(HAS_FOCUS):
            return
        first = False
        keys.press(key)
    if not target.evaluate(HAS_FOCUS):
        pytest.fail(f"the keyboard does not reach {target}")


def turn(keys: Keyboard, group: Locator, option: str) -> None:
    """In a group of radio buttons that has the focus: by arrow keys to the option that begins so."""
    keys.press("Space")
    wanted = group.get_by_role("radio", name=re.compile(f"^{re.escape(option)}"))
    for _ in range(6):
        if wanted.is_checked():
            return
        keys.press("ArrowDown")
    pytest.fail(f"the arrow keys do not reach {option}")


def pick(keys: Keyboard, group: Locator, option: str) -> None:
    to(keys, group)
    turn(keys, group, option)


def write(keys: Keyboard, field: Locator, text: str) -> None:
    to(keys, field)
    keys.type(text)


def press(keys: Keyboard, button: Locator) -> None:
    to(keys, button)
    keys.press("Enter")
