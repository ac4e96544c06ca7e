"""The recipes of the scenarios, and that their pages hold the figures that were measured."""

import json
import shutil
from pathlib import Path

import pytest
from scenarios_page import PAGES, plot, write_pages

from cuvee.recipe import load_recipe

ROOT = Path(__file__).parents[1]
RESULTS = json.loads((ROOT / "benchmarks" / "results" / "scenarios.json").read_text(encoding="utf-8"))
NAMES = [name for found in PAGES.values() for name in found]


def test_every_recipe_is_on_a_page_and_measured() -> None:
    assert sorted(path.stem for path in (ROOT / "recipes" / "scenarios").glob("*.yaml")) == sorted(NAMES)
    assert {*NAMES, "microlens-samples"} == set(RESULTS)


@pytest.mark.parametrize("name", NAMES)
def test_recipes_load_and_every_modality_is_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUVEE_DEMO", "shop")
    recipe = load_recipe(ROOT / "recipes" / "scenarios" / f"{name}.yaml")
    without = RESULTS[name]["tests"]["test"]["without"]
    assert set(recipe.encoders) == set(without) - {"social", "all"}


def test_pages_hold_what_was_measured(tmp_path: Path) -> None:
    """Written again from the results, pages and plots are as they stand."""
    shutil.copytree(ROOT / "docs" / "scenarios", tmp_path / "scenarios")
    (tmp_path / "images").mkdir()
    write_pages(RESULTS, tmp_path / "scenarios")
    for name in PAGES:
        page = Path("scenarios") / f"{name}.md"
        assert (tmp_path / page).read_text(encoding="utf-8") == (ROOT / "docs" / page).read_text(encoding="utf-8")
    for name in NAMES:
        picture = Path("images") / f"scenario-{name}.svg"
        assert (tmp_path / picture).read_bytes() == (ROOT / "docs" / picture).read_bytes()


def test_a_plot_by_hand() -> None:
    """An axis from -0.025 to 0.525 over 380 units from 130 on: zero at 147.3, the interval from 199.1 to 492.7."""
    lost = {"low": 0.075, "difference": 0.25, "high": 0.5}
    drawn = plot({"test": {"without": {"text": lost}}})
    assert 'x1="199.1" x2="492.7"' in drawn
    assert 'cx="320.0"' in drawn
    assert '<line x1="147.3"' in drawn


def test_social_bar() -> None:
    """The figures that are promised of people without events, as measured."""
    new = RESULTS["social-lastfm"]["tests"]["test"]
    assert new["whole"]["difference"] >= 0.40
    assert new["without"]["social"]["low"] > 0.1
