"""Coverage against its definition."""

import math

import numpy as np
import pytest
from hypothesis import given

from cuvee.metrics.coverage import Coverage
from tests.cases import Case, cases, slate, train


@given(cases())
def test_equals_the_definition(case: Case) -> None:
    """The different items in the first k of all lists, over the catalogue."""
    everything = np.ones(case.items, bool)
    value = Coverage(case.k).summarise(slate(case.shown, width=case.k), everything, train([[0]], case.items))
    assert value == pytest.approx(len({i for row in case.shown for i in row[: case.k]}) / case.items)


def test_counts_among_candidates_only() -> None:
    """Three candidates, one of them shown within k; item 0 is shown and no candidate."""
    candidates = np.array([False, True, True, False, True])
    data = train([[0]], 5)
    assert Coverage(k=2).summarise(slate([[0, 1, 2], [1, 0]]), candidates, data) == pytest.approx(1 / 3)
    assert math.isnan(Coverage(k=2).summarise(slate([[0]]), np.zeros(5, bool), data))
