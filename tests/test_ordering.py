"""The best of a wide row, against sorting in plain Python."""

import math

import numpy as np
import pytest

from cuvee.ordering import top_k
from cuvee.types import PAD, Floats

WIDTH = 9_001


def brute(row: Floats, k: int) -> list[int]:
    known = sorted((-s, i) for i, s in enumerate(row.tolist()) if s != -math.inf)
    return ([i for _, i in known] + [PAD] * k)[:k]


def rows() -> Floats:
    """Scores all different, few values in long runs, all equal, hardly any, none, and the best at the very end."""
    rng = np.random.default_rng(0)
    different = rng.normal(size=WIDTH)
    coarse = rng.integers(0, 4, WIDTH).astype(float)
    scarce = np.where(rng.random(WIDTH) < 0.001, rng.normal(size=WIDTH), -np.inf)
    last = np.where(np.arange(WIDTH) > WIDTH - 4, 5.0, -1.0)
    return np.array([different, coarse, np.zeros(WIDTH), scarce, np.full(WIDTH, -np.inf), last, -coarse], np.float32)


@pytest.mark.parametrize("k", [1, 7, 200, 1125, 1126, 9_001])
def test_equals_sorting(k: int) -> None:
    """1,125 is the largest k that wide rows are cut into groups for."""
    scores = rows()
    items, best = top_k(scores, k)
    assert items.tolist() == [brute(row, k) for row in scores]
    for row, shown, told in zip(scores, items, best, strict=True):
        assert told.tolist() == [-math.inf if i == PAD else row[i] for i in shown.tolist()]
    assert items.dtype == np.int32
    assert best.dtype == np.float32


def test_nothing_asked() -> None:
    items, best = top_k(np.zeros((0, WIDTH), np.float32), 5)
    assert items.shape == best.shape == (0, 5)
