"""From tables in the canonical columns to a Dataset; every reader ends here.

A table is a polars, pandas or Arrow one: whatever has the Arrow stream interface. pandas needs pyarrow for it.

Canonical columns: interactions (user_id, item_id, and where known rating, timestamp, event, watched_share or
watch_seconds), items (item_id ...), users (user_id ...), reviews (user_id, item_id, text ...), social (src, dst),
triples (head, relation, tail).
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl

from cuvee.errors import DataError
from cuvee.tables import first_not
from cuvee.types import Dataset, Events
from cuvee.watched import counting_part

__all__ = ["KIND_WEIGHTS", "ArrowTable", "Frames", "as_frame", "dataset", "dated", "require"]

logger = logging.getLogger(__name__)

KIND_WEIGHTS: Mapping[str, float] = {"view": 0.2, "click": 0.2, "cart": 0.5, "buy": 1.0, "like": 1.0, "dislike": -1.0}
"""What an event of each kind says about liking; kinds that are not listed weigh 1."""


@runtime_checkable
class ArrowTable(Protocol):
    """A polars or pandas frame, an Arrow table: whatever hands out its columns as an Arrow stream."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


_LATEST = 100_000_000_000
"""Unix seconds of the year 5138: a later time is meant in milliseconds."""


@dataclass(frozen=True)
class Frames:
    """The tables of one source, before ids become rows."""

    interactions: ArrowTable
    items: ArrowTable | None = None
    users: ArrowTable | None = None
    reviews: ArrowTable | None = None
    social: ArrowTable | None = None
    triples: ArrowTable | None = None
    source: Mapping[str, str] = field(default_factory=dict)
    """Table -> file name, for messages."""

    def name(self, table: str) -> str:
        return self.source.get(table, table)


def dataset(
    frames: Frames,
    kinds: Mapping[str, float] = KIND_WEIGHTS,
    min_rating: float | None = None,
    min_watched: float = 0.1,
) -> Dataset:
    """Check the frames and give every id its row: table order first, then order of first appearance.

    Events whose rating is below `min_rating` count as seen, not as liked: they weigh 0, or less for a dislike. Where it
    is known how much was watched, a weight above 0 is multiplied by that share, by 0 below `min_watched`.

    Raises:
        DataError: a missing column, an empty or duplicate id, a negative time, a time, rating or share watched that is
            none.
    """
    events = _interactions(frames, min_rating, min_watched)
    item_table = _table(frames, "items", "item_id", events["item_id"])
    user_table = _table(frames, "users", "user_id", events["user_id"])
    items = tuple(item_table["item_id"].to_list())
    users = tuple(user_table["user_id"].to_list())
    vocabulary = tuple(sorted(events["event"].unique().to_list())) or ("event",)
    if len(vocabulary) > 127:
        raise DataError(
            f"{frames.name('interactions')}: {len(vocabulary)} kinds of event, at most 127; check the column 'event'"
        )
    kind = _rows(events["event"], vocabulary).astype(np.int8)
    weight = np.array([kinds.get(kind, 1.0) for kind in vocabulary], np.float32)[kind]
    weight = np.where(weight > 0, weight * events["watched"].to_numpy(), weight)
    return Dataset(
        users=users,
        items=items,
        events=Events(
            user=_rows(events["user_id"], users),
            item=_rows(events["item_id"], items),
            time=events["timestamp"].to_numpy().astype(np.int64),
            weight=np.where(events["rated"].to_numpy(), weight, np.minimum(weight, 0)).astype(np.float32),
            kind=kind,
            kinds=vocabulary,
            rating=events["rating"].to_numpy().astype(np.float32) if "rating" in events.columns else None,
        ),
        item_table=item_table,
        user_table=user_table,
        reviews=_optional(frames, "reviews", ("user_id", "item_id", "text")),
        social=_optional(frames, "social", ("src", "dst")),
        triples=_optional(frames, "triples", ("head", "relation", "tail")),
    )


def require(frame: pl.DataFrame, columns: tuple[str, ...], name: str) -> None:
    """Raise a DataError unless every column is there and no id in it is empty."""
    for column in columns:
        if column not in frame.columns:
            raise DataError(f"{name}: no column {column!r}; it has {', '.join(frame.columns)}")
        if column.endswith("_id"):
            empty = frame[column].is_null() | (frame[column].cast(pl.String) == "")
            if empty.any():
                row = int(empty.arg_max() or 0) + 1
                raise DataError(f"{name}: row {row} has no {column}; give it one or remove the row")


def as_frame(table: ArrowTable, name: str) -> pl.DataFrame:
    """Return a table as polars has it, without the index that pandas may add; `name` is for messages.

    Raises:
        DataError: it is no table.
    """
    if isinstance(table, pl.DataFrame):
        return table
    if not isinstance(table, ArrowTable):
        raise DataError(f"{name}: a {type(table).__name__} is no polars, pandas or Arrow table")
    frame = pl.DataFrame(table)
    return frame.drop(c for c in frame.columns if c.startswith("__index_level_"))


def _polars(frames: Frames, table: str) -> pl.DataFrame | None:
    found = getattr(frames, table)
    return None if found is None else as_frame(found, frames.name(table))


