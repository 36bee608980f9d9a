"""What Alembic runs: every pending migration in one transaction, one process at a time."""

from alembic import context
from sqlalchemy import text

# Any number will do, as long as nobody else locks it in this database.
LOCK = 0x75736572735F6462

connection = context.config.attributes["connection"]
context.configure(connection=connection)
with context.begin_transaction():
    # Before Alembic reads which revision is there; released with the transaction.
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    context.run_migrations()
