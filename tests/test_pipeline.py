"""A recipe from end to end on a small shop: every file that is left behind, and what it may know."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cuvee import event_weights
from cuvee.bundle import load_bundle
from cuvee.pipeline import fingerprint, run
from cuvee.queries import queries_of
from cuvee.recipe import load_recipe
from cuvee.types import PAD, Dataset
from tests.conftest import make_world
from tests.small_shop import content, parts, read, registered, shop


@pytest.fixture(autouse=True, scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with registered(tmp_path_factory.mktemp("cache")):
        yield


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one run."""
    folder = tmp_path_factory.mktemp("once")
    run(load_recipe(shop(folder)), folder / "out")
    return folder / "out"


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
