"""What Alembic runs: storage.migrate hands over an open transaction, everything happens inside it."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from storage.schema import metadata

# Any number will do, as long as every release uses the same one.
LOCK = 4_702_111_234_474_983_745

connection = context.config.attributes["connection"]
if connection.dialect.name == "postgresql":
    # Several nodes may start at once: one migrates, the others wait here and then find nothing left to do. SQLite needs no such lock,
    # because the transaction began as a writer.
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
