"""Long work that somebody asked for: what it is, how far it is, and how it ended."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, select, update

from cuvee.sql.schema import metadata

__all__ = ["Job", "State", "beat", "begin", "finish", "job_of", "jobs", "progress", "queue", "waiting"]

State = Literal["queued", "running", "done", "failed"]

_jobs = metadata.tables["jobs"]
_SILENT = 60.0
"""Seconds without a sign of life after which a job counts as failed."""


@dataclass(frozen=True)
class Job:
    """One piece of long work; times are unix seconds."""

    job_id: str
    kind: str
    state: State
    progress: float
    """0 to 1."""
    result: Mapping[str, Any] | None
    created_at: float
    finished_at: float | None


def queue(connection: Connection, kind: str) -> str:
    """Note work that is to be done; return its id."""
    job_id = uuid.uuid4().hex
    row = {"job_id": job_id, "kind": kind, "state": "queued", "arguments": {}, "progress": 0.0}
    connection.execute(_jobs.insert().values(**row, created_at=time.time()))
    return job_id


def waiting(connection: Connection, kind: str) -> str | None:
    """Return the id of work of a kind that is queued and has not begun, so that it will see what is there now."""
    newest = select(_jobs).where(_jobs.c.kind == kind).order_by(_jobs.c.created_at.desc()).limit(1)
    row = connection.execute(newest).mappings().first()
    found = None if row is None else _job(row)
    return found.job_id if found is not None and found.state == "queued" else None


def begin(connection: Connection, job_id: str, worker: str) -> None:
    """Say that a worker has taken it up."""
    now = time.time()
    _set(connection, job_id, state="running", worker=worker, started_at=now, heartbeat_at=now)


def progress(connection: Connection, job_id: str, share: float) -> None:
    """Say how far it is; a sign of life."""
    _set(connection, job_id, progress=share, heartbeat_at=time.time())


def beat(connection: Connection, job_id: str) -> None:
    """Give a sign of life."""
    _set(connection, job_id, heartbeat_at=time.time())


def finish(connection: Connection, job_id: str, state: State, result: Mapping[str, Any]) -> None:
    """Say how it ended."""
    share = {"progress": 1.0} if state == "done" else {}
    _set(connection, job_id, state=state, result=dict(result), finished_at=time.time(), **share)


def job_of(connection: Connection, job_id: str) -> Job | None:
    """Return a job; None where there is none of that id."""
    row = connection.execute(select(_jobs).where(_jobs.c.job_id == job_id)).mappings().first()
    return None if row is None else _job(row)


def jobs(connection: Connection, limit: int = 100) -> list[Job]:
    """Return the newest jobs, newest first."""
    wanted = select(_jobs).order_by(_jobs.c.created_at.desc()).limit(limit)
    return [_job(row) for row in connection.execute(wanted).mappings()]


def _job(row: Any) -> Job:
    state, result = row["state"], row["result"]
    alive = row["heartbeat_at"] or row["created_at"]
    if state in ("queued", "running") and time.time() - alive > _SILENT:
        state, result = "failed", {"error": f"no sign of life for {_SILENT:g} s: its process has ended; ask again"}
    plain = {name: row[name] for name in ("job_id", "kind", "progress", "created_at", "finished_at")}
    return Job(state=state, result=result, **plain)


def _set(connection: Connection, job_id: str, **values: Any) -> None:
    connection.execute(update(_jobs).where(_jobs.c.job_id == job_id).values(**values))
