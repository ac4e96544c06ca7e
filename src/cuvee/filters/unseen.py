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
    mask[queries.seen.nonzero()] = False
    steps = queries.history >= 0
    mask[np.nonzero(steps)[0], queries.history[steps]] = False
    return mask
