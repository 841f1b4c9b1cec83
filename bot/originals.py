"""A message that was changed or deleted, and what became of it: from the rows of the tables to what the engine is given."""

from __future__ import annotations

import json

import msgspec

from conversations.events import MessageReceived, Opened, Original, decoder
from conversations.model import Attachment, OwnTicket
from storage.mirror import Found
from storage.rows import Ticket

_files = msgspec.json.Decoder(tuple[Attachment, ...])


def read(found: Found) -> Original | None:
    """None when it never came here, or was no message."""
    if found.message is None:
        return None
    try:
        said = decoder.decode(found.message.payload)
    except msgspec.DecodeError:
        return None  # of a release that wrote it otherwise: the turn it made stands, and this one changes nothing
    if not isinstance(said, MessageReceived):
        return None
    return Original(found.message.id, said, found.message.entries, tuple(map(_opened, found.tickets)))


def _opened(ticket: Ticket) -> Opened:
    return Opened(
        OwnTicket(ticket.key, ticket.number, ticket.title, ticket.state, ticket.created_at),
        ticket.text,
        json.loads(ticket.answers),
        _files.decode(ticket.files),
        ticket.edited_at or 0,
        ticket.deleted_at or 0,
    )
