"""Trained versions: which there are, which one answers; fitting again; jobs."""

from http import HTTPStatus
from pathlib import Path as Folder
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel
from sqlalchemy import Connection

from cuvee.serve.access import Actor, needs
from cuvee.serve.bodies import Id
from cuvee.serve.problems import Problem
from cuvee.serve.processes import start_process
from cuvee.serve.service import Here
from cuvee.sql import jobs
from cuvee.sql.erasures import erased_rows
from cuvee.sql.models import activate, active_version, known_versions
from cuvee.sql.shown import last_change

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["models"])


class VersionOut(BaseModel):
    version: str
    active: bool
    event_offset: int
    metrics: dict[str, float]
    created_at: float


class JobOut(BaseModel):
    job_id: str
    kind: str
    state: jobs.State
    progress: float
    result: dict[str, str | int | float] | None
    created_at: float
    finished_at: float | None


@router.get("/models", dependencies=[needs("admin")])
async def list_models(service: Here) -> dict[str, list[VersionOut]]:
    """Return every version, the newest first, and which one is active."""
    with service.reach.reading() as connection:
        active, found = active_version(connection), known_versions(connection)
    return {
        "models": [
            VersionOut(
                version=v.version,
                active=active is not None and v.version == active.version,
                event_offset=v.event_offset,
                metrics=dict(v.metrics),
                created_at=v.created_at,
            )
            for v in found
        ]
    }


@router.post("/models/{version}:activate", dependencies=[needs("admin")])
async def activate_version(version: Annotated[Id, Path()], service: Here, actor: Actor) -> dict[str, str]:
    """Let a version answer, an older one too; the one that does goes on until it has been loaded and tried."""
    with service.reach.reading() as connection:
        known = {v.version: v.bundle for v in known_versions(connection)}
        active = active_version(connection)
        unclean = {name for name, _ in erased_rows(connection, 0, last_change(connection))}
    if version in unclean and (active is None or version != active.version):
        raise Problem(HTTPStatus.CONFLICT, f"version {version!r} was fitted with somebody who has been erased since")
    if (
        version in known
        and not Folder(known[version], "recipe.yaml").is_file()
        and not Folder(known[version], "bundle", "recipe.yaml").is_file()
    ):
        raise Problem(HTTPStatus.CONFLICT, f"the bundle of version {version!r} is no longer there")

    def store(connection: Connection) -> None:
        activate(connection, version, actor)

    await service.writer.write(store)
    return {"version": version, "state": "active once every process has loaded it"}


@router.post("/models:retrain", status_code=HTTPStatus.ACCEPTED, dependencies=[needs("admin")])
async def start_retraining(service: Here) -> JobOut:
    """Fit the active version again on everything there is now, in a process of its own, and activate the result."""

    def store(connection: Connection) -> str:
        return jobs.queue(connection, "retrain")

    job_id = await service.writer.write(store)
    start_process(service.settings, job_id)
    return await get_job(job_id, service)


@router.get("/jobs", dependencies=[needs("admin")])
async def list_jobs(service: Here) -> dict[str, list[JobOut]]:
    """Return the newest jobs."""
    with service.reach.reading() as connection:
        return {"jobs": [_job(job) for job in jobs.jobs(connection)]}


@router.get("/jobs/{job_id}", dependencies=[needs("admin")])
async def get_job(job_id: Annotated[Id, Path()], service: Here) -> JobOut:
    """Return how far a job is, and how it ended."""
    with service.reach.reading() as connection:
        found = jobs.job_of(connection, job_id)
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"no job {job_id!r} is on record")
    return _job(found)


def _job(job: jobs.Job) -> JobOut:
    return JobOut(
        job_id=job.job_id,
        kind=job.kind,
        state=job.state,
        progress=job.progress,
        result=None if job.result is None else dict(job.result),
        created_at=job.created_at,
        finished_at=job.finished_at,
    )
