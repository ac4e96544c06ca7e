"""Tiny causal language models with random weights, saved as Hugging Face folders."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
)

TOKENISER: Any = PreTrainedTokenizerFast

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WORDS = [
    "the quick brown fox jumps over the lazy dog",
    "wine and cheese, a film and a book; 42 stars!",
    "naïve café 红酒",
]


def save_tiny(folder: Path, architecture: str, *, template: str | None = None, room: int = 512) -> Path:
    """Save a model with byte-level tokens; return its folder. "bloom" takes no positions, "mistral" has a window."""
    tokeniser = Tokenizer(models.BPE())
    tokeniser.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokeniser.decoder = decoders.ByteLevel()
    special = ["<|end|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokeniser.train_from_iterator(
        WORDS, trainers.BpeTrainer(vocab_size=320, special_tokens=special, initial_alphabet=alphabet)
    )
    fast = TOKENISER(tokenizer_object=tokeniser, eos_token="<|im_end|>" if template else "<|end|>")
    fast.add_special_tokens({"additional_special_tokens": special[1:]})
    fast.chat_template = template
    fast.save_pretrained(folder)
    torch.manual_seed(3)
    size: dict[str, Any] = {"vocab_size": len(fast), "eos_token_id": fast.eos_token_id, "bos_token_id": 0}
    network: Any
    if architecture == "gpt2":
        network = GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=room, **size))
    elif architecture == "bloom":
        network = BloomForCausalLM(BloomConfig(hidden_size=32, n_layer=2, n_head=4, **size))
    else:
        of_all: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, **size}
        of_all |= {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": room}
        if architecture == "llama":
            network = LlamaForCausalLM(LlamaConfig(pad_token_id=0, **of_all))
        else:
            network = MistralForCausalLM(MistralConfig(pad_token_id=0, sliding_window=40, **of_all))
    for parameter in network.parameters():  # as drawn, every token is as likely as the next
        parameter.data *= 6 if parameter.ndim > 1 else 1
    silent = [t for t in range(len(fast)) if not fast.decode([t], skip_special_tokens=True).isascii() or t < 3]
    network.get_output_embeddings().weight.data[silent] = 0  # it writes ASCII, and does not end by itself
    network.save_pretrained(folder)
    return folder
