"""The file by a small one written here; the real one by what only Whisper's own weights fulfil."""

import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cuvee import weights
from cuvee.checkpoints import whisper_ct2
from cuvee.errors import DataError


def packed(arrays: "dict[str, np.ndarray[Any, Any]]", spec: str = "WhisperSpec") -> bytes:
    def name(text: str) -> bytes:
        return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"

    out = struct.pack("<I", 6) + name(spec) + struct.pack("<II", 3, len(arrays))
    for path, array in arrays.items():
        out += name(path) + struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        out += struct.pack("<BI", 4, array.nbytes) + array.tobytes()
    return out


def test_stacked_projections_come_apart_in_order() -> None:
    """Six rows: two of queries, two of keys, two of values; keys have no bias."""
    matrix, bias = np.arange(12, dtype="<f2").reshape(6, 2), np.array([1, 2, 0, 0, 5, 6], "<f2")
    stem = "encoder/layer_3/self_attention/linear_0"
    read = whisper_ct2._arrays(packed({f"{stem}/weight": matrix, f"{stem}/bias": bias}))
    found = whisper_ct2._renamed(read)
    prefix = "model.encoder.layers.3.self_attn"
    assert {name.removeprefix(f"{prefix}.") for name in found} == {
        *("q_proj.weight", "k_proj.weight", "v_proj.weight", "q_proj.bias", "v_proj.bias"),
    }
    assert found[f"{prefix}.k_proj.weight"].tolist() == [[4, 5], [6, 7]]
    assert found[f"{prefix}.v_proj.bias"].tolist() == [5, 6]


def test_what_is_not_this_file_is_refused() -> None:
    with pytest.raises(DataError, match="'BertSpec' in version 6"):
        whisper_ct2._arrays(packed({}, "BertSpec"))
    with pytest.raises(DataError, match="ends at"):
        whisper_ct2._arrays(packed({"encoder/conv1/weight": np.ones((4, 4), "<f2")})[:-3])
    stem = "encoder/layer_0/self_attention/linear_0/bias"
    with pytest.raises(DataError, match="a bias for keys"):
        whisper_ct2._renamed({stem: np.ones(6, np.float32)})


@pytest.fixture(scope="module")
def whisper() -> Path:
    if weights.where("whisper-base") == "not here":
        pytest.skip(f"no Whisper at {os.environ.get('CUVEE_WEIGHTS', weights.home())}; cuvee weights add whisper-base")
    return weights.resolve("whisper-base")


@pytest.mark.slow
@pytest.mark.weights
def test_whisper_is_whole_and_speaks_english(whisper: Path) -> None:
    """No key missing or over; positions by the paper's sinusoids; words in order are likelier than out of order."""
    from transformers import AutoTokenizer, WhisperForConditionalGeneration

    loader: Any = WhisperForConditionalGeneration
    model, info = loader.from_pretrained(whisper, dtype=torch.float32, output_loading_info=True)
    model.eval()
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert model.config.d_model == weights.KNOWN["whisper-base"].dim
    rates = np.exp(-np.log(10_000) * np.arange(256) / 255)
    angles = np.arange(1500)[:, None] * rates
    positions = model.model.encoder.embed_positions.weight.detach().numpy()
    np.testing.assert_allclose(positions, np.c_[np.sin(angles), np.cos(angles)], atol=1e-3)
    tokeniser: Any = AutoTokenizer
    tokeniser = tokeniser.from_pretrained(whisper)

    def surprise(text: str) -> float:
        start = tokeniser.convert_tokens_to_ids(
            ["<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>"]
        )
        said = tokeniser(f" {text}", add_special_tokens=False)["input_ids"]
        silence = torch.full((1, 80, 3000), -1.5)
        with torch.inference_mode():
            logits = model(silence, decoder_input_ids=torch.tensor([start + said])).logits[0, len(start) - 1 : -1]
        return float(torch.nn.functional.cross_entropy(logits, torch.tensor(said)))

    assert surprise("The cat sat down on the floor and went to sleep.") + 1 < surprise(
        "Floor sleep the went sat and to on the cat down."
    )
