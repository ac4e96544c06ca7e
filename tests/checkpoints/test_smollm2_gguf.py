"""The reader by a tiny network written here in the format; the real file by what only SmolLM2's own weights fulfil."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file

from cuvee import weights
from cuvee.checkpoints import smollm2_gguf
from cuvee.errors import ConfigError, DataError

WIDTH, HEADS, GROUPS, INNER = 16, 4, 2, 24
TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "a", "Ġ", "ĠĠ", "1", "2", "Ġ1"]
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['content'] }}<|im_end|>{% endfor %}"


def turned(matrix: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Return the rows as llama.cpp keeps queries and keys: of each head, the two halves in turn."""
    halves = matrix.reshape(heads, 2, -1, WIDTH)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(matrix.shape))


def write(path: Path, *, without: str = "") -> "dict[str, NDArray[np.float32]]":
    """Write one layer with random weights as GGUF; return them under their Hugging Face names."""
    from gguf import GGUFWriter

    rng = np.random.default_rng(0)
    head = WIDTH // HEADS
    layer = "model.layers.0."
    named = {
        "model.embed_tokens.weight": ("token_embd.weight", (len(TOKENS), WIDTH)),
        "model.norm.weight": ("output_norm.weight", (WIDTH,)),
        f"{layer}input_layernorm.weight": ("blk.0.attn_norm.weight", (WIDTH,)),
        f"{layer}post_attention_layernorm.weight": ("blk.0.ffn_norm.weight", (WIDTH,)),
        f"{layer}self_attn.q_proj.weight": ("blk.0.attn_q.weight", (WIDTH, WIDTH)),
        f"{layer}self_attn.k_proj.weight": ("blk.0.attn_k.weight", (GROUPS * head, WIDTH)),
        f"{layer}self_attn.v_proj.weight": ("blk.0.attn_v.weight", (GROUPS * head, WIDTH)),
        f"{layer}self_attn.o_proj.weight": ("blk.0.attn_output.weight", (WIDTH, WIDTH)),
        f"{layer}mlp.gate_proj.weight": ("blk.0.ffn_gate.weight", (INNER, WIDTH)),
        f"{layer}mlp.up_proj.weight": ("blk.0.ffn_up.weight", (INNER, WIDTH)),
        f"{layer}mlp.down_proj.weight": ("blk.0.ffn_down.weight", (WIDTH, INNER)),
    }
    writer: Any = GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(32)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(GROUPS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(1e5)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(TOKENS)
    writer.add_token_merges(["Ġ Ġ", "Ġ 1"])
    writer.add_token_types([3, 3, 3, *[1] * (len(TOKENS) - 3)])
    for add, number in ((writer.add_bos_token_id, 1), (writer.add_eos_token_id, 2), (writer.add_pad_token_id, 2)):
        add(number)
    writer.add_chat_template(TEMPLATE)
    made = {name: rng.normal(size=shape).astype(np.float32) for name, (_, shape) in named.items()}
    for name, (theirs, _) in named.items():
        heads = {"attn_q": HEADS, "attn_k": GROUPS}.get(theirs.split(".")[-2])
        if theirs != without:
            writer.add_tensor(theirs, turned(made[name], heads) if heads else made[name])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return made


def test_weights_tokeniser_and_template_arrive(tmp_path: Path) -> None:
    """Queries and keys in Hugging Face's order, nothing said of quantising, digits split off before spaces are."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    made = write(tmp_path / "tiny.gguf")
    smollm2_gguf.materialise(tmp_path / "tiny.gguf", tmp_path / "out")
    found = load_file(tmp_path / "out" / "model.safetensors")
    assert set(found) == set(made)
    for name, array in made.items():
        np.testing.assert_array_equal(found[name], array.astype(np.float16), err_msg=name)
    assert "quantization_config" not in (tmp_path / "out" / "config.json").read_text()
    models: Any = AutoModelForCausalLM
    tokenisers: Any = AutoTokenizer
    model, info = models.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not info["missing_keys"]
    assert model.config.rope_parameters["rope_theta"] == 1e5
    tokeniser = tokenisers.from_pretrained(tmp_path / "out")
    assert tokeniser.convert_ids_to_tokens(tokeniser("a  12")["input_ids"]) == ["a", "ĠĠ", "1", "2"]
    said = tokeniser.apply_chat_template([{"role": "user", "content": "a"}], tokenize=False)
    assert said == "<|im_start|>a<|im_end|>"
    assert (tokeniser.model_max_length, tokeniser.pad_token) == (32, "<|im_end|>")


def test_what_is_not_this_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "tiny.gguf"
    for content in (b"", b"no magic"):
        file.write_bytes(content)
        with pytest.raises(DataError, match=r"tiny\.gguf cannot be read as GGUF"):
            smollm2_gguf.materialise(file, tmp_path / "out")
    write(file, without="blk.0.attn_v.weight")
    with pytest.raises(DataError, match=r"does not fit LlamaForCausalLM: model\.layers\.0\.self_attn\.v_proj\.weight"):
        smollm2_gguf.materialise(file, tmp_path / "out")
    write(file)
    file.write_bytes(file.read_bytes()[:-900])
    with pytest.raises(DataError, match=r"tiny\.gguf cannot be read as GGUF"):
        smollm2_gguf.materialise(file, tmp_path / "out")
    monkeypatch.setattr(import_module("transformers.modeling_gguf_pytorch_utils"), "is_gguf_available", lambda: False)
    with pytest.raises(ConfigError, match=r"need the package gguf; pip install 'cuvee\[weights-llm\]'"):
        smollm2_gguf.materialise(file, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def smollm2() -> Path:
    """The real folder; it is made once, where weights are kept."""
    name = "smollm2-135m-instruct"
    if weights.where(name) == "not here":
        pytest.skip(f"no SmolLM2 at {os.environ.get('CUVEE_WEIGHTS', weights.home())}; cuvee weights add {name}")
    return weights.resolve(name)


@pytest.mark.slow
@pytest.mark.weights
def test_smollm2_is_whole_and_knows_paris(smollm2: Path) -> None:
    """No key missing or over; one pass over real text leaves little doubt; its own chat format ends in its turn."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenisers: Any = AutoTokenizer
    models: Any = AutoModelForCausalLM
    tokeniser = tokenisers.from_pretrained(smollm2)
    model, info = models.from_pretrained(smollm2, dtype=torch.float32, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert model.config.hidden_size == weights.KNOWN["smollm2-135m-instruct"].dim
    said = tokeniser("The capital of France is", return_tensors="pt")
    with torch.inference_mode():
        chances = model(**said).logits[0, -1].softmax(0)
    assert tokeniser.decode([int(chances.argmax())]) == " Paris"
    assert float(chances.max()) > 0.5
    chat = tokeniser.apply_chat_template(
        [{"role": "user", "content": "Hi"}], tokenize=False, add_generation_prompt=True
    )
    assert chat.endswith("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")
    assert tokeniser(chat)["input_ids"].count(tokeniser.convert_tokens_to_ids("<|im_end|>")) == 2
