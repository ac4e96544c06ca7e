"""Fit the active bundle again with everything the log and the catalogue have got since, as a version of its own."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from sqlalchemy import Engine

from cuvee.bundle import Bundle, save_bundle
from cuvee.errors import BundleError, ConfigError, DataError
from cuvee.logs.sql import SqlLog
from cuvee.serve.following import followed, read_changes
from cuvee.serve.snapshot import snapshot_of, version_in
from cuvee.sql import jobs
from cuvee.sql.database import reading, writing
from cuvee.sql.models import activate, active_version, add_version
from cuvee.sql.shown import last_change

__all__ = ["retrain"]

logger = logging.getLogger(__name__)

_BATCH = 50_000
_BEAT = 5.0
"""Seconds between signs of life."""


def retrain(log: SqlLog, folder: Path, job_id: str) -> str:
    """Make, note and activate a new version; return its name. The job says how far it is and how it ended.

    Args:
        folder: where versions are kept, each in a folder of its name; uploaded files are beside it.

    Raises:
        DataError, ConfigError, BundleError: what cannot be fitted; the version that answers goes on.
    """
    with _told(log.engine, job_id):
        with reading(log.engine) as connection:
            active = active_version(connection)
            changes = read_changes(connection, 0, last_change(connection))
        if active is None:
            raise ConfigError("no version is active: start the service with a bundle first")
        bundle = followed(snapshot_of(active.bundle), changes, folder.parent / "media").bundle
        _say(log.engine, job_id, 0.2)
        bundle, offset = _with_log(bundle, log, active.event_offset)
        _say(log.engine, job_id, 0.4)
        bundle = bundle.refit()
        _say(log.engine, job_id, 0.9)
        version = _saved(bundle, folder)
        with writing(log.engine) as connection:
            add_version(connection, version, folder / version, offset, {})
            activate(connection, version, "retrain")
            jobs.finish(connection, job_id, "done", {"version": version, "events": offset - active.event_offset})
    return version


def _with_log(bundle: Bundle, log: SqlLog, offset: int) -> tuple[Bundle, int]:
    """Return the bundle with the events after an offset whose items it has, and the offset of the last one read."""
    parts = []
    while len(part := log.read(offset, _BATCH)):
        offset = int(part["offset"][-1])
        known = part["item_id"].is_in(pl.Series(bundle.data.items, dtype=pl.String).implode())
        if not known.all():
            logger.warning("%d events are about items that are not in the catalogue", int((~known).sum()))
        parts.append(part.filter(known))
    if not parts or not sum(map(len, parts)):
        return bundle, offset
    named = pl.concat(parts).rename({"kind": "event", "time": "timestamp"})
    return bundle.update(named.select("user_id", "item_id", "event", "timestamp")), offset


def _saved(bundle: Bundle, folder: Path) -> str:
    """Write the bundle to a folder named after its digest, in one step, and return that name."""
    part = folder / f"part-{os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True)
    save_bundle(bundle, part)
    version = version_in(part)
    if not (folder / version).exists():
        part.replace(folder / version)
    return version


@contextmanager
def _told(engine: Engine, job_id: str) -> Iterator[None]:
    """Give signs of life while the work goes on, and say what it died of."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(_BEAT):
            with writing(engine) as connection:
                jobs.beat(connection, job_id)

    with writing(engine) as connection:
        jobs.begin(connection, job_id, f"process {os.getpid()}")
    heart = threading.Thread(target=beat, daemon=True)
    heart.start()
    try:
        yield
    except (DataError, ConfigError, BundleError, OSError) as error:
        with writing(engine) as connection:
            jobs.finish(connection, job_id, "failed", {"error": str(error)})
        raise
    finally:
        over.set()
        heart.join()


def _say(engine: Engine, job_id: str, share: float) -> None:
    with writing(engine) as connection:
        jobs.progress(connection, job_id, share)
