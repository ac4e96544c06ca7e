"""EASE: item-to-item weights learned from interactions alone.

Reference: H. Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019, equation 8.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from cuvee.item_weights import grown, linear_scores, trace_linear
from cuvee.ridge import zero_diagonal_ridge
from cuvee.types import Dataset, Floats, Holdout, Ints, Queries

__all__ = ["Ease", "EaseModel"]


@dataclass(frozen=True)
class Ease:
    """Item-to-item weights by ridge regression with a zero diagonal.

    Cost: O(i^3) time and O(i^2) memory, so some tens of thousands of items at most.
    """

    l2: float = 200.0
    """Ridge penalty, in units of co-occurrence counts."""

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "EaseModel":  # noqa: ARG002
        gram = (train.liked.T @ train.liked).toarray().astype(np.float32)
        return EaseModel(zero_diagonal_ridge(gram, self.l2).weights)


@dataclass(frozen=True)
class EaseModel:
    weights: Floats
    """(i, i); column j predicts item j from the others."""

    def extend(self, train: Dataset) -> "EaseModel":
        """Return the model with the items at the end of the catalogue that it does not know: they have no weights."""
        return EaseModel(grown(self.weights, len(train.items)))

    def score(self, queries: Queries) -> Floats:
        return linear_scores(queries, self.weights)

    def trace(self, queries: Queries, items: Ints) -> list[sparse.csr_matrix[np.float32]]:
        return trace_linear(queries, self.weights, items)
