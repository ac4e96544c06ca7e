"""What was wanted, and which of the shown items were: the arithmetic that metrics and slices share."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from cuvee.types import PAD, Bools, Floats, Holdout, Ints, Longs, Slate

__all__ = ["hits", "restrict", "shared", "sizes", "where_wanted"]

_CELLS = 1 << 22
"""Cells of the table of marks: 4 MB, or one row of items if that is more."""

_shared: ContextVar[dict[tuple[int, int], tuple[Slate, Any, Bools]] | None] = ContextVar("hits", default=None)


@contextmanager
def shared() -> Iterator[None]:
    """Inside, the hits of one slate and one truth are looked up once, whoever asks and for whatever k."""
    token = _shared.set({})
    try:
        yield
    finally:
        _shared.reset(token)


def hits(slate: Slate, truth: "sparse.csr_matrix[np.float32]", k: int) -> Bools:
    """Return (q, min(k, slate width)): whether the item at each rank is wanted; padding never is."""
    known = _shared.get()
    if known is None:
        return _look_up(slate.items[:, :k], truth)
    key = id(slate), id(truth)
    if key not in known:
        known[key] = slate, truth, _look_up(slate.items, truth)  # held, so that no other object gets their ids
    return known[key][2][:, :k]


def sizes(truth: "sparse.csr_matrix[np.float32]") -> Longs:
    """Return (q,) the number of items each query wants."""
    return np.diff(_clean(truth).indptr).astype(np.int64)


def where_wanted(values: "NDArray[np.floating]", truth: "sparse.csr_matrix[np.float32]") -> Floats:
    """Return (q,) float32 `values`, NaN for a query that wants nothing."""
    return np.where(sizes(truth) > 0, values, np.nan).astype(np.float32)


def restrict(holdout: Holdout, items: Bools) -> Holdout:
    """Return the holdout with only the wanted items in the mask (i,); queries left without any leave."""
    truth = _clean(holdout.truth)
    keep = items[truth.indices]
    rows = np.repeat(np.arange(truth.shape[0]), np.diff(truth.indptr))[keep]
    kept = sparse.csr_matrix((truth.data[keep], (rows, truth.indices[keep])), shape=truth.shape, dtype=np.float32)
    return replace(holdout, truth=kept).take(np.flatnonzero(np.diff(kept.indptr)))


def _look_up(shown: Ints, truth: "sparse.csr_matrix[np.float32]") -> Bools:
    """Return whether each shown item (q, k) is wanted.

    Marks what a block of queries wants in a small dense table, looks the shown items up, and wipes the marks: several
    times faster than searching sorted keys.
    """
    wanted = _clean(truth)
    queries, width = wanted.shape
    step = max(1, min(queries, _CELLS // max(width, 1)))
    starts = np.arange(queries, dtype=np.int64) % step * width  # cell of item 0 of each query within its block
    marks = np.repeat(starts, np.diff(wanted.indptr)) + wanted.indices
    asked = starts[:, None] + shown
    table = np.zeros(step * width, bool)
    found = np.zeros(shown.shape, bool)
    for start in range(0, queries, step):
        stop = min(start + step, queries)
        mine = marks[wanted.indptr[start] : wanted.indptr[stop]]
        table[mine] = True
        found[start:stop] = table[asked[start:stop]]
        table[mine] = False
    found &= shown != PAD
    return found


def _clean(truth: "sparse.csr_matrix[np.float32]") -> "sparse.csr_matrix[np.float32]":
    """Return the truth with ascending columns, no duplicates and positive weights only; a copy if it must change."""
    if truth.has_canonical_format and (not truth.nnz or truth.data.min() > 0):
        return truth
    clean = truth.copy()
    clean.sum_duplicates()
    clean.data = np.maximum(clean.data, 0)
    clean.eliminate_zeros()
    return clean
