"""What people who like an item like besides, foretold for any item from all its modalities in their common space.

A fusion that weighs modalities item by item needs something to weigh them against. Reference: Z. Gantner et al.,
"Learning attribute-to-feature mappings for cold-start recommendations", ICDM 2010 (a linear map from content to what
behaviour tells).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cuvee.alignment import liked_together, masked, unit, weighted_sum
from cuvee.types import Dataset, Embeddings, Floats

__all__ = ["Foretold", "flattened", "foretell"]

_PENALTY = 1.0
"""Ridge, in rows of unit length."""


@dataclass(frozen=True)
class Foretold:
    """A linear map from all modalities of an item to what is liked together with it."""

    map: Floats
    """(sum of widths + m, dim)."""

    def apply(self, parts: Mapping[str, Embeddings]) -> Embeddings:
        """Return (n, dim) of unit length; a row without content is missing."""
        rows = flattened(parts)
        present = np.any([p.present for p in parts.values()], axis=0)
        return unit(Embeddings(masked(np.asarray(rows @ self.map, np.float32), present), present))


def foretell(train: Dataset, parts: Mapping[str, Embeddings]) -> Foretold:
    """Learn min |X W - T|^2 + l2 |W|^2 over the items with both: X parts and flags, T what is liked together."""
    target = liked_together(train, weighted_sum(parts, dict.fromkeys(parts, 1.0)))
    rows = np.any([p.present for p in parts.values()], axis=0) & target.present
    x = flattened(parts)[rows].astype(np.float64)
    y = target.vectors[rows].astype(np.float64)
    solved = np.linalg.solve(x.T @ x + _PENALTY * np.eye(x.shape[1]), x.T @ y)
    return Foretold(solved.astype(np.float32))


def flattened(parts: Mapping[str, Embeddings]) -> Floats:
    """Return (n, sum of widths + m): all parts, then a flag each that says whether it is there."""
    flags = np.stack([p.present for p in parts.values()], axis=1).astype(np.float32)
    return np.concatenate([*(p.vectors for p in parts.values()), flags], axis=1)
