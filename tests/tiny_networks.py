"""Tiny random text networks saved as Hugging Face folders: what `from_pretrained` meets, without a hub."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors

WORDS = (
    *("red", "blue", "green", "soft", "warm", "shirt", "dress", "cotton", "wool", "summer", "winter", "long", "short"),
    *("the", "a", "of", "and", "with", ".", ",", "passage", ":", "query", "action", "comedy", "drama", "1995", "12"),
)


def save_tokeniser(folder: Path, limit: int) -> None:
    """Write a tokeniser of whole words; others are <unk>."""
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: row for row, word in enumerate(["<pad>", "<s>", "</s>", "<unk>", *WORDS])}
    tokeniser = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokeniser.pre_tokenizer = pre_tokenizers.Whitespace()
    tokeniser.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    special = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    wrapper: Any = PreTrainedTokenizerFast
    wrapper(tokenizer_object=tokeniser, model_max_length=limit, **special).save_pretrained(folder)


def save(model: Any, folder: Path) -> None:
    """Write a network whose weights are large enough for its outputs to differ from row to row."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    model.save_pretrained(folder)


SMALL: dict[str, Any] = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
}  # fmt: skip


def _bert() -> Any:
    from transformers import BertConfig, BertModel

    return BertModel(BertConfig(vocab_size=40, max_position_embeddings=64, **SMALL))


def _roberta() -> Any:
    """Positions for 18 tokens, and a tokeniser that does not say so."""
    from transformers import RobertaConfig, RobertaModel

    config = RobertaConfig(vocab_size=40, max_position_embeddings=20, pad_token_id=0, **SMALL)
    return RobertaModel(config, add_pooling_layer=False)


def _gpt2() -> Any:
    from transformers import GPT2Config, GPT2Model

    sizes: dict[str, Any] = {"n_positions": 64, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_inner": 24}
    return GPT2Model(GPT2Config(vocab_size=40, bos_token_id=1, eos_token_id=2, **sizes))


def _llama() -> Any:
    from transformers import LlamaConfig, LlamaModel

    special: dict[str, Any] = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    return LlamaModel(LlamaConfig(vocab_size=40, max_position_embeddings=64, **special, **SMALL))


def _t5() -> Any:
    """An encoder-decoder, of which the encoder is read."""
    from transformers import T5Config, T5Model

    sizes: dict[str, Any] = {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2}
    return T5Model(T5Config(vocab_size=40, **sizes))


TEXT_NETWORKS: dict[str, Callable[[], Any]] = {
    "bert": _bert,
    "roberta": _roberta,
    "gpt2": _gpt2,
    "llama": _llama,
    "t5": _t5,
}
"""Architecture -> a network of it."""

_LIMITS = {"roberta": int(1e30)}


def save_text_network(name: str, folder: Path) -> Path:
    """Write the network of an architecture and a tokeniser into a folder."""
    save(TEXT_NETWORKS[name](), folder)
    save_tokeniser(folder, _LIMITS.get(name, 64))
    return folder
