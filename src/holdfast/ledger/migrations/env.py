"""Run migrations on the connection that the ledger hands over."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=None,
    version_table="holdfast_version",
    # The ledger has begun a transaction, and ends it after the migrations.
    transactional_ddl=False,
)
context.run_migrations()
