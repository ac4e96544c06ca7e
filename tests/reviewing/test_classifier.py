"""A tiny random classifier: its classes are read, and batches change nothing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification, PreTrainedTokenizerFast

from cuvee.errors import ConfigError, DataError
from cuvee.reviewing.classifier import values_of
from cuvee.reviewing.sentiment import sentiment

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "tone", "the", "is"]
TEXTS = ["the tone is good", "bad", "the tone is bad " * 40, "good good", "unheard of"]


def tiny(folder: Path, labels: dict[int, str], *, head: bool = True) -> Path:
    torch.manual_seed(0)
    tokeniser: Any = Tokenizer(models.WordLevel({w: n for n, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokeniser.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [("[CLS]", 2), ("[SEP]", 3)]
    tokeniser.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    make: Any = PreTrainedTokenizerFast
    fast = make(tokenizer_object=tokeniser, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]")
    fast.save_pretrained(folder)
    shape: dict[str, Any] = {
        "hidden_size": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    config = BertConfig(
        vocab_size=len(WORDS), max_position_embeddings=64, id2label=labels, initializer_range=1.0, **shape
    )
    (BertForSequenceClassification if head else BertForMaskedLM)(config).save_pretrained(folder)
    return folder


def test_the_expected_value_of_the_classes(tmp_path: Path) -> None:
    """Against the network itself, a text at a time; texts are cut at the positions the network has."""
    folder = tiny(tmp_path, {0: "positive", 1: "neutral", 2: "negative"})
    found = sentiment([*TEXTS, ""], str(folder))
    model: Any = BertForSequenceClassification.from_pretrained(folder)
    tokeniser = PreTrainedTokenizerFast.from_pretrained(folder)
    for text, value in zip(TEXTS, found, strict=False):
        given = tokeniser(text, return_tensors="pt", truncation=True, max_length=62)
        with torch.inference_mode():
            chances = model(given["input_ids"], given["attention_mask"]).logits[0].softmax(0)
        assert value == pytest.approx(float(chances[0] - chances[2]), abs=1e-5)
    assert np.isnan(found[-1])
    assert np.ptp(found[:-1]) > 0.01


def test_what_the_classes_stand_for() -> None:
    here = Path("here")
    assert values_of({1: "POSITIVE", 0: "NEGATIVE"}, here) == [-1, 1]
    assert values_of({0: "neg", 1: "neu", 2: "pos"}, here) == [-1, 0, 1]
    assert values_of({n: f"{n + 1} star{'s' if n else ''}" for n in range(5)}, here) == [-1, -0.5, 0, 0.5, 1]
    very = ["Very Negative", "Negative", "Neutral", "Positive", "very_positive"]
    assert values_of(dict(enumerate(very)), here) == [-1, -0.5, 0, 0.5, 1]
    with pytest.raises(ConfigError, match=r"here are called LABEL_0, LABEL_1.*id2label"):
        values_of({0: "LABEL_0", 1: "LABEL_1"}, here)
    with pytest.raises(ConfigError, match="called positive,"):
        values_of({0: "positive"}, here)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    folder = tiny(tmp_path / "a", {0: "negative", 1: "positive"}, head=False)
    with pytest.raises(DataError, match="no trained classifier: it lacks the weights"):
        sentiment(["good"], str(folder))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(DataError, match="not a classifier that can be read"):
        sentiment(["good"], str(tmp_path / "b"))
