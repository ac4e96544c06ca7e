"""Sentences that speak for the reviews of an item or a user: close to what all of them say, and decided.

Reference: D. Radev et al., "Centroid-based summarization of multiple documents", IPM 2004 (closeness to the centroid of
tf-idf vectors).
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl
from scipy import sparse

from cuvee.reviewing.words import STOP, chinese, tokens
from cuvee.types import Floats

__all__ = ["centrality", "fitness", "quotes"]

_SHORT, _LONG = 20, 160
"""Characters of a sentence that is quoted."""
_HAN = 3
"""Latin characters that a Chinese one stands for."""
_BRIEF = 0.25
_KIND, _UNKIND = 0.05, -0.05


def fitness(sentence: str) -> float:
    """Return how fit a sentence is to be quoted: 1; a quarter of a mere exclamation; 0 of what is too long."""
    length = len(sentence) * (_HAN if chinese(sentence) else 1)
    return 0.0 if length > _LONG else 1.0 if length >= _SHORT else _BRIEF


def quotes(sentences: pl.DataFrame, reviews: pl.DataFrame, most: int = 2) -> pl.DataFrame:
    """Return id, review, sentence, kind (praise or blame), score: the best first, each review and wording once a kind.

    The score is centrality times the size of `told` times the weight of the review.

    Args:
        sentences: sentence (its number), review, text, told (its mood, less where it is not fit to be shown).
        reviews: review, id, weight; what weighs nothing is not quoted.
        most: quotes of each kind and id.
    """
    told = sentences.join(reviews.filter(pl.col("weight") > 0), on="review").sort("sentence")
    central = centrality(told["text"].to_list(), told["id"].to_list(), told["weight"].to_numpy())
    mood = pl.col("told")
    kind = pl.when(mood > _KIND).then(pl.lit("praise")).when(mood < _UNKIND).then(pl.lit("blame"))
    score = pl.Series("score", central, dtype=pl.Float64) * mood.abs() * pl.col("weight")
    told = told.with_columns(kind.alias("kind"), score.alias("score")).filter(pl.col("kind").is_not_null())
    order = ["id", "kind", "score", "sentence"]
    told = told.sort(order, descending=[False, True, True, False])
    for same in ("review", "text"):
        told = told.unique(["id", "kind", same], keep="first", maintain_order=True)
    return (
        told.group_by("id", "kind", maintain_order=True).head(most).select("id", "review", "sentence", "kind", "score")
    )


def centrality(texts: Sequence[str], ids: Sequence[str], weights: Floats) -> Floats:
    """Return (n,) the cosine of each text's tf-idf vector with the weighted sum of those of its id; 0 without words."""
    vectors = _tf_idf(texts)
    places: dict[str, int] = {}
    owner = np.array([places.setdefault(name, len(places)) for name in ids], np.int64)
    gather = sparse.csr_matrix((weights, (owner, np.arange(len(ids)))), shape=(len(places), len(ids)))
    centres = sparse.csr_matrix(gather @ vectors)
    dots = np.asarray(vectors.multiply(centres[owner]).sum(axis=1)).ravel()
    norms = np.sqrt(np.asarray(centres.multiply(centres).sum(axis=1)).ravel())[owner]
    return np.asarray(dots / np.maximum(norms, 1e-12), np.float32)


def _tf_idf(texts: Sequence[str]) -> "sparse.csr_matrix[np.float64]":
    """Return (n, words) unit rows of counts times log(n / texts with the word) + 1."""
    places: dict[str, int] = {}
    rows: list[int] = []
    columns: list[int] = []
    for row, text in enumerate(texts):
        for word in _terms(text):
            rows.append(row)
            columns.append(places.setdefault(word, len(places)))
    counts = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(texts), max(1, len(places))))
    spread = np.bincount(counts.indices, minlength=counts.shape[1])
    counts.data *= (np.log(max(1, len(texts)) / np.maximum(spread, 1)) + 1)[counts.indices]
    lengths = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags(1 / np.maximum(lengths, 1e-12)) @ counts)


def _terms(text: str) -> list[str]:
    """Return words that say something; of Chinese, pairs of characters."""
    words = tokens(text)
    if chinese(text):
        return [a + b for a, b in pairwise(words)]
    return [word for word in words if word not in STOP]
