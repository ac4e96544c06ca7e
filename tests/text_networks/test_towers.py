from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cuvee import weights
from cuvee.cache import VectorCache
from cuvee.errors import ConfigError, DataError
from cuvee.text_networks import towers as text_towers
from cuvee.text_networks.towers import (
    TextTower,
    equal_lengths,
    frozen_vectors,
    length_buckets,
    load_backbone,
    padded,
    pool,
    tokenise,
    trained_pooling,
)
from cuvee.types import Embeddings, Floats, Longs
from tests.tiny_networks import TEXT_NETWORKS

TEXTS = ["red shirt", "soft blue dress of cotton . warm and long", "wool", "", "the red shirt with long soft wool"]


def alone(folder: Path, text: str, pooling: str, limit: int = 18) -> Floats:
    """Encode one text as a model's card would, with no batch, no mask and the tokeniser's own cut."""
    from transformers import AutoModel, AutoTokenizer

    loader: Any = AutoTokenizer
    ids = loader.from_pretrained(folder)(text, return_tensors="pt", truncation=True, max_length=limit)["input_ids"]
    network: Any = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    network = network.encoder if network.config.is_encoder_decoder else network
    with torch.no_grad():
        hidden = network(ids).last_hidden_state[0].numpy()
    return np.asarray({"mean": hidden.mean(0), "cls": hidden[0], "last": hidden[-1]}[pooling], np.float32)


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
@pytest.mark.parametrize("name", TEXT_NETWORKS)
def test_a_padded_batch_gives_what_each_text_gives_alone(text_folders: Path, name: str, pooling: Any) -> None:
    folder = text_folders / name
    tower = TextTower(load_backbone(folder), pooling).eval()
    ids, mask = padded(tokenise(folder, TEXTS, 18))
    with torch.no_grad():
        together = tower(ids, mask).numpy()
    for row, text in enumerate(TEXTS):
        expected = alone(folder, text, pooling) if text else np.zeros(16)
        np.testing.assert_allclose(together[row], expected, atol=2e-5)


@pytest.mark.parametrize("name", TEXT_NETWORKS)
def test_gradients_reach_every_weight_that_a_text_passes(text_folders: Path, name: str) -> None:
    tower = TextTower(load_backbone(text_folders / name), "mean")
    ids, mask = padded(tokenise(text_folders / name, TEXTS, 18))
    tower(ids, mask).square().sum().backward()
    idle = {key for key, weight in tower.named_parameters() if weight.grad is None}
    assert all("pooler" in key for key in idle), idle


def test_pool_by_hand() -> None:
    hidden = torch.tensor([[[1.0, 2], [3, 6], [9, 9]], [[4, 5], [7, 8], [1, 0]], [[5, 5], [5, 5], [5, 5]]])
    mask = torch.tensor([[1, 1, 0], [1, 1, 1], [0, 0, 0]])
    assert pool(hidden, mask, "mean").tolist() == [[2, 4], [4, pytest.approx(13 / 3)], [0, 0]]
    assert pool(hidden, mask, "cls").tolist() == [[1, 2], [4, 5], [0, 0]]
    assert pool(hidden, mask, "last").tolist() == [[3, 6], [1, 0], [0, 0]]


