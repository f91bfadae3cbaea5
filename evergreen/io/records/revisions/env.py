"""What Alembic runs for each migration: on the connection, and in the transaction, that it was given."""

from alembic import context

from evergreen.io.records.tables import TABLES

context.configure(connection=context.config.attributes["connection"], target_metadata=TABLES, transactional_ddl=False)
context.run_migrations()
