"""The texts of a ranker: a table of vectors for every user and item, frozen, or by a tower that is trained with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from cuvee import weights
from cuvee.cache import VectorCache
from cuvee.encoders.text import FittedText, Text
from cuvee.errors import ConfigError, DataError
from cuvee.protocols import Tuning
from cuvee.roles import Role, need_column, table_of
from cuvee.text_networks.towers import (
    Pooling,
    equal_lengths,
    frozen_vectors,
    load_backbone,
    padded,
    pool,
    states,
    tokenise,
    trained_pooling,
)
from cuvee.text_networks.tuned import StateReading
from cuvee.types import Dataset, Embeddings, Examples, Floats, Ints, Longs

__all__ = ["TextPart", "TextTable", "frozen_table", "standardised", "texts_of", "written_before"]

_TOKENS = 8192


@dataclass(frozen=True)
class TextPart:
    """One text of a user, an item or a pair, and the Transformer that reads it."""

    role: Role = "item"
    """Whose table: item or user."""
    columns: tuple[str, ...] = ()
    """Columns joined as "title. description"."""
    reviews: bool = False
    """Instead of columns the reviews of the item, or by the user, each read alone: the mean of those written strictly
    before the moment. They are never tuned."""
    weights: str = "minilm"
    """A name of `cuvee weights list`, a local Hugging Face folder, or a hub id; encoder or decoder."""
    max_tokens: int = 128
    """Tokens read of each text."""
    pooling: Literal["auto", "mean", "cls", "last"] = "auto"
    """How tokens become one vector; auto for what the weights were trained with, the last of a decoder."""

    def __post_init__(self) -> None:
        if self.reviews == bool(self.columns):
            raise ConfigError("a text reads columns or reviews, and one of them; give `columns` or `reviews: true`")

    @property
    def pooled(self) -> Pooling:
        """The pooling that `auto` stands for."""
        return trained_pooling(weights.resolve(self.weights)) if self.pooling == "auto" else self.pooling


def texts_of(part: TextPart, data: Dataset) -> list[str]:
    """Return the text of every row of the part's table, "" where there is none."""
    for column in part.columns:
        need_column(data, part.role, column)
    return FittedText(Text(part.columns), weights.resolve(part.weights)).contents(table_of(data, part.role))


def frozen_table(part: TextPart, data: Dataset, cache: VectorCache) -> Embeddings:
    """Return the vectors of every row by frozen weights; what the cache holds is not read again."""
    folder = weights.resolve(part.weights)
    return standardised(frozen_vectors(folder, texts_of(part, data), part.max_tokens, part.pooled, cache))


def standardised(table: Embeddings) -> Embeddings:
    """Return the vectors about their mean, of spread 1 all numbers together; a missing row stays zero."""
    if not table.present.any():
        return table
    known = table.vectors[table.present]
    mean = known.mean(axis=0, dtype=np.float64)
    spread = float((known - mean).std()) or 1.0
    vectors = ((table.vectors - mean) / spread * table.present[:, None]).astype(np.float32)
    return Embeddings(vectors, table.present)


def written_before(part: TextPart, data: Dataset, examples: Examples | None, cache: VectorCache) -> Floats:
    """Return (n, d) for each example the mean of the review vectors written strictly before it; zero where there are
    none. Without examples, (rows, d): that of all reviews of each row of the part's table.

    Raises:
        DataError: no reviews, or none of them has a time while examples have.
    """
    if data.reviews is None:
        raise DataError("a text reads reviews, and the data set has none")
    rows_of, key = (data.item_rows, "item_id") if part.role == "item" else (data.user_rows, "user_id")
    owner = np.array([rows_of.get(name, -1) for name in data.reviews[key].to_list()], np.int64)
    known = owner >= 0
    texts = data.reviews["text"].fill_null("").to_list()
    vectors = frozen_vectors(weights.resolve(part.weights), texts, part.max_tokens, part.pooled, cache)
    table, known = standardised(vectors), known & vectors.present
    n = len(rows_of)
    if examples is None:
        return _means(owner[known], np.zeros(int(known.sum()), np.int64), table.vectors[known],
                      np.arange(n), np.ones(n, np.int64))  # fmt: skip
    if "timestamp" not in data.reviews.columns:
        raise DataError("the reviews have no timestamp, so it is not known which were written before an example")
    time = data.reviews["timestamp"]
    seconds = time.dt.epoch("s") if time.dtype in (pl.Date, pl.Datetime) else time.cast(pl.Int64)
    when = seconds.fill_null(2**62).to_numpy()
    asked = examples.item if part.role == "item" else examples.user
    return _means(owner[known], when[known], table.vectors[known], asked, examples.time)


