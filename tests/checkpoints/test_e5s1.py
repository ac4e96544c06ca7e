import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from cuvee.checkpoints.e5s1 import materialise
from cuvee.errors import DataError
from cuvee.torch_runtime import load_model
from cuvee.types import Floats

WIDTH, LAYERS, HEADS, INNER, POSITIONS = 32, 2, 4, 64, 10
PIECES = {"<s>": 0.0, "<pad>": 0.0, "</s>": 0.0, "<unk>": 0.0, "▁": -3.0, "▁red": -4.0, "s": -5.0, "hirt": -6.0,
          "▁shirt": -7.5, "红": -8.0, "～": -8.5, "é": -9.0}  # fmt: skip


def quantised(weights: Floats) -> tuple[bytes, Floats]:
    """Pack 4-bit blocks one weight at a time; return the bytes and the weights they stand for."""
    packed, meant = b"", []
    for block in weights.reshape(-1, 32):
        scale = np.float16(np.abs(block).max() / 7)
        levels = [int(np.clip(np.rint(v / float(scale)), -8, 7)) + 8 for v in block]
        packed += struct.pack("<e", scale) + bytes(levels[j] | levels[j + 16] << 4 for j in range(16))
        meant += [(level - 8) * float(scale) for level in levels]
    return packed, np.array(meant, np.float32).reshape(weights.shape)


def tensors(rng: np.random.Generator) -> dict[str, Floats]:
    """Return the tensors by the file's names, matrices as (out, in)."""

    def draw(*shape: int) -> Floats:
        return rng.normal(size=shape).astype(np.float32)

    found = {"emb.word": draw(len(PIECES) + 3, WIDTH), "emb.pos": draw(POSITIONS, WIDTH), "emb.type": draw(2, WIDTH)}
    found |= {"emb.ln.w": draw(WIDTH), "emb.ln.b": draw(WIDTH)}
    for layer in range(LAYERS):
        shapes = {**dict.fromkeys(("q", "k", "v", "ao"), (WIDTH, WIDTH)), "fi": (INNER, WIDTH), "fo": (WIDTH, INNER)}
        for part, shape in shapes.items():
            found |= {f"l{layer}.{part}.w": draw(*shape), f"l{layer}.{part}.b": draw(shape[0])}
        for part in ("aln", "oln"):
            found |= {f"l{layer}.{part}.w": draw(WIDTH), f"l{layer}.{part}.b": draw(WIDTH)}
    return found


def write(path: Path, given: dict[str, Floats]) -> dict[str, Floats]:
    """Write the file; return what its tensors stand for."""
    text = [piece.encode() for piece in PIECES]
    head = b"E5S1" + struct.pack("<I7ifi", 1, WIDTH, LAYERS, HEADS, INNER, len(PIECES) + 3, POSITIONS, 2, 1e-6, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, sum(map(len, text)))
    head += np.cumsum([0, *map(len, text)]).astype("<u4").tobytes()
    head += np.array(list(PIECES.values()), "<f4").tobytes() + b"".join(text)
    head += struct.pack("<iI", 1, 9) + struct.pack("<IBI", 0x41, 1, 0x61)
    packed, meant = {}, {}
    for name, values in given.items():
        four_bits = values.ndim == 2 and name not in ("emb.pos", "emb.type")
        packed[name], meant[name] = quantised(values) if four_bits else (values.astype("<f4").tobytes(), values)
    offset = len(head) + 4 + sum(2 + len(name) + 21 for name in given)
    directory = struct.pack("<i", len(given))
    for name, data in packed.items():
        kind = int(len(data) != given[name].size * 4)
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind, given[name].size, offset, len(data))
        offset += len(data)
    path.write_bytes(head + directory + b"".join(packed.values()))
    return meant


@pytest.fixture
def folder(tmp_path: Path) -> tuple[Path, dict[str, Floats]]:
    meant = write(tmp_path / "w.bin", tensors(np.random.default_rng(0)))
    (tmp_path / "out").mkdir()
    materialise(tmp_path / "w.bin", tmp_path / "out")
    return tmp_path / "out", meant


def test_every_tensor_lands_in_its_place(folder: tuple[Path, dict[str, Floats]]) -> None:
    path, meant = folder
    found = load_file(path / "model.safetensors")
    assert len(found) == len(meant) == 5 + 16 * LAYERS
    layer = "encoder.layer.1"
    for theirs, ours in {
        "emb.word": "embeddings.word_embeddings.weight",
        "emb.pos": "embeddings.position_embeddings.weight",
        "emb.ln.b": "embeddings.LayerNorm.bias",
        "l1.q.w": f"{layer}.attention.self.query.weight",
        "l1.v.b": f"{layer}.attention.self.value.bias",
        "l1.ao.w": f"{layer}.attention.output.dense.weight",
        "l1.aln.w": f"{layer}.attention.output.LayerNorm.weight",
        "l1.fi.w": f"{layer}.intermediate.dense.weight",
        "l1.fo.w": f"{layer}.output.dense.weight",
        "l1.oln.b": f"{layer}.output.LayerNorm.bias",
    }.items():
        np.testing.assert_array_equal(found[ours], meant[theirs], err_msg=theirs)


def test_the_network_loads_with_nothing_missing(folder: tuple[Path, dict[str, Floats]]) -> None:
    model = load_model(folder[0], torch.float32)
    config = model.config
    assert (config.hidden_size, config.num_hidden_layers, config.num_attention_heads) == (WIDTH, LAYERS, HEADS)
    assert (config.intermediate_size, config.max_position_embeddings) == (INNER, POSITIONS)
    assert config.layer_norm_eps == pytest.approx(1e-6)


def test_the_likeliest_pieces_by_hand(folder: tuple[Path, dict[str, Floats]]) -> None:
    """`▁shirt` (-7.5) beats `▁` + `s` + `hirt` (-14); e and its accent become one; the wide tilde stays."""
    from transformers import AutoTokenizer

    loader: Any = AutoTokenizer
    tokeniser = loader.from_pretrained(folder[0])
    pieces = list(PIECES)
    for text, wanted in {
        "red  shirt": ["▁red", "▁shirt"],
        " red\tshirts\n": ["▁red", "▁shirt", "s"],
        "红e\u0301": ["▁", "红", "é"],
        "red\x07～": ["▁red", "～"],
        "red q": ["▁red", "▁", "<unk>"],
    }.items():
        ids = tokeniser(text)["input_ids"]
        assert [pieces[i] for i in ids] == ["<s>", *wanted, "</s>"], text
    assert tokeniser.pad_token_id == 1


@pytest.mark.parametrize("cut", [3, 20, 90, 200, 500, -1])
def test_a_file_cut_short_is_refused(cut: int, tmp_path: Path) -> None:
    write(tmp_path / "w.bin", tensors(np.random.default_rng(0)))
    (tmp_path / "cut.bin").write_bytes((tmp_path / "w.bin").read_bytes()[:cut])
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError, match=r"cut\.bin"):
        materialise(tmp_path / "cut.bin", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
