"""Some users held out entirely: how well is somebody served who came after training?"""

from dataclasses import dataclass

import numpy as np

from cuvee.errors import ConfigError, DataError
from cuvee.holdouts import check_shares, ends_of, first_liked, keep_until, leading, members, targets, without_reviews
from cuvee.queries import holdout, keep_events
from cuvee.types import Dataset, Split

__all__ = ["ColdUsers"]


@dataclass(frozen=True)
class ColdUsers:
    """A share of the users loses every event and review; each is asked from the earlier part of their own history.

    The question holds the first of their liked items and what else they did until then, the answer is the rest; in data
    without times the order is drawn. Their rows in the user table stay, without events, so that profiles are known.
    """

    valid: float = 0.1
    """Share of the users with two liked items or more."""
    test: float = 0.1
    """Share of the users with two liked items or more."""
    known: float = 0.5
    """Share of a held-out user's liked items that the question shows; at least one is shown and one asked for."""
    targets: tuple[str, ...] = ()
    """Only pairs with an event of these kinds are asked for, e.g. [buy]; empty for all that are liked."""

    def __post_init__(self) -> None:
        check_shares(self.valid, self.test)
        if not 0 < self.known < 1:
            raise ConfigError(f"known must be above 0 and below 1, got {self.known}")

    def split(self, data: Dataset, rng: np.random.Generator) -> Split:
        """Draw the users, then cut their histories.

        Raises:
            DataError: fewer than three users have two liked items.
        """
        users, items = targets(data, self.targets)
        counts = np.bincount(users, minlength=len(data.users))
        drawn = rng.permutation(np.flatnonzero(counts >= 2))
        if len(drawn) < 3:
            raise DataError(f"{len(drawn)} users like two items, too few to hold some out; check the kinds and weights")
        n_valid, n_test = (max(1, int(share * len(drawn))) for share in (self.valid, self.test))
        for_valid = members(drawn[:n_valid], len(data.users))
        new = members(drawn[: n_valid + n_test], len(data.users))

        times, _ = first_liked(data, (users, items), self.targets)
        order = np.lexsort((rng.random(len(users)), times, users))
        shown = np.where(new, np.clip(np.floor(self.known * counts), 1, counts - 1), 0).astype(np.int64)
        _, asked = leading(users, order, shown, np.where(new, counts - shown, 0))
        ends = ends_of(users[asked], times[asked], len(data.users))
        earlier = keep_until(data, (users[asked], items[asked]), ends)

        names = [data.users[row] for row in np.flatnonzero(new)]
        train = without_reviews(keep_events(data, ~new[data.events.user]), "user_id", names)
        valid, test = asked & for_valid[users], asked & ~for_valid[users]
        return Split(
            train,
            holdout(earlier, (users[valid], items[valid])),
            {"test": holdout(earlier, (users[test], items[test]))},
            data,
        )
