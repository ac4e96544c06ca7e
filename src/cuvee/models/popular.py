"""Popularity: the same list for everybody, the baseline that everything must beat."""

from dataclasses import dataclass

import numpy as np

from cuvee.types import Dataset, Floats, Holdout, Queries

__all__ = ["Popular", "PopularModel"]


@dataclass(frozen=True)
class Popular:
    """Ranks items by the summed liking of all users: by their number where every event weighs 1.

    Cost: one pass over the events.
    """

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "PopularModel":  # noqa: ARG002
        return PopularModel(train.demand)


@dataclass(frozen=True)
class PopularModel:
    counts: Floats
    """(i,) summed liking."""

    def extend(self, train: Dataset) -> "PopularModel":
        """Return the model with the items at the end of the catalogue that it does not know: nobody likes them yet."""
        return PopularModel(np.append(self.counts, np.zeros(len(train.items) - len(self.counts), np.float32)))

    def update(self, train: Dataset) -> "PopularModel":
        """Return the counts of these events."""
        return PopularModel(train.demand)

    def score(self, queries: Queries) -> Floats:
        return np.broadcast_to(self.counts, (len(queries), len(self.counts)))
