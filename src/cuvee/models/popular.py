"""Popularity: the same list for everybody, the baseline that everything must beat."""

from dataclasses import dataclass

import numpy as np

from cuvee.types import Dataset, Floats, Holdout, Queries

__all__ = ["Popular", "PopularModel"]


@dataclass(frozen=True)
class Popular:
    """Ranks items by the number of users who liked them.

    Cost: one pass over the events.
    """

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "PopularModel":  # noqa: ARG002
        return PopularModel(train.popularity)


@dataclass(frozen=True)
class PopularModel:
    counts: Floats
    """(i,) users who liked the item."""

    def score(self, queries: Queries) -> Floats:
        return np.broadcast_to(self.counts, (len(queries), len(self.counts)))
