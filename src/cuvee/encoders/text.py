"""Text columns as vectors by a pretrained transformer."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import torch

from cuvee import weights as weight_store
from cuvee.errors import ConfigError
from cuvee.roles import Role, need_column
from cuvee.text_cells import joined_texts
from cuvee.text_networks import adapters
from cuvee.text_networks.towers import Pooling, equal_lengths, load_backbone, load_tokeniser, room, states
from cuvee.torch_runtime import Precision, device, dtype_of, read_json, workers
from cuvee.types import Dataset, Embeddings, Floats, Longs

__all__ = ["Text", "FittedText"]  # noqa: RUF022 - the component comes first

_BLOCK = 1024
"""Rows of one yield: enough for texts of one length to meet, few enough to show progress."""

_TOKENS = {"cpu": 2048, "cuda": 32768}
"""Tokens of one pass through the network; few on a CPU, whose cache then holds what passes between layers."""

_POOLED: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "mean": lambda hidden: hidden.mean(1),
    "cls": lambda hidden: hidden[:, 0],
    "last": lambda hidden: hidden[:, -1],
}
"""(n, t, d) of the last layer -> (n, d); there is no padding to leave out."""


@dataclass(frozen=True)
class Text:
    """Mean or first-token vectors of a pretrained text encoder, of unit length; any Hugging Face encoder does.

    Cost: for MiniLM 5..10 ms of CPU a text of 50 tokens. Memory does not grow with the number of rows.
    """

    columns: tuple[str, ...] = ("title", "description")
    """Columns joined as "title. description"; empty ones are left out, and `Action|Comedy` reads "Action, Comedy"."""

    role: Role = "item"
    """Whose table: item or user (a bio, what somebody says they like)."""

    weights: str = "minilm"
    """A name of `cuvee weights list`, a local Hugging Face folder, or a hub id."""

    max_tokens: int = 128
    """Tokens read of each text, special ones included; the rest is cut off."""

    prefix: str | None = None
    """Put before each text; None for what the weights ask for ("passage: " for E5, nothing for most)."""

    pooling: Literal["auto", "mean", "cls", "last"] = "auto"
    """How tokens become one vector: their mean, the first or the last; auto for what the weights were trained with."""

    precision: Precision = "auto"
    """Numbers inside the network; auto is bfloat16 where the hardware multiplies it faster than float32."""

    def __post_init__(self) -> None:
        if not self.columns:
            raise ConfigError("text needs at least one column")
        if self.max_tokens < 3:
            raise ConfigError(f"max_tokens must be at least 3, got {self.max_tokens}")

    def fit(self, train: Dataset, role: str) -> "FittedText":
        """Find the weights; nothing is learnt from the rows.

        Raises:
            UnknownNameError: the table has none of a column's name.
        """
        for column in self.columns:
            need_column(train, role, column)
        return FittedText(self, weight_store.resolve(self.weights))


@dataclass(frozen=True)
class FittedText:
    """A text encoder with its weights; the network is loaded when the first row is encoded."""

    parameters: Text
    folder: Path
    """Hugging Face folder."""

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything but the text that bears on a vector: weights, cut, prefix, pooling, precision."""
        own = ["text", self.parameters.max_tokens, self._prefix, self.pooling, str(self._dtype)]
        return hashlib.sha256(json.dumps([*own, weight_store.fingerprint(self.folder)]).encode()).hexdigest()

    def contents(self, table: pl.DataFrame) -> list[str]:
        """Return the joined text of each row; a column the table does not have counts as empty."""
        return joined_texts(table, self.parameters.columns)

    def tokens(self, table: pl.DataFrame) -> list[list[int]]:
        """Return the tokens of each row's text with its prefix, [] where it has none."""
        texts = self.contents(table)
        found = iter(self._tokenise([self._prefix + text for text in texts if text]))
        return [next(found) if text else [] for text in texts]

    def encode(self, table: pl.DataFrame) -> Iterator[Embeddings]:
        """Yield unit vectors block after block.

        Only texts of equal length in tokens share a pass, so that there is no padding, and each pass has one thread: on
        a CPU a text's bytes depend neither on the other rows nor on the number of threads (measured on x86).
        """
        for start in range(0, len(table), _BLOCK):
            yield self._encode(self.contents(table[start : start + _BLOCK]))

    def _encode(self, texts: Sequence[str]) -> Embeddings:
        unique, rows = np.unique(np.array(texts, object), return_inverse=True)
        present = np.array([bool(t) for t in unique])
        vectors = np.zeros((len(unique), self._dim), np.float32)
        filled = np.flatnonzero(present)
        tokens = self._tokenise([self._prefix + unique[r] for r in filled])
        batches = list(equal_lengths(np.array([len(t) for t in tokens], np.int64), _TOKENS[device().type]))
        with workers() as pool:
            passes = pool.map(self._forward, (np.array([tokens[r] for r in batch]) for batch in batches))
            for batch, found in zip(batches, passes, strict=True):
                vectors[filled[batch]] = found
        return Embeddings(vectors[rows], present[rows])

    def _forward(self, ids: Longs) -> Floats:
        """Return the vectors (n, d) of texts of one length (n, t)."""
        inputs = torch.from_numpy(ids).to(device())
        mask = torch.ones_like(inputs)
        with torch.inference_mode():
            if hasattr(self._model, "get_text_features"):  # CLIP and its kin: the space they share with pictures
                found = self._model.get_text_features(input_ids=inputs, attention_mask=mask)
                pooled = found.pooler_output.float()
            else:
                pooled = _POOLED[self.pooling](states(self._model, inputs, mask).float())
            return np.asarray(torch.nn.functional.normalize(pooled, dim=1).cpu().numpy(), np.float32)

    def _tokenise(self, texts: list[str]) -> list[list[int]]:
        if not texts:
            return []
        tokeniser, limit = self._tokeniser
        padding = "max_length" if self._padded else False
        tokens: list[list[int]] = tokeniser(texts, truncation=True, max_length=limit, padding=padding)["input_ids"]
        return tokens

    @cached_property
    def _model(self) -> Any:
        return adapters.opened(self.folder, load_backbone(self.folder, self.parameters.precision))

    @cached_property
    def _tokeniser(self) -> tuple[Any, int]:
        """The tokeniser and the tokens it may return."""
        tokeniser, config = load_tokeniser(self.folder), self._model.config.get_text_config()
        if self._padded:
            return tokeniser, int(config.max_position_embeddings)
        free = min(tokeniser.model_max_length, room(config)) - getattr(self._model, "taken", 0)
        return tokeniser, min(self.parameters.max_tokens, free)

    @cached_property
    def _padded(self) -> bool:
        """SigLIP was trained on texts padded to its full length, without a mask."""
        return str(read_json(self.folder / "config.json").get("model_type")).startswith("siglip")

    @property
    def _dtype(self) -> torch.dtype:
        return dtype_of(self.parameters.precision)

    @cached_property
    def _dim(self) -> int:
        return int(self._forward(np.array(self._tokenise(["a"]))).shape[1])

    @cached_property
    def _prefix(self) -> str:
        if self.parameters.prefix is not None:
            return self.parameters.prefix
        prompts = read_json(self.folder / "config_sentence_transformers.json").get("prompts") or {}
        return str(prompts.get("passage") or prompts.get("document") or "")

    @cached_property
    def pooling(self) -> Pooling:
        """How tokens become one vector."""
        if self.parameters.pooling != "auto":
            return self.parameters.pooling
        trained = read_json(self.folder / "1_Pooling" / "config.json")
        marks: dict[Pooling, str] = {"cls": "pooling_mode_cls_token", "last": "pooling_mode_lasttoken"}
        return next((name for name, mark in marks.items() if trained.get(mark)), "mean")
