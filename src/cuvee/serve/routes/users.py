"""What people say of themselves and agree to, and what is held about them."""

import asyncio
from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from cuvee.serve.access import Actor, needs
from cuvee.serve.bodies import Body, ConsentBody, Id, Value
from cuvee.serve.erasure import forget
from cuvee.serve.problems import Problem
from cuvee.serve.processes import start_process
from cuvee.serve.service import Here
from cuvee.sql.audit import record
from cuvee.sql.people import Consent, pseudonym, user_numbers
from cuvee.sql.profiles import known_people, profile_in, set_profile

__all__ = ["router"]

router = APIRouter(prefix="/v1/users", tags=["users"])

UserId = Annotated[Id, Path()]


class ProfileIn(Body):
    """Columns of a profile."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, Value] = Field(init=False)

    @property
    def columns(self) -> dict[str, Any]:
        return dict(self.__pydantic_extra__ or {})


class UserIn(ProfileIn):
    """A person and the columns of their profile."""

    user_id: Id


class UsersIn(Body):
    users: list[UserIn] = Field(min_length=1, max_length=1_000)


class UserOut(BaseModel):
    user_id: str
    profile: dict[str, Any] = Field(description="What was stored here, over what the bundle knows")


class UsersOut(BaseModel):
    users: list[UserOut]
    next: str | None = Field(description="Give it as `after` to get what follows; null: this is the end")


class ErasedOut(BaseModel):
    pseudonym: str | None = Field(description="Stands for them in the record of this; nobody can tell whose it was")
    removed: dict[str, int] = Field(description="Table: rows that were deleted")
    purged: bool = Field(description="False: old pages of the file were in use; erase the id again to clear them")
    versions: list[str] = Field(description="Fitted with the person; their events there are no longer read")
    job_id: str | None = Field(description="The retraining without them; null: no version knows them")


@router.get("/{user_id:path}/consent", dependencies=[needs("read")])
async def get_consent(user_id: UserId, service: Here) -> ConsentBody:
    """Return what a person agreed to; the defaults for somebody unknown."""
    return ConsentBody(**asdict(await service.ask_log(lambda log: log.consent(user_id))))


@router.put("/{user_id:path}/consent", dependencies=[needs("events")])
async def put_consent(user_id: UserId, body: ConsentBody, service: Here) -> ConsentBody:
    """Note what a person agrees to; it holds for the very next answer."""
    await service.ask_log(lambda log: log.set_consent(user_id, Consent(**body.model_dump())))
    return body


@router.get("/{user_id:path}:export", dependencies=[needs("admin")])
async def export_user(user_id: UserId, service: Here, actor: Actor) -> dict[str, list[dict[str, Any]]]:
    """Return everything the log holds about a person, by table; nothing for somebody unknown."""
    found = await service.ask_log(lambda log: log.export(user_id))
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


@router.get("", dependencies=[needs("admin")])
async def list_users(
    service: Here, after: Annotated[Id | None, Query()] = None, limit: Annotated[int, Query(ge=1, le=1_000)] = 100
) -> UsersOut:
    """Return the people whom the database knows, by id, with the profiles that were stored here."""
    with service.reach.reading() as connection:
        found = known_people(connection, after, limit + 1)
    users = [UserOut(user_id=name, profile=profile) for name, profile in found[:limit]]
    return UsersOut(users=users, next=found[limit - 1][0] if len(found) > limit else None)


@router.post(":batch", dependencies=[needs("events")])
async def put_users(body: UsersIn, service: Here, actor: Actor) -> dict[str, list[UserOut]]:
    """Store profiles in place of those that were stored here, all of them or none."""

    def store(connection: Connection) -> None:
        for user in body.users:
            set_profile(connection, user.user_id, user.columns, actor)

    await service.writer.write(store)
    return {"users": [UserOut(user_id=user.user_id, profile=user.columns) for user in body.users]}


@router.get("/{user_id:path}", dependencies=[needs("admin")])
async def get_user(user_id: UserId, service: Here) -> UserOut:
    """Return the profile of a person, whom the database or the bundle knows."""
    with service.reach.reading() as connection:
        snapshot, stored = service.follow(connection), profile_in(connection, user_id)
    row = snapshot.row_of(user_id)
    if row is None and stored is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"nobody is known as {user_id!r}")
    known = {} if row is None else snapshot.bundle.data.user_table.row(row, named=True)
    known.pop("user_id", None)
    return UserOut(user_id=user_id, profile={**known, **(stored or {})})


@router.put("/{user_id:path}", dependencies=[needs("events")])
async def put_user(user_id: UserId, body: ProfileIn, service: Here, actor: Actor) -> UserOut:
    """Store a person's profile in place of the one that was stored here; rules read it in the very next answer."""

    def store(connection: Connection) -> None:
        set_profile(connection, user_id, body.columns, actor)

    await service.writer.write(store)
    return UserOut(user_id=user_id, profile=body.columns)


@router.patch("/{user_id:path}", dependencies=[needs("events")])
async def patch_user(user_id: UserId, body: ProfileIn, service: Here, actor: Actor) -> UserOut:
    """Change some columns of the profile that is stored here."""

    def store(connection: Connection) -> dict[str, Any]:
        merged = {**(profile_in(connection, user_id) or {}), **body.columns}
        set_profile(connection, user_id, merged, actor)
        return merged

    return UserOut(user_id=user_id, profile=await service.writer.write(store))


@router.delete("/{user_id:path}", status_code=HTTPStatus.NO_CONTENT, dependencies=[needs("admin")])
async def delete_user(user_id: UserId, service: Here, actor: Actor) -> None:
    """Delete the profile that is stored here; what the person did stays: `:erase` forgets all of it."""

    def store(connection: Connection) -> bool:
        if profile_in(connection, user_id) is None:
            return False
        set_profile(connection, user_id, {}, actor)
        return True

    if not await service.writer.write(store):
        raise Problem(HTTPStatus.NOT_FOUND, f"nobody is known as {user_id!r}")
