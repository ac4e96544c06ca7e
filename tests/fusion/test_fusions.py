"""Feature-level fusions against their defining equations."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cuvee import registry, store
from cuvee.errors import ConfigError
from cuvee.fusion.concat import Concat, side_by_side
from cuvee.fusion.weighted import Weighted, weighted_sum
from cuvee.protocols import JointFusion
from cuvee.testing import toy
from cuvee.types import Embeddings, Floats

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


@pytest.mark.parametrize("name", registry.names("fusion"))
def test_contract(name: str, tmp_path: Path) -> None:
    """Repeatable, finite, zero where nothing is present, the same for rows that arrive later and after a round trip."""
    data = toy()
    fusion: Any = registry.build("fusion", name)
    joint: object = fusion
    assert isinstance(joint, JointFusion)
    model, again = (fusion.fit(data, None, np.random.default_rng(1)) for _ in range(2))
    parts = {m: data.feature("item", m) for m in fusion.on}
    fused = model.fuse(parts)
    assert np.isfinite(fused.vectors).all()
    assert not fused.vectors[~fused.present].any()
    np.testing.assert_array_equal(again.fuse(parts).vectors, fused.vectors)
    np.testing.assert_array_equal(
        model.settled.fit(data, None, np.random.default_rng(2)).fuse(parts).vectors, fused.vectors
    )
    later = model.fuse({m: p.take(np.array([3, 1])) for m, p in parts.items()})
    np.testing.assert_allclose(later.vectors, fused.vectors[[3, 1]], atol=1e-5)
    store.save(model, tmp_path, "fusion")
    loaded: Floats = store.load(tmp_path, "fusion").fuse(parts).vectors
    np.testing.assert_array_equal(loaded, fused.vectors)


def test_bad_weights_are_refused() -> None:
    with pytest.raises(ConfigError, match="weights are needed for text, image"):
        Weighted(weights={"text": 1.0})
    with pytest.raises(ConfigError, match="not all 0"):
        Concat(weights={"text": 0.0, "image": 0.0})
