"""A data set that grows after the fit: new items with their content, and new events; nothing old changes its row."""

import logging
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from cuvee.cache import VectorCache
from cuvee.errors import DataError
from cuvee.features import FUSED, Channel, encoded_items, reencoded_items
from cuvee.frames import KIND_WEIGHTS, ArrowTable, Frames, as_frame, dataset, require
from cuvee.imputation import Impute, impute
from cuvee.protocols import FittedFusion, Reader
from cuvee.tables import first_not
from cuvee.types import Dataset, Embeddings, Events, Floats, Ints

__all__ = ["with_changes", "with_events", "with_items", "without_users"]

logger = logging.getLogger(__name__)

_ITEMS, _CHANGES, _EVENTS = "new items", "changed items", "new events"


def with_items(
    data: Dataset,
    table: ArrowTable,
    channels: tuple[Channel, ...],
    fusion: FittedFusion | None,
    fill: Impute,
    cache: VectorCache,
) -> Dataset:
    """Return the data set with items at its end and the features that fitted channels, and a fusion, make of them.

    Args:
        table: item_id, and whatever columns of the catalogue there are; others are left out, and which ones is logged.
        fill: what a new item gets where it misses a modality.

    Raises:
        DataError: no item_id, an empty, a repeated or a known one, or a cell that is not of its column's type.
    """
    frame = as_frame(table, _ITEMS)
    _check_ids(frame, data)
    n = len(data.items)
    rows = _aligned(frame, data.item_table, _ITEMS)
    grown = replace(
        data, items=(*data.items, *rows["item_id"]), item_table=pl.concat([data.item_table, rows]), features={}
    )
    found = encoded_items(grown, channels, cache, n)
    features = dict(data.features)
    parts: dict[str, Embeddings] = {}
    for (role, modality), old in data.features.items():
        if role != "item" or (modality == FUSED and fusion is not None):
            continue
        if modality not in found:
            logger.warning("%s: nothing says how %r is made; it is missing for all of them", _ITEMS, modality)
        new = found.get(modality, _missing(len(rows), old.dim))
        whole = impute(_joined(old, new), grown, fill) if fill == "mean" else _joined(old, new)
        parts[modality] = whole.take(np.arange(n, len(whole)))
        features[role, modality] = _joined(old, parts[modality])
    if fusion is not None:
        features["item", FUSED] = _joined(data.feature("item", FUSED), fusion.fuse(parts))
    return replace(grown, features=features)


def with_changes(
    data: Dataset,
    table: ArrowTable,
    channels: tuple[Channel, ...],
    fusion: FittedFusion | None,
    fill: Impute,
    cache: VectorCache,
) -> tuple[Dataset, Ints]:
    """Return the data set with other columns of items it has, and (m,) the items whose vectors are others thereby.

    Args:
        table: item_id, and every column of the catalogue: what is missing is missing from now on.
        fill: what an item gets that misses a modality from now on.

    Raises:
        DataError: no item_id, a repeated or an unknown one, or a cell that is not of its column's type.
    """
    frame = as_frame(table, _CHANGES)
    _check_known(frame, data)
    found = _aligned(frame, data.item_table, _CHANGES)
    rows = np.array([data.item_rows[name] for name in found["item_id"]], np.int32)
    old = data.item_table[rows]
    differs = np.zeros(len(rows), bool)
    for name in found.columns:
        differs |= found[name].ne_missing(old[name]).to_numpy()
    found, rows = found.filter(differs), rows[differs]
    if not len(rows):
        return data, rows
    order = np.arange(len(data.items))
    order[rows] = len(data.items) + np.arange(len(rows))
    changed = replace(data, item_table=pl.concat([data.item_table, found])[order])
    return _with_vectors(data, changed, reencoded_items(data, changed, channels, cache, rows), fusion, fill)


