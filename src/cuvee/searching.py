"""Items for a text or a picture: words, and the cosine of what encoders make of both, put together by rank.

Reference: G. Cormack, C. Clarke, S. Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank
learning methods", SIGIR 2009.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from cuvee.features import Channel
from cuvee.lexical import WordIndex, index_words
from cuvee.registry import describe
from cuvee.types import Bools, Dataset, Floats, Ints

__all__ = ["best_of", "channel_for", "lexicon", "merged", "similarity_to_picture", "similarity_to_text"]

_COLUMNS = ("title", "brand", "description", "category", "genres")
"""What the words of an item are taken from, as far as the catalogue has it."""
_RANK = 60
"""Added to ranks before they are inverted, as in the paper."""
_DEPTH = 200
"""Places of each ranking that count."""


_made: list[tuple[Dataset, WordIndex]] = []
"""The last catalogues and their words."""


def lexicon(data: Dataset) -> WordIndex:
    """Return the words of all items; those of the last two catalogues are kept."""
    for known, made in _made:
        if known is data:
            return made
    texts = [""] * len(data.items)
    for name in _COLUMNS:
        if name in data.item_table.columns:
            told = data.item_table[name].to_list()
            texts = [f"{a} {_words(b)}" for a, b in zip(texts, told, strict=True)]
    found = index_words(texts)
    _made[:] = [(data, found), *_made[:1]]
    return found


def channel_for(channels: Sequence[Channel], kind: str) -> Channel | None:
    """Return the first channel of items whose encoder is called `kind`; None where there is none."""
    return next((c for c in channels if c.role == "item" and kind in describe(c.encoder)), None)


def similarity_to_text(data: Dataset, channel: Channel, text: str) -> Floats:
    """Return (i,) the cosine of each item to a text, encoded as if it were an item's; -inf where one has no vector."""
    column = next(iter(getattr(channel.encoder, "columns", ())), "title")
    return _cosines(data, channel, pl.DataFrame({column: [text]}))


def similarity_to_picture(data: Dataset, channel: Channel, path: Path) -> Floats:
    """Return (i,) the cosine of each item to a picture in a file; -inf where an item, or the file, has no vector."""
    return _cosines(data, channel, pl.DataFrame({getattr(channel.encoder, "column", "image"): [str(path)]}))


def best_of(scores: Floats, allowed: Bools) -> Ints:
    """Return the rows that may be shown in falling order of score, those at 0 or below, or -inf, left out."""
    rows = np.flatnonzero(allowed & (scores > 0))
    return rows[np.argsort(-scores[rows], kind="stable")][:_DEPTH].astype(np.int32)


def merged(rankings: Sequence[Ints]) -> tuple[Ints, Floats]:
    """Return rows and scores (n,) by reciprocal rank fusion: the sum of 1 / (60 + rank) over the rankings."""
    total: dict[int, float] = {}
    for ranking in rankings:
        for rank, row in enumerate(ranking.tolist(), 1):
            total[row] = total.get(row, 0.0) + 1 / (_RANK + rank)
    rows = sorted(total, key=lambda row: (-total[row], row))
    return np.array(rows, np.int32), np.array([total[row] for row in rows], np.float32)


def _cosines(data: Dataset, channel: Channel, table: pl.DataFrame) -> Floats:
    raw = next(iter(channel.fitted(data).encode(table)))
    feature = data.feature(channel.role, channel.modality)
    query = channel.projection.apply(raw).vectors[0]
    lengths = np.linalg.norm(feature.vectors, axis=1) * np.linalg.norm(query)
    cosines = (feature.vectors @ query) / np.maximum(lengths, 1e-9)
    there = feature.present & bool(raw.present[0])
    return np.where(there, cosines, -np.inf).astype(np.float32)


def _words(value: object) -> str:
    if value is None:
        return ""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value).replace("|", " ")
