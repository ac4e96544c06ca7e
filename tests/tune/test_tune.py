"""Tuning finds what brute force finds, sees no test data, and goes on after a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from cuvee import ridge
from cuvee.errors import ConfigError
from cuvee.memo import Memo
from cuvee.pipeline import run
from cuvee.protocols import Splitter
from cuvee.ranges import Range
from cuvee.recipe import Recipe, dump_recipe, load_recipe
from cuvee.tune.objective import Objective, see
from cuvee.tune.search import Effort, tune
from cuvee.tune.space import space_of
from cuvee.tune.trials import alone
from cuvee.types import Dataset, Holdout
from tests.conftest import make_world

L2 = "model.blend.views.0.ease.l2"
KNN = "model.blend.views.1.item_knn.neighbours"
RECIPE = """
reader: {folder: {path: shop}}
split: random
encoders: {facts: {tabular: {columns: [colour]}}}
model: {blend: {views: [{ease: {l2: 3}}, {item_knn: {neighbours: 5}}, {content: {on: {facts: 1}}}], k: 10}}
evaluate: {metrics: [ndcg@10], verdict: false}
tune:
  model.blend.views.0.ease.l2: {low: 0.5, high: 500, log: true}
  model.blend.views.1.item_knn.neighbours: {low: 1, high: 9}
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe on the test world, on disk."""
    folder = tmp_path_factory.mktemp("tune")
    world = make_world()
    e = world.events
    (folder / "shop").mkdir()
    pl.DataFrame(
        {
            "user_id": [world.users[u] for u in e.user],
            "item_id": [world.items[i] for i in e.item],
            "timestamp": e.time,
            "event": [e.kinds[k] for k in e.kind],
        }
    ).write_parquet(folder / "shop" / "interactions.parquet")
    colours = ["red", "blue", "green", "grey"]
    pl.DataFrame({"item_id": world.items, "colour": [colours[i % 4] for i in range(len(world.items))]}).write_csv(
        folder / "shop" / "items.csv"
    )
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    return folder / "recipe.yaml"


@pytest.fixture
def recipe(path: Path, cache: None) -> Recipe:  # noqa: ARG001
    return load_recipe(path)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path / "cache"))


def with_ranges(recipe: Recipe, **ranges: Any) -> Recipe:
    return replace(recipe, tune={L2: Range(**ranges)})


def test_finds_what_brute_force_finds(recipe: Recipe, tmp_path: Path) -> None:
    """Every value of a grid run by the pipeline: the same best one, and the same figures."""
    grid = [3.0, 0.5, 40.0, 900.0]
    by_hand = {}
    for value in grid:
        valid = run(space_of(recipe).at({L2: value}), tmp_path / str(value)).valid
        by_hand[value] = float(valid.results.per_query["ndcg@10"].to_numpy().mean())
    assert len({*by_hand.values()}) > 1
    found = tune(with_ranges(recipe, choices=tuple(grid)), tmp_path / "out", Effort(12))
    ours = {values[L2]: figure for values, figure in zip(found.values, found.figures, strict=True)}
    assert ours == pytest.approx(by_hand)
    assert found.values[0] == {L2: 3.0}
    assert found.figures[found.winner] == pytest.approx(max(by_hand.values()))
    assert load_recipe(tmp_path / "out" / "best.yaml") == found.best
    assert not found.best.tune
    assert found.best == space_of(recipe).at({L2: found.values[found.winner][L2]})


@dataclass(frozen=True)
class _Poisoned:
    """A split whose test sets cannot be looked at."""

    split_by: Splitter

    def split(self, data: Dataset, rng: np.random.Generator) -> Any:
        honest = self.split_by.split(data, rng)
        return _Half(honest.train, honest.valid)


@dataclass(frozen=True)
class _Half:
    train: Dataset
    valid: Holdout

    @property
    def tests(self) -> Mapping[str, Holdout]:
        raise AssertionError("test data were touched")

    @property
    def everything(self) -> Dataset:
        raise AssertionError("test data were touched")


def test_test_data_cannot_be_reached(recipe: Recipe) -> None:
    """What is seen of the data is the same when the rest would fail at the first look; and it holds no more."""
    honest = see(recipe)
    object.__setattr__(poisoned := replace(recipe), "split", _Poisoned(recipe.split))
    seen = see(poisoned)
    assert seen.fingerprint == honest.fingerprint
    assert seen.split.tests == {}
    assert seen.split.everything is seen.train
    whole = recipe.split.split(recipe.reader.read(), np.random.default_rng(recipe.seed))
    hidden = whole.tests["test"].truth.nnz + whole.valid.truth.nnz
    assert seen.train.liked.nnz == whole.everything.liked.nnz - hidden
    assert Objective(recipe, seen, "ndcg@10", _memo())(recipe).mean() > 0


def _memo() -> Memo:
    return Memo(1 << 20)


def test_goes_on_after_a_kill(path: Path, recipe: Recipe, tmp_path: Path) -> None:
    """Killed by the system in the middle: what had ended stays, and the end is that of a search left in peace."""
    command = [sys.executable, "-m", "cuvee", "tune", str(path), "--trials", "400", "--out", str(tmp_path / "out")]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stderr=log, stdout=log)
        until = time.time() + 60
        while len([*(tmp_path / "out" / "queries").glob("*.npy")]) < 4 and time.time() < until:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, (tmp_path / "log").read_text()
    kept = {f.name: f.stat().st_mtime_ns for f in sorted((tmp_path / "out" / "queries").iterdir())[:2]}
    found = tune(recipe, tmp_path / "out", Effort(15))
    assert kept == {name: (tmp_path / "out" / "queries" / name).stat().st_mtime_ns for name in kept}
    peaceful = tune(recipe, tmp_path / "peace", Effort(15))
    assert (found.values[:15], found.figures[:15]) == (peaceful.values, peaceful.figures)


def test_two_workers(recipe: Recipe, tmp_path: Path) -> None:
    """Exactly as many trials as asked for, with the figures one process finds."""
    found = tune(recipe, tmp_path, Effort(8, workers=2))
    assert len(found.figures) == 8
    measure = Objective(recipe, see(recipe), "ndcg@10", _memo())
    space = space_of(recipe)
    again = [float(measure(space.at(values)).mean()) for values in found.values]
    assert found.figures == pytest.approx(again)
    table = pl.read_csv(tmp_path / "trials.csv")
    assert table[KNN].to_list() == [values[KNN] for values in found.values]
    assert table["ndcg@10"].to_list() == pytest.approx(list(found.figures))
    assert json.loads((tmp_path / "tune.json").read_text())["best"] == max(found.figures)


def test_a_folder_is_of_one_search(recipe: Recipe, tmp_path: Path) -> None:
    tune(recipe, tmp_path, Effort(1))
    with pytest.raises(ConfigError, match=r"trials of another recipe.*another --out"):
        tune(replace(recipe, seed=1), tmp_path, Effort(1))
    with pytest.raises(ConfigError, match=r"another metric: 'ndcg@10', not 'recall@5'"):
        tune(recipe, tmp_path, Effort(1), "recall@5")
    (tmp_path / "search.json").write_text(
        (tmp_path / "search.json").read_text().replace(see(recipe).fingerprint, "0" * 32)
    )
    with pytest.raises(ConfigError, match="trials of another data"):
        tune(recipe, tmp_path, Effort(1))


def test_what_cannot_be_fitted_is_told(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials that fail leave the others; the recipe itself must not fail."""
    plain = ridge._solve

    def picky(gram: Any, l2: float) -> Any:
        if l2 > 100:
            raise ConfigError("too much")
        return plain(gram, l2)

    monkeypatch.setattr(ridge, "_solve", picky)
    found = tune(with_ranges(recipe, choices=(3.0, 200.0)), tmp_path / "a", Effort(6))
    assert {"", "too much"} == {*found.errors}
    assert np.isnan(found.figures).sum() == sum(map(bool, found.errors))
    assert "could not be fitted" in str(found)
    with pytest.raises(ConfigError, match="the recipe as it stands: too much"):
        tune(with_ranges(space_of(recipe).at({L2: 200.0}), choices=(3.0, 200.0)), tmp_path / "b", Effort(2))


