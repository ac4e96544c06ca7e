"""Normalised discounted cumulative gain.

Reference: Jarvelin and Kekalainen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002,
with the discount 1 / log2(rank + 1).
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from cuvee.truth import hits, sizes, where_wanted
from cuvee.types import Floats, Slate

__all__ = ["Ndcg"]


@dataclass(frozen=True)
class Ndcg:
    """Sum of 1 / log2(rank + 1) over wanted items among the first k, divided by that of a perfect list.

    An item is wanted or not: the weights of the truth play no role.
    """

    k: int = 20
    """Ranks counted from the top."""

    def measure(self, slate: Slate, truth: "sparse.csr_matrix[np.float32]") -> Floats:
        found = hits(slate, truth, self.k)
        discount = 1 / np.log2(np.arange(2, self.k + 2))  # (k,)
        perfect = np.concatenate([[0.0], discount.cumsum()])  # (k + 1,): of a list of so many wanted items
        gained = found @ discount[: found.shape[1]]
        return where_wanted(gained / perfect[np.clip(sizes(truth), 1, self.k)], truth)
