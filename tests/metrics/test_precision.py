"""Precision against its definition."""

import numpy as np
import pytest
from hypothesis import given

from cuvee.metrics.precision import Precision
from tests.cases import Case, cases, slate, truth


def oracle(shown: list[int], wanted: set[int], k: int) -> float:
    return sum(item in wanted for item in shown[:k]) / k


@given(cases())
def test_equals_the_definition(case: Case) -> None:
    """Short, empty and padded lists, truth that is empty or larger than k."""
    value = Precision(case.k).measure(slate(case.shown, width=case.k), truth(case.wanted, case.items))
    expected = [oracle(s, set(w), case.k) if w else np.nan for s, w in zip(case.shown, case.wanted, strict=True)]
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, expected, atol=1e-6)


def test_short_list_divides_by_k() -> None:
    """One hit in a list of two, k of four."""
    assert Precision(k=4).measure(slate([[5, 1]]), truth([[1]], 6))[0] == pytest.approx(1 / 4)
