"""Sentiment by a Transformer that was trained to tell kind texts from unkind ones: the mean of its classes' values.

What a class stands for is read from `id2label` of its config.json: negative, neutral, positive, or stars.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cuvee import weights as weight_store
from cuvee.errors import ConfigError, DataError
from cuvee.torch_runtime import device, quiet
from cuvee.types import Floats

__all__ = ["classify", "values_of"]

_TOKENS = 4096
"""Tokens of one pass, padding included."""
_MOST_TOKENS = 256
"""Tokens read of a text."""
_NAMES = {"neg": -1.0, "negative": -1.0, "neu": 0.0, "neutral": 0.0, "pos": 1.0, "positive": 1.0}
_VERY = {"very negative": -1.0, "negative": -0.5, "neutral": 0.0, "positive": 0.5, "very positive": 1.0}
_STARS = re.compile(r"(\d+) stars?")


def classify(texts: Sequence[str], weights: str) -> Floats:
    """Return (n,) the expected value of the classes, -1 for the unkindest and 1 for the kindest.

    Args:
        weights: a name, a local folder or a hub id of a sequence classifier in Hugging Face format.

    Raises:
        UnknownNameError: no such weights.
        DataError: a folder that cannot be read, or a network that is not a trained classifier.
        ConfigError: labels that do not say what they stand for.
    """
    folder = weight_store.resolve(weights)
    model, tokeniser = _loaded(folder)
    values = torch.tensor(values_of(model.config.id2label, folder), device=device())
    encoded = tokeniser(list(texts), truncation=True, max_length=_limit(model, tokeniser))["input_ids"]
    found = np.zeros(len(texts), np.float32)
    for rows in _batches([len(ids) for ids in encoded]):
        batch = tokeniser.pad({"input_ids": [encoded[r] for r in rows]}, return_tensors="pt").to(device())
        with torch.inference_mode():
            chances = model(**batch).logits.float().softmax(dim=1)
        found[rows] = (chances @ values).cpu().numpy()
    return found


def values_of(labels: Mapping[int, str], folder: Path) -> list[float]:
    """Return what each class counts: by its name, or evenly from the fewest stars to the most."""
    named = [str(labels[n]).lower().replace("_", " ").strip() for n in sorted(labels)]
    scale = _VERY if any(name.startswith("very") for name in named) else _NAMES
    if len(named) > 1 and all(name in scale for name in named):
        return [scale[name] for name in named]
    stars = [int(match[1]) for name in named if (match := _STARS.fullmatch(name))]
    if len(stars) == len(named) > 1:
        middle, half = (max(stars) + min(stars)) / 2, (max(stars) - min(stars)) / 2
        return [(star - middle) / half for star in stars]
    raise ConfigError(
        f"the classes of {folder} are called {', '.join(map(str, labels.values()))}, which does not say what is kind; "
        "name them negative, neutral, positive, or 1 star, 2 stars ... in id2label of its config.json"
    )


def _loaded(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    with quiet():
        try:
            model, info = AutoModelForSequenceClassification.from_pretrained(
                folder, use_safetensors=True, local_files_only=True, output_loading_info=True
            )
            tokeniser: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise DataError(f"{folder} is not a classifier that can be read: {error}") from error
    missing = sorted(info["missing_keys"])
    if missing:
        raise DataError(f"{folder} is no trained classifier: it lacks the weights {', '.join(missing[:5])}")
    return model.eval().to(device()), tokeniser


def _limit(model: Any, tokeniser: Any) -> int:
    # RoBERTa's positions start at 2, so that two fewer than the configuration says are safe everywhere
    room = getattr(model.config, "max_position_embeddings", 2**30) - 2
    return int(min(_MOST_TOKENS, tokeniser.model_max_length, room))


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the rows of texts of about one length, few enough for one pass."""
    order = np.argsort(lengths, kind="stable").tolist()
    rows: list[int] = []
    for row in order:  # ascending, so that the newest is the longest
        if rows and (len(rows) + 1) * lengths[row] > _TOKENS:
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows
