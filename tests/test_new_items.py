"""What is told of new items: brute force, hand arithmetic, planted worth, planted noise, a planted joint effect."""

from dataclasses import replace

import numpy as np
import pytest

from cuvee.errors import DataError
from cuvee.new_items import findings, holm, left_out_errors
from cuvee.types import Dataset, Embeddings
from tests.cases import train


def rngs(n: int = 2) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in range(n)]


def planted(*, joint: float, plain: float, items: int = 240, users: int = 300) -> Dataset:
    """Liking follows the first column of `a`, and the product of the second of `a` with the first of `b`."""
    rng = np.random.default_rng(5)
    a, b, noise = (rng.choice([-1.0, 1.0], (items, 3)) for _ in range(3))
    taste, leaning = rng.normal(size=users), rng.normal(size=users)
    odds = plain * np.outer(taste, a[:, 0]) + joint * np.outer(leaning, a[:, 1] * b[:, 0]) - 1.5
    liked = [np.flatnonzero(row).tolist() for row in rng.random(odds.shape) < 1 / (1 + np.exp(-odds))]
    present = np.ones(items, bool)
    spaces = {"a": a, "b": b, "noise": noise}
    return train(liked, items, {m: Embeddings(v.astype(np.float32), present) for m, v in spaces.items()})


def helpful(data: Dataset) -> set[tuple[str, ...]]:
    return {f.modalities for f in findings([data, data], ("a", "b", "noise"), rngs()) if f.helps}


def test_leaving_one_out_is_fitting_without_it() -> None:
    """The closed form against five fits of four items."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 7))
    kernel = x @ x.T
    expected = []
    for i in range(5):
        rest = np.delete(np.arange(5), i)
        told = kernel[i, rest] @ np.linalg.solve(kernel[np.ix_(rest, rest)] + 0.7 * np.eye(4), y[rest])
        expected.append(((y[i] - told) ** 2).sum())
    assert left_out_errors(kernel, y @ y.T, 0.7) == pytest.approx(expected)


def test_holm_by_hand() -> None:
    """0.01 x 4; 0.02 x 3; 0.03 x 2 = 0.06 which ties with it; None is 1."""
    found = holm({"x": 0.03, "y": 0.01, "z": None, "w": 0.02})
    assert found == pytest.approx({"y": 0.04, "w": 0.06, "x": 0.06, "z": 1})


def test_a_modality_that_tells_and_noise() -> None:
    assert helpful(planted(plain=1.0, joint=0.0)) == {("a",)}


def test_what_only_both_tell() -> None:
    assert helpful(planted(plain=0.0, joint=1.0)) == {("a", "b")}


def test_nothing_planted_nothing_found() -> None:
    assert helpful(planted(plain=0.0, joint=0.0)) == set()


def test_missing_rows_and_an_absent_modality_are_data() -> None:
    data = planted(plain=1.0, joint=0.0, items=80, users=60)
    features = dict(data.features)
    features["item", "b"] = features["item", "b"].hidden()
    told = {f.modalities: f for f in findings([replace(data, features=features)], ("a", "b"), rngs(1))}
    assert told["b",].gain.difference == pytest.approx(0, abs=1e-12)
    assert not told["b",].helps


def test_too_few_items() -> None:
    with pytest.raises(DataError, match="items are liked by 3 users or more"):
        findings([train([[0], [1]], 3, {})], (), rngs(1))
