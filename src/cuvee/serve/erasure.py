"""Forgets a person: in the database, in what every process answers, and in what is fitted next."""

import logging
from dataclasses import dataclass

from cuvee import store
from cuvee.errors import BundleError
from cuvee.logs.sql import SqlLog
from cuvee.sql import jobs
from cuvee.sql.audit import record
from cuvee.sql.database import purge, reading, writing
from cuvee.sql.erasures import forget_row, note_job
from cuvee.sql.models import Version, known_versions
from cuvee.sql.people import Erasure, erase_user, personal_tables, user_numbers

__all__ = ["Forgotten", "forget"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Forgotten:
    """What was done, and what is to follow."""

    erasure: Erasure
    versions: tuple[str, ...]
    """Those that were fitted with the person; none of them reads their events any more."""
    job_id: str | None
    """Of the retraining without them; None: no version knows them."""
    start: bool
    """Whether that job is new and has to be started."""


def forget(log: SqlLog, user_id: str, actor: str) -> Forgotten:
    """Delete everything about a person, and tell every process which row of which version is nobody from now on.

    What outlives this is a pseudonym whose key is gone, and numbers of rows, which say nothing without the bundle.
    """
    with reading(log.engine) as connection:
        versions = known_versions(connection)
    rows = {v.version: row for v in versions if (row := _row_of(v, user_id)) is not None}
    job_id, start = None, False
    with writing(log.engine) as connection:
        if rows:  # somebody whom only a bundle knows leaves a record too
            user_numbers(connection, [user_id])
        name, removed = erase_user(connection, user_id)
        for version, row in rows.items():
            forget_row(connection, version, row)
        if name is not None:
            record(connection, actor, "erase", name, {"versions": len(rows)})
        if name is not None and (rows or "events" in removed or "reviews" in removed):
            waiting = jobs.waiting(connection, "retrain")
            job_id, start = waiting or jobs.queue(connection, "retrain"), waiting is None
            note_job(connection, name, job_id)
    purged = purge(log.engine, personal_tables(), log.busy_timeout)
    return Forgotten(Erasure(name, removed, purged), tuple(rows), job_id, start)


def _row_of(version: Version, user_id: str) -> int | None:
    """Return the row of a user in a version; None where it does not know them, or is no longer there."""
    folder = version.bundle / "bundle" if (version.bundle / "bundle").is_dir() else version.bundle
    try:
        found: int | None = store.load(folder, "data").user_rows.get(user_id)
    except (BundleError, OSError) as error:
        logger.warning("version %s cannot be read, so it cannot answer either: %s", version.version, error)
        return None
    return found
