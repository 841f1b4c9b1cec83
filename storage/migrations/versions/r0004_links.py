"""Links: which conversations are one person's, and the codes by which that is proven."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

INT = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
SMALL = sa.SmallInteger().with_variant(sa.INTEGER(), "sqlite")
OPEN = "code_hash <> ''"


def upgrade() -> None:
    op.create_table(
        "link",
        sa.Column("shard", SMALL, nullable=False),
        sa.Column("conversation", INT, nullable=False),
        sa.Column("person", INT, nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("linked_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("shard", "conversation", name="link_pkey"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("link_person", "link", ["person"])
    op.create_table(
        "link_code",
        sa.Column("shard", SMALL, nullable=False),
        sa.Column("conversation", INT, nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("expires_at", INT, nullable=False),
        sa.Column("taken_by", INT, nullable=False),
        sa.Column("codes", SMALL, nullable=False),
        sa.Column("codes_since", INT, nullable=False),
        sa.Column("tries", SMALL, nullable=False),
        sa.Column("tries_since", INT, nullable=False),
        sa.PrimaryKeyConstraint("shard", "conversation", name="link_code_pkey"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("link_code_hash", "link_code", ["code_hash"], sqlite_where=sa.text(OPEN), postgresql_where=sa.text(OPEN))
