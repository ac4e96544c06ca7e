"""From judgements to examples: which pairs a ranker is trained on, chosen on, and asked about."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from cuvee.errors import ConfigError, DataError
from cuvee.holdouts import pairs_in
from cuvee.queries import holdout, keep_events
from cuvee.types import Bools, Dataset, Examples, Floats, Split

__all__ = ["Target", "examples_of", "last_by_user", "latest", "split_examples"]


@dataclass(frozen=True)
class Target:
    """What of a judgement is foretold."""

    kind: Literal["binary", "classes", "rating"] = "binary"
    """Whether it is `at_least` so much, which of the classes it is, or the rating itself."""
    at_least: float = 4.0
    """Judgements from here on are the positive class of `binary`; without ratings, weights are judgements."""
    edges: tuple[float, ...] = (2.5, 3.5, 4.5)
    """`classes`: the class counts the edges that a judgement is above; ascending."""

    def __post_init__(self) -> None:
        if self.kind == "classes" and (not self.edges or list(self.edges) != sorted(set(self.edges))):
            raise ConfigError(f"target.edges must be ascending, and at least one, got {self.edges}")

    @property
    def classes(self) -> int:
        """How many there are; 0 for a rating."""
        return {"binary": 2, "classes": len(self.edges) + 1, "rating": 0}[self.kind]

    def of(self, label: Floats) -> Floats:
        """Return (n,) the class, 0 ..., or the rating."""
        if self.kind == "binary":
            return (label >= self.at_least).astype(np.float32)
        if self.kind == "classes":
            return np.searchsorted(np.array(self.edges), label, side="left").astype(np.float32)
        return label


def examples_of(data: Dataset) -> Examples:
    """Return one example a pair, in time order: its latest judgement; without ratings, its weight.

    An event without a rating, among others that have one, is no judgement.
    """
    events = data.events
    value = events.weight if events.rating is None else events.rating
    rows = data.foremost(np.where(np.isnan(value), -np.inf, events.time.astype(np.float64)))
    rows = np.sort(rows[~np.isnan(value[rows])])
    return Examples(events.user[rows], events.item[rows], events.time[rows], value[rows].astype(np.float32))


def last_by_user(examples: Examples, valid: float, test: float) -> tuple[Bools, Bools]:
    """Return the masks (n,) of validation and test: the last share of each user's examples by time, and that before.

    One example each at least, of users with three or more; those of fewer are trained on.
    """
    order = np.argsort(examples.user, kind="stable")
    counts = np.bincount(examples.user)
    n = counts[examples.user[order]]
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    left = n - place  # 1 for a user's last example
    size_of_test = np.where(n >= 3, np.maximum(1, np.floor(test * n)), 0)
    size_of_valid = np.where(n >= 3, np.maximum(1, np.floor(valid * n)), 0)
    masks = np.zeros((2, len(order)), bool)
    masks[1, order] = left <= size_of_test
    masks[0, order] = (left > size_of_test) & (left <= size_of_test + size_of_valid)
    return masks[0], masks[1]


def latest(examples: Examples, valid: float, test: float) -> tuple[Bools, Bools]:
    """Return the masks (n,) of validation and test: everybody's last share by time, and that before."""
    ordered, n = np.sort(examples.time), len(examples)
    middle, end = (int(ordered[n - max(1, round(n * share))]) for share in (valid + test, test))
    if ordered[0] == middle or middle == end:
        raise DataError("too many judgements at one moment to cut them by shares; cut by user")
    return (examples.time >= middle) & (examples.time < end), examples.time >= end


def split_examples(data: Dataset, valid: Bools, test: Bools, now: tuple[int, int] = (0, 0)) -> Split:
    """Return the split in which the examples of the masks are held out, with all events of their pairs.

    The questions of validation and test are the pairs that are liked, of weight above 0, so that a ranker and the model
    whose candidates it ranks are measured on the same. Reviews of what is held out go with it.

    Args:
        valid: (n,) of `examples_of(data)`.
        test: (n,) of the same.
        now: unix seconds at which validation and test are asked; 0 where each user has a time of their own.
    """
    examples = examples_of(data)
    if not (valid.any() and test.any() and (~valid & ~test).any()):
        raise DataError("no user has three judged items, or nothing is left to train on, so nothing can be held out")
    held = examples.take(valid | test)
    train = keep_events(data, ~pairs_in((data.events.user, data.events.item), (held.user, held.item), len(data.items)))
    parts: Mapping[str, Examples] = {
        "train": examples.take(~valid & ~test),
        "valid": examples.take(valid),
        "test": examples.take(test),
    }
    asked = []
    for name, moment in zip(("valid", "test"), now, strict=True):
        part = parts[name]
        liked = np.asarray(data.liked[part.user, part.item]).ravel() > 0
        if not liked.any():
            raise DataError(f"nothing in {name} is liked; check min_rating and the weights of kinds")
        found = holdout(train, (part.user[liked], part.item[liked]))
        asked.append(replace(found, queries=replace(found.queries, now=moment)))
    return Split(train, asked[0], {"test": asked[1]}, data, parts)
