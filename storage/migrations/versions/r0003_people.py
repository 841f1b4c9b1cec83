"""People: accounts with their services and addresses, who proved to be whom, and the client area's links and sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

INT = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
SMALL = sa.SmallInteger().with_variant(sa.INTEGER(), "sqlite")
NAMED = "email <> ''"


def upgrade() -> None:
    op.create_index("ticket_email", "ticket", ["email"], sqlite_where=sa.text(NAMED), postgresql_where=sa.text(NAMED))
    op.add_column("ticket", sa.Column("proof", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("ticket", sa.Column("proved_at", INT, nullable=True))
    op.add_column("ticket", sa.Column("account", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.create_table(
        "account",
        sa.Column("id", INT, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("updated_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="account_pkey"),
        sa.UniqueConstraint("number", name="account_number_key"),
        sqlite_strict=True,
    )
    op.create_table(
        "account_address",
        sa.Column("account", INT, nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("verified_at", INT, nullable=True),
        sa.Column("created_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("account", "category", "email", name="account_address_pkey"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("account_address_email", "account_address", ["email"])
    op.create_table(
        "service",
        sa.Column("account", INT, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("addresses", sa.Text(), nullable=False),
        sa.Column("ended_at", INT, nullable=True),
        sa.PrimaryKeyConstraint("account", "number", name="service_pkey"),
        sqlite_strict=True,
    )
    op.create_table(
        "identity",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("account", INT, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("proved_at", INT, nullable=False),
        sa.Column("until", INT, nullable=False),
        sa.PrimaryKeyConstraint("address", name="identity_pkey"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("identity_account", "identity", ["account"])
    op.create_table(
        "challenge",
        sa.Column("shard", SMALL, nullable=False),
        sa.Column("conversation", INT, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("account", INT, nullable=True),
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("sends", SMALL, nullable=False),
        sa.Column("attempts", SMALL, nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("expires_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("shard", "conversation", "email", name="challenge_pkey"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("challenge_email", "challenge", ["email"])
    op.create_index("challenge_expires", "challenge", ["expires_at"])
    op.create_table(
        "area_link",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("account", INT, nullable=True),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("expires_at", INT, nullable=False),
        sa.Column("used_at", INT, nullable=True),
        sa.PrimaryKeyConstraint("token_hash", name="area_link_pkey"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("area_link_email", "area_link", ["email", "created_at"])
    op.create_index("area_link_expires", "area_link", ["expires_at"])
    op.create_table(
        "area_session",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("seen_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="area_session_pkey"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("area_session_seen", "area_session", ["seen_at"])
