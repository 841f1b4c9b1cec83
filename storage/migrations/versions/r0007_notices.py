"""Notices: who wants them, what was published, and one row for everybody it goes to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

INT = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
SMALL = sa.SmallInteger().with_variant(sa.INTEGER(), "sqlite")
UNPLANNED = "planned_at IS NULL"
UNSETTLED = "status = 0"


def upgrade() -> None:
    op.create_table(
        "subscription",
        sa.Column("shard", SMALL, nullable=False),
        sa.Column("conversation", INT, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("since", INT, nullable=False),
        sa.PrimaryKeyConstraint("shard", "conversation", "topic", name="subscription_pkey"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("subscription_topic", "subscription", ["topic", "shard", "conversation"])
    op.create_table(
        "notice",
        sa.Column("id", INT, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("texts", sa.Text(), nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("at_shard", SMALL, nullable=False),
        sa.Column("at_conversation", INT, nullable=False),
        sa.Column("planned_at", INT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="notice_pkey"),
        sa.UniqueConstraint("key", name="notice_key_key"),
        sqlite_strict=True,
    )
    op.create_index("notice_unplanned", "notice", ["id"], sqlite_where=sa.text(UNPLANNED), postgresql_where=sa.text(UNPLANNED))
    op.create_table(
        "notice_recipient",
        sa.Column("shard", SMALL, nullable=False),
        sa.Column("conversation", INT, nullable=False),
        sa.Column("notice", INT, nullable=False),
        sa.Column("version", INT, nullable=False),
        sa.Column("ord", SMALL, nullable=False),
        sa.Column("status", SMALL, nullable=False),
        sa.Column("at", INT, nullable=False),
        sa.PrimaryKeyConstraint("shard", "conversation", "notice", name="notice_recipient_pkey"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("notice_recipient_status", "notice_recipient", ["notice", "status"])
    op.create_index(
        "notice_recipient_unsettled",
        "notice_recipient",
        ["shard", "conversation", "notice"],
        sqlite_where=sa.text(UNSETTLED),
        postgresql_where=sa.text(UNSETTLED),
    )
