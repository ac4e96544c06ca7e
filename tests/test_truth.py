"""Hits and restricted truth."""

import numpy as np
import pytest
from hypothesis import given
from scipy import sparse

import cuvee.truth
from cuvee.truth import hits, restrict, shared, sizes, where_wanted
from tests.cases import Case, cases, holdout, slate, truth


@given(cases())
def test_hits_equal_membership(case: Case) -> None:
    """Rank by rank, for short lists too; padding is never a hit."""
    found = hits(slate(case.shown, width=case.k), truth(case.wanted, case.items), case.k)
    expected = [
        [r < len(row) and row[r] in wanted for r in range(case.k)]
        for row, wanted in zip(case.shown, case.wanted, strict=True)
    ]
    np.testing.assert_array_equal(found, expected)


def test_padding_is_not_the_last_item_of_the_query_before() -> None:
    """PAD is -1: without care, its flat key is that of the last item one row up."""
    assert not hits(slate([[0], []]), truth([[2], [1]], 3), 1).any()
    assert not hits(slate([[], [0]]), truth([[0], [2]], 3), 1).any()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven queries in blocks of two, three and one."""
    rng = np.random.default_rng(0)
    shown = slate([rng.permutation(11)[:n].tolist() for n in range(7)])
    wanted = truth([rng.permutation(11)[: 8 - n].tolist() for n in range(7)], 11)
    whole = hits(shown, wanted, 5)
    for cells in (22, 33, 1):
        monkeypatch.setattr(cuvee.truth, "_CELLS", cells)
        np.testing.assert_array_equal(hits(shown, wanted, 5), whole)


@given(cases())
def test_sharing_changes_nothing(case: Case) -> None:
    """A small k after a large one, another truth, another slate."""
    shown, wanted = slate(case.shown, width=case.k), truth(case.wanted, case.items)
    other, reverse = slate(case.wanted[::-1]), truth(case.shown[::-1], case.items)
    asked = [
        (shown, wanted, case.k),
        (shown, reverse, case.k),
        (other, wanted, 3),
        (shown, wanted, 1),
        (shown, wanted, 9),
    ]
    alone = [hits(*one) for one in asked]
    with shared():
        together = [hits(*one) for one in asked]
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_messy_matrix_counts_as_what_it_means() -> None:
    """Unsorted columns, a duplicate and a stored zero; the caller's matrix stays as it is."""
    data, columns = np.array([1, 0, 1, 1], np.float32), np.array([3, 1, 0, 3])
    messy = sparse.csr_matrix((data, columns, np.array([0, 4])), shape=(1, 4))
    assert sizes(messy).tolist() == [2]
    assert hits(slate([[1, 3, 0]]), messy, 3).tolist() == [[False, True, True]]
    assert messy.nnz == 4


def test_a_query_that_wants_nothing_has_no_value() -> None:
    """NaN instead of 0, which would pull the mean down."""
    np.testing.assert_array_equal(where_wanted(np.array([0.5, 0.0]), truth([[1], []], 2)), [0.5, np.nan])


def test_restrict_keeps_queries_with_something_left() -> None:
    """Query 1 wants nothing of what stays; histories and users follow."""
    part = restrict(
        holdout([[0], [1], [2, 3]], [[1, 2], [3], [2, 0]], 4, [7, 8, 9]), np.array([True, False, True, False])
    )
    assert part.users.tolist() == [7, 9]
    assert [row.indices.tolist() for row in part.truth] == [[2], [0, 2]]
    assert part.queries.lengths.tolist() == [1, 2]
    assert part.truth.data.tolist() == [1, 1, 0.5]
