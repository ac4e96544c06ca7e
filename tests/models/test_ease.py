"""EASE by its definition: every column is the ridge regression of one item on all the others."""

import numpy as np
import pytest
from numpy.typing import NDArray

from cuvee.errors import ConfigError
from cuvee.models.ease import Ease
from cuvee.ridge import zero_diagonal_ridge
from cuvee.types import Dataset, Queries


def columns(rows: NDArray[np.float64], l2: float) -> NDArray[np.float64]:
    """Return (i, i): column j solves min |rows_j - rows_others b|^2 + l2 |b|^2, one system after another."""
    n = rows.shape[1]
    weights = np.zeros((n, n))
    for j in range(n):
        rest = np.delete(np.arange(n), j)
        others = rows[:, rest]
        weights[rest, j] = np.linalg.solve(others.T @ others + l2 * np.eye(n - 1), others.T @ rows[:, j])
    return weights


@pytest.mark.parametrize("l2", [0.5, 3, 200])
def test_columns_are_ridge_regressions(l2: float, world: Dataset) -> None:
    model = Ease(l2).fit(world, None, np.random.default_rng(0))
    expected = columns(world.liked.toarray().astype(np.float64), l2)
    np.testing.assert_allclose(model.weights, expected, atol=2e-6)
    assert model.weights.dtype == np.float32


def test_scores_add_up_what_is_liked(world: Dataset, everybody: Queries) -> None:
    """Dislikes say nothing, weak likes say less."""
    model = Ease(3).fit(world, None, np.random.default_rng(0))
    expected = np.maximum(world.matrix.toarray(), 0).astype(np.float64) @ model.weights
    np.testing.assert_allclose(model.score(everybody), expected, atol=1e-6)


def test_a_penalty_too_small_is_said(world: Dataset) -> None:
    """Items that are nothing but bought together cannot be told apart without a penalty."""
    with pytest.raises(ConfigError, match="raise l2"):
        zero_diagonal_ridge(np.ones((2, 2), np.float32), 1e-9)
    with pytest.raises(ConfigError, match="above 0, got -5"):
        Ease(-5).fit(world, None, np.random.default_rng(0))
