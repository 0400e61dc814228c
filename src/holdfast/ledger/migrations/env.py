"""Runs migrations on the connection that the ledger hands over."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=None,
    version_table="holdfast_version",
    transactional_ddl=False,
)
context.run_migrations()
