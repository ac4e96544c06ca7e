"""What is reused is what would have been fitted, and it is fitted once."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from cuvee import ridge
from cuvee.memo import Memo, size_of
from cuvee.models.blend import Blend, BlendModel
from cuvee.models.content_ease import ContentEase
from cuvee.models.ease import Ease
from cuvee.models.item_knn import ItemKnn
from cuvee.protocols import Estimator, Recommender
from cuvee.reuse import remembered
from cuvee.ridge import solved_once, zero_diagonal_ridge
from cuvee.types import Dataset, Floats, Holdout, Queries


@dataclass(frozen=True)
class Noisy:
    """Scores drawn at random, so that whoever is fitted after it depends on what it drew."""

    width: int = 3
    fits: list[int] = field(default_factory=list, init=False, compare=False)

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "NoisyModel":  # noqa: ARG002
        self.fits.append(self.width)
        return NoisyModel(rng.normal(size=(self.width, len(train.items))).astype(np.float32)[0])


Noisy.__module__ = "cuvee.models.noisy"  # what is described must be a component


@dataclass(frozen=True)
class NoisyModel:
    row: Floats

    def score(self, queries: Queries) -> Floats:
        return np.tile(self.row, (len(queries), 1))


def fitted(estimator: Estimator, data: Dataset) -> Recommender:
    return estimator.fit(data, None, np.random.default_rng(7))


def test_a_part_that_did_not_change_is_fitted_once(world: Dataset, everybody: Queries) -> None:
    memo, noisy = Memo(1 << 30), Noisy()
    for l2 in (1.0, 5.0, 1.0):
        blend = Blend((noisy, Ease(l2), Noisy(2), ItemKnn()))
        model = fitted(remembered(blend, memo, "world"), world)
        plain = fitted(blend, world)
        assert isinstance(model, BlendModel)
        assert isinstance(plain, BlendModel)
        assert np.array_equal(model.score(everybody), plain.score(everybody))
        assert model.settled == plain.settled
        assert model.names == plain.names
    assert len(noisy.fits) == 3 + 1  # three times without a memo, once with it
    assert (memo.made, memo.found) == (5, 7)


def test_other_data_and_another_seed_are_fitted_anew(world: Dataset) -> None:
    memo, noisy = Memo(1 << 30), Noisy()
    part = remembered(Blend((noisy,)), memo, "world")
    fitted(part, world)
    part.fit(world, None, np.random.default_rng(8))
    fitted(remembered(Blend((noisy,)), memo, "other"), world)
    assert len(noisy.fits) == 3


def test_equal_problems_are_solved_once(world: Dataset, everybody: Queries, monkeypatch: pytest.MonkeyPatch) -> None:
    """EASE is half of Add-EASE, and the other half is of low rank: another share needs no new solution."""
    solved: list[float] = []
    plain = ridge._solve

    def counting(gram: Floats, l2: float) -> ridge.RidgeWeights:
        solved.append(l2)
        return plain(gram, l2)

    monkeypatch.setattr(ridge, "_solve", counting)
    with solved_once(Memo(1 << 30)):
        fitted(Ease(2), world)
        for share in (0.2, 0.7):
            model = fitted(ContentEase(l2=2, content=0, share=share, content_l2=0.5), world)
        fitted(Ease(3), world)
    assert solved == [2, 3]
    again = fitted(ContentEase(l2=2, content=0, share=0.7, content_l2=0.5), world)
    assert solved == [2, 3, 2]
    assert np.array_equal(model.score(everybody), again.score(everybody))


def test_a_solution_by_its_definition() -> None:
    """From a memo or not: B = I - P diag(1 / diag P)."""
    gram = np.array([[4, 1, 0], [1, 3, 2], [0, 2, 5]], np.float32)
    p = np.linalg.inv(gram.astype(float) + 0.5 * np.eye(3))
    wanted = np.eye(3) - p @ np.diag(1 / np.diag(p))
    with solved_once(Memo(1 << 20)):
        for _ in range(2):
            assert zero_diagonal_ridge(gram.copy(), 0.5).weights == pytest.approx(wanted, abs=1e-6)


def test_the_memo_forgets_what_was_used_longest_ago() -> None:
    """Room for two of 16 bytes: c pushes b out, since a was used after it; what is too large pushes nothing out."""
    memo = Memo(40)
    for key in ("a", "b", "a", "c", "big", "a", "c"):
        memo.get(key, lambda key=key: np.ones(6 if key == "big" else 2))  # type: ignore[misc]
    assert (memo.made, memo.found) == (4, 3)
    memo.get("b", lambda: np.ones(2))
    assert memo.made == 5


def test_size_counts_every_array(world: Dataset) -> None:
    model = fitted(Blend((Ease(1.0), ItemKnn())), world)
    i = len(world.items)
    assert isinstance(model, BlendModel)
    knn = model.views[1].weights  # type: ignore[attr-defined]
    known = 4 * i * i + knn.data.nbytes + knn.indices.nbytes + knn.indptr.nbytes + (4 + 1) * i
    assert size_of(model) == known
