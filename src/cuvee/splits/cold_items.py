"""Some items held out entirely: how well is an item recommended on the day it arrives?"""

from dataclasses import dataclass

import numpy as np

from cuvee.errors import ConfigError, DataError
from cuvee.holdouts import (
    ChooseOn,
    check_shares,
    leading,
    members,
    pairs_in,
    shares_of,
    targets,
    warm_and_cold,
    without_reviews,
)
from cuvee.queries import keep_events
from cuvee.types import Dataset, Split

__all__ = ["ColdItems"]


@dataclass(frozen=True)
class ColdItems:
    """A share of the liked items loses every event and review; of the rest a share of each user's items is held out.

    The tests are `test_warm` (all items are ranked), `test_cold_among_cold` (only the new items of the test) and
    `test_cold_among_all`. Users who liked nothing but new items are asked with an empty history.
    """

    valid: float = 0.1
    """Share of the items that are new in validation."""
    test: float = 0.1
    """Share of the items that are new in the test."""
    warm: float = 0.1
    """Share of each user's other items for the warm test, and as much for warm validation."""
    choose_on: ChooseOn = "cold_among_cold"
    """Which validation set choices are made on."""
    targets: tuple[str, ...] = ()
    """Only pairs with an event of these kinds are held out, e.g. [buy]; empty for all that are liked."""

    def __post_init__(self) -> None:
        check_shares(self.valid, self.test)
        if not 0 < self.warm < 0.5:
            raise ConfigError(f"warm must be above 0 and below 0.5, got {self.warm}")

    def split(self, data: Dataset, rng: np.random.Generator) -> Split:
        """Draw the items, then the warm pairs.

        Raises:
            DataError: fewer than three liked items, or no user with three liked items that stay.
        """
        users, items = targets(data, self.targets)
        drawn = rng.permutation(np.unique(items))
        if len(drawn) < 3:
            raise DataError(f"{len(drawn)} items are liked, too few to hold some out; check the kinds and weights")
        n_valid, n_test = (max(1, int(share * len(drawn))) for share in (self.valid, self.test))
        new_valid = members(drawn[:n_valid], len(data.items))
        new_test = members(drawn[n_valid : n_valid + n_test], len(data.items))
        new = new_valid | new_test

        old = ~new[items]
        warm_users, warm_items = users[old], items[old]
        share = shares_of(np.bincount(warm_users, minlength=len(data.users)), self.warm)
        order = np.lexsort((rng.random(len(warm_users)), warm_users))
        valid, test = ((warm_users[m], warm_items[m]) for m in leading(warm_users, order, share, share))

        events = data.events
        gone = new[events.item]
        for held in (valid, test):
            gone |= pairs_in((events.user, events.item), held, len(data.items))
        train = without_reviews(keep_events(data, ~gone), "item_id", [data.items[row] for row in np.flatnonzero(new)])
        cold_valid, cold_test = ((users[part[items]], items[part[items]]) for part in (new_valid, new_test))
        return warm_and_cold(train, data, (valid, test), (cold_valid, cold_test), self.choose_on)
