"""Judgements counted by item, all of them or those before a moment.

Sums are kept running in time order, so that what was known at any moment is one look-up.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuvee.types import Bools, Dataset, Examples, Floats, Ints, Longs

__all__ = ["PRIOR", "Judgements", "judgements", "shrunk"]

Doubles = NDArray[np.float64]

PRIOR = 5.0
"""Judgements of average outcome that every mean is drawn to."""


@dataclass(frozen=True)
class Judgements:
    """What was given to items, in time order."""

    user: Ints
    """(n,)."""
    item: Ints
    """(n,)."""
    time: Longs
    """(n,)."""
    value: Floats
    """(n,) the rating, or the weight where there are no ratings."""
    surprise: Floats
    """(n,) the value less what its user had given on average before."""
    items: int
    """How many items there are."""
    rated: bool
    """Whether the values are ratings."""

    def take(self, mask: Bools) -> "Judgements":
        """Return those of the mask."""
        rows = (self.user[mask], self.item[mask], self.time[mask], self.value[mask], self.surprise[mask])
        return Judgements(*rows, self.items, self.rated)

    @cached_property
    def scale(self) -> tuple[float, float]:
        """The middle between the least and the greatest value, and a quarter of the way between them."""
        low, high = float(self.value.min(initial=np.inf)), float(self.value.max(initial=-np.inf))
        return ((low + high) / 2, (high - low) / 4) if len(self.value) else (0.0, 1.0)

    def centre(self, before: Longs | None = None) -> Doubles:
        """Return the mean of all values, or (...) that of those before each moment; of few, drawn to the middle."""
        sums = np.concatenate([[0.0], np.cumsum(self.value.astype(np.float64))])
        n = np.asarray(len(self.value) if before is None else np.searchsorted(self.time, before, side="left"))
        return np.asarray((sums[n] + PRIOR * self.scale[0]) / (n + PRIOR))

    def of_items(self, items: Ints, before: Longs | None = None) -> Doubles:
        """Return (..., 4) of items (...): how many judgements, their sum, the sum of squares, and of surprises.

        Args:
            before: (...) or what broadcasts to it: only what was given strictly before that moment counts.
        """
        sums, bounds, times = self._running
        last = bounds[items + 1] if before is None else self._until(items, np.broadcast_to(before, items.shape), times)
        return np.asarray(sums[last] - sums[bounds[items]])

    def _until(self, items: Ints, before: Longs, times: Longs) -> Longs:
        found: Longs = np.searchsorted(times, items.astype(np.int64) * self._step + self._clipped(before), side="left")
        return found

    @cached_property
    def _running(self) -> tuple[Doubles, Longs, Longs]:
        """Sums before each place of the item order, (i + 1,) bounds in it, and a key that rises with item and time."""
        order = np.lexsort((self.time, self.item))
        value = self.value[order].astype(np.float64)
        columns: Any = (np.ones(len(order)), value, value**2, self.surprise[order])
        rows = np.stack(columns, axis=1) if len(order) else np.zeros((0, 4))
        sums = np.vstack([np.zeros((1, 4)), np.cumsum(rows, axis=0)])
        bounds = np.searchsorted(self.item[order], np.arange(self.items + 1))
        key = self.item[order].astype(np.int64) * self._step + self._clipped(self.time[order])
        return sums, bounds, key

    @cached_property
    def _step(self) -> int:
        return int(self.time.max(initial=0) - self.time.min(initial=0)) + 3

    def _clipped(self, time: Longs) -> Longs:
        start = int(self.time.min(initial=0)) if len(self.time) else 0
        return np.clip(time - start + 1, 0, self._step - 1)


def judgements(data: Dataset, examples: Examples) -> Judgements:
    """Return the examples counted; the surprise of each knows only what its user judged strictly before it."""
    rated = data.events.rating is not None
    nothing = np.zeros(len(examples), np.float32)
    by_user = Judgements(examples.item, examples.user, examples.time, examples.label, nothing, len(data.users), rated)
    given = shrunk(by_user.of_items(examples.user, examples.time), np.asarray(by_user.scale[0]))
    surprise = (examples.label - given).astype(np.float32)
    return Judgements(examples.user, examples.item, examples.time, examples.label, surprise, len(data.items), rated)


def shrunk(sums: Doubles, centre: Doubles) -> Doubles:
    """Return the means of `of_items`, drawn to the centre by `PRIOR` judgements of it."""
    found: Doubles = (sums[..., 1] + PRIOR * centre) / (sums[..., 0] + PRIOR)
    return found
