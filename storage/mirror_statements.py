"""The SQL of mirrored edits and deletions, named, and built once for the dialect in use."""

from __future__ import annotations

from sqlalchemy import BigInteger, Connection, Text, bindparam, func, literal_column, select, update
from sqlalchemy.engine import Dialect

from storage.schema import address, inbox, request, ticket, ticket_entry
from storage.statements import Builder

_SHARD = bindparam("at_shard", type_=BigInteger)
_CONVERSATION = bindparam("at_conversation", type_=BigInteger)


class MirrorStatements(Builder):
    """The statements in one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect)
        self.find_message = select(inbox.c.id, inbox.c.payload).where(
            inbox.c.shard == _SHARD,
            inbox.c.conversation == _CONVERSATION,
            inbox.c.author == literal_column("'customer'"),
            inbox.c.key == bindparam("at_key", type_=Text),
            # One that no turn has seen has not gone anywhere yet.
            inbox.c.turn > literal_column("0"),
        )
        heard = (inbox.c.shard == address.c.shard) & (inbox.c.conversation == address.c.conversation)
        theirs = inbox.c.author == literal_column("'customer'")
        key = bindparam("at_key", type_=Text)
        self.place = (
            select(address.c.address)
            .join(inbox, heard)
            .where(self._listed(address.c.address), theirs, inbox.c.key == key)
            .limit(literal_column("1"))
        )
        self.said = (
            select(inbox.c.key, inbox.c.payload)
            .join(address, heard)
            .where(
                address.c.address == bindparam("at_address", type_=Text),
                theirs,
                inbox.c.key >= key,
                func.substr(inbox.c.key, 1, 1) == literal_column("'m'"),
            )
            .order_by(inbox.c.key.desc())
            .limit(bindparam("limit", type_=BigInteger))
        )
        self.entries_with = (
            select(ticket_entry.c.ticket)
            .where(
                ticket_entry.c.shard == _SHARD,
                ticket_entry.c.conversation == _CONVERSATION,
                ticket_entry.c.id == bindparam("at_id", type_=BigInteger),
                ticket_entry.c.author == literal_column("'customer'"),
            )
            .order_by(ticket_entry.c.ticket)
        )
        self.tickets_in = (
            select(ticket)
            .where(ticket.c.shard == _SHARD, ticket.c.conversation == _CONVERSATION)
            .order_by(ticket.c.created_at, ticket.c.key)
        )
        self.mirror_entries = self._many(
            update(ticket_entry)
            .where(
                ticket_entry.c.shard == bindparam("of_shard", type_=ticket_entry.c.shard.type),
                ticket_entry.c.conversation == bindparam("of_conversation", type_=ticket_entry.c.conversation.type),
                ticket_entry.c.ticket == bindparam("of_ticket"),
                ticket_entry.c.id == bindparam("of_id", type_=ticket_entry.c.id.type),
            )
            .values(
                text=bindparam("to_text"),
                files=bindparam("to_files"),
                edited_at=bindparam("was_edited"),
                deleted_at=bindparam("was_deleted"),
            ),
            *("to_text", "to_files", "was_edited", "was_deleted", "of_shard", "of_conversation", "of_ticket", "of_id"),
        )
        self.mirror_tickets = self._many(
            update(ticket)
            .where(
                ticket.c.shard == bindparam("of_shard", type_=ticket.c.shard.type),
                ticket.c.conversation == bindparam("of_conversation", type_=ticket.c.conversation.type),
                ticket.c.key == bindparam("of_key"),
            )
            .values(
                title=bindparam("to_title"),
                text=bindparam("to_text"),
                answers=bindparam("to_answers"),
                files=bindparam("to_files"),
                edited_at=bindparam("was_edited"),
                deleted_at=bindparam("was_deleted"),
            ),
            *("to_title", "to_text", "to_answers", "to_files", "was_edited", "was_deleted", "of_shard", "of_conversation", "of_key"),
        )
        self.requests_of = (
            select(request.c.shard, request.c.conversation, request.c.key, request.c.text)
            .where(self._listed(request.c.shard, request.c.conversation))
            .order_by(request.c.shard, request.c.conversation, request.c.key)
            .with_for_update()
        )
        self.mirror_requests = self._many(
            update(request)
            .where(
                request.c.shard == bindparam("of_shard", type_=request.c.shard.type),
                request.c.conversation == bindparam("of_conversation", type_=request.c.conversation.type),
                request.c.key == bindparam("of_key"),
            )
            .values(text=bindparam("to_text")),
            *("to_text", "of_shard", "of_conversation", "of_key"),
        )


_built: dict[str, MirrorStatements] = {}


def of(conn: Connection) -> MirrorStatements:
    """The statements in the dialect of this connection."""
    found = _built.get(conn.dialect.name)
    if found is None:
        found = _built[conn.dialect.name] = MirrorStatements(conn.dialect)
    return found
