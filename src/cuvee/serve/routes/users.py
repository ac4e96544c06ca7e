"""What people agree to, and what is held about them."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path
from sqlalchemy import Connection

from cuvee.serve.access import Actor, needs
from cuvee.serve.bodies import ConsentBody, Id
from cuvee.serve.service import Here
from cuvee.sql.people import Consent, pseudonym, record, user_numbers

__all__ = ["router"]

router = APIRouter(prefix="/v1/users", tags=["users"])

UserId = Annotated[Id, Path()]


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
