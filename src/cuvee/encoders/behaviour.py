"""Profiles of users from what they did in training: favourite categories, price band, activity, recency."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl

from cuvee.columns import ColumnCodes, ColumnKind, learn_columns
from cuvee.errors import ConfigError
from cuvee.looked_up import LookedUp
from cuvee.roles import key_of, need_column, trained_rows
from cuvee.types import Dataset, Embeddings, Floats

__all__ = ["Behaviour", "LearnedBehaviour"]

_CATEGORIES = ("category", "genres", "brand")
_PRICE = "price"
_DAY = 86_400


@dataclass(frozen=True)
class Behaviour:
    """What each user likes and how they use the place; whoever has no events in training has the modality missing.

    Taste: the mean over liked items, by weight, of their categories and of the fifth their price is in. Activity: how
    many events and items, how much of it disliked, days since the last event (before the newest of all) and between
    first and last. Both have about unit length. Cost: one product of the interactions with the coded item table.
    """

    role: ClassVar[str] = "user"

    categories: tuple[str, ...] = ()
    """Item columns of which users have favourites; empty for those of category, genres, brand that the table has."""
    price: str | None = None
    """Item column of the price; None for `price` where the table has one."""
    limit: int = 30
    """Values of a column that get a place of their own, the most frequent ones; the others share one."""
    separator: str = "|"
    """Between the values of one cell, as in `Action|Comedy`."""

    def __post_init__(self) -> None:
        if self.limit < 0 or not self.separator:
            raise ConfigError("limit must be 0 or more, and separator must not be empty")

    def fit(self, train: Dataset, role: str) -> LookedUp:
        """Learn the codes and describe the users.

        Raises:
            ConfigError: asked for items.
            UnknownNameError: the item table has none of a column's name.
        """
        return self.restore(self.learn(train, role), train, role)

    def learn(self, train: Dataset, role: str) -> "LearnedBehaviour":
        if role != self.role:
            raise ConfigError(f"behaviour describes users, not {role}s; use tabular for the item table")
        named = (*self.categories, *((self.price,) if self.price else ()))
        for column in named:
            need_column(train, "item", column)
        columns = train.item_table.columns
        kinds: dict[str, ColumnKind] = {c: "tags" for c in self.categories or _CATEGORIES if c in columns}
        kinds |= {c: "band" for c in (self.price or _PRICE,) if c in columns}
        items = train.item_table.filter(trained_rows(train, "item"))
        active = _activity(train).filter(trained_rows(train, "user"))
        return LearnedBehaviour(
            learn_columns(items, kinds, limit=self.limit, buckets=1, separator=self.separator),
            learn_columns(active, dict.fromkeys(active.columns, "number")),
        )

    def restore(self, learned: "LearnedBehaviour", data: Dataset, role: str) -> LookedUp:
        """Describe the users of `data` by its events."""
        taste = np.asarray(data.liked @ learned.items.of(data.item_table).vectors, np.float32)
        taste /= np.maximum(np.linalg.norm(taste, axis=1, keepdims=True), 1e-9)
        activity: Floats = learned.activity.of(_activity(data)).vectors / np.float32(len(learned.activity.codes) ** 0.5)
        present = np.bincount(data.events.user, minlength=len(data.users)) > 0
        vectors = np.concatenate([taste, activity], axis=1) * present[:, None]
        return LookedUp(key_of(role), data.user_rows, Embeddings(vectors.astype(np.float32), present))


@dataclass(frozen=True)
class LearnedBehaviour:
    """How items and activity are coded."""

    items: ColumnCodes
    activity: ColumnCodes


def _activity(data: Dataset) -> pl.DataFrame:
    """Return numbers of each user, counts and days on a log scale; null where there is nothing to tell."""
    e, n = data.events, len(data.users)
    events = np.bincount(e.user, minlength=n)
    some = np.maximum(events, 1)
    first, last = np.full(n, np.iinfo(np.int64).max), np.zeros(n, np.int64)
    np.minimum.at(first, e.user, e.time)
    np.maximum.at(last, e.user, e.time)
    timed = last > 0
    since = np.where(timed, e.time.max(initial=0) - last, 0) / _DAY
    between = np.where(timed, last - np.minimum(first, last), 0) / _DAY
    table = pl.DataFrame(
        {
            "events": np.log1p(events),
            "items": np.log1p(np.diff(data.matrix.indptr)),
            "disliked": np.bincount(e.user[e.weight < 0], minlength=n) / some,
            "days_since": np.log1p(since),
            "days_between": np.log1p(between),
        }
    )
    known = pl.Series(events > 0)
    times = pl.Series(timed)
    return table.with_columns(
        *(pl.when(known).then(pl.col(c)) for c in ("events", "items", "disliked")),
        *(pl.when(times).then(pl.col(c)) for c in ("days_since", "days_between")),
    )
