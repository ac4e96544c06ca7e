"""Texts through pretrained Transformers: tokens, batches of like length, hidden states, and one vector a text.

Any Hugging Face folder does: an encoder (BERT, RoBERTa), a decoder (GPT-2, Llama), or an encoder-decoder, of which the
encoder is taken (T5). Padding stands at the end and is masked, so that a text's vector does not depend on its company.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from cuvee import weights as weight_store
from cuvee.cache import VectorCache, keys_of
from cuvee.errors import ConfigError, DataError
from cuvee.torch_runtime import Precision, device, dtype_of, load_model, quiet, read_json, workers
from cuvee.types import Embeddings, Floats, Longs

__all__ = [
    "Pooling",
    "TextTower",
    "equal_lengths",
    "frozen_vectors",
    "length_buckets",
    "load_backbone",
    "load_tokeniser",
    "padded",
    "pool",
    "room",
    "states",
    "tokenise",
    "trained_pooling",
]

Pooling = Literal["mean", "cls", "last"]
"""How the tokens of a text become one vector: their mean, the first, or the last."""

_UNLIMITED = 2**30


def load_backbone(folder: Path, precision: Precision = "float32") -> nn.Module:
    """Return the network of a folder, in `eval` mode on `device()`: forward(input_ids, attention_mask).

    Of an encoder-decoder it is the encoder. `states` reads what it answers.

    Raises:
        DataError: no readable safetensors, or weights that the architecture needs are missing.
    """
    model = load_model(folder, dtype_of(precision))
    found: nn.Module = model.get_encoder() if model.config.is_encoder_decoder else model
    return found


def load_tokeniser(folder: Path) -> Any:
    """Return the tokeniser of a folder.

    Raises:
        DataError: there is none that works here.
    """
    from transformers import AutoTokenizer

    with quiet():
        try:
            return AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, ImportError) as error:
            raise DataError(f"{folder} has no tokeniser that works here: {error}") from error


def room(config: Any) -> int:
    """Return how many tokens a text model takes; no limit where positions are relative.

    RoBERTa's positions start at 2, so that two fewer than the configuration says are safe everywhere.
    """
    return int(getattr(config, "max_position_embeddings", None) or _UNLIMITED) - 2


def tokenise(folder: Path, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
    """Return the tokens of each text, special ones included, cut to what the network takes; of "" none."""
    if max_tokens < 3:
        raise ConfigError(f"max_tokens must be at least 3, got {max_tokens}")
    from transformers import AutoConfig

    unique = sorted({t for t in texts if t})
    if not unique:
        return [[] for _ in texts]
    tokeniser = load_tokeniser(folder)
    config = AutoConfig.from_pretrained(folder, local_files_only=True).get_text_config()
    limit = min(max_tokens, tokeniser.model_max_length, room(config))
    rows = tokeniser(unique, truncation=True, max_length=limit)["input_ids"]
    found = dict(zip(unique, rows, strict=True))
    return [list(found[t]) if t else [] for t in texts]


def equal_lengths(lengths: Longs, tokens_a_batch: int) -> Iterator[Longs]:
    """Yield the rows (b,) of texts of one length (n,) in tokens, few enough for one pass: there is no padding.

    On a CPU the bytes of a vector then depend on no other text; that is what a cache by content needs.
    """
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length).astype(np.int64)
        size = max(1, tokens_a_batch // max(1, int(length)))
        yield from np.split(rows, range(size, len(rows), size))


def length_buckets(lengths: Longs, tokens_a_batch: int, rng: np.random.Generator) -> list[Longs]:
    """Return every row (n,) once, in batches of like length and in an order drawn from `rng`.

    Args:
        lengths: (n,) tokens of each row.
        tokens_a_batch: a batch's rows times its longest; a row that is longer than that is alone.
        rng: draws the order of the batches, and which rows of one length meet.
    """
    if tokens_a_batch < 1:
        raise ConfigError(f"tokens_a_batch must be at least 1, got {tokens_a_batch}")
    order = np.lexsort((rng.random(len(lengths)), lengths))[::-1]  # longest first, so that the first row sets the width
    batches, start = [], 0
    while start < len(order):
        size = max(1, tokens_a_batch // max(1, int(lengths[order[start]])))
        batches.append(order[start : start + size].astype(np.int64))
        start += size
    return [batches[b] for b in rng.permutation(len(batches))]


def padded(tokens: Sequence[Sequence[int]], pad: int = 0) -> tuple[Tensor, Tensor]:
    """Return the tokens (n, t) filled with `pad` at the end, and their mask (n, t), int64, on the CPU."""
    width = max(1, max(map(len, tokens), default=1))
    ids = torch.full((len(tokens), width), pad, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for row, each in enumerate(tokens):
        ids[row, : len(each)] = torch.tensor(each, dtype=torch.int64)
        mask[row, : len(each)] = 1
    return ids, mask


def states(backbone: nn.Module, ids: Tensor, mask: Tensor) -> Tensor:
    """Return the last hidden states (n, t, d) of a backbone, plain or tuned."""
    found = backbone(input_ids=ids, attention_mask=mask)
    return found if isinstance(found, Tensor) else found.last_hidden_state


def pool(hidden: Tensor, mask: Tensor, how: Pooling) -> Tensor:
    """Return (n, d) of hidden states (n, t, d) where the mask (n, t) is 1; a text without tokens is a zero row."""
    kept = mask.to(hidden.dtype)
    if how == "mean":
        return (hidden * kept[:, :, None]).sum(1) / kept.sum(1, keepdim=True).clamp(min=1)
    rows = torch.arange(len(hidden), device=hidden.device)
    place = torch.zeros_like(rows) if how == "cls" else mask.sum(1).clamp(min=1) - 1
    return hidden[rows, place] * kept.amax(1, keepdim=True)


def trained_pooling(folder: Path) -> Pooling:
    """Return the pooling that the weights were trained with, where the folder says so.

    Where it does not, a decoder's text is its last token, which alone has read the others; an encoder's is the mean.
    """
    trained = read_json(folder / "1_Pooling" / "config.json")
    if trained:
        marks: dict[Pooling, str] = {"cls": "pooling_mode_cls_token", "last": "pooling_mode_lasttoken"}
        return next((name for name, mark in marks.items() if trained.get(mark)), "mean")
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES as MASKED

    kind = AutoConfig.from_pretrained(folder, local_files_only=True).model_type
    return "last" if kind in CAUSAL and kind not in MASKED else "mean"


class TextTower(nn.Module):
    """A backbone and its pooling: (ids (n, t), mask (n, t)) -> (n, d)."""

    def __init__(self, backbone: nn.Module, pooling: Pooling) -> None:
        super().__init__()
        self.backbone = backbone
        self.pooling: Pooling = pooling

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return pool(states(self.backbone, ids, mask).float(), mask, self.pooling)


def frozen_vectors(
    folder: Path, texts: Sequence[str], max_tokens: int, pooling: Pooling, cache: VectorCache | None = None
) -> Embeddings:
    """Return the pooled vectors (n, d) of texts through frozen weights, "" missing; each text passes once.

    What the cache holds does not pass at all. Cost: for MiniLM 5..10 ms of CPU a text of 50 tokens.
    """
    dtype = dtype_of("auto")
    own = ["text_towers", max_tokens, pooling, str(dtype), weight_store.fingerprint(folder)]
    fingerprint = hashlib.sha256(json.dumps(own).encode()).hexdigest()
    unique, rows = np.unique(np.array(["", *texts], object), return_inverse=True)
    keys = keys_of([str(t) for t in unique])
    known = np.isin(keys, cache.known(fingerprint)) if cache is not None else np.zeros(len(keys), bool)
    fresh = np.flatnonzero(~known)
    made = _encode(folder, [str(unique[r]) for r in fresh], max_tokens, pooling) if len(fresh) else None
    if cache is None:
        assert made is not None
        return made.take(rows[1:])
    if made is not None:
        cache.add(fingerprint, keys[fresh], made)
    return cache.take(fingerprint, keys).take(rows[1:])


def _encode(folder: Path, texts: Sequence[str], max_tokens: int, pooling: Pooling) -> Embeddings:
    tokens = tokenise(folder, texts, max_tokens)
    tower = TextTower(load_backbone(folder, "auto"), pooling).eval()
    lengths = np.array([len(t) for t in tokens], np.int64)
    filled = np.flatnonzero(lengths > 0)
    batches = list(equal_lengths(lengths[filled], 2048 if device().type == "cpu" else 32768))

    def forward(batch: Longs) -> Floats:
        ids, mask = padded([tokens[filled[r]] for r in batch])
        with torch.inference_mode():
            return np.asarray(tower(ids.to(device()), mask.to(device())).cpu().numpy(), np.float32)

    vectors = np.zeros((len(texts), _width(tower.backbone)), np.float32)
    with workers() as pool_of_threads:
        for batch, found in zip(batches, pool_of_threads.map(forward, batches), strict=True):
            vectors[filled[batch]] = found
    return Embeddings(vectors, lengths > 0)


def _width(backbone: Any) -> int:
    return int(backbone.config.get_text_config().hidden_size)
