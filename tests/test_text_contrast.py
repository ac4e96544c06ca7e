"""Contrastive tuning of a text encoder: its pairs and its loss by hand, and a folder that the text encoder takes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from click.testing import CliRunner

from cuvee import registry
from cuvee.cache import VectorCache
from cuvee.cli.commands.adapt import command
from cuvee.encoders.text import FittedText, Text
from cuvee.errors import ConfigError, DataError, UnknownNameError
from cuvee.queries import queries_of
from cuvee.text_contrast import Contrast, TunedText, _batch, info_nce, next_items, tune_text, write
from cuvee.text_networks.towers import load_backbone
from cuvee.text_networks.vectors import TunedTexts, layer_states
from cuvee.train import Training
from cuvee.types import PAD, Dataset, Events, Holdout


def events(rows: list[tuple[int, int, int, float]]) -> Events:
    user, item, time, weight = (np.array(column) for column in zip(*rows, strict=True))
    return Events(user.astype(np.int32), item.astype(np.int32), time.astype(np.int64), weight.astype(np.float32),
                  np.zeros(len(rows), np.int8))  # fmt: skip


WORDS = ("red shirt of soft cotton", "blue dress", "wool", "action drama", "long comedy 1995", "")


@pytest.fixture(scope="module")
def shop() -> Dataset:
    """Users 0..19 like clothes or films: items 0, 1, 2 or 3, 4 in turn; item 5 has no text."""
    rows = [(u, i, 10 * t + u, 1.0) for u in range(20) for t, i in enumerate([(0, 1, 2, 5), (4, 3)][u % 2])]
    table = pl.DataFrame({"item_id": [f"i{r}" for r in range(6)], "title": list(WORDS)})
    users = tuple(f"u{r}" for r in range(20))
    return Dataset(users, tuple(table["item_id"]), events(sorted(rows, key=lambda r: r[2])), table,
                   pl.DataFrame({"user_id": users}))  # fmt: skip


@pytest.fixture(scope="module")
def asked(shop: Dataset) -> Holdout:
    """Everybody is shown their first item and wants the second."""
    first = replace(shop, events=shop.events.take(np.isin(shop.events.item, [0, 4])))
    second = replace(shop, events=shop.events.take(np.isin(shop.events.item, [1, 3])))
    return Holdout(queries_of(first, np.arange(20, dtype=np.int32)), second.liked, np.arange(20, dtype=np.int32))


def test_pairs_by_hand() -> None:
    """User 1 likes 3, 0, dislikes 2, likes 3 again, then 4; user 0 likes one item only."""
    rows = [
        (1, 3, 1, 1.0),
        (1, 0, 2, 0.5),
        (1, 2, 3, -1.0),
        (1, 3, 4, 1.0),
        (0, 2, 5, 1.0),
        (1, 4, 6, 1.0),
        (1, 1, 7, 1),
    ]
    table = pl.DataFrame({"item_id": list("abcde")})
    data = Dataset(("x", "y"), tuple("abcde"), events(rows), table, pl.DataFrame({"user_id": ["x", "y"]}))
    users, shown, following = next_items(data, 2)
    assert users.tolist() == [1, 1, 1]
    assert shown.tolist() == [[3, PAD], [0, 3], [4, 0]]
    assert following.tolist() == [0, 4, 1]


def test_a_batch_by_hand(shop: Dataset) -> None:
    """Users 0 and 1; item 2 is an answer that user 0 likes anyway, so it is hidden where it is not the answer."""
    shown = np.array([[0, PAD], [4, PAD], [1, 0]], np.int32)
    items, histories, answers, hidden, prior = _batch(
        np.array([0, 1, 0], np.int32), shown, np.array([1, 3, 2], np.int32), shop.liked, np.arange(6, dtype=np.float32)
    )
    assert items.tolist() == [0, 4, 1, 2, 3]  # 1, 2, 3 are candidates
    assert histories.tolist() == [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [1, 0, 1, 0, 0]]
    assert answers.tolist() == [0, 2, 1]
    assert hidden.tolist() == [[False, True, False], [False, False, False], [True, False, False]]
    assert prior.tolist() == [1, 2, 3]


def test_the_loss_by_hand() -> None:
    """Two histories, two candidates, one of them hidden from the second."""
    rng = np.random.default_rng(3)
    z = rng.normal(size=(3, 4))
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    log_q = np.log([0.5, 0.1])
    both = unit[0] + unit[1]
    queries = np.array([unit[0], both / np.linalg.norm(both)])
    scores = queries @ unit[1:].T / 0.2 - log_q
    first = -(scores[0, 1] - np.log(np.exp(scores[0]).sum()))
    expected = first / 2  # the second has nothing but its answer: probability 1
    found = info_nce(
        torch.tensor(z), torch.tensor([[1.0, 0, 0], [1, 1, 0]]).double(), torch.tensor([1, 1]),
        torch.tensor([[False, False], [True, False]]), torch.tensor(log_q), 0.2,
    )  # fmt: skip
    assert float(found) == pytest.approx(expected, rel=1e-6)


def tuned(spec: Any, folder: Path, shop: Dataset, asked: Holdout, cache: VectorCache | None = None) -> TunedText:
    contrast = Contrast(registry.build("tuning", spec), batch_size=8, training=Training(8, lr=0.02))
    fitted = FittedText(Text(("title",), precision="float32"), folder)
    tokens = fitted.tokens(shop.item_table)
    return tune_text(contrast, folder, tokens, fitted.pooling, shop, asked, np.random.default_rng(0), cache)


@pytest.mark.parametrize(
    ("family", "spec"), [("bert", "lora"), ("t5", "lora"), ("bert", "side"), ("llama", "bottleneck")]
)
def test_the_folder_gives_the_tuned_vectors(
    family: str, spec: Any, text_folders: Path, tmp_path: Path, shop: Dataset, asked: Holdout
) -> None:
    """Merged for LoRA; an adapter beside the weights for the others."""
    source, out = text_folders / family, tmp_path / "out"
    found = tuned(spec, source, shop, asked)
    assert found.history.losses.min() < found.history.losses[0]
    assert found.after >= found.before
    encoder = FittedText(Text(("title",), precision="float32"), source)
    tokens = [t for t in encoder.tokens(shop.item_table) if t]
    texts = TunedTexts(found.tuned, tokens, encoder.pooling, None)
    expected = torch.nn.functional.normalize(torch.from_numpy(texts.every()), dim=1).numpy()
    write(found, Contrast(registry.build("tuning", spec)), source, out)
    again = registry.build("encoders", {"text": {"columns": ["title"], "weights": str(out), "precision": "float32"}})
    (block,) = again.fit(shop, "item").encode(shop.item_table)
    np.testing.assert_allclose(block.vectors[:5], expected, atol=1e-5)
    half = Text(("title",), weights=str(out), precision="bfloat16").fit(shop, "item")
    (narrow,) = half.encode(shop.item_table)
    np.testing.assert_allclose(narrow.vectors, block.vectors, atol=0.03)
    (plain,) = encoder.encode(shop.item_table)
    assert np.abs(plain.vectors - block.vectors).max() > 1e-3
    assert (out / "tuning.json").is_file() == (spec != "lora")
    assert (out / "adapter" / "tuning.json").is_file() == (spec == "lora")
    with pytest.raises(ConfigError, match="is there already"):
        write(found, Contrast(), source, out)


def test_states_are_computed_once(text_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, folder = VectorCache(tmp_path), text_folders / "bert"
    ladder = registry.build("tuning", "side").attach(load_backbone(folder))
    tokens = [[1, 5, 2], [1, 6, 7, 8, 2], [1, 5, 2], [1, 9, 2]]
    plain = layer_states(ladder, folder, tokens, None)
    asked: list[int] = []
    states = type(ladder).states

    def counted(self: Any, ids: Any, mask: Any) -> Any:
        asked.append(len(ids))
        return states(self, ids, mask)

    monkeypatch.setattr(type(ladder), "states", counted)
    torch.testing.assert_close(layer_states(ladder, folder, tokens[:2], cache), plain[:2], rtol=1e-5, atol=1e-6)
    assert sum(asked) == 2
    torch.testing.assert_close(layer_states(ladder, folder, tokens, cache), plain, rtol=1e-6, atol=1e-6)
    assert sum(asked) == 3


def test_nothing_to_tune_on(text_folders: Path, shop: Dataset, asked: Holdout) -> None:
    lonely = replace(shop, events=shop.events.take(np.isin(shop.events.item, [0, 4])))
    with pytest.raises(DataError, match="nobody liked two items with texts"):
        tuned("lora", text_folders / "bert", lonely, asked)
    with pytest.raises(ConfigError, match="temperature > 0"):
        Contrast(temperature=0)


RECIPE = """
reader: {folder: {path: data}}
split: {random: {}}
encoders:
  text: {text: {columns: [title], weights: WEIGHTS}}
model: popular
"""


def test_the_command(text_folders: Path, tmp_path: Path, shop: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "data").mkdir()
    shop.item_table.write_csv(tmp_path / "data" / "items.csv")
    e = shop.events
    named = {
        "user_id": [shop.users[u] for u in e.user],
        "item_id": [shop.items[i] for i in e.item],
        "timestamp": e.time,
    }
    pl.DataFrame(named).write_csv(tmp_path / "data" / "interactions.csv")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.replace("WEIGHTS", str(text_folders / "bert")), encoding="utf-8")
    run = ["--tuning", "{side: {width: 8}}", "--epochs", "8", "--lr", "0.02", "--out", str(tmp_path / "w")]
    done = CliRunner().invoke(command, [str(recipe), *run], catch_exceptions=False)
    assert done.exit_code == 0
    assert "validation ndcg@20 of the texts alone" in done.output
    assert ("--set encoders.text.text.weights=" in done.output) == (tmp_path / "w" / "tuning.json").is_file()
    with pytest.raises(UnknownNameError, match="unknown text encoder of items 'txt'; did you mean 'text'"):
        CliRunner().invoke(command, [str(recipe), "--modality", "txt", "--out", str(tmp_path / "x")],
                           catch_exceptions=False)  # fmt: skip
