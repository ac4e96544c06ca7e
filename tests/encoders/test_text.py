import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cuvee import weights
from cuvee.encoders import text as module
from cuvee.encoders.text import FittedText, Text
from cuvee.errors import ConfigError, DataError, UnknownNameError
from cuvee.torch_runtime import load_model
from cuvee.types import Dataset, Embeddings, Floats
from tests.tiny_networks import WORDS

TITLES = ["red shirt", "soft blue dress of cotton . warm and long", None, "wool", "red shirt", "", "green summer dress"]


def plain(folder: Path, texts: Sequence[str], pooling: str = "mean", limit: int = 64) -> Floats:
    """Encode one text after another, as a model's card would."""
    from transformers import AutoModel, AutoTokenizer

    loader: Any = AutoTokenizer
    tokeniser, network, out = loader.from_pretrained(folder), AutoModel.from_pretrained(folder).eval(), []
    for each in texts:
        ids = tokeniser(each, return_tensors="pt", truncation=True, max_length=limit)["input_ids"]
        with torch.no_grad():
            hidden = network(ids).last_hidden_state[0].numpy().astype(np.float64)
        pooled = {"mean": hidden.mean(0), "cls": hidden[0], "last": hidden[-1]}[pooling]
        out.append(pooled / np.sqrt((pooled**2).sum()))
    return np.array(out, np.float32)


def encode(fitted: FittedText, table: pl.DataFrame) -> Embeddings:
    blocks = list(fitted.encode(table))
    return Embeddings(np.concatenate([b.vectors for b in blocks]), np.concatenate([b.present for b in blocks]))


def fitted(folder: Path, **parameters: Any) -> FittedText:
    return FittedText(Text(("title",), precision="float32", **parameters), folder)