def _with_vectors(
    before: Dataset,
    data: Dataset,
    found: Mapping[str, tuple[Ints, Embeddings]],
    fusion: FittedFusion | None,
    fill: Impute,
) -> tuple[Dataset, Ints]:
    """Return the data set with the new vectors, what is missing filled and all fused, and the items that have any."""
    features = dict(data.features)
    for modality, (rows, new) in found.items():
        if ("item", modality) in features:
            old = features["item", modality]
            vectors, present = old.vectors.copy(), old.present.copy()
            vectors[rows], present[rows] = new.vectors, new.present
            features["item", modality] = impute(Embeddings(vectors, present), data, fill)
    moved = np.unique(np.concatenate([np.zeros(0, np.int32), *(rows for rows, _ in found.values())])).astype(np.int32)
    if fusion is not None and len(moved):
        parts = {m: part.take(moved) for (role, m), part in features.items() if role == "item" and m != FUSED}
        old, new = before.feature("item", FUSED), fusion.fuse(parts)
        vectors, present = old.vectors.copy(), old.present.copy()
        vectors[moved], present[moved] = new.vectors, new.present
        features["item", FUSED] = Embeddings(vectors, present)
    return replace(data, features=features), moved


def with_events(data: Dataset, table: ArrowTable, reader: Reader, weights: Mapping[str, float] | None) -> Dataset:
    """Return the data set with more events, all in time order, and at the end of the users those who are new.

    Args:
        table: interactions in canonical columns.
        reader: its `kinds`, `min_rating` and `min_watched`, where it has them, say what an event weighs.
        weights: kind -> what it weighs instead, as a recipe's `events` says.

    Raises:
        DataError: an item that the data set does not have, or what `frames.dataset` refuses.
    """
    frame = as_frame(table, _EVENTS)
    require(frame, ("user_id", "item_id"), _EVENTS)
    unknown = ~frame["item_id"].cast(pl.String).is_in(pl.Series(data.items, dtype=pl.String).implode())
    if unknown.any():
        row = first_not(unknown)
        raise DataError(
            f"{_EVENTS}: row {row}, item {frame['item_id'][row - 1]!r} is not in the catalogue; add it first, with "
            f"`with_items` or `cuvee update --items`"
        )
    kinds: Mapping[str, float] = getattr(reader, "kinds", KIND_WEIGHTS)
    frames = Frames(frame, data.item_table, data.user_table, source={"interactions": _EVENTS})
    later = dataset(frames, kinds, getattr(reader, "min_rating", None), getattr(reader, "min_watched", 0.1))
    events = _merged(data.events, _reweighted(later.events, kinds, weights or {}))
    more = len(later.users) - len(data.users)
    features = {
        (role, name): _joined(part, _missing(more, part.dim)) if role == "user" else part
        for (role, name), part in data.features.items()
    }
    return replace(data, users=later.users, user_table=later.user_table, events=events, features=features)


def without_users(data: Dataset, rows: Ints) -> Dataset:
    """Return the data set that knows nothing of some users (n,): their rows stay, empty, under names nobody can have.

    So the rows of the others stay what they are, in trained models too.
    """
    gone = np.zeros(len(data.users), bool)
    gone[rows] = True
    ids = pl.Series([name for name, lost in zip(data.users, gone, strict=True) if lost], dtype=pl.String).implode()
    users = tuple(f"\x1ferased {n}" if gone[n] else name for n, name in enumerate(data.users))
    blank = pl.Series(gone)
    columns = [pl.Series("user_id", users), *(
        data.user_table.select(pl.when(~blank).then(pl.col(name)).alias(name))[name]
        for name in data.user_table.columns if name != "user_id"
    )]  # fmt: skip
    features = {
        (role, name): Embeddings(np.where(gone[:, None], 0, part.vectors).astype(np.float32), part.present & ~gone)
        if role == "user"
        else part
        for (role, name), part in data.features.items()
    }
    social = data.social
    if social is not None:
        social = social.filter(~pl.col("src").is_in(ids), ~pl.col("dst").is_in(ids))
    return replace(
        data,
        users=users,
        user_table=pl.DataFrame(columns).select(data.user_table.columns),
        events=data.events.take(~gone[data.events.user]),
        features=features,
        reviews=None if data.reviews is None else data.reviews.filter(~pl.col("user_id").is_in(ids)),
        social=social,
    )


