"""A recipe from end to end on a small shop: every file that is left behind, and what it may know."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cuvee import event_weights, registry, store
from cuvee.bundle import load_bundle
from cuvee.errors import ConfigError
from cuvee.pipeline import fingerprint, run
from cuvee.queries import queries_of
from cuvee.recipe import dump_recipe, load_recipe
from cuvee.types import PAD, Dataset, Embeddings
from tests.conftest import make_world

RECIPE = """
reader: {folder: {path: shop}}
split: {given: {path: split.csv}}
encoders: {kind: {lengths: {column: kind}}, noise: {lengths: {column: noise}}}
project: {dim: 3}
model:
  blend:
    views:
    - {tuned: {model: ease, grid: {l2: [1.0, 10.0, 100.0]}}}
    - {content: {on: {kind: 1.0}}}
    - popular
filters: [unseen, {available: {column: stock}}]
evaluate: {metrics: [recall@5, ndcg@5, recall@10, coverage@10], slices: [history_length], keep: 12}
seed: 1
"""


@dataclass(frozen=True)
class Lengths:
    """An encoder that needs no weights: how often each of the letters a to h stands in a column."""

    column: str
    """The column."""

    @property
    def fingerprint(self) -> str:
        return "lengths"

    def fit(self, train: Dataset, role: str) -> "Lengths":  # noqa: ARG002
        return self

    def contents(self, table: pl.DataFrame) -> Sequence[str]:
        return [text or "" for text in table[self.column]]

    def encode(self, table: pl.DataFrame) -> Iterator[Embeddings]:
        rows = [[text.count(letter) for letter in "abcdefgh"] for text in self.contents(table)]
        yield Embeddings(np.array(rows, np.float32), np.ones(len(rows), bool))


@pytest.fixture(autouse=True, scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The encoder is registered as another package would, and vectors are cached apart."""
    entry = EntryPoint("lengths", "tests.test_pipeline:Lengths", "cuvee.encoders")
    with pytest.MonkeyPatch.context() as patch:
        for module in (registry, store):
            patch.setattr(module, "entry_points", lambda group: [entry] if group == entry.group else [])
        patch.setenv("CUVEE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
    registry.find.cache_clear()


Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Parts:
    train: Pairs
    valid: Pairs
    test: Pairs


def parts(world: Dataset, *, other: bool = False) -> Parts:
    """Of each user's liked items, from five on, one is asked in validation and one of two in the test."""
    train, valid, test = Pairs(), Pairs(), Pairs()
    rng = np.random.default_rng(0)
    for user in range(37):
        liked = [(world.users[user], world.items[i]) for i in rng.permutation(world.liked[[user]].indices)]
        held, rest = (liked[:3], liked[3:]) if len(liked) > 4 else ([], liked)
        train += rest
        valid += held[:1]
        test += held[1 + other : 2 + other]
    return Parts(train, valid, test)


def shop(folder: Path, *, other: bool = False) -> Path:
    """Write the world, its split and the recipe; return the recipe."""
    world = make_world()
    (folder / "shop").mkdir(parents=True)
    e = world.events
    events = {"user_id": np.array(world.users)[e.user], "item_id": np.array(world.items)[e.item]}
    more = {"timestamp": e.time, "event": np.array(e.kinds)[e.kind]}
    pl.DataFrame({**events, **more}).write_csv(folder / "shop/interactions.csv")
    group = [0, 0, 1, 0, 2, 1] * 4
    kind = [None if i == 6 else "abc"[group[i]] + "h" * (i % 2) for i in range(23)]
    noise = ["abcdefgh"[i * 5 % 8] + "abcdefgh"[i * 3 % 7] for i in range(23)]
    world.item_table.with_columns(pl.Series("kind", kind), pl.Series("noise", noise)).write_parquet(
        folder / "shop/items.parquet"
    )
    cut = parts(world, other=other)
    rows = [(*pair, name) for name in ("train", "valid", "test") for pair in getattr(cut, name)]
    pl.DataFrame(rows, schema=["user_id", "item_id", "split"], orient="row").write_csv(folder / "split.csv")
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder / "recipe.yaml"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one run."""
    folder = tmp_path_factory.mktemp("once")
    run(load_recipe(shop(folder)), folder / "out")
    return folder / "out"


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_files(done: Path) -> None:
    files = {"recipe.yaml", "metrics.json", "run.json", "recommendations.parquet", "per_query.parquet", "run.log"}
    assert {p.name for p in done.iterdir()} == files | {"report.html", "bundle", "bundle-eval"}
    resolved = load_recipe(done / "recipe.yaml")
    assert resolved == load_recipe(done.parent / "recipe.yaml")
    metrics = ["recall@5", "ndcg@5", "recall@10", "coverage@10"]
    assert {name: list(found) for name, found in read(done / "metrics.json").items()} == {"test": metrics}
    assert set(read(done / "metrics.json")["test"]["ndcg@5"]) == {"mean", "low", "high", "n"}
    table = pl.read_parquet(done / "per_query.parquet")
    assert table.columns == ["set", "user_id", *metrics[:3]]
    assert "evaluate: " in (done / "run.log").read_text()


def test_recommendations_table(done: Path) -> None:
    """For each tested user at most 12, ranks from 1 without a gap, best first, nothing known and nothing sold out."""
    table = pl.read_parquet(done / "recommendations.parquet")
    assert table.schema == {
        "set": pl.String, "user_id": pl.String, "item_id": pl.String, "rank": pl.Int32, "score": pl.Float32,
    }  # fmt: skip
    cut = parts(make_world())
    assert set(table["set"]) == {"test"}
    assert set(table["user_id"]) == {user for user, _ in cut.test}
    for (_,), rows in table.group_by("user_id", maintain_order=True):
        assert rows["rank"].to_list() == list(range(1, len(rows) + 1))
        assert rows["score"].is_sorted(descending=True)
        assert len(rows) <= 12
    shown = set(table.select("user_id", "item_id").rows())
    assert not shown & set(cut.train)
    assert not {item for _, item in shown} & {f"i{r:02}" for r in range(0, 23, 4)}
    assert shown & set(cut.test)
    assert shown & set(cut.valid)


def test_metrics_follow_from_the_recommendations(done: Path) -> None:
    """Recall and NDCG in plain Python from the table and the split file."""
    table = pl.read_parquet(done / "recommendations.parquet")
    lists = {user: rows.sort("rank")["item_id"].to_list() for (user,), rows in table.group_by("user_id")}
    wanted: dict[str, set[str]] = {}
    for user, item in parts(make_world()).test:
        wanted.setdefault(user, set()).add(item)

    def recall(user: str, k: int) -> float:
        return len(wanted[user] & set(lists[user][:k])) / len(wanted[user])

    def ndcg(user: str, k: int) -> float:
        gain = sum(1 / math.log2(place + 2) for place, item in enumerate(lists[user][:k]) if item in wanted[user])
        return gain / sum(1 / math.log2(place + 2) for place in range(min(k, len(wanted[user]))))

    found = read(done / "metrics.json")["test"]
    expected = {
        "recall@5": [recall(user, 5) for user in wanted],
        "recall@10": [recall(user, 10) for user in wanted],
        "ndcg@5": [ndcg(user, 5) for user in wanted],
    }
    for name, values in expected.items():
        assert found[name]["mean"] == pytest.approx(np.mean(values), abs=1e-6)
        assert found[name]["low"] <= found[name]["mean"] <= found[name]["high"]
        assert found[name]["n"] == len(wanted)
    items = {item for row in lists.values() for item in row[:10]}
    assert found["coverage@10"] == {"mean": pytest.approx(len(items) / 20), "low": None, "high": None, "n": len(wanted)}
    per_query = pl.read_parquet(done / "per_query.parquet")
    assert dict(per_query.select("user_id", "ndcg@5").rows()) == pytest.approx(
        {u: ndcg(u, 5) for u in wanted}, abs=1e-6
    )


def test_what_was_chosen_and_what_it_is_worth(done: Path) -> None:
    """The planted kind gets weight and is missed; without noise, which no view looks at, the very same is learned."""
    facts = read(done / "run.json")
    assert facts["metric"] == "ndcg@5"
    assert facts["seed"] == 1
    assert set(facts["considered"]) == {"ease", "content(kind)", "popular"}
    assert facts["considered"]["content(kind)"] > 0
    verdicts = {v["modality"]: v for v in facts["verdicts"]}
    assert list(verdicts) == ["kind", "noise"]
    assert verdicts["kind"]["weight"] > 0.3
    assert verdicts["kind"]["loss"]["test"]["difference"] > 0.05
    assert verdicts["noise"]["weight"] == 0
    assert verdicts["noise"]["loss"]["test"]["difference"] == 0
    assert "tuned" not in json.dumps(facts["chosen"])
    assert facts["gain_over_popular"]["test"]["difference"] == pytest.approx(
        read(done / "metrics.json")["test"]["ndcg@5"]["mean"] - facts["popular"]["test"]["ndcg@5"]["mean"], abs=1e-6
    )
    assert set(facts["seconds"]) == {"read", "encode", "fit", "evaluate", "verdict", "refit"}


def test_bundles_know_what_they_may(done: Path) -> None:
    """`bundle-eval` saw training alone, `bundle` every event: what was held out is no longer recommended."""
    world, cut = make_world(), parts(make_world())
    evaluated, final = load_bundle(done / "bundle-eval"), load_bundle(done)
    held = {*cut.valid, *cut.test}
    seen = {
        (b.data.users[u], b.data.items[i]) for b in (evaluated,) for u, i in zip(*b.data.matrix.nonzero(), strict=True)
    }
    assert seen == set(cut.train)
    known = {(final.data.users[u], final.data.items[i]) for u, i in zip(*final.data.matrix.nonzero(), strict=True)}
    assert known == {*cut.train, *held}
    assert final.recipe == evaluated.recipe
    for bundle, expected in ((evaluated, True), (final, False)):
        everybody = queries_of(bundle.data, np.arange(len(bundle.data.users), dtype=np.int32))
        slate = bundle.recommend(everybody, 20)
        refitted = bundle.recipe.model.fit(bundle.data, None, np.random.default_rng(0))
        np.testing.assert_array_equal(bundle.model.score(everybody), refitted.score(everybody))
        shown = {
            (bundle.data.users[q], bundle.data.items[i]) for q, row in enumerate(slate.items) for i in row if i != PAD
        }
        assert bool(shown & held) is expected
    user = cut.test[3][0]
    shown_eval = pl.read_parquet(done / "recommendations.parquet").filter(user_id=user).sort("rank")
    again = evaluated.recommend(evaluated.user(user), 12)
    assert shown_eval["item_id"].to_list() == [evaluated.data.items[i] for i in again.items[0] if i != PAD]
    assert len(final.data.items) == len({item for _, item in (*cut.train, *held)}) < len(world.items)


def content(folder: Path) -> dict[str, Any]:
    """Return file -> bytes of a run, without its log and what took how long."""
    seconds = re.compile(rb"<tr><th[^>]*>Seconds</th>.*?</tr>")
    found: dict[str, Any] = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    del found["run.log"]
    found["report.html"], n = seconds.subn(b"", found["report.html"])
    assert n == 1
    return found | {"run.json": {k: v for k, v in read(folder / "run.json").items() if k != "seconds"}}


def test_same_recipe_same_bytes(done: Path, tmp_path: Path) -> None:
    run(load_recipe(done.parent / "recipe.yaml"), tmp_path / "again")
    first, second = content(done), content(tmp_path / "again")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_test_data_change_no_choice(done: Path, tmp_path: Path) -> None:
    """Another test set: other figures, but the same parameters, weights and model."""
    out = tmp_path / "out"
    run(load_recipe(shop(tmp_path, other=True), ["evaluate.verdict=false"]), out)
    one, two = (read(folder / "run.json") for folder in (done, out))
    assert one["chosen"] == two["chosen"]
    assert one["considered"] == two["considered"]
    assert one["valid"]["ndcg@5"]["mean"] == two["valid"]["ndcg@5"]["mean"]
    assert read(done / "metrics.json") != read(out / "metrics.json")
    models = [{p.name: p.read_bytes() for p in (f / "bundle-eval").glob("model*")} for f in (done, out)]
    assert models[0] == models[1]
    assert two["verdicts"] == []


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


def test_weights_of_events_are_learned_and_written_down(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same data, the same questions; run.json, every recipe, the report and both bundles have the weights found."""
    monkeypatch.setattr(event_weights, "_FEW", 1)
    monkeypatch.setattr(event_weights, "_ENOUGH", 1)
    monkeypatch.setattr(event_weights, "_surely_better", lambda *_: True)
    out = tmp_path / "out"
    found = run(load_recipe(shop(tmp_path), ["events=learn"]), out).events
    assert found is not None
    assert found.weights != found.reader
    told = read(out / "run.json")["events"]
    assert told["weights"] == found.weights
    assert told["found"] == "learned"
    for place in (out, out / "bundle", out / "bundle-eval"):
        assert load_recipe(place / "recipe.yaml").events == found.weights
    assert str(found).removeprefix("events: ") in (out / "report.html").read_text(encoding="utf-8")
    for name in ("bundle", "bundle-eval"):
        events = load_bundle(out / name).data.events
        np.testing.assert_allclose(events.weight, [found.weights[events.kinds[k]] for k in events.kind], rtol=1e-6)
    plain, ours = read(done / "run.json"), read(out / "run.json")
    assert "events" not in plain
    assert plain["data"]["fingerprint"] == ours["data"]["fingerprint"]
    again = run(load_recipe(out / "recipe.yaml"), tmp_path / "again")
    assert read(tmp_path / "again" / "metrics.json") == read(out / "metrics.json")
    assert again.events is not None
    assert again.events.weights == found.weights


def test_a_fingerprint_is_of_the_content(world: Dataset) -> None:
    """Where the folder lies does not matter, what an item is called and what happened does."""
    at = [f"/home/a/images/{r}.jpg" for r in range(len(world.items))]
    here = replace(world, item_table=world.item_table.with_columns(pl.Series("image", at)))
    there = replace(
        world, item_table=world.item_table.with_columns(pl.Series("image", [p.replace("/a/", "/b/") for p in at]))
    )
    other = replace(here, item_table=here.item_table.with_columns(pl.Series("title", at)))
    fewer = replace(here, events=here.events.take(np.arange(len(here.events) - 1)))
    assert fingerprint(here) == fingerprint(there)
    assert len({fingerprint(data) for data in (here, other, fewer)}) == 3
