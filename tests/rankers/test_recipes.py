"""The recipes of `recipes/rankers`, and that the page holds the figures that were measured."""

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