def _check_ids(frame: pl.DataFrame, data: Dataset) -> None:
    require(frame, ("item_id",), _ITEMS)
    ids = frame["item_id"].cast(pl.String)
    known = ids.is_in(pl.Series(data.items, dtype=pl.String).implode())
    for bad, told in (
        (known, "is in the catalogue already; remove the row: what is known of an item changes by a new run"),
        (ids.is_duplicated(), "occurs more than once; keep one row an id"),
    ):
        if bad.any():
            raise DataError(f"{_ITEMS}: row {first_not(bad)}, item {ids[first_not(bad) - 1]!r} {told}")


def _check_known(frame: pl.DataFrame, data: Dataset) -> None:
    require(frame, ("item_id",), _CHANGES)
    ids = frame["item_id"].cast(pl.String)
    unknown = ~ids.is_in(pl.Series(data.items, dtype=pl.String).implode())
    for bad, told in (
        (unknown, "is not in the catalogue; add it"),
        (ids.is_duplicated(), "occurs more than once; keep one row an id"),
    ):
        if bad.any():
            raise DataError(f"{_CHANGES}: row {first_not(bad)}, item {ids[first_not(bad) - 1]!r} {told}")


def _aligned(frame: pl.DataFrame, like: pl.DataFrame, what: str) -> pl.DataFrame:
    """Return the rows in the columns and types of another table: null where a column is missing, others left out."""
    if others := [c for c in frame.columns if c not in like.columns]:
        logger.warning("%s: columns %s are not in the catalogue and are left out", what, ", ".join(map(repr, others)))
    columns = []
    for name, dtype in like.schema.items():
        if name not in frame.columns:
            columns.append(pl.Series(name, [None], dtype).new_from_index(0, len(frame)))
            continue
        column = frame[name]
        cast = column.cast(dtype, strict=False)
        bad = column.is_not_null() & cast.is_null()
        if bad.any():
            row = first_not(bad)
            value = str(column[row - 1])[:60]
            raise DataError(f"{what}: row {row}, column {name!r} holds {value!r}, in the catalogue it is {dtype}")
        columns.append(cast)
    return pl.DataFrame(columns)


def _reweighted(events: Events, kinds: Mapping[str, float], weights: Mapping[str, float]) -> Events:
    """Return the events with other weights of kinds; one that counts in part, or not at all, does so still."""
    full = np.array([kinds.get(kind, 1.0) for kind in events.kinds])
    wanted = np.array([weights.get(kind, old) for kind, old in zip(events.kinds, full, strict=True)])
    silent = (full == 0)[events.kind]
    part = np.where(silent, 1.0, events.weight / np.where(full == 0, 1.0, full)[events.kind])
    return replace(events, weight=(part * wanted[events.kind] + 0.0).astype(np.float32))  # + 0 makes -0 a 0


def _merged(old: Events, new: Events) -> Events:
    """Return all events in time order, old ones first among equals; kinds keep their numbers, new ones come after."""
    if not len(new):  # a table without a row has a vocabulary all the same
        return old
    kinds = (*old.kinds, *(kind for kind in new.kinds if kind not in old.kinds))
    if len(kinds) > 127:
        raise DataError(f"{_EVENTS}: {len(kinds)} kinds of event with those there are, at most 127; check 'event'")
    number = np.array([kinds.index(kind) for kind in new.kinds], np.int8)
    time = np.concatenate([old.time, new.time])
    order = np.argsort(time, kind="stable")
    return Events(
        user=np.concatenate([old.user, new.user])[order],
        item=np.concatenate([old.item, new.item])[order],
        time=time[order],
        weight=np.concatenate([old.weight, new.weight])[order],
        kind=np.concatenate([old.kind, number[new.kind]])[order],
        kinds=kinds,
        rating=None if old.rating is None else np.concatenate([old.rating, _ratings(new)])[order],
    )


def _ratings(events: Events) -> Floats:
    return np.full(len(events), np.nan, np.float32) if events.rating is None else events.rating


def _missing(n: int, dim: int) -> Embeddings:
    return Embeddings(np.zeros((n, dim), np.float32), np.zeros(n, bool))


def _joined(first: Embeddings, second: Embeddings) -> Embeddings:
    vectors = np.concatenate([first.vectors, second.vectors])
    return Embeddings(vectors, np.concatenate([first.present, second.present]))
