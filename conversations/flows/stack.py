"""What is under way in a conversation, and how it is left: a question for an address ends, a form is put aside to be gone on with."""

from __future__ import annotations

from conversations.effects import CancelTimer
from conversations.model import IDLE, Contact, Filling, Peer, Proving, Replying, State
from conversations.turn import Turn

CONTACT_TIMER = "contact"


def leave(turn: Turn) -> None:
    """Stop waiting for an address, a code or a reply to a ticket; what was recorded stays."""
    if isinstance(turn.frame, Replying | Proving):
        turn.pop()
    if isinstance(turn.frame, Contact):
        turn.pop()
        turn.do(CancelTimer(CONTACT_TIMER))


def drafts(state: State) -> tuple[Filling, ...]:
    """All forms that are under way or put aside here, the one that is gone on with first."""
    under_way = tuple(frame for frame in reversed(state.frames) if isinstance(frame, Filling))
    return (*under_way, *([state.draft] if state.draft is not None else []), *state.spare)


def holder(state: State, key: str = "") -> Peer | None:
    """The linked chat in which the form `key` is under way; with `key` empty, any in which one is."""
    return next((peer for peer in state.links if peer.draft and key in ("", peer.draft)), None)


def find(turn: Turn, *, form: str = "", key: str = "") -> bool:
    """Bring the draft of `form`, or with `key`, to the top: from under another question, or from aside. False: there is none."""

    def wanted(filling: Filling | None) -> bool:
        return filling is not None and (filling.key == key if key else filling.form == form)

    frames = turn.state.frames
    if any(isinstance(frame, Filling) and wanted(frame) for frame in frames):
        leave(turn)
        return isinstance(turn.frame, Filling)
    draft, spare = turn.state.draft, turn.state.spare
    found = draft if wanted(draft) else next((each for each in spare if wanted(each)), None)
    if found is None:
        return False
    turn.remember(draft=None if found is draft else draft, spare=tuple(each for each in spare if each is not found))
    put_aside(turn)
    turn.push(found)
    return True


def put_aside(turn: Turn) -> None:
    """Leave what is under way; a form that was begun can be gone on with later."""
    leave(turn)
    if isinstance(turn.frame, Filling):
        before = turn.state.draft
        spare = (*turn.state.spare, before) if before is not None else turn.state.spare
        turn.remember(draft=turn.frame, spare=spare, frames=turn.state.frames[:-1] or IDLE)
