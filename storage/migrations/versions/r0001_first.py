"""The first tables: conversations, their events, messages and timers; requests for the team; web sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

INT = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
SMALL = sa.SmallInteger().with_variant(sa.INTEGER(), "sqlite")


def partial(name: str, table: str, *columns: str, where: str) -> None:
    op.create_index(name, table, list(columns), sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    op.create_table(
        "address",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("shard", SMALL, nullable=False),
        sa.Column("conversation", INT, nullable=False),
        sa.PrimaryKeyConstraint("address", name="address_pkey"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "conversation",
        sa.Column("shard", SMALL, nullable=False),
        sa.Column("id", INT, nullable=False),
        sa.Column("version", INT, nullable=False),
        sa.Column("fence", INT, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("updated_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("shard", "id", name="conversation_pkey"),
        sqlite_strict=True,
    )
    op.create_table(
        "inbox",
        sa.Column("shard", SMALL, nullable=False),
        sa.Column("conversation", INT, nullable=False),
        sa.Column("id", INT, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("received_at", INT, nullable=False),
        sa.Column("turn", INT, server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("shard", "conversation", "id", name="inbox_pkey"),
        sa.UniqueConstraint("shard", "conversation", "author", "key", name="inbox_shard_conversation_author_key_key"),
        sqlite_strict=True,
    )
    partial("inbox_pending", "inbox", "shard", "conversation", "id", where="turn = 0")
    partial("inbox_transcript", "inbox", "shard", "conversation", "turn", where="turn > 0")
    op.create_table(
        "outbox",
        sa.Column("shard", SMALL, nullable=False),
        sa.Column("conversation", INT, nullable=False),
        sa.Column("version", INT, nullable=False),
        sa.Column("ord", SMALL, nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("status", SMALL, nullable=False),
        sa.Column("priority", SMALL, nullable=False),
        sa.Column("next_at", INT, nullable=False),
        sa.Column("attempt", INT, server_default=sa.text("0"), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until", INT, server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("updated_at", INT, nullable=False),
        sa.Column("platform_id", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("ord BETWEEN 0 AND 998", name="outbox_ord"),
        sa.PrimaryKeyConstraint("shard", "conversation", "version", "ord", name="outbox_pkey"),
        postgresql_with={"fillfactor": 80},
        sqlite_strict=True,
    )
    partial("outbox_due", "outbox", "platform", "priority", "next_at", where="status = 0")
    partial("outbox_failed", "outbox", "updated_at", where="status = 3")
    partial("outbox_sending", "outbox", "lease_until", where="status = 1")
    partial("outbox_unsent", "outbox", "shard", "conversation", "version", "ord", where="status < 2")
    op.create_table(
        "request",
        sa.Column("shard", SMALL, nullable=False),
        sa.Column("conversation", INT, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("closed_at", INT, nullable=True),
        sa.PrimaryKeyConstraint("shard", "conversation", "key", name="request_pkey"),
        sqlite_strict=True,
    )
    op.create_index("request_number", "request", ["number"])
    partial("request_open", "request", "created_at", where="closed_at IS NULL")
    op.create_table(
        "timer",
        sa.Column("shard", SMALL, nullable=False),
        sa.Column("conversation", INT, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("due_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("shard", "conversation", "name", name="timer_pkey"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("timer_due", "timer", ["due_at"])
    op.create_table(
        "web_session",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("seen_at", INT, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="web_session_pkey"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("web_session_seen", "web_session", ["seen_at"])
    op.create_table(
        "work",
        sa.Column("shard", SMALL, nullable=False),
        sa.Column("conversation", INT, nullable=False),
        sa.Column("ready_at", INT, nullable=False),
        sa.Column("gen", INT, nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until", INT, server_default=sa.text("0"), nullable=False),
        sa.Column("fence", INT, nullable=False),
        sa.Column("attempts", INT, server_default=sa.text("0"), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("shard", "conversation", name="work_pkey"),
        postgresql_with={"fillfactor": 50},
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    partial("work_ready", "work", "ready_at", where="attempts < 10")
