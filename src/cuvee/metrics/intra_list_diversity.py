"""Intra-list diversity: how different from each other are the items of one list?

Reference: Ziegler et al., "Improving recommendation lists through topic diversification", WWW 2005; distance 1 - cosine
as in Castells, Hurley and Vargas, "Novelty and diversity in recommender systems", Recommender Systems Handbook 2015.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from cuvee.types import PAD, Bools, Dataset, Floats, Queries, Slate

__all__ = ["IntraListDiversity"]

_BLOCK = 8192
"""Lists summed at once: bounds memory to that many vectors."""


@dataclass(frozen=True)
class IntraListDiversity:
    """Mean over pairs of the first k items of 1 - cosine between their features, all modalities in one vector.

    A missing modality is a zero part of the vector; an item without any features enters no pair. NaN with fewer than
    two items that have features. Cost: O(q k d) time, no pair is formed.
    """

    k: int = 20
    """Ranks counted from the top."""

    def describe(self, slate: Slate, queries: Queries, train: Dataset) -> Floats:  # noqa: ARG002
        shown = slate.items[:, : self.k]
        unit = _unit(train)
        described: Bools = np.count_nonzero(unit, axis=1) > 0
        real = (shown != PAD) & described[shown] if len(unit) else np.zeros(shown.shape, bool)
        count = real.sum(axis=1)
        ends = np.concatenate([[0], count.cumsum()])
        lists = sparse.csr_matrix((np.ones(ends[-1]), shown[real], ends), shape=(len(shown), len(unit)))
        total = np.concatenate(
            [_squared_sums(lists[at : at + _BLOCK], unit) for at in range(0, max(len(shown), 1), _BLOCK)]
        )
        pairs = count * (count - 1)
        # the squared length of a sum of unit vectors is their number plus the cosine of every ordered pair
        cosine = np.divide(total - count, pairs, out=np.full(len(shown), np.nan), where=pairs > 0)
        return np.asarray(1 - cosine, np.float32)


def _unit(train: Dataset) -> "NDArray[np.float64]":
    """Return (i, d) unit vectors, zero where an item has no features."""
    parts = [f.vectors * f.present[:, None] for (role, _), f in sorted(train.features.items()) if role == "item"]
    joined = np.concatenate([np.zeros((len(train.items), 0)), *parts], axis=1, dtype=np.float64)
    length = np.linalg.norm(joined, axis=1, keepdims=True)
    unit: NDArray[np.float64] = np.divide(joined, length, out=np.zeros_like(joined), where=length > 0)
    return unit


def _squared_sums(lists: "sparse.csr_matrix[np.float64]", unit: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Return (q,) the squared length of the sum of the vectors in each list."""
    sums: NDArray[np.float64] = np.asarray(lists @ unit)  # (q, d)
    squared: NDArray[np.float64] = np.einsum("qd,qd->q", sums, sums)
    return squared
