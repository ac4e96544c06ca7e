"""What `cuvee init` makes of different shops."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from cuvee import plain_yaml, suggest
from cuvee.recipe import Recipe, read_recipe
from cuvee.suggest import liked_from
from cuvee.types import Dataset


def tree(data: Dataset, *, min_rating: float | None = None) -> dict[str, Any]:
    found: dict[str, Any] = plain_yaml.load(suggest.suggest(data, Path("a b"), min_rating=min_rating))
    return found


def recipe(data: Dataset) -> Recipe:
    return read_recipe(tree(data), Path("/"))


def views(data: Dataset) -> list[Any]:
    found: list[Any] = tree(data)["model"]["blend"]["views"]
    return found


@pytest.mark.parametrize(
    ("ratings", "expected"),
    [
        ([1, 2, 3, 4, 5] * 20, 4),
        ([0.5 * n for n in range(1, 11)] * 20, 3.88),
        ([1, 100] * 50, 75.25),
        ([5.0] * 9, None),
        ([None, 3.0, None], None),
        ([], None),
    ],
)
def test_liking_starts_at_three_quarters_of_the_scale(ratings: list[float | None], expected: float | None) -> None:
    assert liked_from(pl.Series(ratings, dtype=pl.Float64)) == expected


@pytest.mark.parametrize("stray", [1000.0, -1000.0])
def test_one_stray_rating_does_not_move_the_scale(stray: float) -> None:
    assert liked_from(pl.Series([1.0, 2, 3, 4, 5] * 200 + [stray])) == 4


def test_a_world_of_titles(world: Dataset) -> None:
    """Text from the columns that hold something, no image, targets by kind, and the size in the first line."""
    table = world.item_table.with_columns(
        brand=pl.lit(None, pl.String), genres=pl.lit(""), image=pl.lit(None, pl.String)
    )
    data = replace(world, item_table=table)
    found = tree(data, min_rating=3.5)
    assert found["reader"] == {"folder": {"path": "a b", "min_rating": 3.5}}
    assert found["split"] == {"random": {"targets": ["buy"]}}
    assert found["encoders"] == {"text": {"text": {"columns": ["title"], "weights": "minilm"}}}
    assert found["filters"] == ["unseen"]
    events = len(world.events)
    assert suggest.suggest(data, Path()).startswith(f"# For 37 users, 23 items, {events} events.")


def test_weights_of_kinds_are_learned_where_there_are_several(world: Dataset) -> None:
    assert recipe(world).events == "learn"
    one = replace(world.events, kind=np.zeros_like(world.events.kind), kinds=("event",))
    assert recipe(replace(world, events=one)).events is None


def test_views_for_interactions_each_modality_and_all_together(world: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    both = replace(world, item_table=world.item_table.with_columns(image=pl.lit("a.png")))
    on = [
        v["tuned"]["model"]["content_ease"]["on"]
        for v in views(both)
        if isinstance(v, dict) and "content_ease" in v.get("tuned", {}).get("model", {})
    ]
    assert on == [{"text": 1}, {"image": 1}, {"text": 1, "image": 1}]
    assert {"content": {"on": {"image": 1}}} in views(both)
    bare = replace(world, item_table=world.item_table.select("item_id"))
    assert [v if isinstance(v, str) else next(iter(v)) for v in views(bare)] == ["tuned", "item_knn"]
    monkeypatch.setattr(suggest, "_TUNED", 22)
    once = {"content_ease": {"on": {"text": 1, "image": 1}, "share": 0.3}}
    assert views(both) == [
        "ease",
        "item_knn",
        once,
        {"content": {"on": {"text": 1}}},
        {"content": {"on": {"image": 1}}},
    ]
    assert views(bare) == ["ease", "item_knn"]
    monkeypatch.setattr(suggest, "_DENSE", 22)
    content = [{"content": {"on": {"text": 1}}}, {"content": {"on": {"image": 1}}}]
    assert views(both) == ["item_knn", "graph_filter", *content, "popular"]
    assert views(bare) == ["item_knn", "graph_filter", "popular"]


def test_large_catalogues_are_measured_on_some_users(world: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    assert recipe(world).evaluate.users is None
    assert recipe(world).evaluate.verdict
    monkeypatch.setattr(suggest, "_DENSE", 22)
    assert recipe(world).evaluate.users == 10_000
    assert not recipe(world).evaluate.verdict


def test_ready_vectors(world: Dataset) -> None:
    """They are read in the order of the items, or by the column that tells the row; files to be encoded come first."""
    found = plain_yaml.load(suggest.suggest(world, Path("a b"), vectors={"mood": "mood_feat.npy"}))
    assert found["encoders"]["mood"] == {"precomputed": {"path": "a b/mood_feat.npy"}}
    assert {"content": {"on": {"mood": 1}}} in found["model"]["blend"]["views"]
    numbered = replace(world, item_table=world.item_table.with_columns(feature_row=pl.int_range(23)))
    found = plain_yaml.load(suggest.suggest(numbered, Path("a b"), vectors={"mood": "m.npy", "text": "t.npy"}))
    assert found["encoders"]["mood"] == {"precomputed": {"path": "a b/m.npy", "rows": "feature_row"}}
    assert next(iter(found["encoders"]["text"])) == "text"


def test_sounds_and_videos_where_they_can_be_read(world: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    table = world.item_table.select("item_id").with_columns(
        video=pl.lit("a.mp4"), audio=pl.Series("audio", ["b.wav", *[None] * 22])
    )
    both = replace(world, item_table=table)
    assert tree(both)["encoders"] == {"video": {"video": {"column": "video"}}, "audio": {"audio": {"column": "audio"}}}
    assert {"content": {"on": {"audio": 1}}} in views(both)
    assert set(recipe(both).encoders) == {"video", "audio"}
    assert "pip" not in suggest.suggest(both, Path())
    monkeypatch.setitem(sys.modules, "av", None)
    assert tree(both)["encoders"] == {}
    assert "# To read video and audio too: pip install 'cuvee[media]'.\n" in suggest.suggest(both, Path())
    assert "pip" not in suggest.suggest(replace(world, item_table=table.select("item_id")), Path())


def test_chinese_titles_get_weights_that_read_them(world: Dataset) -> None:
    titles = pl.Series("title", ["青花瓷碗" if i % 3 else "Bowl" for i in range(23)])
    data = replace(world, item_table=world.item_table.with_columns(titles))
    assert tree(data)["encoders"]["text"]["text"]["weights"] == "multilingual-e5-small"


@pytest.mark.parametrize("content", [True, False])
def test_the_recipe_runs(content: bool, world: Dataset) -> None:
    """It is read without complaint, and its model fits and scores."""
    table = world.item_table if content else world.item_table.select("item_id")
    users = world.user_table.with_columns(age=pl.Series([None if u < 5 else u for u in range(37)]), gender=pl.lit(None))
    data = replace(world, item_table=table, user_table=users)
    found = recipe(data)
    assert tree(data)["evaluate"]["slices"][2:] == [{"user_column": {"column": "age"}}]
    rng = np.random.default_rng(0)
    cut = found.split.split(data, rng)
    model = found.model.fit(cut.train, cut.valid, rng)
    assert np.isfinite(model.score(cut.valid.queries)).all()
