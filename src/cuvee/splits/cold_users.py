"""Some users held out entirely: how well is somebody served who came after training?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cuvee.errors import ConfigError, DataError
from cuvee.holdouts import (
    check_shares,
    ends_of,
    first_liked,
    keep_until,
    leading,
    members,
    pairs_in,
    shares_of,
    targets,
    without_reviews,
)
from cuvee.queries import holdout, keep_events
from cuvee.types import Bools, Dataset, Ints, Split

__all__ = ["ColdUsers"]


@dataclass(frozen=True)
class ColdUsers:
    """A share of the users loses every event and review; each is asked from the earlier part of their own history.

    The question holds the first of their liked items and what else they did until then, the answer is the rest; in data
    without times the order is drawn. Their rows in the user table stay, without events, so that profiles are known, and
    so do their friendships. With `warm` others are asked as well: in validation beside the new, in a test `test_warm`.
    """

    valid: float = 0.1
    """Share of the users with two liked items or more."""
    test: float = 0.1
    """Share of the users with two liked items or more."""
    known: float = 0.5
    """Share of a held-out user's liked items that the question shows; at least one is shown and one asked for. 0: the
    question shows no event at all."""
    targets: tuple[str, ...] = ()
    """Only pairs with an event of these kinds are asked for, e.g. [buy]; empty for all that are liked."""
    warm: float = 0.0
    """Share of each other user's items for the warm test, and as much for validation; 0: only new users are asked."""
    linked: bool = False
    """Ask only new users who have a friend with liked items in training; the others are in no part."""

    def __post_init__(self) -> None:
        check_shares(self.valid, self.test)
        if not 0 <= self.known < 1:
            raise ConfigError(f"known must be 0 or more and below 1, got {self.known}")
        if not 0 <= self.warm < 0.5:
            raise ConfigError(f"warm must be 0 or more and below 0.5, got {self.warm}")

    def split(self, data: Dataset, rng: np.random.Generator) -> Split:
        """Draw the users, then cut their histories.

        Raises:
            DataError: fewer than three users have two liked items, or none of the new has a friend where they need one.
        """
        users, items = targets(data, self.targets)
        for_valid, new = self._drawn(np.bincount(users, minlength=len(data.users)), rng)
        times, _ = first_liked(data, (users, items), self.targets)
        asked = self._asked(users, np.lexsort((rng.random(len(users)), times, users)), new)
        warm = self._warm(users, new, rng)

        events, kept = data.events, asked | warm.any(axis=0)
        gone = new[events.user]
        if self.warm:
            gone |= pairs_in((events.user, events.item), (users[kept], items[kept]), len(data.items))
        names = [data.users[row] for row in np.flatnonzero(new)]
        train = without_reviews(keep_events(data, ~gone), "user_id", names)
        ends = ends_of(users[asked], times[asked], len(data.users))
        known = keep_until(data, (users[kept], items[kept]), ends) if self.known else train
        if self.linked:
            asked &= ((train.friends @ np.diff(train.liked.indptr)) > 0)[users]
        parts = (asked & for_valid[users], asked & ~for_valid[users], warm[0], warm[1])
        valid, test, warm_test, warm_valid = ((users[part], items[part]) for part in parts)
        if not len(valid[0]) or not len(test[0]):
            raise DataError(
                "no new user of validation, or none of the test, has a friend in training; leave out linked"
            )
        both = (np.concatenate([a, b]) for a, b in zip(valid, warm_valid, strict=True))
        tests = {"test": holdout(known, test)} | ({"test_warm": holdout(known, warm_test)} if self.warm else {})
        return Split(train, holdout(known, (next(both), next(both))), tests, data)

    def _drawn(self, counts: NDArray[np.integer], rng: np.random.Generator) -> tuple[Bools, Bools]:
        """Return (u,) who is new in validation, and who is new at all."""
        drawn = rng.permutation(np.flatnonzero(counts >= 2))
        if len(drawn) < 3:
            raise DataError(f"{len(drawn)} users like two items, too few to hold some out; check the kinds and weights")
        n_valid, n_test = (max(1, int(share * len(drawn))) for share in (self.valid, self.test))
        return members(drawn[:n_valid], len(counts)), members(drawn[: n_valid + n_test], len(counts))

    def _asked(self, users: Ints, order: NDArray[np.int64], new: Bools) -> Bools:
        """Return (n,) which pairs of the new users are asked for."""
        if not self.known:
            return new[users]
        counts = np.bincount(users, minlength=len(new))
        shown = np.where(new, np.clip(np.floor(self.known * counts), 1, counts - 1), 0).astype(np.int64)
        return leading(users, order, shown, np.where(new, counts - shown, 0))[1]

    def _warm(self, users: Ints, new: Bools, rng: np.random.Generator) -> Bools:
        """Return (2, n) which pairs of the other users are for the warm test, and which for validation."""
        if not self.warm:
            return np.zeros((2, len(users)), bool)
        share = np.where(new, 0, shares_of(np.bincount(users, minlength=len(new)), self.warm))
        return np.stack(leading(users, np.lexsort((rng.random(len(users)), users)), share, share))
