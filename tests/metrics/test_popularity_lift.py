"""Popularity lift against its definition."""

import math
from dataclasses import replace

import numpy as np
from hypothesis import given

from cuvee.metrics.popularity_lift import PopularityLift
from tests.cases import Case, cases, queries, slate, train


def mean(popularity: list[int], items: list[int]) -> float:
    return sum(popularity[i] for i in items) / len(items) if items else math.nan


@given(cases())
def test_equals_the_definition(case: Case) -> None:
    """The wanted items of the case serve as what the training users, and the queries, liked; in another order."""
    data = train(case.wanted, case.items)
    histories = case.wanted[::-1]
    value = PopularityLift(case.k).describe(slate(case.shown), queries(histories, case.items), data)
    popularity = [sum(i in row for row in case.wanted) for i in range(case.items)]
    expected = [
        mean(popularity, shown[: case.k]) / mean(popularity, past) - 1
        for shown, past in zip(case.shown, histories, strict=True)
    ]
    np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-6)


def test_by_hand() -> None:
    """Popularity is 3, 1, 0: from a history of 1 to a list of mean 2 doubles it; nothing liked or shown is NaN."""
    data = train([[0, 1], [0], [0]], 3)
    asked = queries([[1], [0], [], [0, 1], [2]], 3)
    value = PopularityLift(k=2).describe(slate([[0, 1, 2], [2], [0], [], [0]]), asked, data)
    np.testing.assert_allclose(value, [1, -1, np.nan, np.nan, np.nan])


def test_what_was_disliked_is_not_the_level_of_a_user() -> None:
    """A user who liked the rare item and disliked the popular one is shown the rare one: no lift."""
    data = train([[0, 1], [0], [0]], 2)
    asked = queries([[0, 1]], 2)
    seen = asked.seen.copy()
    seen[0, 0] = -1
    value = PopularityLift(k=1).describe(slate([[1]]), replace(asked, seen=seen), data)
    np.testing.assert_allclose(value, [0])
