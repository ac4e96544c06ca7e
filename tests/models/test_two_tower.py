"""The loss by hand, content that carries over to items nobody touched, profiles to users who touched nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cuvee.errors import ConfigError
from cuvee.fusion.concat import Concat
from cuvee.fusion.weighted import Weighted
from cuvee.models.two_tower import TwoTower, _contrast, _loss
from cuvee.queries import one_each, queries_of
from cuvee.testing import first_items, toy
from cuvee.train import Training
from cuvee.types import Dataset, Embeddings, Queries

SHORT = Training(epochs=15, lr=2e-3, patience=None)


class _Fixed:
    """Three items at cosines 1, 1, 0 to the first; scale e^0; bias .5 on the last."""

    scale, bias = torch.tensor(0.0), torch.tensor([0.0, 0.0, 0.5])
    items = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])

    def __call__(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return self.items[rows], self.bias[rows], self.items[rows]

    def user(self, inputs: torch.Tensor, items: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        return inputs @ items


def _batch(log_q: list[float]) -> tuple[torch.Tensor, ...]:
    """One user who was shown item 0, which is masked, and looks for item 1."""
    shown, wanted = torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[0.0, 1.0, 0.0]])
    return torch.tensor([0]), torch.arange(3), shown, wanted, torch.tensor(log_q)


def test_loss_by_hand() -> None:
    plain = float(_loss(_Fixed(), _batch([0.0, 0.0, 0.0]), 0.0))
    assert plain == pytest.approx(-np.log(np.e / (np.e + np.exp(0.5))), rel=1e-5)
    sampled = float(_loss(_Fixed(), _batch([0.0, 0.0, -np.log(4)]), 0.0))
    assert sampled == pytest.approx(-np.log(np.e / (np.e + 4 * np.exp(0.5))), rel=1e-5)


def test_contrast_by_hand() -> None:
    """Two of three items have a collaborative vector; cosines 1 and 0 at temperature .1."""

    class Towers:
        target = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])

        @staticmethod
        def taste(target: torch.Tensor) -> torch.Tensor:
            return target

    content = torch.tensor([[1.0, 0.0], [9.0, 9.0], [0.0, 1.0]])
    found = float(_contrast(Towers(), torch.arange(3), content))
    assert found == pytest.approx(-np.log(np.exp(10) / (np.exp(10) + 1)), rel=1e-3)


def test_content_carries_over_to_an_item_without_events() -> None:
    """The toy's last item has no events; users of its own kind get it nearer than users of the other kind."""
    data = toy(users=120)
    text = data.feature("item", "text")
    model = TwoTower(Weighted(on=("text",)), dim=8, batch_size=30, training=SHORT).fit(
        data, None, np.random.default_rng(0)
    )
    nearest = np.argsort(-(text.vectors @ text.vectors[-1]) * text.present)
    like, unlike = nearest[nearest != len(data.items) - 1][:3], nearest[text.present[nearest]][-3:]
    queries = one_each(len(data.items), np.stack([like, unlike]).astype(np.int32))
    scores = model.score(queries)[:, -1]
    assert scores[0] > scores[1]
    assert len(model.curves["loss"]) == 15
    assert model.curves["loss"][-1] < model.curves["loss"][0]


def test_an_item_without_events_is_no_negative_and_an_added_one_scores_as_if_it_had_been_there() -> None:
    """Learned vectors of the others do not change by it: training with and without the last item is the same."""
    data = toy(users=60)
    shorter = first_items(data, len(data.items) - 1)
    fit = TwoTower(Weighted(on=("text",)), dim=8, batch_size=30, training=replace(SHORT, epochs=3)).fit
    whole, part = (fit(d, None, np.random.default_rng(0)) for d in (data, shorter))
    grown = part.extend(data)
    np.testing.assert_allclose(grown.vectors, whole.vectors, atol=1e-5)
    np.testing.assert_allclose(grown.bias, whole.bias, atol=1e-5)
    assert grown.vectors[-1].any(), "content gives the new item a vector"


def _with_profiles(data: Dataset) -> Dataset:
    """Give every user a profile that says in noise how much of each item's text they like."""
    vectors = data.liked @ data.feature("item", "text").vectors
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    noise = np.random.default_rng(5).normal(0, 0.02, vectors.shape)
    profile = Embeddings((vectors + noise).astype(np.float32), np.ones(len(vectors), bool))
    return replace(data, features={**data.features, ("user", "profile"): profile})


def test_a_profile_speaks_for_users_without_history() -> None:
    """Half the users are never shown their history; with their profile what they like comes out on top more often."""
    data = _with_profiles(toy(users=200))
    known = np.arange(200, dtype=np.int32)
    model = TwoTower(
        Weighted(on=("text",)), profile=Concat(on=("profile",)), dim=8, batch_size=30, drop=0.3,
        training=replace(SHORT, epochs=30),
    ).fit(data, None, np.random.default_rng(0))  # fmt: skip
    queries = queries_of(data, known)
    liked = (data.liked[known].toarray() > 0).astype(np.float32)

    def found(asked: Queries) -> float:
        """Mean score of what is liked above that of the rest, in standard deviations."""
        scores = model.score(asked)
        scores = (scores - scores.mean(axis=1, keepdims=True)) / scores.std(axis=1, keepdims=True)
        return float((scores * liked).sum() / liked.sum() - (scores * (1 - liked)).sum() / (1 - liked).sum())

    nothing = replace(queries, seen=queries.seen * 0)
    nameless = replace(nothing, features={"profile": queries.features["profile"].hidden()})
    assert found(nothing) > found(nameless) + 0.2
    assert np.ptp(model.score(nameless), axis=0).max() == 0
    assert np.ptp(model.score(replace(nothing, features={})), axis=0).max() == 0


def test_sampling_comes_near_the_full_softmax() -> None:
    data = toy(users=200)
    full, sampled = (
        TwoTower(Concat(on=("text",)), dim=8, batch_size=20, negatives=n, training=SHORT).fit(
            data, None, np.random.default_rng(0)
        )
        for n in (None, 5)
    )
    queries = queries_of(data, np.arange(50, dtype=np.int32))
    pairs = zip(full.score(queries), sampled.score(queries), strict=True)
    assert np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs]) > 0.8


def test_an_interrupted_training_is_resumed_to_the_same_bytes(tmp_path: Path) -> None:
    data = toy(users=60)

    def fitted(epochs: int, checkpoint: Path | None) -> Any:
        training = Training(epochs, lr=2e-3, patience=None, checkpoint=checkpoint)
        return TwoTower(Weighted(on=("text",)), dim=8, training=training).fit(data, None, np.random.default_rng(0))

    whole = fitted(3, None)
    np.testing.assert_array_equal(fitted(3, tmp_path).vectors, whole.vectors)
    (document,) = tmp_path.glob("*.json")
    before = document.stat().st_mtime_ns
    np.testing.assert_array_equal(fitted(3, tmp_path).vectors, whole.vectors)
    assert document.stat().st_mtime_ns == before, "it was there already"
    changed = replace(data, events=data.events.take(np.arange(len(data.events) - 5)))
    TwoTower(Weighted(on=("text",)), dim=8, training=Training(3, lr=2e-3, patience=None, checkpoint=tmp_path)).fit(
        changed, None, np.random.default_rng(0)
    )
    assert len(list(tmp_path.glob("*.json"))) == 2, "other data is another training"


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(ConfigError, match="0 <= drop < 1"):
        TwoTower(Weighted(), drop=1.0)
    with pytest.raises(ConfigError, match="negatives must be at least 1"):
        TwoTower(Weighted(), negatives=0)
