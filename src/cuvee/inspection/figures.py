"""Counts and shares: how much there is of everything in a folder."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from cuvee.media import MEDIA

__all__ = ["Figures", "Ratings", "figures", "same_texts", "text_shares", "texts"]

_ITEM_IDS = ("item_id",)


@dataclass(frozen=True)
class Ratings:
    """The scale of the ratings."""

    low: float
    high: float
    mean: float
    known: int
    """Events with a rating."""
    different: int
    """Different values."""


@dataclass(frozen=True)
class Figures:
    """What the events say."""

    users: int
    """Users with an event."""
    items: int
    """Items with an event."""
    events: int
    pairs: int
    """Different pairs of user and item."""
    density: float | None
    """Pairs among all those of users and items with an event; None without events."""
    timed: int
    """Events with a time."""
    first: str | None
    """Date of the first event with a time."""
    last: str | None
    kinds: Mapping[str, int]
    ratings: Ratings | None


def figures(events: pl.DataFrame) -> Figures:
    """Return what the interactions hold; they have user_id and item_id."""
    users, items = events["user_id"].n_unique(), events["item_id"].n_unique()
    pairs = events.select("user_id", "item_id").n_unique() if len(events) else 0
    times = _times(events)
    return Figures(
        users=users,
        items=items,
        events=len(events),
        pairs=pairs,
        density=pairs / (users * items) if pairs else None,
        timed=len(times),
        first=str(times.min())[:10] if len(times) else None,
        last=str(times.max())[:10] if len(times) else None,
        kinds=_kinds(events),
        ratings=_ratings(events),
    )


def texts(table: pl.DataFrame) -> list[str]:
    """Return what the columns of text say of each row, "" where they say nothing."""
    columns = [c for c in ("title", "description", "text") if c in table.columns]
    if not columns:
        return []
    joined = pl.concat_str([pl.col(c).cast(pl.String) for c in columns], separator=" ", ignore_nulls=True)
    return table.select(joined.str.strip_chars().fill_null("")).to_series().to_list()


def same_texts(table: pl.DataFrame) -> int:
    """Return how many rows say what another row before them says."""
    found = [text for text in texts(table) if text]
    return len(found) - len(set(found))


def text_shares(items: pl.DataFrame) -> Mapping[str, float]:
    """Return column -> share of items that hold something, media left out: whether they can be read is told apart."""
    shares = {}
    for column in items.columns:
        if column in (*_ITEM_IDS, *MEDIA) or not len(items):
            continue
        filled = items[column].is_not_null()
        if items[column].dtype == pl.String:
            filled &= items[column] != ""
        shares[column] = int(filled.fill_null(False).sum()) / len(items)
    return shares


def _times(events: pl.DataFrame) -> pl.Series:
    """Return the times that are known as dates."""
    if "timestamp" not in events.columns:
        return pl.Series([], dtype=pl.Datetime)
    time = events["timestamp"]
    if time.dtype in (pl.Date, pl.Datetime):
        return time.drop_nulls()
    seconds = time.cast(pl.Int64, strict=False)
    known = seconds.filter((seconds > 0).fill_null(False) & (seconds < 100_000_000_000).fill_null(False))
    return pl.from_epoch(known, time_unit="s")


def _kinds(events: pl.DataFrame) -> Mapping[str, int]:
    if "event" not in events.columns:
        return {"event": len(events)} if len(events) else {}
    counts = events["event"].cast(pl.String).fill_null("event").value_counts(sort=True)
    return {str(kind): int(n) for kind, n in counts.rows()}


def _ratings(events: pl.DataFrame) -> Ratings | None:
    if "rating" not in events.columns:
        return None
    known = events["rating"].cast(pl.Float64, strict=False).drop_nulls().drop_nans()
    if not len(known):
        return None
    low, high, mean = (float(v) for v in (known.min(), known.max(), known.mean()) if isinstance(v, (int, float)))
    return Ratings(low, high, mean, len(known), known.n_unique())
