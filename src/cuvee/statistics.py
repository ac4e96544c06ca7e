"""How sure is a mean over queries? Bootstrap intervals, and the paired comparison of two runs.

Reference: Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 13 (percentile intervals); Urbano,
Lima and Hanjalic, "Statistical significance testing in information retrieval", SIGIR 2019 (why the paired
t test).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["Estimate", "Paired", "estimates", "paired"]

_RESAMPLES = 1_000
_LEVEL = 0.95
_CELLS = 2_000_000
"""Resamples times queries held at once: bounds memory to some tens of MB, or to one resample."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean over queries with its 95 % interval."""

    mean: float | None
    """None when no query has a value."""
    low: float | None
    """None when there is no interval: no value, or a figure about all lists together."""
    high: float | None
    n: int
    """Queries that counted: those where the value is defined."""


@dataclass(frozen=True)
class Paired:
    """How much the mean of one run is above that of another on the same queries."""

    difference: float | None
    """First minus second; None without a common value."""
    low: float | None
    """95 % interval of the difference."""
    high: float | None
    p_value: float | None
    """Two-sided paired t test; None with fewer than two queries."""
    n: int
    """Queries with a value in both."""


def estimates(values: "NDArray[np.floating]", rng: np.random.Generator) -> list[Estimate]:
    """Return the mean and percentile interval of each column of `values` (q, m); NaN are left out.

    All columns share the resamples, so one call for many metrics costs little more than for one.
    """
    known = ~np.isnan(values)
    filled = np.where(known, values, 0).astype(np.float64)
    n = known.sum(axis=0)
    if not len(values):
        return [Estimate(None, None, None, 0)] * values.shape[1]
    means = _resampled(filled, known, rng)
    found = []
    for column, count in enumerate(n.tolist()):
        if not count:
            found.append(Estimate(None, None, None, 0))
            continue
        low, high = np.nanquantile(means[:, column], [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
        found.append(Estimate(float(filled[:, column].sum() / count), float(low), float(high), count))
    return found


def paired(a: "NDArray[np.floating]", b: "NDArray[np.floating]", rng: np.random.Generator) -> Paired:
    """Compare two runs by their values (q,) on the same queries, in the same order.

    Raises:
        ValueError: the two do not have the same number of queries.
    """
    if a.shape != b.shape:
        raise ValueError(f"a paired comparison needs the same queries twice, got {a.shape} and {b.shape} values")
    difference = a.astype(np.float64) - b
    known = difference[~np.isnan(difference)]
    estimate = estimates(known[:, None], rng)[0]
    return Paired(estimate.mean, estimate.low, estimate.high, _t_test(known), len(known))


def _resampled(filled: Doubles, known: "NDArray[np.bool_]", rng: np.random.Generator) -> Doubles:
    """Return (resamples, m) means: how often each query is drawn, times its values, over the number that are known."""
    queries = len(filled)
    both = np.hstack([filled, known])
    step = max(1, _CELLS // queries)
    sums = []
    for at in range(0, _RESAMPLES, step):
        size = min(step, _RESAMPLES - at)
        drawn = rng.integers(0, queries, (size, queries)) + np.arange(size)[:, None] * queries
        times = np.bincount(drawn.ravel(), minlength=size * queries).reshape(size, queries)
        sums.append(times.astype(np.float64) @ both)
    total, count = np.hsplit(np.vstack(sums), 2)
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def _t_test(difference: Doubles) -> float | None:
    """Return the two-sided p value of a mean of zero; differences that do not vary are certain either way."""
    n = len(difference)
    if n < 2:
        return None
    mean, spread = float(difference.mean()), float(difference.std(ddof=1))
    if spread == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * special.stdtr(n - 1, -abs(mean) / (spread / math.sqrt(n))))
