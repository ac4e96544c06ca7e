"""How the tables have changed from release to release; Alembic reads it."""
