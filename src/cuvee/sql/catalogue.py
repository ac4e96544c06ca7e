"""Items that came, changed or went after the fit, and the changes that every process follows."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Connection, delete, select, update

from cuvee.sql.audit import record
from cuvee.sql.database import insert_new
from cuvee.sql.people import announce
from cuvee.sql.schema import metadata

__all__ = [
    "Item",
    "State",
    "changed_items",
    "delete_item",
    "item_of",
    "patch_item",
    "put_item",
    "set_state",
    "touch_item",
]

State = Literal["available", "unavailable", "hidden", "deleted"]

_items, _media, _changes = (metadata.tables[name] for name in ("items", "media", "changes"))


@dataclass(frozen=True)
class Item:
    """An item as the database knows it."""

    item_id: str
    attributes: Mapping[str, Any]
    """Columns of the catalogue, over those that a fit may know; empty where only the state was ever set."""
    state: State
    media: Mapping[str, str] = field(default_factory=dict)
    """Modality -> digest of the first file that was uploaded."""


def put_item(connection: Connection, item_id: str, attributes: Mapping[str, Any], actor: str) -> None:
    """Store an item with its attributes, new or not; its state stays, but that a deleted one is back."""
    _change(connection, item_id, "put", actor, attributes=dict(attributes))


def patch_item(connection: Connection, item_id: str, attributes: Mapping[str, Any], actor: str) -> None:
    """Store some attributes of an item beside those it has."""
    number = _number(connection, item_id)
    stored = connection.execute(select(_items.c.attributes).where(_items.c.item_no == number)).scalar_one()
    _change(connection, item_id, "patch", actor, attributes={**stored, **attributes})


def delete_item(connection: Connection, item_id: str, actor: str) -> None:
    """Take an item out of the catalogue, and its files; what people did with it stays."""
    connection.execute(delete(_media).where(_media.c.item_no == _number(connection, item_id)))
    _change(connection, item_id, "delete", actor, attributes={}, state="deleted")


def set_state(connection: Connection, item_id: str, state: State, actor: str) -> None:
    """Say whether an item may be shown; it need not be stored."""
    _change(connection, item_id, state, actor, state=state)


def touch_item(connection: Connection, item_id: str, action: str, actor: str) -> int:
    """Tell every process that something of an item has changed; return its number."""
    _change(connection, item_id, action, actor)
    return _number(connection, item_id)


def item_of(connection: Connection, item_id: str) -> Item | None:
    """Return what the database knows of an item; None where it knows nothing."""
    row = connection.execute(select(_items).where(_items.c.item_id == item_id)).mappings().first()
    return None if row is None else _items_of(connection, [row])[0]


def changed_items(connection: Connection, after: int, upto: int) -> list[Item]:
    """Return the items that changed after one offset and up to another, in the order in which they first came."""
    named = select(_changes.c.row).where(
        _changes.c.resource == "items", _changes.c.offset > after, _changes.c.offset <= upto
    )
    numbers = sorted({int(row) for row in connection.execute(named).scalars()})
    found = []
    for start in range(0, len(numbers), 500):  # SQLite takes at most some thousand parameters
        some = select(_items).where(_items.c.item_no.in_(numbers[start : start + 500])).order_by(_items.c.item_no)
        found += _items_of(connection, connection.execute(some).mappings().all())
    return found


def _items_of(connection: Connection, rows: Sequence[Any]) -> list[Item]:
    """Return some hundred rows as items, each with the first file of every modality."""
    numbers = [row["item_no"] for row in rows]
    wanted = select(_media.c.item_no, _media.c.modality, _media.c.digest).where(_media.c.item_no.in_(numbers))
    media: dict[int, dict[str, str]] = {}
    for number, modality, digest in connection.execute(wanted.order_by(_media.c.position)):
        media.setdefault(number, {}).setdefault(modality, digest)
    return [Item(r["item_id"], r["attributes"], r["state"], media.get(r["item_no"], {})) for r in rows]


def _change(connection: Connection, item_id: str, action: str, actor: str, **values: Any) -> None:
    number = _number(connection, item_id)
    here = _items.c.item_no == number
    connection.execute(update(_items).where(here).values(**values, updated_at=time.time()))
    if "attributes" in values and "state" not in values:  # content brings a deleted item back
        connection.execute(update(_items).where(here, _items.c.state == "deleted").values(state="available"))
    record(connection, actor, action, f"item {item_id}", {})
    announce(connection, "items", str(number))


def _number(connection: Connection, item_id: str) -> int:
    now = time.time()
    new = {"item_id": item_id, "attributes": {}, "state": "available", "created_at": now, "updated_at": now}
    insert_new(connection, _items, [new], "item_id")
    return int(connection.execute(select(_items.c.item_no).where(_items.c.item_id == item_id)).scalar_one())
