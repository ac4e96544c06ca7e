"""Never shows what the user has already touched."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cuvee.types import Bools, Dataset, Queries

__all__ = ["Unseen"]


@dataclass(frozen=True)
class Unseen:
    """Allows only items without any event of the user, whatever its kind."""

    def prepare(self, data: Dataset) -> Callable[[Queries], Bools]:  # noqa: ARG002
        return allowed


def allowed(queries: Queries) -> Bools:
    """Return (q, i): False where the user has an event on the item."""
    mask = np.ones(queries.seen.shape, bool)
    rows = np.repeat(np.arange(len(queries)), np.diff(queries.seen.indptr))
    mask[rows, queries.seen.indices] = False  # stored zeros are touches too
    return mask
