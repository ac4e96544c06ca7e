"""Hidden states of tiny random language models against a plain loop over the network."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from cuvee.encoders import llm as module
from cuvee.encoders.llm import FittedLlm, Llm
from cuvee.errors import ConfigError, UnknownNameError
from cuvee.testing import check_encoder, toy
from cuvee.types import Embeddings, Floats
from tests.tiny_language_models import save_tiny

TITLES = ["wine and cheese", "the quick brown fox jumps over the lazy dog", None, "a film", "", "wine and cheese", "a"]
TABLE = pl.DataFrame({"title": TITLES})
PRESENT = [bool(title) for title in TITLES]


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp(request.param), request.param, room=64)


def encode(folder: Path, **parameters: Any) -> Embeddings:
    encoder = FittedLlm(Llm(("title",), precision="float32", **parameters), folder)
    blocks = list(encoder.encode(TABLE))
    return Embeddings(np.concatenate([b.vectors for b in blocks]), np.concatenate([b.present for b in blocks]))


def plain(folder: Path, pooling: str, layer: int, suffix: str = "", limit: int = 96) -> Floats:
    """One text after another through the whole network, whose layers are counted from the embeddings on."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    loader: Any = AutoTokenizer
    network: Any = AutoModelForCausalLM.from_pretrained(folder)
    tokeniser, network = loader.from_pretrained(folder), network.eval()
    out = []
    for title in filter(None, TITLES):
        tokens = tokeniser(title)["input_ids"][:limit] + tokeniser(suffix)["input_ids"]
        with torch.no_grad():
            states = network(torch.tensor([tokens]), output_hidden_states=True).hidden_states[layer][0].double()
        vector = states.mean(0) if pooling == "mean" else states[-1]
        out.append((vector / vector.norm()).numpy())
    return np.array(out, np.float32)


@pytest.mark.parametrize(
    ("pooling", "layer", "suffix", "limit"),
    [("mean", -1, "", 96), ("last", 1, "", 96), ("last", -1, " in one word:", 3), ("mean", 0, "", 5)],
)
def test_equals_a_plain_loop(
    folder: Path, pooling: str, layer: int, suffix: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of three rows, passes of a few tokens."""
    monkeypatch.setattr(module, "_BLOCK", 3)
    monkeypatch.setitem(module._TOKENS, "cpu", 9)
    found = encode(folder, pooling=pooling, layer=layer, suffix=suffix, max_tokens=limit)
    assert found.present.tolist() == PRESENT
    np.testing.assert_allclose(found.vectors[PRESENT], plain(folder, pooling, layer, suffix, limit), atol=2e-6)
    assert not found.vectors[~found.present].any()


def test_every_choice_counts(folder: Path) -> None:
    """Another layer, pooling, suffix or cut gives other vectors, and another name in the cache."""
    choices: list[dict[str, Any]] = [
        {},
        {"pooling": "last"},
        {"layer": 1},
        {"suffix": " in one word:"},
        {"max_tokens": 2},
    ]
    vectors = {encode(folder, **choice).vectors.tobytes() for choice in choices}
    names = {FittedLlm(Llm(("title",), **choice), folder).fingerprint for choice in choices}
    assert len(vectors) == len(names) == len(choices)


def test_keeps_the_contract(folder: Path) -> None:
    check_encoder(Llm(("title",), weights=str(folder), precision="float32"), toy())


def test_what_is_wrong(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"layer 3: .* has layers 0 to 2"):
        encode(folder, layer=3)
    with pytest.raises(ConfigError, match="leaves no room for a text; shorten it"):
        encode(folder, suffix="wine " * 70)
    with pytest.raises(ConfigError, match="max_tokens must be at least 1, got 0"):
        Llm(max_tokens=0)
    with pytest.raises(ConfigError, match="at least one column"):
        Llm(())
    with pytest.raises(UnknownNameError, match="did you mean 'title'"):
        Llm(("titel",), weights=str(folder)).fit(toy(), "item")
