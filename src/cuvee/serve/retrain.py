"""Fit the active bundle again with everything the log and the catalogue have got since, as a version of its own."""

import logging
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from sqlalchemy import Connection, Engine

from cuvee.bundle import Bundle, save_bundle
from cuvee.errors import BundleError, ConfigError, DataError
from cuvee.growing import without_users
from cuvee.logs.sql import SqlLog
from cuvee.queries import keep_events
from cuvee.serve.following import followed, read_changes
from cuvee.serve.snapshot import Snapshot, snapshot_of, version_in
from cuvee.sql import jobs
from cuvee.sql.database import purge, reading, writing
from cuvee.sql.erasures import erased_rows, forget_row, last_erasure, note_clean, refusing, still_known
from cuvee.sql.models import activate, active_version, add_version
from cuvee.sql.people import personal_tables
from cuvee.sql.profiles import new_reviews
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
            upto, erasure = last_change(connection), last_erasure(connection)
            changes = read_changes(connection, 0, upto)
        if active is None:
            raise ConfigError("no version is active: start the service with a bundle first")
        snapshot = followed(snapshot_of(active.bundle), changes, folder.parent / "media")
        bundle = _with_reviews(_with_consent(snapshot, log), log)
        _say(log.engine, job_id, 0.2)
        bundle, offset = _with_log(bundle, log, active.event_offset)
        _say(log.engine, job_id, 0.4)
        bundle = bundle.refit()
        _say(log.engine, job_id, 0.9)
        version = _saved(bundle, folder)
        with writing(log.engine) as connection:
            add_version(connection, version, folder / version, offset, {})
            for row in _erased_meanwhile(connection, active.version, snapshot, bundle, upto):
                forget_row(connection, version, row)
            activate(connection, version, "retrain")
            if bundle.ranker is None:  # a ranker is fitted by a run alone
                note_clean(connection, erasure)
            jobs.finish(connection, job_id, "done", {"version": version, "events": offset - active.event_offset})
        _clear(log, folder, version)
    return version


def _with_consent(snapshot: Snapshot, log: SqlLog) -> Bundle:
    """Return the bundle without people who were erased, and without the events of those who refuse personalisation."""
    data = without_users(snapshot.bundle.data, np.array(sorted(snapshot.forgotten), np.int32))
    with reading(log.engine) as connection:
        names = refusing(connection, data.users)
    refused = np.isin(np.arange(len(data.users)), [data.user_rows[name] for name in names])
    if refused.any():
        data = keep_events(data, ~refused[data.events.user])
    return replace(snapshot.bundle, data=data)


def _with_reviews(bundle: Bundle, log: SqlLog) -> Bundle:
    """Return the bundle with the reviews that were posted since, each once."""
    with reading(log.engine) as connection:
        found = new_reviews(connection)
    if not found:
        return bundle
    names = ("user_id", "item_id", "text")
    types = {**dict.fromkeys(names, pl.String), "rating": pl.Float64, "timestamp": pl.Int64}
    rows = [{**{k: r[k] for k in (*names, "rating")}, "timestamp": r["time"]} for r in found]
    posted, old = pl.DataFrame(rows, types), bundle.data.reviews
    if old is None:
        return replace(bundle, data=replace(bundle.data, reviews=posted))
    if "timestamp" in old.columns and old["timestamp"].dtype.is_temporal():
        posted = posted.with_columns(pl.from_epoch("timestamp", "s"))
    posted = posted.select(pl.col(name).cast(old[name].dtype) for name in posted.columns if name in old.columns)
    posted = posted.join(old, on=names, how="anti", maintain_order="left")
    return replace(bundle, data=replace(bundle.data, reviews=pl.concat([old, posted], how="diagonal")))


def _erased_meanwhile(connection: Connection, source: str, snapshot: Snapshot, bundle: Bundle, upto: int) -> list[int]:
    """Return the rows of people who were erased while the fit, which has read them, went on."""
    marks = {row for version, row in erased_rows(connection, upto, last_change(connection)) if version == source}
    first = len(snapshot.bundle.data.users)  # those after came with the log
    there = still_known(connection, bundle.data.users[first:])
    return sorted(marks | {n for n, name in enumerate(bundle.data.users[first:], first) if name not in there})


def _clear(log: SqlLog, folder: Path, kept: str) -> None:
    """Delete the bundles of our own that know people who were erased, and what is left of them in the database."""
    with reading(log.engine) as connection:
        unclean = {version for version, _ in erased_rows(connection, 0, last_change(connection))} - {kept}
    for version in unclean:
        shutil.rmtree(folder / version, ignore_errors=True)
    if unclean:
        purge(log.engine, personal_tables(), log.busy_timeout)


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
