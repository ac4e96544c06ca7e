"""Popularity lift: are people shown more popular things than they like?

Reference: Abdollahpouri, Mansoury, Burke and Mobasher, "The connection between popularity bias, calibration, and
fairness in recommendation", RecSys 2020, equation 1, for each user by themselves instead of a group.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuvee.types import PAD, Dataset, Floats, Queries, Slate

__all__ = ["PopularityLift"]


@dataclass(frozen=True)
class PopularityLift:
    """Mean popularity of the first k items divided by that of the liked items in the user's history, minus 1.

    0 keeps the user's level, 1 doubles it, -1 shows only items that nobody liked. NaN for an empty list and for a
    user without liked items, or whose liked items nobody in training liked.
    """

    k: int = 20
    """Ranks counted from the top."""

    def describe(self, slate: Slate, queries: Queries, train: Dataset) -> Floats:
        popularity = train.popularity.astype(np.float64)
        shown = slate.items[:, : self.k]
        real = shown != PAD
        listed = _ratio(np.where(real, popularity[shown], 0).sum(axis=1), real.sum(axis=1))
        liked = queries.liked
        rows = np.repeat(np.arange(len(queries)), np.diff(liked.indptr))
        sums = np.bincount(rows, weights=popularity[liked.indices], minlength=len(queries))
        history = _ratio(sums, np.diff(liked.indptr))
        return (_ratio(listed, history) - 1).astype(np.float32)


def _ratio(part: "NDArray[Any]", whole: "NDArray[Any]") -> "NDArray[np.float64]":
    """Return part / whole, NaN where whole is 0 or NaN."""
    out: NDArray[np.float64] = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return out
