"""What Alembic runs: the changes that are missing, on the connection it is given, in the transaction that is open."""

from alembic import context

from cuvee.sql.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