def _interactions(frames: Frames, min_rating: float | None, min_watched: float) -> pl.DataFrame:
    """Return user_id, item_id, event, timestamp, rated (well enough to be liked), watched (share) in time order."""
    name, frame = frames.name("interactions"), _polars(frames, "interactions")
    if frame is None:
        raise DataError(f"{name}: there are none; a data set needs events")
    require(frame, ("user_id", "item_id"), name)
    kind = pl.col("event").cast(pl.String) if "event" in frame.columns else pl.lit("event")
    try:
        events = frame.select(
            pl.col("user_id").cast(pl.String),
            pl.col("item_id").cast(pl.String),
            kind.fill_null("event").alias("event"),
            _seconds(frame).fill_null(0).alias("timestamp"),
            *_numbers(frame, "rating"),
        )
    except pl.exceptions.PolarsError as error:
        reason = _unlike(frame["timestamp"], pl.Int64) or error
        raise DataError(f"{name}: column 'timestamp' must be whole unix seconds: {reason}") from error
    if (events["timestamp"] < 0).any():
        row = int((events["timestamp"] < 0).arg_max() or 0) + 1
        raise DataError(f"{name}: row {row} has the negative time {events['timestamp'][row - 1]}; use unix seconds")
    if (events["timestamp"] > _LATEST).any():
        row = int((events["timestamp"] > _LATEST).arg_max() or 0) + 1
        time = events["timestamp"][row - 1]
        raise DataError(f"{name}: row {row} has the time {time}, which looks like milliseconds; divide by 1,000")
    rated = pl.lit(True) if min_rating is None else _rated(frame, min_rating, name)
    share = counting_part(frame, _polars(frames, "items"), min_watched, (name, frames.name("items")))
    watched = pl.lit(1.0) if share is None else share
    return events.with_columns(rated.alias("rated"), watched.alias("watched")).sort("timestamp", maintain_order=True)


def _numbers(frame: pl.DataFrame, column: str) -> list[pl.Expr]:
    """Return the column as float64, NaN where it is empty; nothing where there are no numbers in it."""
    numeric = column in frame.columns and frame[column].dtype.is_numeric()
    return [pl.col(column).cast(pl.Float64).fill_null(math.nan)] if numeric else []


def dated(times: pl.Series) -> pl.Series:
    """Return text that is dates or times of day (2024-01-31, 2024-01-31 10:30:00) as such, anything else as it is."""
    if times.dtype != pl.String or times.null_count() == len(times):
        return times
    if not times.drop_nulls().str.contains(r"^\d{4}-\d{2}-\d{2}").all():
        return times
    try:
        return times.str.to_datetime()
    except pl.exceptions.PolarsError:  # of no form that is known: the caller says which row is wrong
        return times


def _seconds(frame: pl.DataFrame) -> pl.Series:
    """Return the time as unix seconds; dates and times of day are converted."""
    if "timestamp" not in frame.columns:
        return pl.zeros(len(frame), pl.Int64, eager=True)
    times = dated(frame["timestamp"])
    return times.dt.epoch("s") if times.dtype in (pl.Date, pl.Datetime) else times.cast(pl.Int64)


def _rated(frame: pl.DataFrame, low: float, name: str) -> pl.Series:
    """Return the mask of events rated `low` or above, or not at all; log how many are not in it."""
    if "rating" not in frame.columns:
        raise DataError(f"{name}: min_rating needs a column 'rating'; it has {', '.join(frame.columns)}")
    rating = frame["rating"]
    if not rating.dtype.is_numeric() and rating.dtype != pl.Null:
        reason = _unlike(rating, pl.Float64) or f"it holds {rating.dtype}"
        raise DataError(f"{name}: column 'rating' must hold numbers; {reason}")
    kept = (rating >= low).fill_null(True)
    logger.info(
        "%s: %d of %d events are rated below %g and count as seen only",
        name,
        len(kept) - int(kept.sum()),
        len(kept),
        low,
    )
    return kept


def _unlike(column: pl.Series, dtype: type[pl.DataType]) -> str:
    """Return which row holds the first value that is not of the type; "" where none is found."""
    if column.dtype != pl.String:
        return ""
    bad = column.is_not_null() & column.cast(dtype, strict=False).is_null()
    return f"row {first_not(bad)} has {column[first_not(bad) - 1]!r}" if bad.any() else ""


def _table(frames: Frames, table: str, key: str, used: pl.Series) -> pl.DataFrame:
    """Return the table with a row for every id: its own first, then those only the events know (other columns null)."""
    name, frame = frames.name(table), _polars(frames, table)
    used = used.unique(maintain_order=True).alias(key)
    if frame is None:
        return pl.DataFrame([used])
    require(frame, (key,), name)
    frame = frame.with_columns(pl.col(key).cast(pl.String))
    double = frame[key].is_duplicated()
    if double.any():
        row = int(double.arg_max() or 0)
        raise DataError(f"{name}: {key} {frame[key][row]!r} of row {row + 1} occurs more than once; keep one row an id")
    extra = used.filter(~used.is_in(frame[key].implode()))
    if len(extra):
        logger.warning(
            "%s: %d ids of the events have no row here, e.g. %r; they have no content", name, len(extra), extra[0]
        )
    return pl.concat([frame, pl.DataFrame([extra])], how="diagonal")


def _optional(frames: Frames, table: str, columns: tuple[str, ...]) -> pl.DataFrame | None:
    frame = _polars(frames, table)
    if frame is None:
        return None
    require(frame, columns, frames.name(table))
    ids = [c for c in frame.columns if c.endswith("_id") or c in ("src", "dst", "head", "tail")]
    return frame.with_columns(pl.col(c).cast(pl.String) for c in ids)


def _rows(values: pl.Series, names: tuple[str, ...]) -> "np.ndarray[tuple[int], np.dtype[np.int32]]":
    lookup = pl.DataFrame({"name": pl.Series(names, dtype=pl.String), "row": np.arange(len(names), dtype=np.int32)})
    joined = values.alias("name").to_frame().join(lookup, on="name", how="left", maintain_order="left")
    return joined["row"].to_numpy().astype(np.int32)
