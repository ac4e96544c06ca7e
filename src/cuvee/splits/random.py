"""Random split of each user's items, the field's standard benchmark protocol (8:1:1)."""

from dataclasses import dataclass

import numpy as np

from cuvee.holdouts import check_shares, leading, pairs_in, shares_of, targets
from cuvee.queries import holdout, keep_events
from cuvee.types import Dataset, Split

__all__ = ["Random"]


@dataclass(frozen=True)
class Random:
    """Of each user's liked items one share goes to validation and one to test, at least one each from three items on.

    Every event of a pair goes where the pair goes; pairs that are not liked (weight 0 or less) stay in training.
    """

    valid: float = 0.1
    """Share of each user's items."""
    test: float = 0.1
    """Share of each user's items."""
    targets: tuple[str, ...] = ()
    """Only pairs with an event of these kinds are held out, e.g. [buy]; empty for all that are liked."""

    def __post_init__(self) -> None:
        check_shares(self.valid, self.test)

    def split(self, data: Dataset, rng: np.random.Generator) -> Split:
        users, items = targets(data, self.targets)
        order = np.lexsort((rng.random(len(users)), users))
        counts = np.bincount(users, minlength=len(data.users))
        valid, test = leading(users, order, shares_of(counts, self.valid), shares_of(counts, self.test))
        held = (users[valid | test], items[valid | test])
        train = keep_events(data, ~pairs_in((data.events.user, data.events.item), held, len(data.items)))
        return Split(
            train,
            holdout(train, (users[valid], items[valid])),
            {"test": holdout(train, (users[test], items[test]))},
            data,
        )
