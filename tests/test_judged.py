"""A recipe with a ranker, from a folder to a bundle that answers with it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from cuvee import plain_yaml
from cuvee.bundle import load_bundle
from cuvee.errors import ConfigError
from cuvee.judged import check_ranking
from cuvee.pipeline import Run, run
from cuvee.rankers.fusion_ranker import FusionRankerModel
from cuvee.ranking.label_metrics import auc
from cuvee.recipe import Recipe, dump_recipe, read_recipe
from cuvee.types import PAD
from tests.rated import rated

SPEC: dict[str, Any] = {
    "split": {"last_judged": {"valid": 0.15, "test": 0.15}},
    "model": {"ease": {"l2": 20}},
    "ranker": {
        "fusion_ranker": {
            "fusion": {"concat": {"on": ["statistics", "history"]}},
            "evidence": {"folds": 3, "history": 8, "scores": [{"ease": {"l2": 20}}]},
            "sizes": {"dim": 8, "fused": 16, "heads": 2, "drop": 0.1},
            "batch_size": 64,
            "training": {"epochs": 3, "lr": 0.02},
        }
    },
    "stages": [{"rerank": {"trust": 1}}],
    "evaluate": {"metrics": ["ndcg@5", "coverage@5"], "verdict": False, "keep": 5},
}


def written(folder: Path) -> Path:
    data = rated()
    e = data.events
    users, items = np.array(data.users), np.array(data.items)
    pl.DataFrame(
        {"user_id": users[e.user], "item_id": items[e.item], "rating": e.rating, "timestamp": e.time}
    ).write_parquet(folder / "interactions.parquet")
    data.item_table.write_parquet(folder / "items.parquet")
    data.user_table.write_parquet(folder / "users.parquet")
    return folder


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    home = tmp_path_factory.mktemp("judged")
    recipe = read_recipe(SPEC | {"reader": {"folder": {"path": str(written(home)), "min_rating": 4}}}, home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUVEE_CACHE", str(home / "cache"))
        return run(recipe, home / "run"), home / "run"


def test_what_was_measured_is_written_and_shown(done: tuple[Run, Path]) -> None:
    ran, out = done
    told = json.loads((out / "metrics.json").read_text())
    assert ran.ranking is not None
    ranker = ran.ranking.ranker
    assert isinstance(ranker, FusionRankerModel)
    test = ran.split.examples["test"]
    found = ranker.judge(ran.split.train, test)
    figures = told["ranker"]["judged"]["test"]
    assert figures["auc"] == pytest.approx(auc(test.label >= 4, found[:, 1]))
    assert figures["n"] == len(test) == sum(b["n"] for b in figures["reliability"])
    assert figures["report"]["1"]["support"] == (test.label >= 4).sum()
    assert {"train/auc", "valid/auc", "test/auc", "test/log_loss", "loss"} <= set(told["ranker"]["curves"])
    assert told["ranker"]["gain_of_reranking"]["test"]["n"] == len(ran.split.tests["test"].users)
    page = (out / "report.html").read_text()
    for words in (
        "How well does the ranker judge?",
        "Reliability, test",
        "By class, test",
        "Epoch by epoch",
        "valid/auc",
    ):
        assert words in page
    assert read_recipe(plain_yaml.load(dump_recipe(ran.recipe)), out) == ran.recipe


def test_the_lists_are_ordered_by_the_ranker(done: tuple[Run, Path]) -> None:
    ran, _ = done
    assert ran.ranking is not None
    slate, queries = ran.tests["test"].slate, ran.split.tests["test"].queries
    assert slate.degraded is not None
    assert not slate.degraded.any()
    scores = ran.ranking.ranker.score(queries, np.maximum(slate.items, 0))
    real = slate.items != PAD
    assert (np.diff(np.where(real, scores, -1), axis=1) <= 1e-6).all()
    fallen = np.where(real, slate.scores, -1e9)
    assert (np.diff(fallen, axis=1) <= 0).all()


def test_the_bundle_answers_with_it(done: tuple[Run, Path]) -> None:
    ran, out = done
    bundle = load_bundle(out / "bundle-eval")
    assert ran.ranking is not None
    assert bundle.ranker is not None
    held = ran.split.tests["test"]
    slate = bundle.recommend(held.queries, 5)
    np.testing.assert_array_equal(slate.items[:, :5], ran.tests["test"].slate.items[:, :5])
    refitted = load_bundle(out)
    assert refitted.recipe.ranker == ran.ranking.settled
    assert (refitted.recommend(refitted.user("u03"), 3).items != PAD).all()
    assert (refitted.recommend(refitted.items(["i02"]), 3).items != PAD).all()
    plain = replace(bundle, recipe=replace(bundle.recipe, stages=()))
    assert (plain.recommend(held.queries, 5).items != slate.items).any()


def test_new_events_and_items_reach_it(done: tuple[Run, Path]) -> None:
    bundle = load_bundle(done[1])
    grown = replace(bundle, recipe=replace(bundle.recipe, stages=()))
    assert grown.ranker is not None
    before = grown.ranker.score(grown.user("u03"), np.array([[0, 4, 9]], np.int32))
    events = pl.DataFrame(
        {"user_id": ["u03"] * 3, "item_id": ["i01", "i06", "i07"], "rating": [1.0] * 3, "timestamp": [10**6] * 3}
    )
    later = bundle.update(events)
    assert later.ranker is not None
    after = later.ranker.score(later.user("u03"), np.array([[0, 4, 9]], np.int32))
    assert (np.abs(after - before) > 1e-3).all(), "three ratings say something"
    wider = bundle.with_items(pl.DataFrame({"item_id": ["new"], "title": ["a thing"]}))
    assert wider.ranker is not None
    found = wider.ranker.score(wider.user("u03"), np.array([[0, 4, 24]], np.int32))
    np.testing.assert_allclose(found[:, :2], before[:, :2], atol=1e-5)
    assert np.isfinite(found).all()


def test_a_recipe_that_lacks_half(tmp_path: Path) -> None:
    reader = {"reader": {"folder": {"path": str(written(tmp_path)), "min_rating": 4}}}
    without: Recipe = read_recipe({k: v for k, v in (SPEC | reader).items() if k != "ranker"}, tmp_path)
    with pytest.raises(ConfigError, match="add `ranker:`"):
        check_ranking(without)
    other = read_recipe(SPEC | reader | {"split": "random"}, tmp_path)
    with pytest.raises(ConfigError, match="use the split last_judged"):
        run(other, tmp_path / "run")
