"""Which reviews are copies or look like spam, by rules that can be told in a sentence each, and what votes weigh.

Nothing is deleted: a review that a rule flags keeps its row with the names of the rules, and weighs nothing.
"""

import re
from collections.abc import Mapping

import numpy as np
import polars as pl
from scipy import stats

from cuvee.reviewing.duplicates import near_duplicates
from cuvee.reviewing.words import tokens
from cuvee.types import Bools, Floats, Longs

__all__ = ["RULES", "flag", "helpfulness"]

RULES: Mapping[str, str] = {
    "copy": "the same words as an earlier review of the item, or by the same writer",
    "repeated": "its writer wrote the same words at least 3 times",
    "copied": "at least 25 words that at least 3 writers share",
    "shouting": "at least 20 letters, 70 % of them capitals",
    "link": "it holds a web or mail address",
    "burst": "one of at least 5 of the item on one day, where its usual pace makes that less likely than 1 in 1,000",
}
"""Rule -> what it says of a review."""

_TIMES, _WRITERS, _LONG = 3, 3, 25
_LETTERS, _CAPITALS = 20, 0.7
_DAY, _MANY, _RARE = 86_400, 5, 0.001
_LINK = re.compile(r"https?://|\bwww\.|\b[\w.+-]+@[\w-]+\.\w{2,}", re.IGNORECASE)
_VOTES = 5.0
"""Votes that the mean counts for: with so many of its own, a review's share counts half."""


def flag(table: pl.DataFrame) -> pl.DataFrame:
    """Return the reviews with `like` (first row of those alike, null of one alone) and `flags` (names of `RULES`).

    Args:
        table: user_id, item_id, text and, where known, timestamp in seconds, oldest first.
    """
    texts = table["text"].to_list()
    group = near_duplicates(texts)
    size = np.bincount(group, minlength=len(table))[group] if len(table) else group
    long = np.array([len(tokens(text)) >= _LONG for text in texts], bool)
    told = table.select("user_id", "item_id", pl.Series("group", group), pl.Series("size", size))
    found = {
        "copy": told.select(_later("item_id") | _later("user_id")).to_series().to_numpy(),
        "repeated": (told.select(pl.len().over("group", "user_id")).to_series() >= _TIMES).to_numpy() & (size > 1),
        "copied": (told.select(pl.col("user_id").n_unique().over("group")).to_series() >= _WRITERS).to_numpy() & long,
        "shouting": np.array([_shouting(text) for text in texts], bool),
        "link": np.array([bool(_LINK.search(text)) for text in texts], bool),
        "burst": _bursts(table),
    }
    flags = [[name for name in RULES if found[name][row]] for row in range(len(table))]
    like = pl.Series("like", group).set(pl.Series(size < 2, dtype=pl.Boolean), None)
    return table.with_columns(like, pl.Series("flags", flags, dtype=pl.List(pl.String)))


def helpfulness(helpful: Longs, total: Longs) -> Floats:
    """Return (n,) what a review weighs by its votes: its share of helpful ones, drawn to the mean, over that mean.

    The share is (helpful + 5 m) / (total + 5) with m the share of all votes: the mean of a beta posterior. So a review
    without votes weighs 1, one of 18 in 20 more than one of 1 in 1.
    """
    if not total.sum() or not helpful.sum():
        return np.ones(len(total), np.float32)
    mean = helpful.sum() / total.sum()
    return np.asarray((helpful + _VOTES * mean) / (total + _VOTES) / mean, np.float32)


def _later(key: str) -> pl.Expr:
    """Return whether an earlier row of the same text and the same `key` exists."""
    return pl.int_range(pl.len()).over("group", key) > 0


def _shouting(text: str) -> bool:
    letters = [c for c in text if c.isalpha()]
    return len(letters) >= _LETTERS and sum(c.isupper() for c in letters) >= _CAPITALS * len(letters)


def _bursts(table: pl.DataFrame) -> Bools:
    """Return (n,) whether the item got so many reviews on the day that a Poisson process of its pace hardly would."""
    if "timestamp" not in table.columns:
        return np.zeros(len(table), bool)
    days = table.select("item_id", (pl.col("timestamp") // _DAY).alias("day"))
    every = days.with_columns(
        pl.len().over("item_id", "day").alias("today"),
        pl.col("day").count().over("item_id").alias("all"),
        (pl.col("day").max() - pl.col("day").min() + 1).over("item_id").alias("span"),
    ).with_columns(pl.col("span").fill_null(1))
    today, span = every["today"].to_numpy(), every["span"].to_numpy()
    likely = stats.poisson.sf(today - 1, every["all"].to_numpy() / span) * span
    return np.asarray((today >= _MANY) & (likely < _RARE) & every["day"].is_not_null().to_numpy(), bool)
