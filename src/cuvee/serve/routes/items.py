"""The catalogue: items that are new, and whether one may be shown."""

import asyncio
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlalchemy import Connection

from cuvee.rank import similar
from cuvee.serve.access import Actor, needs
from cuvee.serve.answers import shown_items
from cuvee.serve.bodies import Id, ItemIn, ItemOut, ItemsIn, Shown, StateOut
from cuvee.serve.problems import Problem
from cuvee.serve.service import Here, Service, items_table
from cuvee.sql.catalogue import Item, State, item_of, put_item, set_state
from cuvee.sql.database import reading

__all__ = ["router"]

router = APIRouter(prefix="/v1/items", tags=["items"])

ItemId = Annotated[Id, Path()]


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
    with reading(service.engine) as connection:
        snapshot = service.follow(connection)
    rows, unknown = snapshot.known([item_id])
    if unknown:
        raise Problem(HTTPStatus.NOT_FOUND, f"no item {item_id!r} is in the catalogue")
    slate = similar(snapshot.bundle.model, snapshot.session(rows), k, filters=(lambda _: snapshot.shown[None, :],))
    return {"items": shown_items(snapshot, snapshot.session(rows), slate, reasons=False)}


@router.get("/{item_id:path}", dependencies=[needs("read")])
async def get_item(item_id: ItemId, service: Here) -> ItemOut:
    """Return an item, of the bundle or added since."""
    with reading(service.engine) as connection:
        snapshot = service.follow(connection)
        stored = item_of(connection, item_id)
    row = snapshot.bundle.data.item_rows.get(item_id)
    if row is None and stored is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"no item {item_id!r} is in the catalogue")
    attributes = {} if row is None else snapshot.bundle.data.item_table.row(row, named=True)
    attributes |= {} if stored is None else stored.attributes
    attributes.pop("item_id", None)
    state: State = "available" if stored is None else stored.state
    return ItemOut(item_id=item_id, attributes=attributes, state=state, served=row is not None)


async def _added(service: Service, bodies: list[ItemIn], actor: str) -> list[ItemOut]:
    items = [Item(body.item_id, body.attributes, "available") for body in bodies]
    with reading(service.engine) as connection:
        snapshot = service.follow(connection)
    # encoded before it is stored: what cannot be ranked is refused, and other processes find the vectors made
    await asyncio.to_thread(snapshot.with_items, items_table(items))

    def store(connection: Connection) -> None:
        for item in items:
            put_item(connection, item.item_id, item.attributes, actor)

    await service.writer.write(store)
    with reading(service.engine) as connection:
        rows = service.follow(connection).bundle.data.item_rows
    return [
        ItemOut(item_id=i.item_id, attributes=dict(i.attributes), state=i.state, served=i.item_id in rows)
        for i in items
    ]


async def _set(service: Service, item_id: str, state: State, actor: str) -> StateOut:
    with reading(service.engine) as connection:
        snapshot = service.follow(connection)
        stored = item_of(connection, item_id)
    if item_id not in snapshot.bundle.data.item_rows and stored is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"no item {item_id!r} is in the catalogue")

    def store(connection: Connection) -> None:
        set_state(connection, item_id, state, actor)

    await service.writer.write(store)
    return StateOut(item_id=item_id, state=state)
