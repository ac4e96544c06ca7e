"""`cuvee tune` as people call it, and without its extra."""

import sys
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from cuvee.cli.main import cuvee
from cuvee.errors import ConfigError
from cuvee.recipe import load_recipe
from tests.conftest import make_world

RECIPE = """
reader: {folder: {path: .}}
split: random
model: {ease: {l2: 40}}
tune: {model.ease.l2: {low: 0.5, high: 50, log: true}}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    world = make_world()
    e = world.events
    users, items = [world.users[u] for u in e.user], [world.items[i] for i in e.item]
    pl.DataFrame({"user_id": users, "item_id": items}).write_csv(tmp_path / "interactions.csv")
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    return tmp_path / "recipe.yaml"


def test_the_command(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["tune", str(recipe), "--out", str(out), "--trials", "3", "--metric", "recall@5"]
    result = CliRunner().invoke(cuvee, arguments, catch_exceptions=False)
    assert "3 trials\nrecall@5 on validation:" in result.stdout
    assert "model.ease.l2  40 -> " in result.stdout
    assert f"cuvee run {out / 'best.yaml'}" in result.stdout
    best = load_recipe(out / "best.yaml")
    assert not best.tune
    assert pl.read_csv(out / "trials.csv").columns == ["trial", "recall@5", "seconds", "model.ease.l2", "error"]


def test_without_the_extra(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Help comes, and the command says what to install."""
    for name in [n for n in sys.modules if n.startswith("cuvee.tune")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert CliRunner().invoke(cuvee, ["tune", "--help"], catch_exceptions=False).exit_code == 0
    with pytest.raises(ConfigError, match=r"needs optuna, which comes with the extra: pip install 'cuvee\[tune\]'"):
        CliRunner().invoke(cuvee, ["tune", str(recipe), "--out", str(tmp_path / "o")], catch_exceptions=False)


def test_ranges_in_a_recipe_that_are_none(recipe: Path) -> None:
    for text, message in (
        ("{model.ease.l2: {low: 5}}", "tune: model.ease.l2: needs low and high"),
        ("{model.ease.l2: {low: 5, high: 1}}", "low below high, got 5 and 1"),
        ("{model.ease.l2: {low: 0, high: 1, log: true}}", "log needs low above 0, got 0"),
        ("{model.ease.l2: {low: 0, high: 1, choices: [1, 2]}}", "write one or the other"),
        ("{model.ease.l2: {choices: [1]}}", r"at least two choices, got \[1\]"),
        ("{model.ease.l2: {hi: 5}}", "did you mean 'high'"),
        ("[model.ease.l2]", "tune is a mapping of paths to ranges"),
    ):
        recipe.write_text(RECIPE.replace(RECIPE.partition("tune: ")[2], text), encoding="utf-8")
        with pytest.raises(ConfigError, match=message):
            load_recipe(recipe)
