"""By how popular the wanted items are in training."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cuvee.truth import restrict
from cuvee.types import Bools, Dataset, Holdout

__all__ = ["ItemPopularity"]


@dataclass(frozen=True)
class ItemPopularity:
    """The truth cut into "cold" (liked by nobody in training), "tail", "middle" and "head" items.

    The last three gather about a third of all likes each: an item is in the head when the more popular ones together
    hold less than a third, in the middle when they hold less than two thirds. Equally popular items stay together. A
    query counts in every group that holds something it wants, with only those items as its truth.
    """

    def cut(self, holdout: Holdout, train: Dataset) -> Mapping[str, Holdout]:
        parts = {name: restrict(holdout, items) for name, items in _groups(train).items()}
        return {name: part for name, part in parts.items() if len(part.users)}


def _groups(train: Dataset) -> dict[str, Bools]:
    """Return name -> (i,) mask."""
    popularity = train.popularity.astype(np.int64)
    likes = np.bincount(popularity) * np.arange(int(popularity.max(initial=0)) + 1)  # by how many items of each level
    more = likes.sum() - likes.cumsum()  # likes of strictly more popular items, at each level
    above = 3 * more[popularity]
    total = int(likes.sum())
    cold = popularity == 0
    head, tail = ~cold & (above < total), ~cold & (above >= 2 * total)
    return {"cold": cold, "tail": tail, "middle": ~cold & ~head & ~tail, "head": head}
