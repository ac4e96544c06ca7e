"""Mean average precision.

Reference: Manning, Raghavan and Schuetze, "Introduction to information retrieval", 2008, section 8.4, cut at k.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from cuvee.truth import hits, sizes, where_wanted
from cuvee.types import Floats, Slate

__all__ = ["Map"]


@dataclass(frozen=True)
class Map:
    """Precision at the rank of each wanted item among the first k, summed, divided by min(k, wanted items)."""

    k: int = 20
    """Ranks counted from the top."""

    def measure(self, slate: Slate, truth: "sparse.csr_matrix[np.float32]") -> Floats:
        found = hits(slate, truth, self.k)
        query, rank = np.nonzero(found)  # both (hits,)
        count = np.bincount(query, minlength=len(found))
        above = np.arange(len(query)) - (count.cumsum() - count)[query]  # hits of the same query at better ranks
        total = np.bincount(query, weights=(above + 1) / (rank + 1), minlength=len(found))
        return where_wanted(total / np.clip(sizes(truth), 1, self.k), truth)
