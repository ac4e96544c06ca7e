"""Gini index against its definition."""

import math

import numpy as np
import pytest
from hypothesis import given

from cuvee.metrics.gini import Gini
from tests.cases import Case, cases, slate, train


def oracle(exposure: list[int]) -> float:
    """Half the relative mean absolute difference between all ordered pairs of items."""
    n = len(exposure)
    if not sum(exposure):
        return math.nan
    return sum(abs(a - b) for a in exposure for b in exposure) / (2 * n * sum(exposure))


@given(cases())
def test_equals_the_mean_difference(case: Case) -> None:
    """Items never shown count with zero."""
    shown = [i for row in case.shown for i in row[: case.k]]
    value = Gini(case.k).summarise(slate(case.shown, width=case.k), np.ones(case.items, bool), train([[0]], case.items))
    assert value == pytest.approx(oracle([shown.count(i) for i in range(case.items)]), nan_ok=True)


def test_by_hand() -> None:
    """All alike is 0; one of four items taking every place is 3/4; it is 1/2 when one of two candidates does."""
    data = train([[0]], 4)
    everything = np.ones(4, bool)
    assert Gini(k=2).summarise(slate([[0, 1], [2, 3]]), everything, data) == pytest.approx(0)
    assert Gini(k=1).summarise(slate([[2, 1], [2, 3]]), everything, data) == pytest.approx(3 / 4)
    assert Gini(k=1).summarise(slate([[2], [2]]), np.array([False, True, True, False]), data) == pytest.approx(1 / 2)
