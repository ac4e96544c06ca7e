"""Random split of each user's items, the field's standard benchmark protocol (8:1:1)."""

from dataclasses import dataclass

import numpy as np

from cuvee.errors import ConfigError, DataError
from cuvee.queries import holdout, keep_events
from cuvee.types import Dataset, Ints, Split

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
        if min(self.valid, self.test) <= 0 or self.valid + self.test >= 1:
            raise ConfigError(f"valid and test must be above 0 and sum to less than 1, got {self.valid}, {self.test}")

    def split(self, data: Dataset, rng: np.random.Generator) -> Split:
        users, items = _targets(data, self.targets)
        order = np.lexsort((rng.random(len(users)), users))
        users, items = users[order], items[order]
        counts = np.bincount(users, minlength=len(data.users))
        rank = np.arange(len(users)) - np.repeat(np.cumsum(counts) - counts, counts)  # place within the user
        enough = counts >= 3
        n_valid = np.where(enough, np.maximum(1, np.floor(self.valid * counts)), 0)[users]
        n_test = np.where(enough, np.maximum(1, np.floor(self.test * counts)), 0)[users]
        valid, test = rank < n_valid, (rank >= n_valid) & (rank < n_valid + n_test)
        if not valid.any():
            raise DataError("no user has three liked items, so nothing can be held out; check the kinds and weights")
        held = np.unique(users[valid | test].astype(np.int64) * len(data.items) + items[valid | test])
        pairs = data.events.user.astype(np.int64) * len(data.items) + data.events.item
        train = keep_events(data, ~np.isin(pairs, held))
        return Split(
            train,
            holdout(train, (users[valid], items[valid])),
            {"test": holdout(train, (users[test], items[test]))},
            data,
        )


def _targets(data: Dataset, kinds: tuple[str, ...]) -> tuple[Ints, Ints]:
    """Return (user rows, item rows) of the pairs that may be held out."""
    liked = data.liked.tocoo()
    users, items = liked.row.astype(np.int32), liked.col.astype(np.int32)
    if not kinds:
        return users, items
    for kind in kinds:
        if kind not in data.events.kinds:
            raise DataError(f"no event of the kind {kind!r}; the data has {', '.join(data.events.kinds)}")
    events = data.events.take(np.isin(data.events.kind, [data.events.kinds.index(k) for k in kinds]))
    width = len(data.items)
    wanted = np.isin(users.astype(np.int64) * width + items, events.user.astype(np.int64) * width + events.item)
    return users[wanted], items[wanted]
