"""What a desk has kept of a conversation that is only played: its messages and tickets, so that changes of them can be played as well."""

from __future__ import annotations

from collections.abc import Iterable

from conversations.effects import AddToTicket, Effect, KeepMessage, MirrorTicket, OpenTicket
from conversations.events import Event, MessageEdited, MessageReceived, Opened, Original
from conversations.model import OwnTicket, State


class Kept:
    """In memory, what originals.read finds in the tables."""

    def __init__(self) -> None:
        self.messages: dict[int, MessageReceived] = {}
        self._entries: dict[int, list[str]] = {}
        self._opened: dict[str, Opened] = {}

    def apply(self, event: Event, effects: Iterable[Effect]) -> None:
        if isinstance(event, MessageReceived):
            self.messages[event.seq] = event
        wrote = event.original.seq if isinstance(event, MessageEdited) and event.original else event.seq
        for effect in effects:
            match effect:
                case AddToTicket(key, "customer"):
                    self._entries.setdefault(wrote, []).append(key)
                case OpenTicket(key, number, title=title, text=text, answers=answers, files=files):
                    self._opened[key] = Opened(OwnTicket(key, number, title), text, answers, files)
                case MirrorTicket(key, title, text, answers, files, edited_at, deleted_at):
                    seen = self._opened[key].ticket
                    self._opened[key] = Opened(OwnTicket(key, seen.number, title), text, answers, files, edited_at, deleted_at)
                case KeepMessage(seq, message):
                    self.messages[seq] = message
                case _:
                    pass

    def original(self, seq: int, state: State) -> Original | None:
        """As it is now; None when there is no such message."""
        message = self.messages.get(seq)
        if message is None:
            return None
        states = {own.key: own for own in state.tickets}
        opened = (
            Opened(states.get(each.ticket.key, each.ticket), each.text, each.answers, each.files, each.edited_at, each.deleted_at)
            for each in self._opened.values()
        )
        return Original(seq, message, tuple(self._entries.get(seq, ())), tuple(opened))

    def saying(self, text: str) -> int:
        """The newest message with these very words; 0 for none."""
        return max((seq for seq, message in self.messages.items() if message.text == text and not message.deleted), default=0)
