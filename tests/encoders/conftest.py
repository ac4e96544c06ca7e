"""Tiny random networks saved as Hugging Face folders: what `from_pretrained` meets, without a hub."""

from pathlib import Path
from typing import Any

import pytest
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


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("bert")
    save(BertModel(BertConfig(vocab_size=40, max_position_embeddings=64, **SMALL)), folder)
    save_tokeniser(folder, 64)
    return folder


@pytest.fixture(scope="session")
def roberta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Positions for 18 tokens, and a tokeniser that does not say so."""
    from transformers import RobertaConfig, RobertaModel

    folder = tmp_path_factory.mktemp("roberta")
    config = RobertaConfig(vocab_size=40, max_position_embeddings=20, pad_token_id=0, **SMALL)
    save(RobertaModel(config, add_pooling_layer=False), folder)
    save_tokeniser(folder, int(1e30))
    return folder


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    folder = tmp_path_factory.mktemp("clip")
    text = {"vocab_size": 40, "max_position_embeddings": 20, "eos_token_id": 2, "bos_token_id": 1, **SMALL}
    config = CLIPConfig(text_config=text, vision_config={"image_size": 32, "patch_size": 8, **SMALL}, projection_dim=12)
    save(CLIPModel(config), folder)
    save_tokeniser(folder, 20)
    processor: Any = CLIPImageProcessor
    processor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network without a trained pooling layer: its first token is the picture."""
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    folder = tmp_path_factory.mktemp("vit")
    save(ViTModel(ViTConfig(image_size=24, patch_size=8, **SMALL), add_pooling_layer=False), folder)
    processor: Any = ViTImageProcessor
    processor(size={"height": 24, "width": 24}).save_pretrained(folder)
    return folder
