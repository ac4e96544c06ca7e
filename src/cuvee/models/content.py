"""Content alone: items like what the user liked, by the cosine of their vectors.

Reference: P. Lops, M. de Gemmis, G. Semeraro, "Content-based recommender systems", Recommender Systems Handbook 2011.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from cuvee.content_space import joined
from cuvee.types import PAD, Dataset, Floats, Holdout, Ints, Queries

__all__ = ["Content", "ContentModel"]


@dataclass(frozen=True)
class Content:
    """Scores an item by its cosine to the mean vector of what the user liked.

    Cost: none to fit; q x i x d to score. Items without events are scored like any other.
    """

    on: Mapping[str, float] = field(default_factory=lambda: {"text": 1.0})
    """Item modality -> its weight in the cosine."""

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "ContentModel":  # noqa: ARG002
        return ContentModel(joined(train, self.on), self.on)


@dataclass(frozen=True)
class ContentModel:
    vectors: Floats
    """(i, d): the modalities side by side, each scaled by the root of its weight."""
    on: Mapping[str, float]
    """Item modality -> its weight in the cosine."""

    def extend(self, train: Dataset) -> "ContentModel":
        """Return the model with the vectors of all items of the catalogue."""
        return ContentModel(joined(train, self.on), self.on)

    def revise(self, before: Dataset, train: Dataset, rows: Ints) -> "tuple[ContentModel, bool]":  # noqa: ARG002
        """Return the model with the vectors of all items of the catalogue: it knows nothing else."""
        return self.extend(train), True

    def score(self, queries: Queries) -> Floats:
        return np.asarray(self.query_factors(queries) @ self.vectors.T, np.float32)

    def item_factors(self) -> Floats:
        return self.vectors

    def query_factors(self, queries: Queries) -> Floats:
        liked = queries.liked
        total = np.maximum(np.asarray(liked.sum(axis=1), np.float32), 1e-9)
        return np.asarray((liked @ self.vectors) / total, np.float32)

    def trace(self, queries: Queries, items: Ints) -> "list[sparse.csr_matrix[np.float32]]":
        liked = queries.liked
        traces = []
        for q, shown in enumerate(items):
            past = liked.indices[liked.indptr[q] : liked.indptr[q + 1]]
            value = liked.data[liked.indptr[q] : liked.indptr[q + 1]]
            share = value / max(float(value.sum()), 1e-9)
            dense = (self.vectors[np.where(shown == PAD, 0, shown)] @ self.vectors[past].T) * share  # (k, t)
            dense[shown == PAD] = 0
            place = (np.repeat(np.arange(len(shown)), len(past)), np.tile(past, len(shown)))
            traces.append(sparse.csr_matrix((dense.ravel(), place), shape=(len(shown), liked.shape[1])))
        return traces