def test_padded_by_hand() -> None:
    ids, mask = padded([[5, 6, 7], [], [8]], pad=9)
    assert ids.tolist() == [[5, 6, 7], [9, 9, 9], [8, 9, 9]]
    assert mask.tolist() == [[1, 1, 1], [0, 0, 0], [1, 0, 0]]
    assert padded([])[0].shape == (0, 1)


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 64), st.integers(0, 9))
def test_buckets_hold_every_row_once_and_few_tokens(lengths: list[int], size: int, seed: int) -> None:
    given = np.array(lengths, np.int64)
    batches = length_buckets(given, size, np.random.default_rng(seed))
    assert sorted(np.concatenate([*batches, np.zeros(0, np.int64)]).tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * given[batch].max() <= max(size, len(batch))
    spans = sorted((int(given[b].min()), int(given[b].max())) for b in batches)
    assert all(a[1] <= b[0] or a == b for a, b in pairwise(spans))  # like lengths meet


def test_buckets_follow_the_generator() -> None:
    lengths = np.tile(np.arange(1, 9), 20)

    def drawn(seed: int) -> list[list[int]]:
        return [b.tolist() for b in length_buckets(lengths, 24, np.random.default_rng(seed))]

    assert drawn(1) == drawn(1) != drawn(2)
    with pytest.raises(ConfigError, match="tokens_a_batch must be at least 1"):
        length_buckets(lengths, 0, np.random.default_rng(0))


def test_equal_lengths_have_no_padding() -> None:
    lengths: Longs = np.array([3, 1, 3, 3, 0, 1])
    assert [b.tolist() for b in equal_lengths(lengths, 6)] == [[4], [1, 5], [0, 2], [3]]


def test_tokens_are_cut_to_what_is_asked_for_and_to_what_the_network_takes(text_folders: Path) -> None:
    long = " ".join(["red blue soft"] * 20)
    for name, limit, expected in (("bert", 7, 7), ("bert", 500, 62), ("roberta", 500, 18), ("gpt2", 500, 62)):
        rows = tokenise(text_folders / name, [long, "", "red"], limit)
        assert [len(r) for r in rows] == [expected, 0, 3]
    assert tokenise(text_folders / "bert", ["", ""], 8) == [[], []]
    with pytest.raises(ConfigError, match="at least 3, got 2"):
        tokenise(text_folders / "bert", ["red"], 2)


def test_frozen_vectors_are_those_of_the_tower_and_come_from_the_cache(
    text_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, cache, asked = text_folders / "gpt2", VectorCache(tmp_path), []
    real = text_towers._encode

    def spy(folder: Path, texts: list[str], max_tokens: int, pooling: Any) -> Embeddings:
        asked.append(sorted(texts))
        return real(folder, texts, max_tokens, pooling)

    monkeypatch.setattr(text_towers, "_encode", spy)
    monkeypatch.setattr("cuvee.text_networks.towers.dtype_of", lambda _: torch.float32)
    first = frozen_vectors(folder, [*TEXTS, "red shirt"], 18, "last", cache)
    assert asked == [sorted(set(TEXTS))]
    assert first.present.tolist() == [True, True, True, False, True, True]
    for row, text in enumerate(TEXTS):
        expected = alone(folder, text, "last") if text else np.zeros(16)
        np.testing.assert_allclose(first.vectors[row], expected, atol=2e-5)
    again = frozen_vectors(folder, ["wool", "red", "red shirt"], 18, "last", cache)
    assert asked[1:] == [["red"]]
    np.testing.assert_array_equal(again.vectors[[0, 2]], first.vectors[[2, 5]])
    frozen_vectors(folder, ["wool"], 18, "mean", cache)
    assert asked[2:] == [["", "wool"]]
    plain = frozen_vectors(folder, TEXTS, 18, "last")
    np.testing.assert_array_equal(plain.vectors, first.vectors[:5])


def test_pooling_is_what_the_weights_were_trained_with(text_folders: Path, tmp_path: Path) -> None:
    found = {name: trained_pooling(text_folders / name) for name in TEXT_NETWORKS}
    assert found == {"bert": "mean", "roberta": "mean", "t5": "mean", "gpt2": "last", "llama": "last"}
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    assert trained_pooling(tmp_path) == "cls"


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a Hugging Face model"):
        load_backbone(tmp_path)


@pytest.mark.weights
def test_minilm_knows_what_is_alike_in_one_padded_batch() -> None:
    texts = ["A soft cotton t-shirt for summer", "Light tee made of cotton", "Repairing a diesel engine"]
    folder = weights.resolve("minilm")
    assert trained_pooling(folder) == "mean"
    found = frozen_vectors(folder, texts, 64, "mean").vectors
    tower = TextTower(load_backbone(folder), "mean")
    with torch.no_grad():
        vectors = tower(*padded(tokenise(folder, texts, 64))).numpy()
    np.testing.assert_allclose(vectors[2], alone(folder, texts[2], "mean", 64), atol=1e-5)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert unit[0] @ unit[1] > 0.5 > unit[0] @ unit[2]
    np.testing.assert_allclose(found, vectors, atol=0.05)


@pytest.mark.slow
@pytest.mark.weights
def test_smollm2_reads_a_padded_batch_as_it_reads_each_text() -> None:
    if weights.where("smollm2-135m-instruct") == "not here":
        pytest.skip("no weights of SmolLM2; cuvee weights add smollm2-135m-instruct")
    folder = weights.resolve("smollm2-135m-instruct")
    assert trained_pooling(folder) == "last"
    texts = ["A film about a toy cowboy.", "Heist film", ""]
    tower = TextTower(load_backbone(folder), "last")
    with torch.no_grad():
        vectors = tower(*padded(tokenise(folder, texts, 32))).numpy()
    assert vectors.shape == (3, 576)
    for row in (0, 1):
        np.testing.assert_allclose(vectors[row], alone(folder, texts[row], "last", 32), atol=2e-3)
