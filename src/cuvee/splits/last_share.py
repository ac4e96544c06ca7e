"""The last share of what each user came to like, held out one user at a time."""

from dataclasses import dataclass

import numpy as np

from cuvee.holdouts import check_shares, shares_of, split_latest, targets
from cuvee.types import Dataset, Split

__all__ = ["LastShare"]


@dataclass(frozen=True)
class LastShare:
    """The last share of each user's liked items is for the test, the share before for validation.

    At least one item each from three on. A pair stands where it was first liked, and all of its events go with it. What
    the user did after the first pair held out is in no part, and is counted in the log. Other users' later events are
    trained on; `by_time` leaves them out.
    """

    valid: float = 0.1
    """Share of each user's items."""
    test: float = 0.1
    """Share of each user's items."""
    targets: tuple[str, ...] = ()
    """Only pairs with an event of these kinds are held out, e.g. [buy]; empty for all that are liked."""

    def __post_init__(self) -> None:
        check_shares(self.valid, self.test)

    def split(self, data: Dataset, rng: np.random.Generator) -> Split:  # noqa: ARG002 - time has decided
        """Cut by time.

        Raises:
            DataError: no event has a time, or no user has three liked items.
        """
        pairs = targets(data, self.targets)
        counts = np.bincount(pairs[0], minlength=len(data.users))
        return split_latest(data, pairs, self.targets, shares_of(counts, self.valid), shares_of(counts, self.test))
