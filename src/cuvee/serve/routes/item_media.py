"""Pictures, sound and video of items: uploaded as they are, made safe, read by the model at once."""

import asyncio
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path as File
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from cuvee.serve.access import Actor, needs
from cuvee.serve.bodies import Id
from cuvee.serve.following import file_columns
from cuvee.serve.items import known_item, stored
from cuvee.serve.problems import Problem
from cuvee.serve.service import Here, Service
from cuvee.serve.snapshot import Snapshot
from cuvee.serve.uploads import LARGEST, SORTS, Kept, keep, part_of, sweep
from cuvee.sql.media import Medium, digests, media_of
from cuvee.sql.media import delete_medium as store_deletion
from cuvee.sql.media import put_medium as store_medium

__all__ = ["router"]

router = APIRouter(prefix="/v1/items", tags=["items"])

ItemId = Annotated[Id, Path()]
Modality = Literal["image", "audio", "video"]
Place = Annotated[int, Path(ge=0, le=19, description="The smallest of a modality is what the model reads")]

_HEADERS = {"Content-Security-Policy": "default-src 'none'; sandbox"}

_decoding = asyncio.Semaphore(1)
"""One file of a process at a time: a large picture takes hundreds of megabytes while it is unpacked."""


class MediumOut(BaseModel):
    item_id: str
    modality: Modality
    position: int
    digest: str
    media_type: str
    size: int = Field(description="Bytes as stored: pictures are written anew")
    read: bool = Field(description="Whether a modality of the recipe reads files of this kind")
    current: bool = Field(description="Whether the item is ranked by it already; False: at the next fit")


@router.put(
    "/{item_id:path}/media/{modality}/{position}",
    dependencies=[needs("admin")],
    openapi_extra={
        "requestBody": {"required": True, "content": {name: {} for sort in SORTS.values() for name in sort}}
    },
)
async def put_medium(
    item_id: ItemId, modality: Modality, position: Place, request: Request, service: Here, actor: Actor
) -> MediumOut:
    """Store a file of an item, the body as it is; the item is encoded with it and ranked by it from the next answer on.

    Pictures are written anew: upright, at most 2,048 pixels a side, without anything else that was in the file.
    """
    _, item = known_item(service, item_id)
    kept = await _received(service.settings.media, modality, request)
    medium = Medium(modality, position, **vars(kept))

    def store(connection: Connection) -> None:
        store_medium(connection, item_id, medium, actor)

    with service.reach.reading() as connection:
        before = [m for m in media_of(connection, item_id) if (m.modality, m.position) != (modality, position)]
    media = {m.modality: m.digest for m in sorted([*before, medium], key=lambda m: -m.position)}
    snapshot = await stored(service, [replace(item, media=media)], store)
    await _swept(service)
    return _out(snapshot, item_id, medium)


@router.get("/{item_id:path}/media/{modality}/{position}", dependencies=[needs("read")], response_class=FileResponse)
async def get_medium(item_id: ItemId, modality: Modality, position: Place, service: Here) -> Response:
    """Return an uploaded file of an item."""
    with service.reach.reading() as connection:
        found = [m for m in media_of(connection, item_id) if (m.modality, m.position) == (modality, position)]
    if not found or not (service.settings.media / found[0].digest).is_file():
        raise Problem(HTTPStatus.NOT_FOUND, f"no {modality} {position} was uploaded for {item_id!r}")
    return FileResponse(service.settings.media / found[0].digest, media_type=found[0].media_type, headers=_HEADERS)


@router.delete(
    "/{item_id:path}/media/{modality}/{position}", status_code=HTTPStatus.NO_CONTENT, dependencies=[needs("admin")]
)
async def delete_medium(item_id: ItemId, modality: Modality, position: Place, service: Here, actor: Actor) -> None:
    """Delete an uploaded file of an item; one that the data of the fit brought is read again."""
    _, item = known_item(service, item_id)
    with service.reach.reading() as connection:
        before = media_of(connection, item_id)
    left = [m for m in before if (m.modality, m.position) != (modality, position)]
    if len(left) == len(before):
        raise Problem(HTTPStatus.NOT_FOUND, f"no {modality} {position} was uploaded for {item_id!r}")

    def store(connection: Connection) -> None:
        store_deletion(connection, item_id, modality, position, actor)

    media = {m.modality: m.digest for m in sorted(left, key=lambda m: -m.position)}
    await stored(service, [replace(item, media=media)], store)
    await _swept(service)


async def _received(folder: File, modality: Modality, request: Request) -> Kept:
    """Write the body down as it arrives, and keep it.

    Raises:
        Problem: a type that is not taken, or more bytes than may be.
        DataError: it is not what it says.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in SORTS[modality]:
        told = f"Content-Type says {media_type[:80]!r}; of {modality} these are taken: {', '.join(SORTS[modality])}"
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, told)
    part, size = part_of(folder), 0
    try:
        with part.open("wb") as file:
            async for chunk in request.stream():
                size += len(chunk)
                if size > LARGEST[modality]:
                    told = f"{modality}: a file may have {LARGEST[modality]} bytes at most"
                    raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, told)
                file.write(chunk)
        if not size:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the body is empty: send the bytes of the file")
        async with _decoding:
            return await asyncio.to_thread(keep, part, modality, media_type)
    finally:
        part.unlink(missing_ok=True)


async def _swept(service: Service) -> None:
    with service.reach.reading() as connection:
        wanted = digests(connection)
    await asyncio.to_thread(sweep, service.settings.media, wanted)


def _out(snapshot: Snapshot, item_id: str, medium: Medium) -> MediumOut:
    columns = {str(getattr(c.encoder, "column", "")) for c in snapshot.bundle.channels if c.role == "item"}
    return MediumOut(
        item_id=item_id,
        **{name: getattr(medium, name) for name in ("modality", "position", "digest", "media_type", "size")},
        read=file_columns(snapshot)[medium.modality] in columns,
        current=item_id not in snapshot.stale,
    )
