"""The verdict from the command line, and whether it finds what is true of the demo shop."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cuvee import weights
from cuvee.cli.commands.verdict import command
from cuvee.demo import write_shop
from cuvee.errors import ConfigError, UnknownNameError
from cuvee.new_items import Finding
from cuvee.report.verdict_phrases import found_in_words
from cuvee.statistics import Paired

PRICE = """
reader: {folder: {path: shop}}
split: {random: {targets: [buy, like]}}
encoders:
  price: {tabular: {columns: [price], kinds: {price: band}}}
  brand: {tabular: {columns: [brand]}}
  friends: {graph: {role: user}}
model: ease
"""
FULL = """
reader: {folder: {path: shop}}
split: {random: {targets: [buy, like]}}
encoders:
  text: text
  image: image
  price: {tabular: {columns: [price], kinds: {price: band}}}
  graph: {graph: {role: item, dim: 32}}
  reviews: {reviews: {role: item}}
  slogan: {text: {columns: [slogan]}}
model: ease
"""
RECORDED = """
reader: {folder: {path: shop}}
split: {random: {targets: [buy, like]}}
encoders:
  audio: audio
  video: video
  slogan: {text: {columns: [slogan]}}
model: ease
"""


def written(folder: Path, text: str, *, scale: float, seed: int = 0, media: bool = False) -> Path:
    write_shop(folder / "shop", scale=scale, seed=seed, media=media)
    (folder / "recipe.yaml").write_text(text, encoding="utf-8")
    return folder / "recipe.yaml"


@pytest.mark.parametrize(
    ("names", "low", "high", "p", "seeds", "told"),
    [
        (("text",), 0.01, 0.03, 0.01, (0.02, 0.02), "text: tells who will like a new product (+2.00 %"),
        (("text",), 0.01, 0.03, 0.06, (0.02, 0.02), "text: nothing that could be told from noise"),
        (("text",), 0.01, 0.03, 0.01, (0.05, -0.01), "text: nothing that could be told from noise"),
        (("text",), -0.03, -0.01, 0.01, (-0.02,), "text: does worse than the same vectors shuffled"),
        (("text",), -0.03, -0.01, 0.2, (-0.02,), "text: nothing that could be told from noise"),
        (("text", "image"), 0.01, 0.03, 0.01, (0.02,), "text and image: together tell what neither tells alone"),
        (
            ("text", "image"),
            -0.03,
            -0.01,
            0.01,
            (-0.02,),
            "text and image: nothing more together that could be measured",
        ),
        (("text", "image"), -0.01, 0.03, 0.2, (0.01,), "text and image: nothing more together that could be measured"),
    ],
)
def test_sentences_follow_from_figures(
    names: tuple[str, ...], low: float, high: float, p: float, seeds: tuple[float, ...], told: str
) -> None:
    assert found_in_words(Finding(names, Paired((low + high) / 2, low, high, p, 9), p, seeds)).startswith(told)


def test_without_a_figure() -> None:
    assert (
        found_in_words(Finding(("x",), Paired(None, None, None, None, 0), 1.0, (0.0,))) == "x: could not be measured."
    )


def test_command_tells_and_writes(tmp_path: Path) -> None:
    recipe = written(tmp_path, PRICE, scale=0.1)
    arguments = [str(recipe), "--seeds", "2", "--out", str(tmp_path / "v"), "--about", "new-items"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "v" / "verdict.json").read_text(encoding="utf-8"))
    assert figures["model"] == []
    rows = figures["new_items"]
    assert [row["modalities"] for row in rows] == [["price"], ["brand"], ["price", "brand"]]
    assert [len(row["seeds"]) for row in rows] == [2, 2, 2]
    for row in rows:
        assert row["sentence"] in result.output
    assert "Not judged of new products, since they describe users or come with events: friends." in result.output


def test_unknown_modalities_and_none(tmp_path: Path) -> None:
    recipe = written(tmp_path, PRICE, scale=0.03)
    with pytest.raises(UnknownNameError, match="did you mean 'price'"):
        CliRunner().invoke(command, [str(recipe), "--modality", "prise"], catch_exceptions=False)
    with pytest.raises(ConfigError, match="before anybody meets an item"):
        CliRunner().invoke(
            command, [str(recipe), "--modality", "friends", "--about", "new-items"], catch_exceptions=False
        )
    recipe.write_text("reader: {folder: {path: shop}}\nsplit: random\nmodel: ease\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="encodes nothing"):
        CliRunner().invoke(command, [str(recipe)], catch_exceptions=False)


def test_of_the_model_from_the_command_line(tmp_path: Path) -> None:
    """`ease` uses no content: nothing is lost without it, and the page and the table say so."""
    recipe = written(tmp_path, PRICE, scale=0.05)
    arguments = [str(recipe), "--seeds", "2", "--about", "model", "--out", str(tmp_path), "--modality", "price"]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert "price: this model does not use it; recommendations are the same without." in result.output
    assert "lost shuffled" in result.output
    page = (tmp_path / "verdict.html").read_text(encoding="utf-8")
    assert "Nothing is missed" in page
    assert "does not use it" in page


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.parametrize("seed", range(3))
def test_it_finds_what_is_true_of_the_demo_shop(tmp_path: Path, seed: int) -> None:
    """Text, image, price and graph each carry an attribute; the slogan is noise; colour x use needs image and text."""
    recipe = written(tmp_path, FULL, scale=1, seed=seed)
    result = CliRunner().invoke(
        command, [str(recipe), "--out", str(tmp_path), "--about", "new-items"], catch_exceptions=False
    )
    assert result.exit_code == 0
    rows = json.loads((tmp_path / "verdict.json").read_text(encoding="utf-8"))["new_items"]
    found = {tuple(row["modalities"]) for row in rows if row["helps"]}
    assert found == {("text",), ("image",), ("price",), ("graph",), ("text", "image")}


@pytest.mark.slow
@pytest.mark.weights
def test_it_finds_what_sounds_and_clips_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mood and the motion that a shop's recordings alone tell; the slogan is noise, and no pair tells more."""
    if weights.where("whisper-base") == "not here":
        pytest.skip("no Whisper here; cuvee weights add whisper-base")
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path / "cache"))
    recipe = written(tmp_path, RECORDED, scale=0.25, media=True)
    arguments = [str(recipe), "--out", str(tmp_path), "--about", "new-items"]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    rows = json.loads((tmp_path / "verdict.json").read_text(encoding="utf-8"))["new_items"]
    assert {tuple(row["modalities"]) for row in rows if row["helps"]} == {("audio",), ("video",)}
