"""The recipes of `recipes/rankers`, and that the page holds the figures that were measured."""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import ranker as benchmark

from cuvee.recipe import load_recipe

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "recipes" / "rankers").glob("*.yaml"))


def test_every_recipe_is_measured() -> None:
    assert sorted(benchmark.RECIPES.values()) == NAMES


@pytest.mark.data
@pytest.mark.parametrize(("name", "sizes"), [("ml-100k-will-like", 100_000), ("amazon-five-stars", 10_261)])
def test_recipes_cut_the_data_by_time(name: str, sizes: int) -> None:
    recipe = load_recipe(ROOT / "recipes" / "rankers" / f"{name}.yaml")
    split = recipe.split.split(recipe.reader.read(), np.random.default_rng(0))
    parts = split.examples
    assert sum(map(len, parts.values())) == sizes
    for part in ("valid", "test"):
        assert 0.09 * sizes < len(parts[part]) < 0.11 * sizes
    if name.startswith("amazon"):
        assert (
            parts["train"].time.max()
            < parts["valid"].time.min()
            <= parts["valid"].time.max()
            < parts["test"].time.min()
        )
    for user in range(0, len(split.train.users), 50):
        moments = [parts[part].time[parts[part].user == user] for part in ("train", "valid", "test")]
        moments = [m for m in moments if len(m)]
        assert all(a.max() <= b.min() for a, b in pairwise(moments))


def test_the_page_holds_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "docs" / "ranker.md", tmp_path)
    monkeypatch.setattr(benchmark, "PAGE", tmp_path / "ranker.md")
    benchmark.page(json.loads(benchmark.RESULTS.read_text(encoding="utf-8")))
    assert (tmp_path / "ranker.md").read_text(encoding="utf-8") == (ROOT / "docs" / "ranker.md").read_text(
        encoding="utf-8"
    )


def test_the_gate_is_met() -> None:
    """On MovieLens 100k, in each of three seeds, over the bias model and over the trees."""
    seeds = json.loads(benchmark.RESULTS.read_text(encoding="utf-8"))["ml-100k"]["seeds"]
    assert len(seeds) == 3
    assert benchmark.gate(seeds)
