"""Alembic environment: apply every pending migration in one transaction, one process at a time."""

from alembic import context
from sqlalchemy import text

# Arbitrary key of an advisory lock that is unique in this database.
LOCK = 0x75736572735F6462

connection = context.config.attributes["connection"]
context.configure(connection=connection)
with context.begin_transaction():
    # Before Alembic reads the current revision; released with the transaction.
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    context.run_migrations()
