"""Hit rate: did the list hold anything that was wanted?"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from cuvee.truth import hits, where_wanted
from cuvee.types import Floats, Slate

__all__ = ["HitRate"]


@dataclass(frozen=True)
class HitRate:
    """1 when a wanted item is among the first k, 0 otherwise."""

    k: int = 20
    """Ranks counted from the top."""

    def measure(self, slate: Slate, truth: "sparse.csr_matrix[np.float32]") -> Floats:
        return where_wanted(hits(slate, truth, self.k).max(axis=1, initial=False) * 1.0, truth)
