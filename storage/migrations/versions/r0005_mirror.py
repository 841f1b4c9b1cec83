"""When the customer changed or deleted what stands in a ticket."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

INT = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")


def upgrade() -> None:
    for table in ("ticket", "ticket_entry"):
        for column in ("edited_at", "deleted_at"):
            op.add_column(table, sa.Column(column, INT, nullable=True))
