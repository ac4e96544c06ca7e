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
        precision = found.cumsum(axis=1) / np.arange(1, found.shape[1] + 1)
        best = np.minimum(sizes(truth), self.k)
        return where_wanted((precision * found).sum(axis=1) / np.maximum(best, 1), truth)
