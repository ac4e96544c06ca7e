"""Other recipes from end to end on the small shop: fusions, profiles, trackers, some users, new items."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cuvee.bundle import load_bundle
from cuvee.errors import ConfigError
from cuvee.pipeline import run
from cuvee.recipe import dump_recipe, load_recipe
from tests.small_shop import content, read, registered, shop


@pytest.fixture(autouse=True, scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with registered(tmp_path_factory.mktemp("cache")):
        yield


@pytest.mark.parametrize("spec", ["{t}", "{{blend: {{views: [ease, {t}]}}}}"])
def test_a_learned_fusion_alone_and_as_a_view(spec: str, tmp_path: Path) -> None:
    """Verdicts, reports and bundles know which modalities a fusion inside a model is on."""
    tower = "{two_tower: {fusion: {concat: {on: [kind, noise]}}, dim: 4, training: {epochs: 2}, batch_size: 16}}"
    measured = run(load_recipe(shop(tmp_path), [f"model={spec.format(t=tower)}"]), tmp_path / "out")
    assert [v.modality for v in measured.verdicts] == ["kind", "noise"]
    told = [v.weight for v in measured.verdicts]
    assert told[0] == told[1]
    if "blend" not in spec:
        assert told == [0.5, 0.5]
    assert "two_tower" in dump_recipe(replace(measured.recipe, model=measured.settled)) or sum(told) == 0
    bundle = load_bundle(tmp_path / "out")
    assert np.isfinite(bundle.model.score(bundle.user("u01"))).all()


def test_a_fusion_of_the_recipe(tmp_path: Path) -> None:
    """`fused` is a modality like another, but is not judged; its weight is that of what was fused; bundles hold it."""
    change = ["fusion={weighted: {on: [kind, noise], weights: {kind: 3, noise: 1}, align: cca}}"]
    change += ["model={content_ease: {on: {fused: 1}, l2: 1, content: 5}}"]
    measured = run(load_recipe(shop(tmp_path), change), tmp_path / "out")
    assert {v.modality: v.weight for v in measured.verdicts} == pytest.approx({"kind": 0.75, "noise": 0.25}, abs=0.05)
    assert all(v.loss["test"].difference != 0 for v in measured.verdicts if v.modality == "kind")
    assert read(tmp_path / "out/run.json")["fusion"]["weighted"]["weights"] == {"kind": 3.0, "noise": 1.0}
    bundle = load_bundle(tmp_path / "out/bundle-eval")
    assert bundle.fusion is not None
    parts = {m: f for (role, m), f in bundle.data.features.items() if role == "item"}
    np.testing.assert_array_equal(bundle.fusion.fuse(parts).vectors, parts["fused"].vectors)
    assert bundle.recipe.fusion == bundle.fusion.settled


def test_profiles_reach_a_learned_user_tower(tmp_path: Path) -> None:
    """A user modality of the recipe, in training, in the questions and in the bundle."""
    changes = ["encoders={kind: {tabular: {columns: [kind]}}, habits: {behaviour: {categories: [kind]}}}"]
    tower = "{fusion: {weighted: {on: [kind]}}, profile: {concat: {on: [habits]}}, dim: 4, training: {epochs: 2}}"
    changes += [f"model={{two_tower: {tower}}}", "evaluate.verdict=false"]
    run(load_recipe(shop(tmp_path), changes), tmp_path / "out")
    bundle = load_bundle(tmp_path / "out")
    asked = bundle.user("u01")
    assert asked.features["habits"].present.all()
    without = replace(asked, features={})
    assert not np.array_equal(bundle.model.score(asked), bundle.model.score(without))


def test_an_index_goes_into_the_bundle(tmp_path: Path) -> None:
    """Measured in the log; what was measured on the test set has none; a model without factors is refused early."""
    changes = ["model={content: {on: {kind: 1}}}", "index={faiss_ivf: {lists: 4, probes: 3}}", "evaluate.verdict=false"]
    run(load_recipe(shop(tmp_path), changes), tmp_path / "out")
    assert "recall@50 1.0000 of" in (tmp_path / "out/run.log").read_text(encoding="utf-8")
    bundle = load_bundle(tmp_path / "out")
    assert bundle.index is not None
    assert load_bundle(tmp_path / "out/bundle-eval").index is None
    plain = replace(bundle, index=None)
    np.testing.assert_array_equal(
        bundle.recommend(bundle.user("u01"), 5).scores, plain.recommend(plain.user("u01"), 5).scores
    )
    with pytest.raises(ConfigError, match="the score of BlendModel is no inner product"):
        run(load_recipe(shop(tmp_path / "b"), ["index=faiss_ivf"]), tmp_path / "no")
    assert not (tmp_path / "no/metrics.json").exists()


def test_curves_go_to_the_tracker(tmp_path: Path) -> None:
    tower = "{two_tower: {fusion: {concat: {on: [kind]}}, dim: 4, training: {epochs: 2}, batch_size: 16}}"
    changes = ["evaluate.verdict=false", f"model={{blend: {{views: [{tower}], weights: [1]}}}}"]
    run(load_recipe(shop(tmp_path), [*changes, f"track=[{{tensorboard: {{folder: {tmp_path}/b}}}}]"]), tmp_path / "out")
    found = EventAccumulator(str(tmp_path / "b" / "out"))
    found.Reload()
    assert len(found.Scalars("two_tower(kind)/loss")) == 2


def test_without_encoders_in_random_parts(tmp_path: Path) -> None:
    """Interactions alone, without verdict; a tracker is told the figures and is not part of the bundle."""
    recipe = shop(tmp_path)
    changes = [
        "split=random",
        "encoders={}",
        "model=item_knn",
        "evaluate.keep=3",
        f"track=[{{tensorboard: {{folder: {tmp_path}/board}}}}]",
    ]
    measured = run(load_recipe(recipe, changes), tmp_path / "out")
    assert measured.verdicts == ()
    assert measured.tests["test"].summary["ndcg@5"].n == len(measured.split.tests["test"].users)
    assert pl.read_parquet(tmp_path / "out/recommendations.parquet")["rank"].max() == 3
    assert load_bundle(tmp_path / "out").recipe.track == ()
    assert list((tmp_path / "board" / "out").iterdir())
    assert load_bundle(tmp_path / "out").recipe.model == measured.settled
    assert "tensorboard" in dump_recipe(measured.recipe)


def test_some_users_are_asked(tmp_path: Path) -> None:
    """The others' pairs are held out all the same, and the whole model is none the poorer."""
    recipe = shop(tmp_path)
    changes = ["split=random", "encoders={}", "model=item_knn"]
    whole = run(load_recipe(recipe, changes), tmp_path / "whole")
    some = run(load_recipe(recipe, [*changes, "evaluate.users=7"]), tmp_path / "some")
    assert whole.tests["test"].summary["ndcg@5"].n > 7
    assert some.tests["test"].summary["ndcg@5"].n == some.valid.summary["ndcg@5"].n == 7
    assert len(some.split.train.events) == len(whole.split.train.events)
    table, part = (pl.read_parquet(tmp_path / name / "per_query.parquet") for name in ("whole", "some"))
    assert part.join(table, on=part.columns, how="anti").is_empty()
    kept = load_recipe(tmp_path / "some" / "bundle" / "recipe.yaml")
    assert kept.evaluate.users == 7


