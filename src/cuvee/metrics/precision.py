"""Precision: how much of the list was wanted."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from cuvee.truth import hits, where_wanted
from cuvee.types import Floats, Slate

__all__ = ["Precision"]


@dataclass(frozen=True)
class Precision:
    """Wanted items among the first k, divided by k, also where the list is shorter."""

    k: int = 20
    """Ranks counted from the top."""

    def measure(self, slate: Slate, truth: "sparse.csr_matrix[np.float32]") -> Floats:
        return where_wanted(hits(slate, truth, self.k).sum(axis=1) / self.k, truth)
