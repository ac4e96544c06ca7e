"""The vectors of largest inner product: by looking at all of them, and from those that something quicker found.

Inner products are those of one matrix product, whoever found the rows: what an index answers has the same scores.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cuvee.errors import BundleError
from cuvee.ordering import top_k
from cuvee.types import PAD, Bools, Floats, Ints

__all__ = ["LARGE", "Known", "check_fits", "found", "nearest"]

LARGE = 50_000
"""Vectors up to which looking at each of them takes no longer than asking an index: in all, or left by a filter."""
_GATHERED = 0.12
"""Share below which the vectors of allowed rows are gathered, and the others not looked at."""

Find = Callable[[Floats, int, Bools | None, float], Ints]
"""From (1, d), how many, what is allowed of the rows it knows, and its share, to rows; PAD where it found none."""


@dataclass(frozen=True)
class Known:
    """Which vectors an index was made of."""

    rows: int
    """The first so many,"""
    moved: Ints
    """(m,) but for these rows of them, whose vectors are others now."""


def nearest(vectors: Floats, queries: Floats, k: int, allowed: Bools | None = None) -> tuple[Ints, Floats]:
    """Return (q, k) rows of (n, d) vectors and inner products with (q, d) queries, exactly.

    Best first, the smaller row first among equals; PAD and -inf only where fewer than k are allowed, (n,), (1, n) or
    (q, n). Cost: q x n x d in one float32 product, or that of the allowed rows where they are the same for all and few.
    """
    allowed = None if allowed is None else np.atleast_2d(allowed)
    if allowed is not None and len(allowed) == 1:
        rows = np.flatnonzero(allowed[0]).astype(np.int32)
        if len(rows) < _GATHERED * len(vectors):
            return _among(vectors, queries, rows, k)
    scores = np.asarray(queries @ vectors.T, np.float32)
    if allowed is not None:
        np.copyto(scores, np.float32(-np.inf), where=~allowed)
    return _filled(*top_k(scores, k), k)


def found(
    find: Find, known: Known, vectors: Floats, queries: Floats, k: int, allowed: Bools | None
) -> tuple[Ints, Floats]:
    """Return what `nearest` does, of the rows that `find` finds among those it knows and of all others.

    Where a filter leaves few, or `find` returns fewer than there are, the answer is exact: it is never short.
    """
    masks = None if allowed is None else np.atleast_2d(allowed)
    answers = [
        _found(
            find, known, vectors, queries[q : q + 1], k, None if masks is None else masks[q if len(masks) > 1 else 0]
        )
        for q in range(len(queries))
    ]
    if not answers:
        return np.zeros((0, k), np.int32), np.zeros((0, k), np.float32)
    return np.concatenate([rows for rows, _ in answers]), np.concatenate([scores for _, scores in answers])


def check_fits(vectors: Floats, known: int, width: int) -> None:
    """Check that an index of `known` vectors of a width can have been made of the first of these.

    Raises:
        BundleError: it was made of others.
    """
    if known > len(vectors) or width != vectors.shape[1]:
        raise BundleError(
            f"the index holds {known} vectors of width {width}, the model {len(vectors)} of width {vectors.shape[1]}; "
            "make the bundle again"
        )


def _found(
    find: Find, known: Known, vectors: Floats, query: Floats, k: int, allowed: Bools | None
) -> tuple[Ints, Floats]:
    left = len(vectors) if allowed is None else int(np.count_nonzero(allowed))
    if allowed is not None and left < LARGE:
        return nearest(vectors, query, k, allowed)
    share = left / max(len(vectors), 1)
    n = known.rows
    wanted = n if allowed is None else int(np.count_nonzero(allowed[:n]))
    mask = None if wanted == n or allowed is None else allowed[:n]
    rows = find(query, min(k, wanted), mask, share) if wanted else np.zeros(0, np.int32)
    rows = rows[rows != PAD]
    if len(rows) < min(k, wanted):
        return nearest(vectors, query, k, allowed)
    others = np.concatenate([known.moved, np.arange(n, len(vectors), dtype=np.int32)])
    others = others if allowed is None else others[allowed[others]]
    return _among(vectors, query, np.union1d(rows, others).astype(np.int32), k)


def _among(vectors: Floats, queries: Floats, rows: Ints, k: int) -> tuple[Ints, Floats]:
    """Return the best of some rows (r,), in ascending order."""
    places, scores = _filled(*top_k(np.asarray(queries @ vectors.take(rows, axis=0).T, np.float32), k), k)
    return np.where(places == PAD, np.int32(PAD), rows[places] if len(rows) else np.int32(PAD)), scores


def _filled(rows: Ints, scores: Floats, k: int) -> tuple[Ints, Floats]:
    short = ((0, 0), (0, k - rows.shape[1]))
    return np.pad(rows, short, constant_values=PAD), np.pad(scores, short, constant_values=-np.inf)
