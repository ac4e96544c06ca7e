"""Mean average precision against its definition, and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from sklearn.metrics import average_precision_score

from cuvee.metrics.map import Map
from tests.cases import Case, cases, slate, truth


def oracle(shown: list[int], wanted: set[int], k: int) -> float:
    total = 0.0
    for rank, item in enumerate(shown[:k], start=1):
        if item in wanted:
            total += sum(other in wanted for other in shown[:rank]) / rank
    return total / min(k, len(wanted))


@given(cases())
def test_equals_the_definition(case: Case) -> None:
    """Short, empty and padded lists, truth that is empty or larger than k."""
    value = Map(case.k).measure(slate(case.shown, width=case.k), truth(case.wanted, case.items))
    expected = [oracle(s, set(w), case.k) if w else np.nan for s, w in zip(case.shown, case.wanted, strict=True)]
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, expected, atol=1e-6)


def test_by_hand() -> None:
    """Hits at ranks 1 and 3 of three wanted: (1/1 + 2/3) / 3 for k of 4, and / 2 when k leaves room for two."""
    shown, wanted = slate([[4, 7, 2, 0]]), truth([[2, 4, 9]], 10)
    assert Map(k=4).measure(shown, wanted)[0] == pytest.approx((1 + 2 / 3) / 3)
    assert Map(k=2).measure(shown, wanted)[0] == pytest.approx(1 / 2)


def test_full_ranking_equals_scikit_learn() -> None:
    """With every item ranked nothing is cut, and scikit-learn's average precision is the same number."""
    rng = np.random.default_rng(3)
    for items in (5, 9, 14):
        order = rng.permutation(items)
        wanted = rng.choice(items, 3, replace=False)
        scores = np.zeros(items)
        scores[order] = np.arange(items, 0, -1)
        expected = average_precision_score(np.isin(np.arange(items), wanted), scores)
        value = Map(k=items).measure(slate([order.tolist()]), truth([wanted.tolist()], items))
        assert value[0] == pytest.approx(expected, abs=1e-6)
