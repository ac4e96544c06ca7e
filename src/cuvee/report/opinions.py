"""What reviews say of items, short enough for a card."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from cuvee.reviewing.profiles import about, profile, read_reviews, tells
from cuvee.types import Dataset

__all__ = ["Named", "Opinion", "opinions"]

_NEWEST = 100
"""Reviews of an item that are read."""
_LOOKED_AT = 1_000
"""Reviews by whose language it is told whether they can be read."""
_PRAISED, _BLAMED = 3, 2


@dataclass(frozen=True)
class Named:
    """An aspect, and how many of those who mention it say the same of it."""

    aspect: str
    agreed: int
    mentions: int


@dataclass(frozen=True)
class Opinion:
    """What reviews say of one item."""

    read: int
    """Reviews that were neither copies nor spam."""
    stars: float | None
    praised: tuple[Named, ...]
    blamed: tuple[Named, ...]
    quote: str
    """A sentence of a review as it stands there; "" where none is fit."""
    writer: str
    """User id."""


def opinions(data: Dataset, items: Sequence[str]) -> dict[str, Opinion]:
    """Return item id -> what its reviews say; items without a quote and an aspect that two mention have none."""
    if data.reviews is None or not tells(data.reviews.head(_LOOKED_AT)):
        return {}
    read = read_reviews(about(data.reviews, items, _NEWEST))
    found = profile(read, "item", most=1)
    writers = dict(read.reviews.select("review", "user_id").iter_rows())
    told: dict[str, Opinion] = {}
    for row in found.figures.filter(pl.col("id").is_in(list(items)) & (pl.col("read") > 0)).iter_rows(named=True):
        aspects = found.aspects.filter(pl.col("id") == row["id"])
        praised = _named(aspects, "praised", "blamed", _PRAISED)
        blamed = _named(aspects, "blamed", "praised", _BLAMED)
        quote, review = _quote(aspects, found.quotes.filter(pl.col("id") == row["id"]))
        if praised or blamed or quote:
            writer = str(writers.get(review, ""))
            told[row["id"]] = Opinion(row["read"], row["stars"], praised, blamed, quote, writer)
    return told


def _named(aspects: pl.DataFrame, kind: str, other: str, most: int) -> tuple[Named, ...]:
    chosen = aspects.filter(pl.col(kind) > pl.col(other)).head(most)
    return tuple(Named(*row) for row in chosen.select("aspect", kind, "mentions").iter_rows())


def _quote(aspects: pl.DataFrame, quotes: pl.DataFrame) -> tuple[str, int | None]:
    """Return the quote for what is praised most, else the best one, kind before unkind, and its review."""
    praised = aspects.filter((pl.col("praised") > pl.col("blamed")) & pl.col("praise").is_not_null())
    if len(praised):
        return str(praised["praise"][0]), int(praised["praise_review"][0])
    best = quotes.sort("kind", descending=True, maintain_order=True)
    return (str(best["quote"][0]), int(best["review"][0])) if len(best) else ("", None)
