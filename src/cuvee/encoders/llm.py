"""Text columns as hidden states of a causal language model.

Reference: Jiang, Huang, Luan, Wang and Zhuang, "Scaling sentence embeddings with large language models", Findings of
EMNLP 2024: a suffix that asks for one word makes the last token's state a summary of the text before it.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
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
from cuvee.text_networks.towers import equal_lengths, load_tokeniser, room
from cuvee.torch_runtime import Precision, device, dtype_of, load_model, workers
from cuvee.types import Dataset, Embeddings, Floats, Longs

__all__ = ["Llm", "FittedLlm"]  # noqa: RUF022 - the component comes first

_BLOCK = 64
"""Rows of one yield: a run that is killed loses so many at most."""

_TOKENS = {"cpu": 1024, "cuda": 16384}
"""Tokens of one pass through the network."""


@dataclass(frozen=True)
class Llm:
    """Hidden states of a causal language model, of the last token or their mean, of unit length.

    Cost: for SmolLM2-135M a quarter of a GFLOP a token, six times MiniLM. Memory does not grow with the rows.
    """

    columns: tuple[str, ...] = ("title", "description")
    """Columns joined as "title. description"; empty ones are left out."""

    role: Role = "item"
    """Whose table: item or user."""

    weights: str = "smollm2-135m-instruct"
    """Hub id, local Hugging Face folder, or a name of `cuvee weights list`."""

    max_tokens: int = 96
    """Tokens read of each text; the rest is cut off. Those of `suffix` come on top."""

    pooling: Literal["mean", "last"] = "mean"
    """The mean over all tokens, or the last one, which alone has read all others."""

    layer: int = -1
    """Whose states: 0 the token embeddings, 1 the first layer, -1 the last. Middle layers often tell more of a text,
    the last more of the token to come."""

    suffix: str = ""
    """Put after each text, with pooling `last` for instance `This means in one word: "`."""

    precision: Precision = "auto"
    """Numbers inside the network; auto is bfloat16 where the hardware multiplies it faster than float32."""

    def __post_init__(self) -> None:
        if not self.columns:
            raise ConfigError("llm needs at least one column")
        if self.max_tokens < 1:
            raise ConfigError(f"max_tokens must be at least 1, got {self.max_tokens}")

    def fit(self, train: Dataset, role: str) -> "FittedLlm":
        """Find the weights; nothing is learnt from the rows.

        Raises:
            UnknownNameError: the table has none of a column's name.
        """
        for column in self.columns:
            need_column(train, role, column)
        return FittedLlm(self, weight_store.resolve(self.weights))


@dataclass(frozen=True)
class FittedLlm:
    """A language model as an encoder; the network is loaded when the first row is encoded."""

    parameters: Llm
    folder: Path
    """Hugging Face folder."""

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything but the text that bears on a vector."""
        p = self.parameters
        own = ["llm", p.max_tokens, p.pooling, p.layer, p.suffix, str(dtype_of(p.precision))]
        return hashlib.sha256(json.dumps([*own, weight_store.fingerprint(self.folder)]).encode()).hexdigest()

    def contents(self, table: pl.DataFrame) -> list[str]:
        """Return the joined text of each row."""
        return joined_texts(table, self.parameters.columns)

    def encode(self, table: pl.DataFrame) -> Iterator[Embeddings]:
        """Yield unit vectors block after block; only texts of equal length in tokens share a pass.

        Raises:
            ConfigError: the network has no such layer.
            DataError: a folder that cannot be used.
        """
        for start in range(0, len(table), _BLOCK):
            yield self._encode(self.contents(table[start : start + _BLOCK]))

    def _encode(self, texts: Sequence[str]) -> Embeddings:
        present = np.array([bool(text) for text in texts])
        filled = np.flatnonzero(present)
        tokens = self._tokens([texts[int(row)] for row in filled])
        batches = list(equal_lengths(np.array([len(t) for t in tokens], np.int64), _TOKENS[device().type]))
        vectors = np.zeros((len(texts), self._model.config.get_text_config().hidden_size), np.float32)
        with workers() as pool:
            passes = pool.map(self._forward, (np.array([tokens[row] for row in batch]) for batch in batches))
            for batch, found in zip(batches, passes, strict=True):
                vectors[filled[batch]] = found
        return Embeddings(vectors, present)

    def _tokens(self, texts: list[str]) -> list[list[int]]:
        """Return the tokens of each text, cut, then those of the suffix; room for both is kept."""
        if not texts:
            return []
        tokeniser = load_tokeniser(self.folder)
        suffix = list(tokeniser(self.parameters.suffix, add_special_tokens=False)["input_ids"])
        most = min(self.parameters.max_tokens, room(self._model.config.get_text_config()) - len(suffix))
        if most < 1:
            raise ConfigError(f"the suffix has {len(suffix)} tokens, which leaves no room for a text; shorten it")
        rows = tokeniser(texts, truncation=True, max_length=most, add_special_tokens=False)["input_ids"]
        return [[*row, *suffix] for row in rows]

    def _forward(self, ids: Longs) -> Floats:
        """Return the vectors (n, d) of texts of one length (n, t)."""
        inputs = torch.from_numpy(ids).to(device())
        with torch.inference_mode():
            found = self._model(
                input_ids=inputs, attention_mask=torch.ones_like(inputs), use_cache=False, output_hidden_states=True
            )
            states = found.hidden_states[self._layer(len(found.hidden_states))].float()
            pooled = states.mean(1) if self.parameters.pooling == "mean" else states[:, -1]
            return np.asarray(torch.nn.functional.normalize(pooled, dim=1).cpu().numpy(), np.float32)

    def _layer(self, layers: int) -> int:
        if not -layers <= self.parameters.layer < layers:
            raise ConfigError(f"layer {self.parameters.layer}: {self.folder.name} has layers 0 to {layers - 1}")
        return self.parameters.layer

    @cached_property
    def _model(self) -> Any:
        return load_model(self.folder, dtype_of(self.parameters.precision))
