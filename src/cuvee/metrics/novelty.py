"""Novelty: how unexpected the shown items are.

Reference: Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS 2010: mean
self-information -log2(users who liked the item / users).
"""

from dataclasses import dataclass

import numpy as np

from cuvee.types import PAD, Dataset, Floats, Queries, Slate

__all__ = ["Novelty"]


@dataclass(frozen=True)
class Novelty:
    """Mean self-information, in bits, of the first k items.

    An item that nobody liked would be infinitely surprising; it counts as if one user had, so log2(u) is the most.
    NaN for an empty list.
    """

    k: int = 20
    """Ranks counted from the top."""

    def describe(self, slate: Slate, queries: Queries, train: Dataset) -> Floats:  # noqa: ARG002
        shown = slate.items[:, : self.k]
        real = shown != PAD
        share = np.maximum(train.popularity.astype(np.float64), 1) / max(len(train.users), 1)
        bits = np.where(real, -np.log2(share)[shown], 0).sum(axis=1)
        count = real.sum(axis=1)
        return np.where(count > 0, bits / np.maximum(count, 1), np.nan).astype(np.float32)
