"""A grid walked on validation."""

from typing import Any

import numpy as np
import pytest

from cuvee.errors import ConfigError
from cuvee.models.blend import Blend, BlendModel
from cuvee.models.content import Content
from cuvee.models.content_ease import ContentEase
from cuvee.models.ease import Ease, EaseModel
from cuvee.models.item_knn import ItemKnn
from cuvee.models.tuned import Tuned, TunedModel
from cuvee.protocols import Estimator
from cuvee.selection import validation_ndcg
from cuvee.types import Dataset, Queries
from tests.models.test_blend import wanted_by

RNG = np.random.default_rng(0)
PLANTED: list[tuple[Estimator, dict[str, tuple[Any, ...]], Estimator]] = [
    (Ease(200), {"l2": (200.0, 0.3, 20.0)}, Ease(0.3)),
    (ItemKnn(), {"shrinkage": (0.0, 90.0), "neighbours": (100, 2)}, ItemKnn(2, 0.0)),
    (ContentEase(share=1.0), {"content_l2": (30.0, 0.01)}, ContentEase(share=1.0, content_l2=0.01)),
    (Content({"noise": 1.0}), {"on": ({"text": 1.0}, {"image": 1.0})}, Content({"image": 1.0})),
]


@pytest.mark.parametrize(("start", "grid", "planted"), PLANTED, ids=["ease", "item_knn", "content_ease", "content"])
def test_finds_the_planted_best(
    start: Estimator, grid: dict[str, tuple[Any, ...]], planted: Estimator, world: Dataset, everybody: Queries
) -> None:
    """Users want exactly what the planted parameters put first."""
    valid = wanted_by([planted], world, everybody)
    model = Tuned(start, grid, rounds=2, k=2).fit(world, valid, RNG)
    assert validation_ndcg(model, valid, 2) == pytest.approx(1)
    assert validation_ndcg(start.fit(world, None, RNG), valid, 2) < 0.99
    assert model.settled == planted
    assert max(model.tried.values()) == pytest.approx(1)
    np.testing.assert_array_equal(model.plain.score(everybody), planted.fit(world, None, RNG).score(everybody))


def test_each_set_of_parameters_is_fitted_once(
    world: Dataset, everybody: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two values beside the start, in two rounds: three fits."""
    valid = wanted_by([Ease(200.0)], world, everybody)
    fits, fit = [], Ease.fit

    def counted(self: Ease, *arguments: Any) -> EaseModel:
        fits.append(self.l2)
        return fit(self, *arguments)

    monkeypatch.setattr(Ease, "fit", counted)
    model = Tuned(Ease(200.0), {"l2": (200.0, 2.0, 20.0)}, rounds=2).fit(world, valid, RNG)
    assert fits == [200, 2, 20]
    assert len(model.tried) == 3
    assert model.settled == Ease(200)


def test_without_validation_nothing_is_tried(world: Dataset, everybody: Queries) -> None:
    model = Tuned(Ease(7), {"l2": (1.0, 2.0)}).fit(world, None, RNG)
    assert (model.settled, model.tried) == (Ease(7), {})
    np.testing.assert_array_equal(model.score(everybody), Ease(7).fit(world, None, RNG).score(everybody))


def test_a_model_that_chooses_too_is_settled_to_the_bottom(world: Dataset, everybody: Queries) -> None:
    inner = Blend((Content({"noise": 1.0}), Content({"text": 1.0})))
    model = Tuned(inner, {"k": (1, 20)}).fit(world, wanted_by([Content({"text": 1.0})], world, everybody), RNG)
    assert isinstance(model, TunedModel)
    assert isinstance(model.plain, BlendModel)
    assert isinstance(model.settled, Blend)
    assert list(model.settled.weights or ()) == [1]
    twice = Tuned(Tuned(Ease(7), {"l2": (1.0,)}), {"k": (5, 20)}).fit(world, None, RNG)
    assert isinstance(twice.plain, EaseModel)
    assert twice.settled == Ease(7)


def test_the_grid_names_parameters() -> None:
    with pytest.raises(ConfigError, match=r"'l3'; did you mean 'l2'"):
        Tuned(Ease(), {"l3": (1.0,)})
