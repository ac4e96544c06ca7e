from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cuvee import store, weights
from cuvee.errors import ConfigError, DataError, UnknownNameError
from cuvee.examples import Target
from cuvee.queries import queries_of, session
from cuvee.rankers.fusion_ranker import FusionRanker, FusionRankerModel
from cuvee.ranking.label_metrics import auc
from cuvee.registry import build, describe
from cuvee.text_networks.towers import load_backbone, padded, pool, states, tokenise
from cuvee.types import PAD, Dataset, Split
from tests.rated import ITEMS, rated


@pytest.fixture(scope="module")
def split() -> Split:
    found: Split = build("splits", {"last_judged": {"valid": 0.15, "test": 0.15}}).split(
        rated(), np.random.default_rng(0)
    )
    return found


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path / "cache"))


def ranker(folders: Path, fusion: str = "concat", **changes: Any) -> FusionRanker:
    """BERT for u and p, GPT-2 for l, and the rest."""
    texts = {
        "u": {"role": "user", "columns": ["bio"], "weights": str(folders / "bert")},
        "p": {"columns": ["title"], "weights": str(folders / "bert"), "pooling": "cls"},
        "l": {"reviews": True, "weights": str(folders / "gpt2")},
    }
    spec: dict[str, Any] = {
        "fusion": {fusion: {"on": ["statistics", "history", "u", "p", "l", "image"]}},
        "texts": texts,
        "evidence": {"folds": 3, "history": 8, "scores": ["item_knn"], "taste": ["image"]},
        "sizes": {"dim": 8, "fused": 16, "heads": 2, "drop": 0.1},
        "batch_size": 64,
        "training": {"epochs": 4, "lr": 0.02, "patience": 3, "warmup": 0.1, "cooldown": 0.9},
    }
    found: FusionRanker = build("rankers", {"fusion_ranker": spec | changes})
    return found


