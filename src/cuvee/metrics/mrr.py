"""Mean reciprocal rank.

Reference: Voorhees, "The TREC-8 question answering track report", TREC 1999.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from cuvee.truth import hits, where_wanted
from cuvee.types import Floats, Slate

__all__ = ["Mrr"]


@dataclass(frozen=True)
class Mrr:
    """1 / rank of the first wanted item among the first k, ranks from 1; 0 without one."""

    k: int = 20
    """Ranks counted from the top."""

    def measure(self, slate: Slate, truth: "sparse.csr_matrix[np.float32]") -> Floats:
        found = hits(slate, truth, self.k)
        first = found.argmax(axis=1)  # 0 also where nothing is found
        return where_wanted(found[np.arange(len(found)), first] / (first + 1.0), truth)
