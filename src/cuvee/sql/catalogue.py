"""Items that came, changed or went after the fit, and the changes that every process follows."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, select, update

from cuvee.sql.database import insert_new
from cuvee.sql.people import announce, record
from cuvee.sql.schema import metadata

__all__ = ["Item", "State", "changed_items", "item_of", "put_item", "set_state"]

State = Literal["available", "unavailable", "hidden"]

_items, _changes = metadata.tables["items"], metadata.tables["changes"]


@dataclass(frozen=True)
class Item:
    """An item as the database knows it."""

    item_id: str
    attributes: Mapping[str, Any]
    """Columns of the catalogue; empty where only the state was ever set."""
    state: State


def put_item(connection: Connection, item_id: str, attributes: Mapping[str, Any], actor: str) -> None:
    """Store an item with its attributes, new or not; its state stays."""
    number = _number(connection, item_id)
    changed = update(_items).where(_items.c.item_no == number)
    connection.execute(changed.values(attributes=dict(attributes), updated_at=time.time()))
    record(connection, actor, "put", f"item {item_id}", {})
    announce(connection, "items", str(number))


def set_state(connection: Connection, item_id: str, state: State, actor: str) -> None:
    """Say whether an item may be shown; it need not be stored."""
    number = _number(connection, item_id)
    connection.execute(update(_items).where(_items.c.item_no == number).values(state=state, updated_at=time.time()))
    record(connection, actor, state, f"item {item_id}", {})
    announce(connection, "items", str(number))


def item_of(connection: Connection, item_id: str) -> Item | None:
    """Return what the database knows of an item; None where it knows nothing."""
    row = connection.execute(select(_items).where(_items.c.item_id == item_id)).mappings().first()
    return None if row is None else Item(row["item_id"], row["attributes"], row["state"])


def changed_items(connection: Connection, after: int, upto: int) -> list[Item]:
    """Return the items that changed after one offset and up to another, in the order in which they first came."""
    named = select(_changes.c.row).where(
        _changes.c.resource == "items", _changes.c.offset > after, _changes.c.offset <= upto
    )
    numbers = sorted({int(row) for row in connection.execute(named).scalars()})
    found = []
    for start in range(0, len(numbers), 500):  # SQLite takes at most some thousand parameters
        some = select(_items).where(_items.c.item_no.in_(numbers[start : start + 500])).order_by(_items.c.item_no)
        found += [Item(r["item_id"], r["attributes"], r["state"]) for r in connection.execute(some).mappings()]
    return found


def _number(connection: Connection, item_id: str) -> int:
    now = time.time()
    new = {"item_id": item_id, "attributes": {}, "state": "available", "created_at": now, "updated_at": now}
    insert_new(connection, _items, [new], "item_id")
    return int(connection.execute(select(_items.c.item_no).where(_items.c.item_id == item_id)).scalar_one())
