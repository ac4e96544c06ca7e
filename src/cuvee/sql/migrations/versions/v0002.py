"""Alembic keeps the version of the tables: the table that did goes."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.drop_table("schema_version")