def test_features_are_made_again_where_they_change(recipe: Recipe, tmp_path: Path) -> None:
    """A range above the model: the figures are those of a fresh process for each value."""
    ranged = replace(recipe, tune={"project.dim": Range(choices=(256, 1)), "impute": Range(choices=("zero", "mean"))})
    found = tune(ranged, tmp_path, Effort(6))
    for values, figure in zip(found.values, found.figures, strict=True):
        alone = space_of(ranged).at(values)
        assert figure == pytest.approx(Objective(alone, see(alone), "ndcg@10", _memo())(alone).mean())
    assert len({*found.figures}) > 1


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({}, "no ranges to tune"),
        ({"model.blend.views.0.ease.l3": Range(1, 9)}, r"did you mean 'model.blend.views.0.ease.l2'"),
        ({"split.random.test": Range(0.1, 0.3)}, "only model, fusion, encoders, project, impute can be tuned"),
        ({L2: Range(10, 20)}, r"10 to 20 lacks the recipe's own value 3.0; widen"),
        ({L2: Range(choices=(1, 9))}, r"lack the recipe's own value 3.0"),
        ({L2: Range(choices=(3, 3.0))}, "two of its choices are the same"),
        ({L2: Range(choices=(3, "much"))}, "'much' cannot stand there"),
        ({KNN: Range(1, 5.5)}, "is a whole number"),
        ({"impute": Range(1, 5)}, "is 'zero' and no number"),
        ({"model.blend.k": Range(-1, 50)}, "k must be at least 1, got -1"),
        ({L2: Range(1, 5), "model.blend.views.0": Range(choices=("popular", {"ease": {"l2": 3}}))}, "lies inside"),
    ],
)  # fmt: skip
def test_ranges_that_do_not_fit(recipe: Recipe, ranges: Mapping[str, Range], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        space_of(replace(recipe, tune=ranges))


def test_choices_may_be_whole_views(recipe: Recipe) -> None:
    """Written short, they come out in full."""
    whole = {"ease": {"l2": 3}}
    space = space_of(replace(recipe, tune={"model.blend.views.0": Range(choices=("popular", whole))}))
    assert space.ranges["model.blend.views.0"].choices == ("popular", {"ease": {"l2": 3.0}})
    assert "popular" in dump_recipe(space.at({"model.blend.views.0": "popular"}))


def test_a_metric_that_is_not_to_be_maximised(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="says nothing of what users wanted"):
        tune(recipe, tmp_path, Effort(1), "novelty@5")


def test_two_at_once_are_refused(recipe: Recipe, tmp_path: Path) -> None:
    with alone(tmp_path / "tune.lock", wait=False), pytest.raises(ConfigError, match="another `cuvee tune` is at work"):
        tune(recipe, tmp_path, Effort(1))