def test_new_items_are_ranked_among_themselves(tmp_path: Path) -> None:
    """Items 2 and 7 are new in the test, 1 and 10 in validation: three test sets, one of them of new items only."""
    recipe = shop(tmp_path)
    table = pl.read_csv(tmp_path / "split.csv")
    item = pl.col("item_id")
    mark = pl.when(item.is_in(["i02", "i07"])).then(pl.lit("cold_test")).otherwise(pl.col("split"))
    mark = pl.when(item.is_in(["i01", "i10"])).then(pl.lit("cold_valid")).otherwise(mark)
    table.with_columns(split=mark).write_csv(tmp_path / "split.csv")
    run(load_recipe(recipe, ["split.given.choose_on=cold_among_cold", "evaluate.verdict=false"]), tmp_path / "out")
    sets = ["test_warm", "test_cold_among_cold", "test_cold_among_all"]
    assert list(read(tmp_path / "out/metrics.json")) == sets
    shown = pl.read_parquet(tmp_path / "out/recommendations.parquet")
    items = {name: set(rows["item_id"]) for (name,), rows in shown.group_by("set")}
    assert items["test_cold_among_cold"] == {"i02", "i07"}
    assert all(len(items[name]) > 10 for name in ("test_warm", "test_cold_among_all"))
    table = pl.read_parquet(tmp_path / "out/per_query.parquet")
    assert table["set"].unique(maintain_order=True).to_list() == sets
    assert read(tmp_path / "out/metrics.json")["test_cold_among_cold"]["recall@5"]["mean"] == 1


def test_an_ndcg_is_needed_before_anything_is_done(tmp_path: Path) -> None:
    recipe = load_recipe(shop(tmp_path), ["evaluate.metrics=[recall@5]"])
    with pytest.raises(ConfigError, match="ndcg"):
        run(recipe, tmp_path / "out")
    assert not (tmp_path / "out" / "recommendations.parquet").exists()


@pytest.mark.weights
@pytest.mark.slow
def test_text_with_real_weights(tmp_path: Path) -> None:
    """MiniLM on the kinds spelled out; a second run takes every vector from the cache."""
    recipe = shop(tmp_path)
    words = {"a": "red shoes", "b": "a book of poems", "c": "kitchen knife"}
    items = pl.read_parquet(tmp_path / "shop/items.parquet")
    spelled = pl.Series("kind", [None if kind is None else words[kind[0]] for kind in items["kind"]])
    items.with_columns(spelled).write_parquet(tmp_path / "shop/items.parquet")
    changes = ["encoders={kind: {text: {columns: [kind], weights: minilm}}, noise: {lengths: {column: noise}}}"]
    first, second = (run(load_recipe(recipe, changes), tmp_path / name) for name in ("one", "two"))
    assert "kind: encoded 3 new contents of" in (tmp_path / "one/run.log").read_text()
    assert "kind: encoded 0 new contents of" in (tmp_path / "two/run.log").read_text()
    assert first.settled == second.settled
    assert content(tmp_path / "one")["recommendations.parquet"] == content(tmp_path / "two")["recommendations.parquet"]
    assert first.verdicts[0].weight > first.verdicts[1].weight
