"""Recall: how much of what was wanted is in the list."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from cuvee.truth import hits, sizes, where_wanted
from cuvee.types import Floats, Slate

__all__ = ["Recall"]


@dataclass(frozen=True)
class Recall:
    """Wanted items among the first k, divided by all that the query wants: below 1 when it wants more than k."""

    k: int = 20
    """Ranks counted from the top."""

    def measure(self, slate: Slate, truth: "sparse.csr_matrix[np.float32]") -> Floats:
        found = hits(slate, truth, self.k).sum(axis=1)
        return where_wanted(found / np.maximum(sizes(truth), 1), truth)
