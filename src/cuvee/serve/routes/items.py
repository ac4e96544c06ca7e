"""The catalogue: items that come, change and go, and whether one may be shown."""

from http import HTTPStatus
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Path, Query, Response
from sqlalchemy import Connection

from cuvee.conditions import fulfilled
from cuvee.rank import similar
from cuvee.serve.access import Actor, needs
from cuvee.serve.answers import shown_items
from cuvee.serve.bodies import Id, Shown, Text
from cuvee.serve.following import file_columns
from cuvee.serve.item_bodies import ColumnsIn, ItemIn, ItemOut, ItemsIn, ItemsOut, StateOut
from cuvee.serve.items import described, found, known_item, no_files, stored
from cuvee.serve.problems import Problem
from cuvee.serve.service import Here, Service
from cuvee.serve.snapshot import Snapshot
from cuvee.sql.catalogue import Item, State, item_of, set_state
from cuvee.sql.catalogue import delete_item as store_deletion
from cuvee.sql.catalogue import patch_item as store_patch
from cuvee.sql.catalogue import put_item as store_item
from cuvee.sql.media import media_of

__all__ = ["router"]

router = APIRouter(prefix="/v1/items", tags=["items"])

ItemId = Annotated[Id, Path()]


@router.get("", dependencies=[needs("read")])
async def list_items(
    service: Here,
    after: Annotated[Id | None, Query(description="Id of the last item of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    filter: Annotated[Text | None, Query(description="Condition on columns")] = None,
) -> ItemsOut:
    """Return the items that the model knows, hidden ones too, in the order in which they came, page by page."""
    snapshot = service.fresh()
    rows, unknown = snapshot.known([] if after is None else [after])
    if unknown:
        raise Problem(HTTPStatus.NOT_FOUND, f"no item {after!r} is in the catalogue")
    table = snapshot.bundle.data.item_table
    wanted = np.ones(len(table), bool) if filter is None else fulfilled(filter, table)
    deleted = [name for name, state in snapshot.states.items() if state == "deleted"]
    wanted[snapshot.known(deleted)[0]] = False
    left = np.flatnonzero(wanted)
    left = left[left > rows[0]] if len(rows) else left
    ids = [snapshot.bundle.data.items[row] for row in left[:limit]]
    return ItemsOut(
        items=[described(snapshot, Item(i, {}, snapshot.states.get(i, "available"))) for i in ids],
        next=ids[-1] if len(left) > limit else None,
    )


@router.post("", status_code=HTTPStatus.CREATED, dependencies=[needs("admin")])
async def post_item(body: ItemIn, service: Here, actor: Actor) -> ItemOut:
    """Add an item: it is encoded, stored, and ranked by its content from the very next answer on."""
    return (await _added(service, [body], actor))[0]


@router.post(":batch", status_code=HTTPStatus.CREATED, dependencies=[needs("admin")])
async def post_items(body: ItemsIn, service: Here, actor: Actor) -> dict[str, list[ItemOut]]:
    """Add items, all of them or none."""
    return {"items": await _added(service, body.items, actor)}


@router.post("/{item_id:path}:hide", dependencies=[needs("admin")])
async def hide(item_id: ItemId, service: Here, actor: Actor) -> StateOut:
    """Take an item out of every answer from now on."""
    return await _set(service, item_id, "hidden", actor)


@router.post("/{item_id:path}:unavailable", dependencies=[needs("admin")])
async def unavailable(item_id: ItemId, service: Here, actor: Actor) -> StateOut:
    """Say that an item cannot be had; it is not shown until it is available again."""
    return await _set(service, item_id, "unavailable", actor)


@router.post("/{item_id:path}:show", dependencies=[needs("admin")])
async def show(item_id: ItemId, service: Here, actor: Actor) -> StateOut:
    """Let an item that was hidden or unavailable be shown again."""
    return await _set(service, item_id, "available", actor)


@router.get("/{item_id:path}/similar", dependencies=[needs("read")])
async def similar_items(
    item_id: ItemId, service: Here, k: Annotated[int, Query(ge=1, le=200)] = 10
) -> dict[str, list[Shown]]:
    """Return the items closest to one."""
    snapshot = service.current()
    rows, unknown = snapshot.known([item_id])
    if unknown or not found(snapshot, item_id):
        raise Problem(HTTPStatus.NOT_FOUND, f"no item {item_id!r} is in the catalogue")
    bundle, shown = snapshot.bundle, snapshot.shown
    slate = similar(bundle.model, snapshot.session(rows), k, filters=(lambda _: shown[None, :],), index=bundle.index)
    return {"items": shown_items(snapshot, snapshot.session(rows), slate, reasons=False)}


@router.get("/{item_id:path}", dependencies=[needs("read")])
async def get_item(item_id: ItemId, service: Here) -> ItemOut:
    """Return an item, of the bundle or added since, as it is now."""
    snapshot, item = known_item(service, item_id)
    with service.reach.reading() as connection:
        media = media_of(connection, item_id)
    return described(snapshot, item, [f"{m.modality}/{m.position}" for m in media])


@router.put(
    "/{item_id:path}",
    dependencies=[needs("admin")],
    responses={HTTPStatus.CREATED: {"model": ItemOut, "description": "It was not there before"}},
)
async def put_item(item_id: ItemId, body: ColumnsIn, response: Response, service: Here, actor: Actor) -> ItemOut:
    """Create or replace an item, of the bundle too: columns that are not given are empty from now on."""
    snapshot = service.fresh()
    if not found(snapshot, item_id):
        response.status_code = HTTPStatus.CREATED
    return (await _put(service, snapshot, [ItemIn(item_id=item_id, **body.attributes)], actor))[0]


@router.patch("/{item_id:path}", dependencies=[needs("admin")])
async def patch_item(item_id: ItemId, body: ColumnsIn, service: Here, actor: Actor) -> ItemOut:
    """Change some columns of an item, of the bundle too; the others stay."""
    snapshot, item = known_item(service, item_id)
    no_files(snapshot, body.attributes)
    patch = Item(item_id, body.attributes, item.state, item.media)

    def store(connection: Connection) -> None:
        store_patch(connection, item_id, body.attributes, actor)

    return described(await stored(service, [patch], store), known_item(service, item_id)[1])


@router.delete("/{item_id:path}", status_code=HTTPStatus.NO_CONTENT, dependencies=[needs("admin")])
async def delete_item(item_id: ItemId, service: Here, actor: Actor) -> None:
    """Take an item out of the catalogue: gone from the very next answer. What people did with it stays."""
    known_item(service, item_id)

    def store(connection: Connection) -> None:
        store_deletion(connection, item_id, actor)

    await service.writer.write(store)


async def _added(service: Service, bodies: list[ItemIn], actor: str) -> list[ItemOut]:
    snapshot = service.fresh()
    for body in bodies:
        if found(snapshot, body.item_id):
            told = f"item {body.item_id!r} is in the catalogue already; PUT replaces it, PATCH changes some columns"
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, told)
    return await _put(service, snapshot, bodies, actor)


async def _put(service: Service, snapshot: Snapshot, bodies: list[ItemIn], actor: str) -> list[ItemOut]:
    """Store items whole: every column of the catalogue that is not given is empty."""
    empty = dict.fromkeys(snapshot.bundle.data.item_table.columns)
    for name in {"item_id", *file_columns(snapshot).values()} & set(empty):
        del empty[name]
    items = []
    for body in bodies:
        no_files(snapshot, body.attributes)
        with service.reach.reading() as connection:
            old = item_of(connection, body.item_id) or Item(body.item_id, {}, "available")
        state: State = "available" if old.state == "deleted" else old.state
        items.append(Item(body.item_id, {**empty, **body.attributes}, state, old.media))

    def store(connection: Connection) -> None:
        for item in items:
            store_item(connection, item.item_id, item.attributes, actor)

    now = await stored(service, items, store)
    return [described(now, item) for item in items]


async def _set(service: Service, item_id: str, state: State, actor: str) -> StateOut:
    known_item(service, item_id)

    def store(connection: Connection) -> None:
        set_state(connection, item_id, state, actor)

    await service.writer.write(store)
    return StateOut(item_id=item_id, state=state)
