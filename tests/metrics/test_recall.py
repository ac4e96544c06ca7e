"""Recall against its definition."""

import numpy as np
import pytest
from hypothesis import given

from cuvee.metrics.recall import Recall
from tests.cases import Case, cases, slate, truth


def oracle(shown: list[int], wanted: set[int], k: int) -> float:
    return sum(item in wanted for item in shown[:k]) / len(wanted)


@given(cases())
def test_equals_the_definition(case: Case) -> None:
    """Short, empty and padded lists, truth that is empty or larger than k."""
    value = Recall(case.k).measure(slate(case.shown, width=case.k), truth(case.wanted, case.items))
    expected = [oracle(s, set(w), case.k) if w else np.nan for s, w in zip(case.shown, case.wanted, strict=True)]
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, expected, atol=1e-6)


def test_by_hand() -> None:
    """Two of three wanted items stand in the first three; the third at rank 4 comes too late."""
    value = Recall(k=3).measure(slate([[4, 7, 2, 9]]), truth([[2, 4, 9]], 10))
    assert value[0] == pytest.approx(2 / 3)


def test_a_perfect_list_shorter_than_the_truth_stays_below_one() -> None:
    """All of the query's wanted items count, also those that k leaves no room for."""
    assert Recall(k=2).measure(slate([[0, 1]]), truth([[0, 1, 2, 3, 4]], 5))[0] == pytest.approx(0.4)
