"""NDCG against its definition, and against scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given
from sklearn.metrics import ndcg_score

from cuvee.metrics.ndcg import Ndcg
from tests.cases import Case, cases, slate, truth


def oracle(shown: list[int], wanted: set[int], k: int) -> float:
    gained = sum(1 / math.log2(rank + 1) for rank, item in enumerate(shown[:k], start=1) if item in wanted)
    return gained / sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(wanted)) + 1))


@given(cases())
def test_equals_the_definition(case: Case) -> None:
    """Short, empty and padded lists, truth that is empty or larger than k."""
    value = Ndcg(case.k).measure(slate(case.shown, width=case.k), truth(case.wanted, case.items))
    expected = [oracle(s, set(w), case.k) if w else np.nan for s, w in zip(case.shown, case.wanted, strict=True)]
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, expected, atol=1e-6)


def test_by_hand() -> None:
    """Hits at ranks 1 and 3 of two wanted: (1 + 1/2) / (1 + 1/log2 3)."""
    value = Ndcg(k=3).measure(slate([[4, 7, 2]]), truth([[2, 4]], 8))
    assert value[0] == pytest.approx(1.5 / (1 + 1 / np.log2(3)))


def test_a_perfect_list_is_one_also_when_more_is_wanted_than_fits() -> None:
    """The ideal list is cut at k as well."""
    assert Ndcg(k=2).measure(slate([[3, 0]]), truth([[0, 1, 2, 3]], 4))[0] == pytest.approx(1)


@pytest.mark.parametrize("k", [1, 4, 20])
def test_equals_scikit_learn(k: int) -> None:
    """The same lists as scores: an independent implementation gives the same numbers."""
    rng = np.random.default_rng(k)
    scores = rng.permuted(np.tile(np.arange(30.0), (9, 1)), axis=1)
    relevant = rng.random((9, 30)) < np.linspace(0.05, 0.9, 9)[:, None]
    relevant[:, 0] = True
    shown = np.argsort(-scores, axis=1)[:, :k]
    value = Ndcg(k).measure(slate(shown.tolist()), truth([np.flatnonzero(row).tolist() for row in relevant], 30))
    expected = [ndcg_score(relevant[r : r + 1].astype(float), scores[r : r + 1], k=k) for r in range(9)]
    np.testing.assert_allclose(value, expected, atol=1e-6)
