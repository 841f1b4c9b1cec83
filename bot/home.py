"""A customer's tickets as a platform's own page may list them: read from what the conversation itself remembers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from adapters.slack.ports import Own
from bot import states
from conversations.knowledge import Knowledge
from conversations.model import Address
from storage import turns
from storage.engines import Database, Unavailable


class OwnTickets:
    """The port `adapters.slack.ports.Tickets`: the same tickets that the customer is shown when they ask for them."""

    def __init__(self, database: Database, knowledge: Callable[[], Knowledge]) -> None:
        self._database = database
        self._knowledge = knowledge

    async def __call__(self, address: Address, locale: str) -> Sequence[Own]:
        try:
            stored = await self._database.read(lambda connection: turns.state_at(connection, str(address)))
            state = states.load(stored)
        except (Unavailable, msgspec.DecodeError, states.NewerState):
            return ()
        known = self._knowledge()
        # What the conversation speaks comes before what the platform believes.
        spoken = next((tag for tag in (state.locale, locale[:2].lower()) if tag in known.desk.locales), known.desk.default_locale)
        return tuple(
            Own(each.number, each.title, known.texts.label(f"ticket.state.{each.state}", spoken)) for each in reversed(state.tickets)
        )
