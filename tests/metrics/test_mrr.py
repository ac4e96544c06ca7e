"""Mean reciprocal rank against its definition."""

import numpy as np
import pytest
from hypothesis import given

from cuvee.metrics.mrr import Mrr
from tests.cases import Case, cases, slate, truth


def oracle(shown: list[int], wanted: set[int], k: int) -> float:
    return next((1 / rank for rank, item in enumerate(shown[:k], start=1) if item in wanted), 0.0)


@given(cases())
def test_equals_the_definition(case: Case) -> None:
    """Short, empty and padded lists, truth that is empty or larger than k."""
    value = Mrr(case.k).measure(slate(case.shown, width=case.k), truth(case.wanted, case.items))
    expected = [oracle(s, set(w), case.k) if w else np.nan for s, w in zip(case.shown, case.wanted, strict=True)]
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, expected, atol=1e-6)


def test_by_hand() -> None:
    """Ranks start at 1; only the first hit counts."""
    value = Mrr(k=4).measure(slate([[2, 0, 1, 5], [3, 2, 4, 0]]), truth([[5, 1], [3]], 6))
    np.testing.assert_allclose(value, [1 / 3, 1])
    assert Mrr(k=2).measure(slate([[2, 0, 1, 5]]), truth([[5, 1]], 6))[0] == pytest.approx(0)
