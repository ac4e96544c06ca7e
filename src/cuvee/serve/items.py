"""What is done to items, whichever request asks for it: checked against the model first, stored, served at once."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from sqlalchemy import Connection

from cuvee.serve.following import file_columns, taken_in
from cuvee.serve.item_bodies import ItemOut
from cuvee.serve.problems import Problem
from cuvee.serve.service import Service
from cuvee.serve.snapshot import Snapshot
from cuvee.sql.catalogue import Item, State, item_of
from cuvee.sql.shown import last_change

__all__ = ["described", "found", "known_item", "no_files", "stored"]


async def stored(service: Service, items: Sequence[Item], store: Callable[[Connection], None]) -> Snapshot:
    """Take items in, write them down, and return the snapshot that knows them.

    They are encoded once, in a thread, before they are stored: what cannot be ranked is refused, other requests go on
    meanwhile, and other processes find the vectors made.

    Raises:
        DataError, ConfigError: an item that cannot be encoded, or that the model cannot take in; nothing is stored.
    """
    snapshot = service.fresh()
    prepared = await asyncio.to_thread(taken_in, snapshot, items, service.settings.media)

    def spanned(connection: Connection) -> tuple[int, int]:
        before = last_change(connection)
        store(connection)
        return before, last_change(connection)

    service.adopt(prepared, snapshot, await service.writer.write(spanned))
    return service.fresh()


def known_item(service: Service, item_id: str) -> tuple[Snapshot, Item]:
    """Return the snapshot, and what the database holds over what it knows of an item.

    Raises:
        Problem: 404, no such item, or it was deleted.
    """
    with service.reach.reading() as connection:
        snapshot = service.follow(connection)
        item = item_of(connection, item_id)
    if item is None and item_id in snapshot.bundle.data.item_rows:
        return snapshot, Item(item_id, {}, "available")
    if item is None or item.state == "deleted" or not (item.attributes or item_id in snapshot.bundle.data.item_rows):
        raise Problem(HTTPStatus.NOT_FOUND, f"no item {item_id!r} is in the catalogue")
    return snapshot, item


def found(snapshot: Snapshot, item_id: str) -> bool:
    """Return whether an item is in the catalogue, shown or not."""
    return item_id in snapshot.bundle.data.item_rows and snapshot.states.get(item_id) != "deleted"


def no_files(snapshot: Snapshot, attributes: Mapping[str, Any]) -> None:
    """Refuse columns of files.

    Raises:
        Problem: 422, such a column.
    """
    for modality, column in file_columns(snapshot).items():
        if column in attributes:
            told = f"column {column!r} holds files: PUT the bytes to /v1/items/ID/media/{modality}/0"
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, told)


def described(snapshot: Snapshot, item: Item, media: Sequence[str] = ()) -> ItemOut:
    """Return an item as answers show it; of files, which ones were uploaded, and no paths."""
    row = snapshot.bundle.data.item_rows.get(item.item_id)
    attributes = {} if row is None else snapshot.bundle.data.item_table.row(row, named=True)
    attributes |= item.attributes
    files = {*file_columns(snapshot).values(), "item_id"}
    state: State = item.state
    return ItemOut(
        item_id=item.item_id,
        attributes={name: _plain(value) for name, value in attributes.items() if name not in files},
        state=state,
        served=row is not None,
        current=row is not None and item.item_id not in snapshot.stale,
        media=list(media),
    )


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
