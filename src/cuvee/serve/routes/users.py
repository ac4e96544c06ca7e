"""What people agree to, and what is held about them."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from cuvee.serve.access import Actor, needs
from cuvee.serve.bodies import ConsentBody, Id
from cuvee.serve.erasure import forget
from cuvee.serve.processes import start_process
from cuvee.serve.service import Here
from cuvee.sql.people import Consent, pseudonym, record, user_numbers

__all__ = ["router"]

router = APIRouter(prefix="/v1/users", tags=["users"])

UserId = Annotated[Id, Path()]


class ErasedOut(BaseModel):
    pseudonym: str | None = Field(description="Stands for them in the record of this; nobody can tell whose it was")
    removed: dict[str, int] = Field(description="Table: rows that were deleted")
    purged: bool = Field(description="False: old pages of the file were in use; erase the id again to clear them")
    versions: list[str] = Field(description="Fitted with the person; their events there are no longer read")
    job_id: str | None = Field(description="The retraining without them; null: no version knows them")


@router.get("/{user_id:path}/consent", dependencies=[needs("read")])
async def get_consent(user_id: UserId, service: Here) -> ConsentBody:
    """Return what a person agreed to; the defaults for somebody unknown."""
    return ConsentBody(**asdict(service.log.consent(user_id)))


@router.put("/{user_id:path}/consent", dependencies=[needs("events")])
async def put_consent(user_id: UserId, body: ConsentBody, service: Here) -> ConsentBody:
    """Note what a person agrees to; it holds for the very next answer."""
    service.log.set_consent(user_id, Consent(**body.model_dump()))
    return body


@router.get("/{user_id:path}:export", dependencies=[needs("admin")])
async def export_user(user_id: UserId, service: Here, actor: Actor) -> dict[str, list[dict[str, Any]]]:
    """Return everything the log holds about a person, by table; nothing for somebody unknown."""
    found = service.log.export(user_id)
    if found:

        def note(connection: Connection) -> None:
            number = user_numbers(connection, [user_id])[user_id]
            record(connection, actor, "export", pseudonym(connection, number), {})

        await service.writer.write(note)
    return found


@router.post("/{user_id:path}:erase", dependencies=[needs("admin")])
async def erase_user(user_id: UserId, service: Here, actor: Actor) -> ErasedOut:
    """Forget a person: every row about them is deleted, no process reads their events any more, and a fit without them
    is started. The same id is somebody unknown from the very next answer on."""
    found = await asyncio.to_thread(forget, service.log, user_id, actor)
    if found.start and found.job_id is not None:
        start_process(service.settings, found.job_id)
    return ErasedOut(
        pseudonym=found.erasure.pseudonym,
        removed=dict(found.erasure.removed),
        purged=found.erasure.purged,
        versions=list(found.versions),
        job_id=found.job_id,
    )
