"""What is under way in a conversation, and how it is left: a question for an address ends, a form is put aside to be gone on with."""

from __future__ import annotations

from conversations.effects import CancelTimer
from conversations.model import Contact, Filling, Idle, Proving, Replying
from conversations.turn import Turn

CONTACT_TIMER = "contact"


def leave(turn: Turn) -> None:
    """Stop waiting for an address, a code or a reply to a ticket; what was recorded stays."""
    if isinstance(turn.frame, Replying | Proving):
        turn.pop()
    if isinstance(turn.frame, Contact):
        turn.pop()
        turn.do(CancelTimer(CONTACT_TIMER))


def find(turn: Turn, *, form: str = "", key: str = "") -> bool:
    """Bring the draft of `form`, or with `key`, to the top: from under another question, or from aside. False: there is none."""

    def wanted(filling: Filling | None) -> bool:
        return filling is not None and (filling.key == key if key else filling.form == form)

    frames = turn.state.frames
    if any(isinstance(frame, Filling) and wanted(frame) for frame in frames):
        leave(turn)
        return isinstance(turn.frame, Filling)
    draft = turn.state.draft
    if draft is not None and wanted(draft):
        put_aside(turn)
        turn.push(draft)
        turn.remember(draft=None)
        return True
    return False


def put_aside(turn: Turn) -> None:
    """Leave what is under way; a form that was begun can be gone on with later."""
    leave(turn)
    if isinstance(turn.frame, Filling):
        turn.remember(draft=turn.frame, frames=turn.state.frames[:-1] or (Idle(),))
