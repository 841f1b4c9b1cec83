"""A request always asks for a person: since there are tickets, it need not say so."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.drop_column("request", "kind")
