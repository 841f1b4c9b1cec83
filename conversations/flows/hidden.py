"""Secrets in what was written: hidden before anybody works with it, and the customer is told why and what to do now."""

from __future__ import annotations

from conversations import secrets
from conversations.turn import Turn


def masked(turn: Turn, text: str, before: tuple[str, ...] = ()) -> str:
    """`text` without the secrets in it; the customer is told why, and what to do now, also of those hidden `before`."""
    # Again after the intake: not every way here leads through it (transcripts, the preview, what an older release stored).
    text, kinds = secrets.mask(text)
    if before or kinds:
        warn(turn, tuple(dict.fromkeys((*before, *kinds))))
    return text


def warn(turn: Turn, kinds: tuple[str, ...]) -> None:
    for phrase in ("secret." + kind for kind in kinds):
        if phrase in secrets.PHRASES:
            turn.say(turn.knowledge.texts.doc(phrase, turn.locale))
