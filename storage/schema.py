"""The tables, as SQLAlchemy Core metadata: the same for SQLite and PostgreSQL.

Rules every table keeps: ids are 63-bit, growing and made by the application; times are epoch milliseconds; JSON is text that SQL never
looks into (what SQL filters on is a column); every table of a conversation begins its key with the conversation's fixed `shard`.
"""

from __future__ import annotations

import zlib
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import sqlite

SHARDS = 1024

# A STRICT table of SQLite knows INTEGER and TEXT, not BIGINT and SMALLINT.
Int = BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
Small = SmallInteger().with_variant(sqlite.INTEGER(), "sqlite")

# Rows of WITHOUT ROWID tables live in the index itself, where anything over ~1 kB spills to a page of its own: 5 times slower to insert
# for our messages. So only the narrow tables are kept that way; the others append their rows and have a small separate key index.
WIDE: dict[str, Any] = {"sqlite_strict": True}
NARROW: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
    }
)


def shard_of(conversation: int) -> int:
    """The shard of a conversation, for ever: changing this would lose every row stored before."""
    return zlib.crc32(conversation.to_bytes(8, "big")) % SHARDS


def _partial(name: str, *columns: str, where: str) -> Index:
    """An index over some rows only. The statements must repeat `where` word for word, or the planner cannot use it."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


conversation = Table(
    "conversation",
    metadata,
    Column("shard", Small, nullable=False),
    Column("id", Int, nullable=False),
    Column("version", Int, nullable=False),
    Column("fence", Int, nullable=False),  # of the claim that made this version: lets a repeated commit recognise itself
    Column("address", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("created_at", Int, nullable=False),
    Column("updated_at", Int, nullable=False),
    PrimaryKeyConstraint("shard", "id"),
    **WIDE,
)

address = Table(
    "address",
    metadata,
    Column("address", Text, nullable=False),
    Column("shard", Small, nullable=False),
    Column("conversation", Int, nullable=False),
    PrimaryKeyConstraint("address"),
    **NARROW,
)

inbox = Table(
    "inbox",
    metadata,
    Column("shard", Small, nullable=False),
    Column("conversation", Int, nullable=False),
    Column("id", Int, nullable=False),
    Column("author", Text, nullable=False),  # customer or system; each has its own name space of keys, so neither can shadow the other
    Column("key", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("received_at", Int, nullable=False),
    Column("turn", Int, nullable=False, server_default=text("0")),  # 0: pending; else the version of the conversation that it made
    PrimaryKeyConstraint("shard", "conversation", "id"),
    UniqueConstraint("shard", "conversation", "author", "key"),
    _partial("inbox_pending", "shard", "conversation", "id", where="turn = 0"),
    _partial("inbox_transcript", "shard", "conversation", "turn", where="turn > 0"),
    **WIDE,
)

work = Table(
    "work",
    metadata,
    Column("shard", Small, nullable=False),
    Column("conversation", Int, nullable=False),
    Column("ready_at", Int, nullable=False),
    Column("gen", Int, nullable=False),  # counts what arrived; a commit that finds it unchanged leaves nothing behind
    Column("owner", Text),
    Column("lease_until", Int, nullable=False, server_default=text("0")),
    Column("fence", Int, nullable=False),  # begins at the clock, not at 0: a row that comes back must not repeat an old lease
    Column("attempts", Int, nullable=False, server_default=text("0")),
    Column("last_error", Text),
    PrimaryKeyConstraint("shard", "conversation"),
    _partial("work_ready", "ready_at", where="attempts < 10"),
    **NARROW,
    postgresql_with={"fillfactor": 50},
)

outbox = Table(
    "outbox",
    metadata,
    Column("shard", Small, nullable=False),
    Column("conversation", Int, nullable=False),
    Column("version", Int, nullable=False),
    Column("ord", Small, nullable=False),
    Column("platform", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("status", Small, nullable=False),  # 0 due, 1 sending, 2 sent, 3 failed, 4 cancelled
    Column("priority", Small, nullable=False),
    Column("next_at", Int, nullable=False),
    Column("attempt", Int, nullable=False, server_default=text("0")),
    Column("owner", Text),
    Column("lease_until", Int, nullable=False, server_default=text("0")),
    Column("created_at", Int, nullable=False),
    Column("updated_at", Int, nullable=False),
    Column("platform_id", Text),
    Column("error", Text),
    # The primary key is also the second line of defence against a turn that is applied twice.
    PrimaryKeyConstraint("shard", "conversation", "version", "ord"),
    CheckConstraint("ord BETWEEN 0 AND 998", name="outbox_ord"),  # or the transcript's cursors would run into the next version
    _partial("outbox_due", "platform", "priority", "next_at", where="status = 0"),
    _partial("outbox_unsent", "shard", "conversation", "version", "ord", where="status < 2"),
    _partial("outbox_sending", "lease_until", where="status = 1"),
    _partial("outbox_failed", "updated_at", where="status = 3"),
    **WIDE,
    postgresql_with={"fillfactor": 80},
)

timer = Table(
    "timer",
    metadata,
    Column("shard", Small, nullable=False),
    Column("conversation", Int, nullable=False),
    Column("name", Text, nullable=False),
    Column("due_at", Int, nullable=False),
    PrimaryKeyConstraint("shard", "conversation", "name"),
    Index("timer_due", "due_at"),
    **NARROW,
)

request = Table(
    "request",
    metadata,
    Column("shard", Small, nullable=False),
    Column("conversation", Int, nullable=False),
    Column("key", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("created_at", Int, nullable=False),
    Column("closed_at", Int),
    PrimaryKeyConstraint("shard", "conversation", "key"),
    Index("request_number", "number"),
    _partial("request_open", "created_at", where="closed_at IS NULL"),
    **WIDE,
)

ticket = Table(
    "ticket",
    metadata,
    Column("shard", Small, nullable=False),
    Column("conversation", Int, nullable=False),
    Column("key", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("form", Text, nullable=False),
    Column("version", Int, nullable=False),  # of the form, as which `answers` are to be read
    Column("department", Text, nullable=False),
    Column("priority", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("answers", Text, nullable=False),
    Column("files", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("state", Text, nullable=False),  # conversations.tickets.TicketState
    Column("created_at", Int, nullable=False),
    Column("updated_at", Int, nullable=False),
    Column("due_at", Int),  # when the first reply was promised
    Column("first_reply_at", Int),
    Column("resolved_at", Int),
    Column("closed_at", Int),
    Column("rating", Small),  # 1 to 5, when the customer gave one
    Column("proof", Text, nullable=False, server_default=text("''")),  # by what it was proven whose it is: code, token, or not at all
    Column("proved_at", Int),
    Column("account", Text, nullable=False, server_default=text("''")),  # its number, when that was proven
    Column("edited_at", Int),  # when the customer changed a message that its words came from
    Column("deleted_at", Int),  # when they deleted one
    PrimaryKeyConstraint("shard", "conversation", "key"),
    # Not unique: a number is 40 bits of a hash, and a ticket must never be lost for one that is like it.
    Index("ticket_number", "number"),
    _partial("ticket_email", "email", where="email <> ''"),
    _partial("ticket_open", "created_at", where="state NOT IN ('resolved', 'closed', 'merged')"),
    **WIDE,
)

ticket_change = Table(
    "ticket_change",
    metadata,
    Column("shard", Small, nullable=False),
    Column("conversation", Int, nullable=False),
    Column("ticket", Text, nullable=False),
    Column("id", Int, nullable=False),  # of the event that made it; 0 for the opening, so that a ticket is opened once
    Column("who", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("at", Int, nullable=False),
    PrimaryKeyConstraint("shard", "conversation", "ticket", "id"),
    **WIDE,
)

ticket_entry = Table(
    "ticket_entry",
    metadata,
    Column("shard", Small, nullable=False),
    Column("conversation", Int, nullable=False),
    Column("ticket", Text, nullable=False),
    Column("id", Int, nullable=False),  # of the event it came with
    Column("author", Text, nullable=False),  # customer or team
    Column("name", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("files", Text, nullable=False),
    Column("at", Int, nullable=False),
    Column("edited_at", Int),
    Column("deleted_at", Int),
    PrimaryKeyConstraint("shard", "conversation", "ticket", "id"),
    **WIDE,
)

account = Table(
    "account",
    metadata,
    Column("id", Int, nullable=False),
    Column("number", Text, nullable=False),  # the billing panel's own: what an import recognises it by
    Column("name", Text, nullable=False),
    Column("locale", Text, nullable=False),  # "" while nobody chose one
    Column("zone", Text, nullable=False),
    Column("created_at", Int, nullable=False),
    Column("updated_at", Int, nullable=False),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("number"),
    **WIDE,
)

account_address = Table(
    "account_address",
    metadata,
    Column("account", Int, nullable=False),
    Column("category", Text, nullable=False),  # registered, billing, support, abuse
    Column("email", Text, nullable=False),  # as conversations.identity.mailbox gives it, so that equal means the same
    Column("verified_at", Int),  # None: a link was mailed there and not followed yet, so nothing may be sent
    Column("created_at", Int, nullable=False),
    PrimaryKeyConstraint("account", "category", "email"),
    Index("account_address_email", "email"),
    **NARROW,
)

service = Table(
    "service",
    metadata,
    Column("account", Int, nullable=False),
    Column("number", Text, nullable=False),  # of its order
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("addresses", Text, nullable=False),  # JSON: its IP addresses
    Column("ended_at", Int),
    PrimaryKeyConstraint("account", "number"),
    **WIDE,
)

identity = Table(
    "identity",
    metadata,
    Column("address", Text, nullable=False),  # one person on one platform
    Column("account", Int, nullable=False),
    Column("email", Text, nullable=False),  # the registered address that was proven; void when the account has it no longer
    Column("proof", Text, nullable=False),  # code, token or link
    Column("proved_at", Int, nullable=False),
    Column("until", Int, nullable=False),
    PrimaryKeyConstraint("address"),
    Index("identity_account", "account"),
    **NARROW,
)

challenge = Table(
    "challenge",
    metadata,
    Column("shard", Small, nullable=False),
    Column("conversation", Int, nullable=False),
    Column("email", Text, nullable=False),
    Column("account", Int),  # None: nobody is registered there; the talk goes on as if a code had been sent
    Column("code_hash", Text, nullable=False),  # "": none that counts any more
    Column("sends", Small, nullable=False),
    Column("attempts", Small, nullable=False),
    Column("created_at", Int, nullable=False),
    Column("expires_at", Int, nullable=False),
    # One row for each address that was tried in a conversation: what was sent is counted by conversation and by address.
    PrimaryKeyConstraint("shard", "conversation", "email"),
    Index("challenge_email", "email"),
    Index("challenge_expires", "expires_at"),
    **NARROW,
)

link = Table(
    "link",
    metadata,
    Column("shard", Small, nullable=False),
    Column("conversation", Int, nullable=False),
    Column("person", Int, nullable=False),  # all chats of one person have the same: the id of one of them, for ever
    Column("proof", Text, nullable=False),  # code
    Column("linked_at", Int, nullable=False),
    PrimaryKeyConstraint("shard", "conversation"),
    Index("link_person", "person"),
    **NARROW,
)

link_code = Table(
    "link_code",
    metadata,
    Column("shard", Small, nullable=False),
    Column("conversation", Int, nullable=False),
    Column("code_hash", Text, nullable=False),  # "": none that may be given back
    Column("expires_at", Int, nullable=False),
    Column("taken_by", Int, nullable=False),  # the conversation that gave it back and has yet to agree; 0 for none
    Column("codes", Small, nullable=False),  # so many were made since `codes_since`
    Column("codes_since", Int, nullable=False),
    Column("tries", Small, nullable=False),  # so many wrong ones were tried here since `tries_since`
    Column("tries_since", Int, nullable=False),
    PrimaryKeyConstraint("shard", "conversation"),
    _partial("link_code_hash", "code_hash", where="code_hash <> ''"),
    **NARROW,
)

subscription = Table(
    "subscription",
    metadata,
    Column("shard", Small, nullable=False),
    Column("conversation", Int, nullable=False),
    Column("topic", Text, nullable=False),  # of notices: one of the desk's, or one that it has no more
    Column("since", Int, nullable=False),  # when it was last asked for
    PrimaryKeyConstraint("shard", "conversation", "topic"),
    Index("subscription_topic", "topic", "shard", "conversation"),
    **NARROW,
)

notice = Table(
    "notice",
    metadata,
    Column("id", Int, nullable=False),
    Column("key", Text, nullable=False),  # whoever publishes it twice publishes it once
    Column("topic", Text, nullable=False),
    Column("texts", Text, nullable=False),  # JSON: by language
    Column("created_at", Int, nullable=False),
    Column("at_shard", Small, nullable=False),  # the subscription up to which everybody has been planned for
    Column("at_conversation", Int, nullable=False),
    Column("planned_at", Int),  # when there was nobody left to plan for
    PrimaryKeyConstraint("id"),
    UniqueConstraint("key"),
    _partial("notice_unplanned", "id", where="planned_at IS NULL"),
    **WIDE,
)

notice_recipient = Table(
    "notice_recipient",
    metadata,
    Column("shard", Small, nullable=False),
    Column("conversation", Int, nullable=False),
    Column("notice", Int, nullable=False),
    Column("version", Int, nullable=False),  # with `ord`: the row of the outbox that it goes out by
    Column("ord", Small, nullable=False),
    Column("status", Small, nullable=False),  # 0 planned, 1 sent, 2 failed, 3 unreachable
    Column("at", Int, nullable=False),
    # The primary key is also the second line of defence against a notice that comes twice.
    PrimaryKeyConstraint("shard", "conversation", "notice"),
    Index("notice_recipient_status", "notice", "status"),
    _partial("notice_recipient_unsettled", "shard", "conversation", "notice", where="status = 0"),
    **NARROW,
)

area_link = Table(
    "area_link",
    metadata,
    Column("token_hash", Text, nullable=False),
    Column("purpose", Text, nullable=False),  # sign_in, or address: to prove a notification address
    Column("email", Text, nullable=False),
    Column("account", Int),  # whose address it is to become
    Column("category", Text, nullable=False),
    Column("created_at", Int, nullable=False),
    Column("expires_at", Int, nullable=False),
    Column("used_at", Int),
    PrimaryKeyConstraint("token_hash"),
    Index("area_link_email", "email", "created_at"),
    Index("area_link_expires", "expires_at"),
    **NARROW,
)

area_session = Table(
    "area_session",
    metadata,
    Column("token_hash", Text, nullable=False),
    Column("email", Text, nullable=False),  # proven by the link; what may be seen is looked up with each page
    Column("locale", Text, nullable=False),
    Column("created_at", Int, nullable=False),
    Column("seen_at", Int, nullable=False),
    PrimaryKeyConstraint("token_hash"),
    Index("area_session_seen", "seen_at"),
    **NARROW,
)

web_session = Table(
    "web_session",
    metadata,
    Column("token_hash", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("created_at", Int, nullable=False),
    Column("seen_at", Int, nullable=False),
    Column("subject", Text, nullable=False),
    PrimaryKeyConstraint("token_hash"),
    Index("web_session_seen", "seen_at"),
    **NARROW,
)
