"""Axes: everything has its place between the ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuvee.report.plots import Scale, scale_of
from cuvee.statistics import Estimate, Paired

finite = st.floats(-1e6, 1e6).filter(lambda v: v == 0 or abs(v) > 1e-9)


@pytest.mark.parametrize(
    ("estimate", "low", "high", "ticks"),
    [
        (Estimate(0.3, 0.25, 0.34, 9), 0.0, 0.4, [0, 0.1, 0.2, 0.3, 0.4]),
        (Estimate(1.9, None, None, 9), 0.0, 2.0, [0, 0.5, 1, 1.5, 2]),
        (Paired(-0.002, -0.007, 0.004, 0.4, 9), -0.01, 0.005, [-0.01, -0.005, 0, 0.005]),
        (Estimate(None, None, None, 0), 0.0, 1.0, [0, 0.5, 1]),
    ],
)
def test_round_ends(estimate: Estimate | Paired, low: float, high: float, ticks: list[float]) -> None:
    scale = scale_of([estimate])
    assert (scale.low, scale.high) == pytest.approx((low, high))
    assert scale.ticks == pytest.approx(ticks)


def test_places_by_hand() -> None:
    scale = Scale(-0.1, 0.3, 0.1)
    assert [scale.at(v) for v in (-0.1, 0.0, 0.2, 0.3)] == [0, 25, 75, 100]
    assert scale.digits == 1
    assert Scale(0, 0.1, 0.025).digits == 3


@given(st.lists(finite, min_size=1, max_size=6))
def test_everything_fits(values: list[float]) -> None:
    """Zero and all values lie on the axis, in their order; there are a handful of ticks."""
    scale = scale_of([Estimate(v, None, None, 1) for v in values])
    places = [scale.at(v) for v in sorted([0.0, *values])]
    assert places == sorted(places)
    slack = 1e-6 * (scale.high - scale.low)
    assert scale.low - slack <= min([0, *values])
    assert scale.high + slack >= max([0, *values])
    assert 2 <= len(scale.ticks) <= 7
