"""What changed in the database, taken into a snapshot: items that are new, changed or gone, and people who are."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Connection

from cuvee.errors import ConfigError, DataError
from cuvee.media import MEDIA
from cuvee.registry import describe
from cuvee.serve.snapshot import Snapshot, with_bundle, with_states
from cuvee.sql.catalogue import Item, changed_items
from cuvee.sql.erasures import erased_rows
from cuvee.types import Dataset

__all__ = ["Changes", "file_columns", "followed", "items_table", "read_changes", "taken_in"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Changes:
    """What is new in the database since an offset of its changes."""

    items: Sequence[Item] = ()
    """In the order in which they first came."""
    erased: Sequence[tuple[str, int]] = ()
    """(version, row of its users) of people who were erased."""


def read_changes(connection: Connection, after: int, upto: int) -> Changes:
    """Return what changed after one offset and up to another."""
    return Changes(changed_items(connection, after, upto), erased_rows(connection, after, upto))


def followed(snapshot: Snapshot, changes: Changes, media: Path) -> Snapshot:
    """Return the snapshot that knows the changes; an item that cannot be served is logged, and keeps none out.

    Args:
        media: the folder of uploaded files.
    """
    gone = {row for version, row in changes.erased if version == snapshot.version}
    if gone:
        names = [snapshot.bundle.data.users[row] for row in gone]
        praise = None if snapshot.praise is None else snapshot.praise.without(names)
        snapshot = replace(snapshot, forgotten=snapshot.forgotten | gone, praise=praise)
    items = changes.items
    try:
        return taken_in(snapshot, items, media)
    except (DataError, ConfigError) as error:
        if len(items) == 1:
            logger.error("item %s is stored but cannot be served as it is: %s", items[0].item_id, error)
            return with_states(snapshot, {item.item_id: item.state for item in items})
    for item in items:
        snapshot = followed(snapshot, Changes([item]), media)
    return snapshot


def taken_in(snapshot: Snapshot, items: Sequence[Item], media: Path) -> Snapshot:
    """Return the snapshot with these items: the new ones, other content of those it has, and which may be shown.

    Raises:
        DataError, ConfigError: an item that cannot be encoded, or that the model cannot take in.
    """
    if not items:
        return snapshot
    data = snapshot.bundle.data
    there = [item for item in items if item.state != "deleted"]
    old = [item for item in there if item.item_id in data.item_rows]
    new = [item for item in there if item.item_id not in data.item_rows and item.attributes]
    if old:
        snapshot = _changed(snapshot, _changed_table(snapshot, old, media))
    if new:
        table = items_table([_with_files(snapshot, item, media) for item in new])
        snapshot = with_bundle(snapshot, snapshot.bundle.with_items(table), snapshot.stale)
    return with_states(snapshot, {item.item_id: item.state for item in items})


def file_columns(snapshot: Snapshot) -> Mapping[str, str]:
    """Return modality (image, audio, video) -> the column of files that the recipe's encoder of it reads."""
    found = {name: name for name in MEDIA}
    for channel in snapshot.bundle.channels:
        spec = describe(channel.encoder)
        kind = spec if isinstance(spec, str) else next(iter(spec))
        if channel.role == "item" and kind in found:
            found[kind] = str(getattr(channel.encoder, "column", kind))
    return found


def items_table(items: Sequence[Item]) -> pl.DataFrame:
    """Return the items as a table of the catalogue; a column holds null where an item says nothing.

    Raises:
        DataError: a column whose values are not of one type.
    """
    names = list(dict.fromkeys(name for item in items for name in item.attributes))
    ids = pl.Series("item_id", [item.item_id for item in items], pl.String)
    return pl.DataFrame([ids, *(_column(name, [item.attributes.get(name) for item in items]) for name in names)])


def _changed(snapshot: Snapshot, table: pl.DataFrame) -> Snapshot:
    """Return the snapshot with other columns of items it has, encoded again where their content is another one.

    Then all that is new since the fit is taken in anew, so that it does not matter in which order it came.
    """
    bundle, unread = snapshot.bundle.with_changes(table)
    if bundle.data is snapshot.bundle.data:
        return snapshot
    if bundle.model is snapshot.bundle.model and not unread:  # a title, or whatever else no encoder reads
        return with_bundle(snapshot, bundle, snapshot.stale)
    whole, n = bundle.data.item_table, len(snapshot.fitted.data.items)
    bundle, stale = snapshot.fitted.with_changes(whole[:n])
    bundle = bundle.with_items(whole[n:]) if len(whole) > n else bundle
    return with_bundle(snapshot, bundle, frozenset(stale))


def _changed_table(snapshot: Snapshot, items: Sequence[Item], media: Path) -> pl.DataFrame:
    """Return the rows that the items have now: what they do not mention stays, files are those that were uploaded."""
    data = snapshot.bundle.data
    table = data.item_table[[data.item_rows[item.item_id] for item in items]]
    names = {name for item in items for name in item.attributes} & set(table.columns)
    columns = []
    for name in sorted(names):
        old = table[name].cast(pl.String) if table[name].dtype.is_temporal() else table[name]
        columns.append(
            _column(name, [i.attributes.get(name, o) for i, o in zip(items, old.to_list(), strict=True)], old.dtype)
        )
    fitted = snapshot.fitted.data
    for modality, name in file_columns(snapshot).items():
        if name in table.columns:
            columns.append(pl.Series(name, [_file(i, modality, name, fitted, media) for i in items], pl.String))
    return table.with_columns(columns)


def _with_files(snapshot: Snapshot, item: Item, media: Path) -> Item:
    columns = file_columns(snapshot)
    files = {columns[name]: str(media / digest) for name, digest in item.media.items()}
    return Item(item.item_id, {**item.attributes, **files}, item.state)


def _file(item: Item, modality: str, column: str, fitted: Dataset, media: Path) -> str | None:
    """Return the path of what was uploaded; else that of the fit, unless it was uploaded and is gone."""
    if modality in item.media:
        return str(media / item.media[modality])
    row = fitted.item_rows.get(item.item_id)
    path = None if row is None else fitted.item_table[column][row]
    return None if path is None or Path(path).parent == media else str(path)


def _column(name: str, values: list[Any], dtype: pl.DataType | None = None) -> pl.Series:
    if any(isinstance(value, float) for value in values):  # 3 and 2.5 are both prices
        values = [float(value) if type(value) is int else value for value in values]
    try:
        found = pl.Series(name, values, strict=True)
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise DataError(f"items: the values of {name!r} are not of one type: {error}") from error
    return found.cast(dtype) if dtype is not None and found.dtype == pl.Null else found
