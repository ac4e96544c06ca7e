"""Brings the tables of an older database forward to those that this version works with; never back.

Reference: Alembic, whose scripts stand in `migrations`.
"""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from cuvee.errors import DataError
from cuvee.sql.schema import SCHEMA

__all__ = ["migrate"]

logger = logging.getLogger(__name__)

_SCRIPTS = Path(__file__).parent / "migrations"


def migrate(connection: Connection, found: str) -> None:
    """Run what has changed since a version of the tables, in the transaction that is open: all of it or nothing.

    A copy of a SQLite file stands beside it then, named after the version it has.

    Raises:
        DataError: the tables were made by a newer version.
    """
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    url = connection.engine.url
    if found not in known:
        raise DataError(f"{url} has tables of version {found}, this cuvee works with {SCHEMA}; use a newer cuvee")
    if connection.dialect.name == "sqlite":
        _copy(Path(str(url.database)), found)
    if found == known[-1]:  # the first release noted its version in a table of its own
        command.stamp(config, found)
    command.upgrade(config, SCHEMA)
    logger.warning("%s: the tables of version %s are of version %s now", url, found, SCHEMA)


def _copy(path: Path, version: str) -> None:
    """Copy what is committed; whoever writes waits for us, whoever reads does not."""
    target, part = path.with_name(f"{path.name}.{version}"), path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as copy:
        source.backup(copy)
    part.replace(target)
