"""Missing rows by hand: user 0 likes items 0, 1, 2, user 1 likes 0 and 3; item 0 misses the modality."""

from dataclasses import replace

import numpy as np
import pytest

from cuvee.imputation import impute
from cuvee.testing import toy
from cuvee.types import Dataset, Embeddings


@pytest.fixture
def data() -> Dataset:
    base = toy(users=2, items=5)
    e = base.events
    user, item = np.array([0, 0, 0, 1, 1], np.int32), np.array([0, 1, 2, 0, 3], np.int32)
    ones = np.ones(5, np.float32)
    return replace(
        base, events=replace(e, user=user, item=item, time=np.arange(5), weight=ones, kind=np.zeros(5, np.int8))
    )


@pytest.fixture
def part() -> Embeddings:
    rows = np.array([[0, 0], [2, 0], [0, 2], [0, 4], [0, 0]], np.float32)
    return Embeddings(rows, np.array([False, True, True, True, False]))


def test_neighbours_by_hand(data: Dataset, part: Embeddings) -> None:
    """Users count alike by their number of items: (2, 0) / 3 + (0, 2) / 3 + (0, 4) / 2, at the mean length 8 / 3."""
    found = impute(part, data, "neighbours")
    wanted = np.array([2 / 3, 2 / 3 + 2])
    np.testing.assert_allclose(found.vectors[0], wanted / np.linalg.norm(wanted) * 8 / 3, rtol=1e-5)
    np.testing.assert_array_equal(found.vectors[1:], part.vectors[1:])
    assert found.present.tolist() == [True, True, True, True, False], "nobody likes the last item"


def test_mean_and_zero(data: Dataset, part: Embeddings) -> None:
    mean = impute(part, data, "mean")
    np.testing.assert_allclose(mean.vectors[[0, 4]], np.tile([2 / 3, 2], (2, 1)), rtol=1e-6)
    assert mean.present.all()
    assert impute(part, data, "zero") is part
