"""Intervals and tests against scipy, and against what they promise."""

import numpy as np
import pytest
from scipy import stats

from cuvee import statistics
from cuvee.statistics import Estimate, estimates, paired


def test_interval_equals_scipy() -> None:
    """Skewed values: the percentile interval of scipy.stats.bootstrap, within resampling noise."""
    rng = np.random.default_rng(0)
    values = rng.exponential(size=(300, 1)) ** 2
    ours = estimates(values, np.random.default_rng(1))[0]
    theirs = stats.bootstrap((values[:, 0],), np.mean, n_resamples=20_000, method="percentile", rng=rng)
    width = theirs.confidence_interval.high - theirs.confidence_interval.low
    assert ours.mean == pytest.approx(values.mean())
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.06 * width)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.06 * width)


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    """200 samples of 80: about 95 % of the intervals hold the true mean."""
    rng = np.random.default_rng(2)
    samples = rng.normal(3, 1, (80, 200))
    held = [e.low is not None and e.high is not None and e.low <= 3 <= e.high for e in estimates(samples, rng)]
    assert 0.9 <= np.mean(held) <= 0.99


def test_undefined_values_are_left_out_column_by_column() -> None:
    """NaN neither count nor pull; a column without a value has no mean; one value is its own interval."""
    values = np.array([[1, np.nan, np.nan, 2], [3, np.nan, 5, 2], [np.nan, np.nan, np.nan, 2]], np.float32)
    first, none, single, constant = estimates(values, np.random.default_rng(0))
    assert (first.mean, first.low, first.high, first.n) == (2, 1, 3, 2)
    assert none == Estimate(None, None, None, 0)
    assert single == Estimate(5, 5, 5, 1)
    assert constant == Estimate(2, 2, 2, 3)
    assert estimates(values[:0], np.random.default_rng(0)) == [Estimate(None, None, None, 0)] * 4


def test_same_seed_same_interval_also_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many resamples are held at once changes memory, not the answer."""
    values = np.random.default_rng(3).random((50, 2))
    whole = estimates(values, np.random.default_rng(4))
    monkeypatch.setattr(statistics, "_CELLS", 170)
    pieces = estimates(values, np.random.default_rng(4))
    for one, other in zip(pieces, whole, strict=True):
        assert (one.low, one.high) == pytest.approx((other.low, other.high))
    assert estimates(values, np.random.default_rng(5)) != pieces


def test_paired_equals_scipy() -> None:
    """p of the paired t test, the sign of A minus B, queries with NaN in either left out."""
    rng = np.random.default_rng(5)
    a = rng.random(40)
    b = a + rng.normal(0.03, 0.1, 40)
    c, d = np.append(a, [np.nan, 0.5]), np.append(b, [0.5, np.nan])
    found = paired(c, d, np.random.default_rng(6))
    assert found.difference == pytest.approx((a - b).mean())
    assert found.p_value == pytest.approx(stats.ttest_rel(a, b).pvalue)
    assert found.n == 40
    assert found.low is not None
    assert found.high is not None
    assert found.low < (a - b).mean() < found.high
    assert found.high - found.low < 0.1


def test_pairing_sees_what_the_separate_intervals_hide() -> None:
    """Queries differ much from each other, the runs differ little and always one way."""
    rng = np.random.default_rng(7)
    a = rng.random(100)
    b = a - rng.uniform(0, 0.02, 100)
    found = paired(a, b, rng)
    one, other = estimates(np.column_stack([a, b]), rng)
    assert one.low is not None
    assert other.high is not None
    assert one.low < other.high
    assert found.low is not None
    assert found.low > 0
    assert found.p_value is not None
    assert found.p_value < 1e-6


def test_differences_that_do_not_vary() -> None:
    """Equal runs: p is 1. A constant shift: p is 0. Fewer than two queries: no test."""
    a = np.array([0.25, 0.5, 1])
    rng = np.random.default_rng(8)
    assert paired(a, a, rng) == statistics.Paired(0, 0, 0, 1, 3)
    assert paired(a, a - 0.25, rng) == statistics.Paired(0.25, 0.25, 0.25, 0, 3)
    assert paired(a[:1], a[1:2], rng) == statistics.Paired(-0.25, -0.25, -0.25, None, 1)
    assert paired(a[:0], a[:0], rng) == statistics.Paired(None, None, None, None, 0)


def test_other_queries_are_refused() -> None:
    """Values of other queries cannot be paired."""
    with pytest.raises(ValueError, match="same queries twice"):
        paired(np.ones(3), np.ones(4), np.random.default_rng(0))
