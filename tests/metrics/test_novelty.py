"""Novelty against its definition."""

import math

import numpy as np
from hypothesis import given

from cuvee.metrics.novelty import Novelty
from tests.cases import Case, cases, queries, slate, train


def oracle(shown: list[int], liked: list[list[int]]) -> float:
    bits = [-math.log2(max(sum(i in row for row in liked), 1) / len(liked)) for i in shown]
    return sum(bits) / len(bits) if bits else math.nan


@given(cases())
def test_equals_the_definition(case: Case) -> None:
    """The wanted items of the case serve as what the training users liked."""
    data = train(case.wanted, case.items)
    value = Novelty(case.k).describe(slate(case.shown), queries(case.shown, case.items), data)
    np.testing.assert_allclose(value, [oracle(row[: case.k], case.wanted) for row in case.shown], atol=1e-6)


def test_by_hand() -> None:
    """Of four users two liked item 0 (1 bit), one item 1 (2 bits), none item 2 (counts as one: 2 bits)."""
    data = train([[0], [0, 1], [], []], 3)
    value = Novelty(k=2).describe(slate([[0, 1, 2], [2], []]), queries([[], [], []], 3), data)
    np.testing.assert_allclose(value, [1.5, 2, np.nan])