def _means(owner: Longs, time: Longs, vectors: Floats, rows: "Ints | Longs", before: Longs) -> Floats:
    """Return (n, d) the mean of the vectors whose owner is rows[n] and whose time is below before[n]."""
    out = np.zeros((len(rows), vectors.shape[1]), np.float32)
    order = np.lexsort((time, owner))
    owner, time, vectors = owner[order], time[order], vectors[order]
    for row in np.unique(rows):
        start, stop = np.searchsorted(owner, [row, row + 1])
        if start == stop:
            continue
        sums = np.vstack([np.zeros((1, vectors.shape[1])), np.cumsum(vectors[start:stop].astype(np.float64), axis=0)])
        asked = np.flatnonzero(rows == row)
        n = np.searchsorted(time[start:stop], before[asked], side="left")
        out[asked] = sums[n] / np.maximum(n, 1)[:, None]
    return out


class TextTable(nn.Module):
    """A text part whose tower is trained: rows -> (n, d), those without a text zero."""

    def __init__(self, part: TextPart, data: Dataset, tuning: Tuning) -> None:
        super().__init__()
        folder = weights.resolve(part.weights)
        self.role: Role = part.role
        self.tokens = tokenise(folder, texts_of(part, data), part.max_tokens)
        self.lengths = np.array([len(t) for t in self.tokens], np.int64)
        self.pooling = part.pooled
        self.backbone: nn.Module = tuning.attach(load_backbone(folder))
        self.cached = self._states() if isinstance(self.backbone, StateReading) else None
        width = _width(self.backbone, self.tokens)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.width = width

    def forward(self, rows: Tensor) -> Tensor:
        """Return (n, d) of rows (n,); the row after the last is nobody's and zero."""
        unique, inverse = torch.unique(rows, return_inverse=True)
        known = unique.cpu().numpy()
        has = np.flatnonzero([r < len(self.tokens) and bool(self.tokens[r]) for r in known])
        out = torch.zeros(len(unique), self.width, device=rows.device)
        if len(has):
            out = out.index_copy(0, torch.from_numpy(has).to(rows.device), self.norm(self._read(known[has])))
        return out[inverse]

    def table(self) -> Embeddings:
        """Return the vectors of every row, as the tower now stands."""
        with torch.no_grad():
            starts = range(0, len(self.tokens), 64)
            blocks = [self(torch.arange(start, min(start + 64, len(self.tokens)))) for start in starts]
            vectors = torch.cat([torch.zeros(0, self.width), *blocks])
        return Embeddings(vectors.cpu().numpy().astype(np.float32), self.lengths > 0)

    def _read(self, rows: Longs) -> Tensor:
        if self.cached is not None:
            backbone: Any = self.backbone
            found: Tensor = backbone.from_states(self.cached[torch.from_numpy(rows)])
            return found
        ids, mask = padded([self.tokens[r] for r in rows])
        return pool(states(self.backbone, ids, mask).float(), mask, self.pooling)

    def _states(self) -> Tensor:
        """Return (rows, l, d): what a tuning that changes no state of the backbone reads, computed once."""
        backbone: Any = self.backbone
        found: Tensor | None = None
        filled = np.flatnonzero(self.lengths > 0)
        for batch in equal_lengths(self.lengths[filled], _TOKENS):
            rows = filled[batch]
            with torch.no_grad():
                told = backbone.states(*padded([self.tokens[r] for r in rows]))
            if found is None:
                found = torch.zeros(len(self.tokens), *told.shape[1:])
            found[torch.from_numpy(rows)] = told
        if found is None:
            raise DataError("none of the rows has a text to tune on")
        return found


def _width(backbone: nn.Module, tokens: Sequence[Sequence[int]]) -> int:
    """Return how wide the hidden states of a backbone are, plain or tuned."""
    first = next((t for t in tokens if t), None)
    if first is None:
        raise DataError("none of the rows has a text to tune on")
    with torch.no_grad():
        return int(states(backbone.eval(), *padded([first])).shape[-1])
