"""The 4-bit file of multilingual-e5-small (magic `E5S1`) as a Hugging Face folder.

The file is a header, a unigram vocabulary, a table of normalised characters and a directory of tensors, either float32
or Q4_0: blocks of 32 weights with a float16 scale, where byte j holds weight j in its low half and j + 16 in its high.

Reference: Wang et al., "Multilingual E5 text embeddings: a technical report", 2024.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from cuvee.errors import DataError
from cuvee.types import Floats

__all__ = ["materialise"]

_MAGIC = b"E5S1"
_BLOCK = np.dtype([("scale", "<f2"), ("halves", "u1", 16)])
_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_SPACES = "[\t\n\x0c\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]"
_DROPPED = "[\x01-\x08\x0b\x0e-\x1f\x7f\u008f\u009f]"
_TILDE, _STAND_IN = "\uff5e", "\uf8ff"  # the vocabulary keeps this one character that NFKC would change


@dataclass(frozen=True)
class _Header:
    """The sizes of the network, in the file's order."""

    width: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float


class _Cursor:
    """Reads little-endian values one after another."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def array(self, kind: str, n: int) -> NDArray[np.generic]:
        values = np.frombuffer(self.data, kind, n, self.at)
        self.at += values.nbytes
        return values

    def skip(self, n: int) -> bytes:
        self.at += n
        return self.data[self.at - n : self.at]


def materialise(source: Path, target: Path) -> None:
    """Write config, weights and tokenizer of the file `source` into the folder `target`.

    Raises:
        DataError: the file is cut short or not of this format.
    """
    data = source.read_bytes()
    if data[:4] != _MAGIC:
        raise DataError(
            f"{source} does not start with {_MAGIC.decode()}: it is not the 4-bit file of multilingual-e5-small"
        )
    cursor = _Cursor(data)
    try:
        cursor.skip(8)  # magic and version
        header = _Header(*cursor.take("7i"), *cursor.take("f"))
        (block,) = cursor.take("i")
        pieces = list(_pieces(cursor))
        _, characters = cursor.take("iI")
        cursor.skip(characters)
        tensors = dict(_tensors(cursor, header))
    except (struct.error, ValueError, IndexError) as error:
        raise DataError(f"{source} is cut short or damaged ({error}); add the weights again") from error
    if block != 32:
        raise DataError(f"{source} has blocks of {block} weights; this reader knows blocks of 32")
    save_file(tensors, target / "model.safetensors", {"format": "pt"})
    _tokenizer(pieces).save(str(target / "tokenizer.json"))
    for name, content in _settings(header).items():
        (target / name).parent.mkdir(exist_ok=True)
        (target / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _pieces(cursor: _Cursor) -> Iterator[tuple[str, float]]:
    """Yield the vocabulary: piece and log probability."""
    n, *_special = cursor.take("5i")
    (size,) = cursor.take("Q")
    ends = cursor.array("<u4", n + 1).tolist()
    scores = cursor.array("<f4", n).tolist()
    text = cursor.skip(size)
    for row, score in enumerate(scores):
        yield text[ends[row] : ends[row + 1]].decode(), score


def _tensors(cursor: _Cursor, header: _Header) -> Iterator[tuple[str, Floats]]:
    """Yield the tensors by their Hugging Face names."""
    (n,) = cursor.take("i")
    for _ in range(n):
        (length,) = cursor.take("H")
        name = cursor.skip(length).decode()
        kind, count, offset, size = cursor.take("BIQQ")
        block = cursor.data[offset : offset + size]
        values = _unpacked(block) if kind else np.frombuffer(block, "<f4")
        if len(values) != count:
            raise ValueError(f"{name} has {len(values)} values, not {count}")
        yield _named(name), _shaped(name, values, header)


def _unpacked(data: bytes) -> Floats:
    """Return the weights of Q4_0 blocks."""
    blocks = np.frombuffer(data, _BLOCK)
    halves = np.concatenate([blocks["halves"] & 15, blocks["halves"] >> 4], axis=1)  # (blocks, 32)
    weights = (halves.astype(np.float32) - 8) * blocks["scale"].astype(np.float32)[:, None]
    return np.asarray(weights.reshape(-1), np.float32)


def _named(name: str) -> str:
    if name in _EMBEDDINGS:
        return _EMBEDDINGS[name]
    layer, part, kind = name.split(".")
    return f"encoder.layer.{layer[1:]}.{_NAMES[part]}.{'weight' if kind == 'w' else 'bias'}"


def _shaped(name: str, values: Floats, header: _Header) -> Floats:
    """Give matrices their two axes (out, in); biases and norms have one."""
    matrix = name in ("emb.word", "emb.pos", "emb.type") or (name.endswith(".w") and "ln." not in name)
    columns = header.inner if name.endswith("fo.w") else header.width
    return values.reshape(-1, columns) if matrix else values


def _tokenizer(pieces: list[tuple[str, float]]) -> Tokenizer:
    """Return XLM-RoBERTa's tokenizer: NFKC and a few characters, then the likeliest pieces."""
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(_DROPPED), ""),
            normalizers.Replace(Regex(_SPACES), " "),
            normalizers.Replace(_TILDE, _STAND_IN),
            normalizers.NFKC(),
            normalizers.Replace(_STAND_IN, _TILDE),
            normalizers.Replace(Regex(" {2,}"), " "),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    return tokenizer


def _settings(header: _Header) -> dict[str, dict[str, object]]:
    """Return file name -> content for everything small."""
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": header.vocabulary,
        "hidden_size": header.width,
        "num_hidden_layers": header.layers,
        "num_attention_heads": header.heads,
        "intermediate_size": header.inner,
        "max_position_embeddings": header.positions,
        "type_vocab_size": header.types,
        "layer_norm_eps": header.epsilon,
        "hidden_act": "gelu",
        "pad_token_id": 1,
    }
    special = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>"}
    special |= {"unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>"}
    tokenizer = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": header.positions, **special}
    return {
        "config.json": config,
        "tokenizer_config.json": tokenizer,
        "1_Pooling/config.json": {"word_embedding_dimension": header.width, "pooling_mode_mean_tokens": True},
        "config_sentence_transformers.json": {"prompts": {"query": "query: ", "passage": "passage: "}},
    }
