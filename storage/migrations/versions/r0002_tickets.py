"""Tickets: what a customer sent in a form, each change of its state, and what was written to it afterwards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

INT = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
SMALL = sa.SmallInteger().with_variant(sa.INTEGER(), "sqlite")
OPEN = "state NOT IN ('resolved', 'closed', 'merged')"


def upgrade() -> None:
    op.create_table(
        "ticket",
        sa.Column("shard", SMALL, nullable=False),
        sa.Column("conversation", INT, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("version", INT, nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("answers", sa.Text(), nullable=False),
        sa.Column("files", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("updated_at", INT, nullable=False),
        sa.Column("due_at", INT, nullable=True),
        sa.Column("first_reply_at", INT, nullable=True),
        sa.Column("resolved_at", INT, nullable=True),
        sa.Column("closed_at", INT, nullable=True),
        sa.Column("rating", SMALL, nullable=True),
        sa.PrimaryKeyConstraint("shard", "conversation", "key", name="ticket_pkey"),
        sqlite_strict=True,
    )
    op.create_index("ticket_number", "ticket", ["number"])
    op.create_index("ticket_open", "ticket", ["created_at"], sqlite_where=sa.text(OPEN), postgresql_where=sa.text(OPEN))
    op.create_table(
        "ticket_change",
        sa.Column("shard", SMALL, nullable=False),
        sa.Column("conversation", INT, nullable=False),
        sa.Column("ticket", sa.Text(), nullable=False),
        sa.Column("id", INT, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", INT, nullable=False),
        sa.PrimaryKeyConstraint("shard", "conversation", "ticket", "id", name="ticket_change_pkey"),
        sqlite_strict=True,
    )
    op.create_table(
        "ticket_entry",
        sa.Column("shard", SMALL, nullable=False),
        sa.Column("conversation", INT, nullable=False),
        sa.Column("ticket", sa.Text(), nullable=False),
        sa.Column("id", INT, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("files", sa.Text(), nullable=False),
        sa.Column("at", INT, nullable=False),
        sa.PrimaryKeyConstraint("shard", "conversation", "ticket", "id", name="ticket_entry_pkey"),
        sqlite_strict=True,
    )
