"""Groups by the popularity of the wanted items."""

import itertools

import numpy as np
from hypothesis import given

from cuvee.slices.item_popularity import ItemPopularity
from cuvee.types import Holdout
from tests.cases import Case, cases, holdout, train


def wanted(part: Holdout) -> list[list[int]]:
    """Return the wanted items of each query."""
    return [part.truth[row].indices.tolist() for row in range(part.truth.shape[0])]


def test_by_hand() -> None:
    """Likes 4, 3, 2, 2, 1, 0 (of 12): above them 0, 4, 7, 7, 11: head < 4 <= middle < 8 <= tail; item 5 is cold."""
    liked = [[0, 1, 2, 3, 4], [0, 1, 2, 3], [0, 1], [0]]
    asked = holdout([[], [], []], [[0, 3, 5], [4, 1], [2]], 6)
    groups = ItemPopularity().cut(asked, train(liked, 6))
    found = {name: (part.users.tolist(), wanted(part)) for name, part in groups.items()}
    assert found == {
        "cold": ([0], [[5]]),
        "tail": ([1], [[4]]),
        "middle": ([0, 1, 2], [[3], [1], [2]]),
        "head": ([0], [[0]]),
    }


@given(cases())
def test_groups_are_a_partition_ordered_by_popularity(case: Case) -> None:
    """Every wanted item of every query is in one group; no item of a group is more popular than one of the next."""
    data = train(case.shown, case.items)
    asked = holdout([[]] * len(case.wanted), case.wanted, case.items)
    groups = ItemPopularity().cut(asked, data)
    found = [
        (u, i)
        for part in groups.values()
        for u, row in zip(part.users.tolist(), wanted(part), strict=True)
        for i in row
    ]
    assert sorted(found) == sorted((u, i) for u, row in enumerate(case.wanted) for i in row)
    levels = [data.popularity[part.truth.indices] for part in groups.values()]
    assert all(a.max() < b.min() for a, b in itertools.pairwise(levels))
    assert all(np.diff(part.truth.indptr).all() for part in groups.values())
