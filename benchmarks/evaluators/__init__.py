"""One evaluator a file: `prepare_TASK(case)` builds what it likes best, `TASK(state)` is timed and returns means."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["Case"]


@dataclass(frozen=True)
class Case:
    """What every evaluator is given."""

    users: NDArray[np.float32]
    """(u, 64) factors of the users; a score is the product of a user's and an item's."""
    items: NDArray[np.float32]
    """(i, 64)."""
    seen: Any
    """csr (u, i): what is not to be recommended."""
    truth: Any
    """csr (u, i): 1 to 20 wanted items a user."""
    shown: NDArray[np.int32]
    """(u, 20): the right lists, best first."""

    @classmethod
    def load(cls, path: Path) -> "Case":
        with np.load(path) as found:
            users, items = found["users"], found["items"]
            shape = (len(users), len(items))
            seen, truth = (_rows(found[name], found[f"{name}_ends"], shape) for name in ("seen", "truth"))
            return cls(users, items, seen, truth, found["shown"])


def _rows(columns: NDArray[np.int32], ends: NDArray[np.int64], shape: tuple[int, int]) -> Any:
    matrix = sparse.csr_matrix((np.ones(len(columns), np.float32), columns, ends), shape=shape)
    matrix.sort_indices()
    return matrix
