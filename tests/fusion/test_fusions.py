"""Feature-level fusions against their defining equations."""

import numpy as np
import pytest

from cuvee.errors import ConfigError
from cuvee.fusion.concat import Concat, side_by_side
from cuvee.fusion.weighted import Weighted, weighted_sum
from cuvee.types import Embeddings

A = Embeddings(np.array([[3, 4], [0, 2], [0, 0], [0, 0]], np.float32), np.array([True, True, False, False]))
B = Embeddings(np.array([[0, 5], [0, 0], [2, 0], [0, 0]], np.float32), np.array([True, False, True, False]))


def test_concat_is_the_weighted_sum_of_cosines() -> None:
    """cos(a0, a1) = .8 at weight .25 beside the missing b1: rows renormalise, so .8 * sqrt(.25) * sqrt(1)."""
    fused = side_by_side({"a": A, "b": B}, {"a": 0.25, "b": 0.75})
    inner = fused.vectors @ fused.vectors.T
    assert inner[0, 1] == pytest.approx(0.8 * 0.5)
    assert inner[0, 2] == pytest.approx(0.0)
    np.testing.assert_allclose(np.diag(inner), [1, 1, 1, 0], atol=1e-6)
    assert fused.present.tolist() == [True, True, True, False]


def test_weighted_sum_by_hand() -> None:
    """Both: .25 a + .75 b; one alone: exactly that one; none: a zero row."""
    fused = weighted_sum({"a": A, "b": B}, {"a": 0.25, "b": 0.75})
    np.testing.assert_allclose(fused.vectors, np.array([[0.75, 4.75], [0.0, 2.0], [2.0, 0.0], [0.0, 0.0]]), atol=1e-6)


def test_bad_weights_are_refused() -> None:
    with pytest.raises(ConfigError, match="weights are needed for text, image"):
        Weighted(weights={"text": 1.0})
    with pytest.raises(ConfigError, match="not all 0"):
        Concat(weights={"text": 0.0, "image": 0.0})
