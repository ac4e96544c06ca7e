"""Is a modality worth its place? Planted worth, planted noise."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from cuvee.evaluate import measure, parse_metrics
from cuvee.filters.unseen import allowed
from cuvee.models.blend import Blend
from cuvee.models.content import Content
from cuvee.models.content_ease import ContentEase
from cuvee.models.ease import Ease
from cuvee.protocols import Recommender, Settled
from cuvee.rank import recommend
from cuvee.registry import describe
from cuvee.splits.random import Random
from cuvee.types import Dataset, Split
from cuvee.verdict import modality_weights, verdicts, without
from tests.models.test_blend import wanted_by

TEXT, NOISE = Content({"text": 1.0}), Content({"noise": 1.0})


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def split(data: Dataset) -> Split:
    """Users want what the text tells, in validation and in test."""
    cut = Random().split(data, rng())
    wanted = wanted_by([TEXT], cut.train, cut.valid.queries)
    held = replace(cut.valid, truth=wanted.truth)
    return Split(cut.train, held, {"a": held, "b": held.take(slice(0, 9))}, data)


def tables(cut: Split, model: Recommender) -> dict[str, pl.DataFrame]:
    found = {}
    for name, held in cut.tests.items():
        slate = recommend(model, held.queries, 5, filters=[allowed])
        found[name] = measure(slate, held, cut.train, parse_metrics(["ndcg@5"])).per_query
    return found


def test_what_helps_and_what_does_not(world: Dataset) -> None:
    """Without text much is lost, and surely; without noise nothing; user profiles are not asked about."""
    cut, blend = split(world), Blend((NOISE, TEXT, Ease(3)))
    model = blend.fit(cut.train, cut.valid, np.random.default_rng(1))
    assert isinstance(model, Settled)
    left_out: list[str] = []

    def again(changed: Split) -> Mapping[str, pl.DataFrame]:
        left_out.append(next(m for (_, m), f in changed.train.features.items() if not f.present.any()))
        return tables(changed, blend.fit(changed.train, changed.valid, np.random.default_rng(1)))

    found = {v.modality: v for v in verdicts(cut, model.settled, tables(cut, model), again, "ndcg@5", rng())}
    assert left_out == list(found) == ["text", "image", "noise"]
    loss = found["text"].loss
    assert (found["text"].weight, found["noise"].weight, found["image"].weight) == (1, 0, 0)
    hidden = without(cut, "text")
    rest = tables(cut, blend.fit(hidden.train, hidden.valid, np.random.default_rng(1)))["a"]["ndcg@5"].to_numpy().mean()
    whole = tables(cut, model)["a"]["ndcg@5"].to_numpy().mean()
    assert loss["a"].difference == pytest.approx(whole - rest)
    assert loss["a"].low is not None
    assert loss["a"].low > 0.1
    assert (loss["a"].n, loss["b"].n) == (len(cut.valid.users), 9)
    for name in ("image", "noise"):
        assert found[name].loss["a"].difference == 0


def test_without_hides_one_and_touches_nothing_else(world: Dataset) -> None:
    cut = split(world)
    hidden = without(cut, "text").train
    assert not hidden.feature("item", "text").present.any()
    assert not hidden.feature("item", "text").vectors.any()
    assert hidden.feature("item", "image") is cut.train.feature("item", "image")
    assert hidden.events is cut.train.events
    assert cut.train.feature("item", "text").present.any()


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("popular", {}),
        (Ease(), {}),
        (Content({"text": 1.0, "image": 3.0}), {"text": 0.25, "image": 0.75}),
        (Content({"text": 0.0}), {"text": 0}),
        (Blend((TEXT, Ease(), NOISE), weights=(1, 2, 1)), {"text": 0.25, "noise": 0.25}),
        (Blend((TEXT, Ease())), {"text": 0.5}),
        (Blend((ContentEase({"text": 1.0, "image": 1.0}), TEXT), weights=(3, 1)), {"text": 0.625, "image": 0.375}),
        (Blend((Blend((TEXT, NOISE), weights=(1, 3)), Ease()), weights=(1, 1)), {"text": 0.125, "noise": 0.375}),
    ],
)
def test_weights_by_hand(model: Any, expected: dict[str, float]) -> None:
    assert modality_weights(model if isinstance(model, str) else describe(model)) == expected
