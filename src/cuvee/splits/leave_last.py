"""The last items each user came to like, held out one user at a time."""

from dataclasses import dataclass

import numpy as np

from cuvee.errors import ConfigError, DataError
from cuvee.holdouts import split_latest, targets
from cuvee.types import Dataset, Split

__all__ = ["LeaveLast"]


@dataclass(frozen=True)
class LeaveLast:
    """The last k liked items of each user are for the test, the k before them for validation.

    A pair stands where it was first liked, and all of its events go with it. What the user did after the first pair
    held out is in no part, and is counted in the log. Users with 2 k liked items or fewer stay in training. Other
    users' later events are trained on; `by_time` leaves them out.
    """

    k: int = 1
    """Items of each user in the test, and as many in validation."""
    targets: tuple[str, ...] = ()
    """Only pairs with an event of these kinds are held out, e.g. [buy]; empty for all that are liked."""

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ConfigError(f"k must be at least 1, got {self.k}")

    def split(self, data: Dataset, rng: np.random.Generator) -> Split:  # noqa: ARG002 - time has decided
        """Cut by time.

        Raises:
            DataError: no event has a time, or no user has enough liked items.
        """
        pairs = targets(data, self.targets)
        counts = np.bincount(pairs[0], minlength=len(data.users))
        held = np.where(counts > 2 * self.k, self.k, 0)
        if not held.any():
            raise DataError(f"no user has {2 * self.k + 1} liked items, so the last {self.k} cannot be held out twice")
        return split_latest(data, pairs, self.targets, held, held)
