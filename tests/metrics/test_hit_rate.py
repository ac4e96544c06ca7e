"""Hit rate against its definition."""

import numpy as np
import pytest
from hypothesis import given

from cuvee.metrics.hit_rate import HitRate
from tests.cases import Case, cases, slate, truth


def oracle(shown: list[int], wanted: set[int], k: int) -> float:
    return float(any(item in wanted for item in shown[:k]))


@given(cases())
def test_equals_the_definition(case: Case) -> None:
    """Short, empty and padded lists, truth that is empty or larger than k."""
    value = HitRate(case.k).measure(slate(case.shown, width=case.k), truth(case.wanted, case.items))
    expected = [oracle(s, set(w), case.k) if w else np.nan for s, w in zip(case.shown, case.wanted, strict=True)]
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, expected, atol=1e-6)


def test_by_hand() -> None:
    """A hit at rank 2 counts for k of 2, not for k of 1."""
    shown, wanted = slate([[3, 0, 1]]), truth([[0, 1]], 4)
    assert HitRate(k=1).measure(shown, wanted)[0] == 0
    assert HitRate(k=2).measure(shown, wanted)[0] == pytest.approx(1)