def test_contents_by_hand() -> None:
    table = pl.DataFrame(
        {
            "title": [" Red shirt ", None, "Heat", "", "A | B"],
            "genres": ["Action|Comedy", "Drama", None, None, ""],
            "year": [1995, None, 2001, None, None],
            "price": [12.5, 3.0, float("nan"), None, float("inf")],
            "tags": [["soft", "warm"], [], None, [None, ""], ["x", None]],
        }
    )
    encoder = FittedText(Text(("title", "genres", "year", "price", "tags")), Path())
    expected = ["Red shirt. Action, Comedy. 1995. 12.5. soft, warm", "Drama. 3", "Heat. 2001", "", "A, B. x"]
    assert encoder.contents(table) == expected
    assert encoder.contents(table.drop("year", "tags"))[0] == "Red shirt. Action, Comedy. 12.5"
    assert encoder.contents(pl.DataFrame({"other": [1, 2]})) == ["", ""]
    assert encoder.contents(table.clear()) == []


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_equals_a_plain_loop(bert: Path, pooling: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of three rows, so that a repeated text and missing ones fall into different blocks."""
    monkeypatch.setattr(module, "_BLOCK", 3)
    monkeypatch.setitem(module._TOKENS, "cpu", 9)
    found = encode(fitted(bert, pooling=pooling), pl.DataFrame({"title": TITLES}))
    present = [bool(t) for t in TITLES]
    assert found.present.tolist() == present
    np.testing.assert_allclose(found.vectors[present], plain(bert, [t for t in TITLES if t], pooling), atol=1e-6)
    assert not found.vectors[~found.present].any()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), min_size=1, max_size=12))
def test_a_vector_is_its_texts_own(bert: Path, texts: list[str]) -> None:
    encoder = fitted(bert)
    together = encode(encoder, pl.DataFrame({"title": texts}))
    for row, each in enumerate(texts):
        alone = encode(encoder, pl.DataFrame({"title": [each]}))
        np.testing.assert_allclose(together.vectors[row], alone.vectors[0], atol=2e-6)
        assert together.present[row] == bool(each)


def test_repeats_to_the_byte_on_any_number_of_threads(bert: Path) -> None:
    table, before, found = pl.DataFrame({"title": TITLES * 9}), torch.get_num_threads(), set()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.add(encode(fitted(bert), table).vectors.tobytes())
    finally:
        torch.set_num_threads(before)
    assert len(found) == 1


def test_reads_only_so_many_tokens(bert: Path) -> None:
    """Five tokens are <s>, three words and </s>."""
    table = pl.DataFrame({"title": ["red shirt of cotton", "red shirt of wool", "red shirt"]})
    vectors = encode(fitted(bert, max_tokens=5), table).vectors
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert not np.allclose(vectors[0], vectors[2])
    np.testing.assert_allclose(vectors, plain(bert, table["title"].to_list(), limit=5), atol=1e-6)


def test_no_more_tokens_than_the_network_has_positions(roberta: Path) -> None:
    long = " ".join(["red blue soft"] * 20)
    found = encode(fitted(roberta), pl.DataFrame({"title": [long]}))
    np.testing.assert_allclose(found.vectors, plain(roberta, [long], limit=18), atol=1e-6)


def test_the_weights_say_how_to_pool_and_what_to_prefix(bert: Path, tmp_path: Path) -> None:
    folder = tmp_path / "e5"
    shutil.copytree(bert, folder)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    prompts = '{"prompts": {"query": "query: ", "passage": "passage: "}}'
    (folder / "config_sentence_transformers.json").write_text(prompts)
    table = pl.DataFrame({"title": ["red shirt"]})
    expected = plain(bert, ["passage: red shirt"], "cls")
    np.testing.assert_allclose(encode(fitted(folder), table).vectors, expected, atol=1e-6)
    given = encode(fitted(folder, prefix="", pooling="mean"), table)
    np.testing.assert_allclose(given.vectors, plain(bert, ["red shirt"]), atol=1e-6)


def test_clip_gives_the_vectors_it_shares_with_pictures(clip: Path) -> None:
    from transformers import CLIPModel

    found = encode(fitted(clip), pl.DataFrame({"title": ["soft red shirt", "wool"]}))
    ids = torch.tensor([[1, *(4 + WORDS.index(w) for w in ("soft", "red", "shirt")), 2]])
    network: Any = CLIPModel.from_pretrained(clip)
    with torch.no_grad():
        expected = network.eval().get_text_features(ids).pooler_output[0].numpy()
    np.testing.assert_allclose(found.vectors[0], expected / np.linalg.norm(expected), atol=1e-6)
    assert found.vectors.shape == (2, 12)


def test_bfloat16_stays_close(bert: Path) -> None:
    table = pl.DataFrame({"title": TITLES})
    narrow = replace(fitted(bert).parameters, precision="bfloat16")
    wide, close = encode(fitted(bert), table), encode(FittedText(narrow, bert), table)
    assert not np.array_equal(wide.vectors, close.vectors)
    assert (wide.vectors * close.vectors).sum(1)[wide.present].min() > 0.99


def test_fingerprint_follows_what_changes_vectors(bert: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(bert, copy)
    same = fitted(bert).fingerprint
    assert fitted(copy).fingerprint == same
    assert replace(fitted(bert), parameters=Text(("other",), precision="float32")).fingerprint == same
    assert replace(fitted(bert), parameters=Text(("title",), precision="bfloat16")).fingerprint != same
    for changed in ({"max_tokens": 5}, {"prefix": "x"}, {"pooling": "cls"}):
        assert fitted(bert, **changed).fingerprint != same
    data = bytearray((copy / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (copy / "model.safetensors").write_bytes(data)
    assert fitted(copy).fingerprint != same


def test_reads_no_further_than_the_block(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory does not grow with the table: one block is tokenised when one block is taken."""
    asked: list[int] = []
    real = FittedText._tokenise

    def spy(self: FittedText, texts: list[str]) -> list[list[int]]:
        asked.append(len(texts))
        return real(self, texts)

    monkeypatch.setattr(module, "_BLOCK", 4)
    monkeypatch.setattr(FittedText, "_tokenise", spy)
    encoder = fitted(bert)
    first = next(encoder.encode(pl.DataFrame({"title": [f"red {n}" for n in range(50)]})))
    assert len(first) == 4
    assert sum(asked) <= 5  # the block, and one word that measures the width


def test_fit_names_the_column_that_is_missing(world: Dataset, bert: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"'titel'; did you mean 'title'"):
        Text(("titel",), weights=str(bert)).fit(world, "item")
    assert Text(("title",), weights=str(bert)).fit(world, "item").folder == bert
    with pytest.raises(UnknownNameError, match="column of the user table"):
        Text(("title",), weights=str(bert)).fit(world, "user")


def test_refuses_parameters_without_a_meaning() -> None:
    with pytest.raises(ConfigError, match="at least one column"):
        Text(())
    with pytest.raises(ConfigError, match="at least 3"):
        Text(max_tokens=2)


def test_weights_that_are_missing_or_broken(bert: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = tmp_path / "less"
    shutil.copytree(bert, folder)
    tensors = load_file(folder / "model.safetensors")
    kept = {k: v for k, v in tensors.items() if "layer.1.output" not in k}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(DataError, match=r"lacks the weights encoder\.layer\.1\.output"):
        load_model(folder, torch.float32)
    (folder / "model.safetensors").unlink()
    with pytest.raises(DataError, match="not a Hugging Face model"):
        load_model(folder, torch.float32)
    shutil.copy(bert / "model.safetensors", folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(DataError, match="no tokeniser"):
        encode(fitted(folder), pl.DataFrame({"title": ["red"]}))


def test_an_untrained_pooling_layer_is_taken_away(vit: Path, bert: Path) -> None:
    assert load_model(vit, torch.float32).pooler is None
    assert load_model(bert, torch.float32).pooler is not None


@pytest.mark.weights
def test_minilm_equals_a_plain_loop_and_knows_what_is_alike() -> None:
    texts = [
        "A soft cotton t-shirt for summer",
        "Light tee made of cotton",
        "Repairing a diesel engine",
        "Tee",
        "x" * 99,
    ]
    folder = weights.resolve("minilm")
    vectors = encode(fitted(folder), pl.DataFrame({"title": texts})).vectors
    np.testing.assert_allclose(vectors, plain(folder, texts), atol=2e-6)
    assert vectors[0] @ vectors[1] > 0.5 > vectors[0] @ vectors[2]
    half = encode(FittedText(Text(("title",), precision="bfloat16"), folder), pl.DataFrame({"title": texts})).vectors
    assert (vectors * half).sum(1).min() > 0.998


@pytest.mark.slow
@pytest.mark.weights
def test_e5_knows_chinese_and_english() -> None:
    texts = [
        "a soft cotton t-shirt for summer",
        "夏季柔软棉质T恤",
        "database tuning on a Linux server",
        "数据库性能优化",
    ]
    vectors = encode(fitted(weights.resolve("multilingual-e5-small")), pl.DataFrame({"title": texts})).vectors
    similar = vectors @ vectors.T
    assert similar[0, 1] > similar[0, 2]
    assert similar[2, 3] > similar[2, 1]
    assert similar[1, 0] > similar[1, 2]