def fitted(estimator: FusionRanker, split: Split, seed: int = 0) -> FusionRankerModel:
    return estimator.fit(split.train, split.examples, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def model(text_folders: Path, split: Split, tmp_path_factory: pytest.TempPathFactory) -> FusionRankerModel:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUVEE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return fitted(ranker(text_folders), split)


def test_it_learns_who_likes_what(model: FusionRankerModel, split: Split) -> None:
    held = split.examples["test"]
    found = model.judge(split.train, held)
    assert found.shape == (len(held), 2)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
    assert auc(held.label >= 4, found[:, 1]) > 0.8
    epochs = len(model.curves["loss"])
    for name in ("train/auc", "valid/auc", "test/auc", "test/log_loss", "valid/ece", "train/accuracy", "test/f1_0"):
        assert len(model.curves[name]) == epochs
    best = model.members[0].history.best
    assert model.curves["valid/auc"][best] == max(model.curves["valid/auc"])
    assert model.settled.training.epochs == best + 1
    assert auc(split.examples["valid"].label >= 4, model.judge(split.train, split.examples["valid"])[:, 1]) == (
        pytest.approx(max(model.curves["valid/auc"]), abs=1e-5)
    )


@pytest.mark.parametrize("fusion", ["weighted", "attention"])
def test_other_fusions(text_folders: Path, split: Split, fusion: str) -> None:
    found = fitted(ranker(text_folders, fusion), split)
    assert auc(split.examples["test"].label >= 4, found.judge(split.train, split.examples["test"])[:, 1]) > 0.7


def test_a_seed_repeats_and_it_is_saved_with_all_it_needs(
    text_folders: Path, model: FusionRankerModel, split: Split, tmp_path: Path
) -> None:
    again = fitted(ranker(text_folders), split)
    users = np.array([3, 8, 38], np.int32)
    queries, items = queries_of(split.train, users), np.array([[0, 5, ITEMS - 1]] * 3, np.int32)
    scores = model.score(queries, items)
    np.testing.assert_array_equal(again.score(queries, items), scores)
    store.save(model, tmp_path, "ranker")
    np.testing.assert_array_equal(store.load(tmp_path, "ranker").score(queries, items), scores)
    assert build("rankers", describe(model.settled)) == model.settled


def test_a_score_is_its_pairs_own(model: FusionRankerModel, split: Split) -> None:
    """Neither other candidates nor other queries bear on it; somebody unknown and PAD are values."""
    users = np.arange(12, dtype=np.int32)
    queries = queries_of(split.train, users)
    items = np.tile(np.arange(ITEMS, dtype=np.int32), (12, 1))
    scores = model.score(queries, items)
    assert scores.shape == (12, ITEMS)
    assert ((scores > 0) & (scores < 1)).all()
    part = model.score(queries.take(np.array([7, 2])), np.array([[5, 1], [9, 5]], np.int32))
    np.testing.assert_allclose(part, scores[[[7, 7], [2, 2]], [[5, 1], [9, 5]]], atol=1e-5)
    unknown = model.score(session(split.train, ["i03", "i01"]), np.array([[4, PAD, ITEMS + 3]], np.int32))
    assert np.isfinite(unknown).all()
    assert model.score(queries.take(np.zeros(0, np.int64)), np.zeros((0, 4), np.int32)).shape == (0, 4)


def test_what_is_judged_later_moves_nothing(text_folders: Path, split: Split) -> None:
    """Test labels are measured and never used."""
    other = {n: replace(e, label=6 - e.label) if n == "test" else e for n, e in split.examples.items()}
    a = fitted(ranker(text_folders), split)
    b = ranker(text_folders).fit(split.train, other, np.random.default_rng(0))
    assert a.curves["valid/auc"] == b.curves["valid/auc"]
    assert a.curves["test/auc"] != b.curves["test/auc"]
    np.testing.assert_array_equal(
        a.judge(split.train, split.examples["test"]), b.judge(split.train, split.examples["test"])
    )


def test_reviews_are_those_written_before(text_folders: Path, split: Split) -> None:
    """The mean over what the item's reviewers had written, text by text."""
    from cuvee.cache import default_cache
    from cuvee.ranking.texts import TextPart, standardised, written_before
    from cuvee.text_networks.towers import frozen_vectors

    part = TextPart(reviews=True, weights=str(text_folders / "gpt2"))
    assert split.train.reviews is not None
    table = split.train.reviews
    vectors = standardised(frozen_vectors(text_folders / "gpt2", table["text"].to_list(), 128, "last")).vectors
    examples = split.examples["train"]
    found = written_before(part, split.train, examples, default_cache())
    nothing = 0
    for row in range(0, len(examples), 29):
        mine = (table["item_id"] == split.train.items[examples.item[row]]).to_numpy()
        mine &= (table["timestamp"] < int(examples.time[row])).to_numpy()
        expected = vectors[mine].mean(0) if mine.any() else np.zeros(16)
        nothing += not mine.any()
        np.testing.assert_allclose(found[row], expected, atol=1e-5)
    assert 0 < nothing < len(examples) // 29


def test_classes_and_ratings(text_folders: Path, split: Split) -> None:
    held = split.examples["test"]
    classes = fitted(ranker(text_folders, target={"kind": "classes", "edges": [2.5, 3.5]}), split)
    found = classes.judge(split.train, held)
    assert found.shape == (len(held), 3)
    true = Target("classes", edges=(2.5, 3.5)).of(held.label)
    assert (found.argmax(1) == true).mean() > np.bincount(true.astype(int)).max() / len(true)
    queries = queries_of(split.train, np.array([3], np.int32))
    assert classes.score(queries, np.array([[1, 2]], np.int32)).min() >= 0
    stars = fitted(ranker(text_folders, target={"kind": "rating"}), split)
    told = stars.judge(split.train, held)
    assert told.shape == (len(held), 1)
    assert np.sqrt(((told[:, 0] - held.label) ** 2).mean()) < held.label.std()
    assert "valid/rmse" in stars.curves


@dataclass(frozen=True)
class Scaled:
    """A tuning that is one number: the last states times it."""

    def attach(self, backbone: nn.Module) -> nn.Module:
        return _Scaled(backbone)


class _Scaled(nn.Module):
    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(False)
        self.shift = nn.Parameter(torch.zeros(16))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return states(self.backbone, input_ids, attention_mask) * (1 + self.shift)


def test_a_tuning_is_trained_with_the_ranker_and_its_vectors_travel(
    text_folders: Path, split: Split, tmp_path: Path
) -> None:
    estimator = replace(ranker(text_folders), tuning=Scaled())
    found = fitted(estimator, split)
    member = found.members[0]
    assert auc(split.examples["test"].label >= 4, found.judge(split.train, split.examples["test"])[:, 1]) > 0.7
    told = found.judge(split.train, split.examples["valid"])[:, 1]  # from the tables, not from the towers
    best = found.curves["valid/log_loss"][member.history.best]
    right = split.examples["valid"].label >= 4
    assert -np.log(np.where(right, told, 1 - told)).mean() == pytest.approx(best, abs=1e-5)
    ids, mask = padded(tokenise(text_folders / "bert", ["red soft shirt"], 128))
    with torch.no_grad():
        plain = pool(states(load_backbone(text_folders / "bert"), ids, mask), mask, "cls")
        expected = nn.functional.layer_norm(plain, (16,))[0].numpy()
    row = split.train.item_table["title"].to_list().index("red soft shirt")
    assert not np.allclose(member.items["p"].vectors[row], expected, atol=1e-3), "the tuning was not trained"
    assert not member.items["p"].present[5]
    store.save(replace(found, settled=ranker(text_folders)), tmp_path, "ranker")
    queries = queries_of(split.train, np.array([3], np.int32))
    items = np.array([[1, 2]], np.int32)
    np.testing.assert_array_equal(store.load(tmp_path, "ranker").score(queries, items), found.score(queries, items))


def test_what_cannot_be_fitted(text_folders: Path, split: Split) -> None:
    estimator = ranker(text_folders)
    with pytest.raises(DataError, match="split last_judged"):
        estimator.fit(split.train, {}, np.random.default_rng(0))
    with pytest.raises(DataError, match="have the label 1; check target"):
        fitted(replace(estimator, target=Target(at_least=0)), split)
    other = replace(estimator, fusion=build("fusion", {"concat": {"on": ["statistics", "imgae"]}}))
    with pytest.raises(UnknownNameError, match="'imgae'; did you mean 'image'"):
        fitted(other, split)
    without: Dataset = replace(split.train, reviews=None)
    with pytest.raises(DataError, match="has none"):
        estimator.fit(without, split.examples, np.random.default_rng(0))
    for changes, message in (
        ({"texts": {"u": {"role": "user"}}}, "columns or reviews"),
        ({"texts": {"history": {"columns": ["title"]}}}, "a part of its own"),
        ({"texts": {"u": {"colums": ["bio"]}}}, r"'colums'; did you mean 'columns'"),
        ({"sizes": {"dim": 9, "heads": 2}}, "multiple of heads"),
        ({"batch_size": 0}, "batch_size"),
    ):
        with pytest.raises(ConfigError, match=message):
            ranker(text_folders, **changes)


@pytest.mark.parametrize("tuning", [{"lora": {"rank": 2}}, {"side": {"width": 8}}, {"last_layers": {}}])
def test_every_kind_of_tuning_fits_the_seam(text_folders: Path, split: Split, tuning: dict[str, Any]) -> None:
    changes: dict[str, Any] = {"tuning": tuning, "training": {"epochs": 1, "lr": 0.01}}
    found = fitted(ranker(text_folders, **changes), split)
    assert found.judge(split.train, split.examples["test"]).shape == (len(split.examples["test"]), 2)
    assert found.members[0].items["p"].present.sum() == ITEMS - 1


@pytest.mark.slow
@pytest.mark.weights
def test_real_encoders_and_decoders_tell_taste(split: Split) -> None:
    """MiniLM for u and p, SmolLM2 for l; nothing else is told, so that only texts can say who likes what."""
    if weights.where("smollm2-135m-instruct") == "not here":
        pytest.skip("no weights of SmolLM2; cuvee weights add smollm2-135m-instruct")
    spec = {
        "fusion": {"concat": {"on": ["history", "u", "p", "l"]}},
        "texts": {
            "u": {"role": "user", "columns": ["bio"]},
            "p": {"columns": ["title"]},
            "l": {"columns": ["title", "year"], "weights": "smollm2-135m-instruct", "max_tokens": 16},
        },
        "evidence": {"folds": 3, "history": 8},
        "sizes": {"dim": 8, "fused": 16, "heads": 2, "drop": 0.1, "own": False},
        "batch_size": 64,
        "training": {"epochs": 6, "lr": 0.01, "patience": 3},
    }
    found = fitted(build("rankers", {"fusion_ranker": spec}), split)
    assert {n: e.dim for n, e in found.members[0].items.items()} == {"p": 384, "l": 576}
    assert auc(split.examples["test"].label >= 4, found.judge(split.train, split.examples["test"])[:, 1]) > 0.65
