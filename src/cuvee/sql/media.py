"""Which uploaded file is whose: pictures, sound and video of items, by the digest that names the file."""

import time
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, select

from cuvee.sql.catalogue import touch_item
from cuvee.sql.schema import metadata

__all__ = ["Medium", "delete_medium", "digests", "media_of", "put_medium"]

_items, _media = metadata.tables["items"], metadata.tables["media"]


@dataclass(frozen=True)
class Medium:
    """A file of an item."""

    modality: str
    """image, audio or video."""
    position: int
    """The smallest of a modality is what the model reads."""
    digest: str
    """SHA-256 of its bytes, in hexadecimal."""
    media_type: str
    size: int
    """Bytes."""


def put_medium(connection: Connection, item_id: str, medium: Medium, actor: str) -> None:
    """Note a file of an item, in place of what stood there."""
    number = touch_item(connection, item_id, f"put {medium.modality}", actor)
    connection.execute(delete(_media).where(*_at(number, medium.modality, medium.position)))
    connection.execute(_media.insert().values(item_no=number, created_at=time.time(), **vars(medium)))


def delete_medium(connection: Connection, item_id: str, modality: str, position: int, actor: str) -> bool:
    """Forget a file of an item; return whether there was one."""
    number = connection.execute(select(_items.c.item_no).where(_items.c.item_id == item_id)).scalar()
    if number is None or not connection.execute(delete(_media).where(*_at(number, modality, position))).rowcount:
        return False
    touch_item(connection, item_id, f"delete {modality}", actor)
    return True


def media_of(connection: Connection, item_id: str) -> list[Medium]:
    """Return the files of an item, by modality and position."""
    joined = _media.join(_items, _items.c.item_no == _media.c.item_no)
    names = ("modality", "position", "digest", "media_type", "size")
    wanted = select(*(_media.c[name] for name in names)).select_from(joined).where(_items.c.item_id == item_id)
    ordered = wanted.order_by(_media.c.modality, _media.c.position)
    return [Medium(**row) for row in connection.execute(ordered).mappings()]


def digests(connection: Connection) -> set[str]:
    """Return the digests of all files that an item points at."""
    return set(connection.execute(select(_media.c.digest)).scalars())


def _at(number: int, modality: str, position: int) -> tuple[ColumnElement[bool], ...]:
    return _media.c.item_no == number, _media.c.modality == modality, _media.c.position == position
