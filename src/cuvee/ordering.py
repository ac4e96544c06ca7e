"""The best of many scores, in order."""

import numpy as np

from cuvee.types import PAD, Floats, Ints

__all__ = ["top_k"]

_WIDE = 1 << 13
"""Scores a row from which rows are taken one by one: below, torch takes all at once in less time."""
_FEW = 4
"""Rows up to which they are taken one by one, however narrow: one answer of a service does not need torch."""
_SPARE = 8
"""Groups a wide row is cut into, for each place wanted."""


def top_k(scores: Floats, k: int) -> tuple[Ints, Floats]:
    """Return (q, k) items and scores, best first, the smaller row first among equals; PAD where a score is -inf.

    There are fewer than k columns where there are fewer scores.
    """
    width = scores.shape[1]
    k = min(k, width)
    if k and (len(scores) <= _FEW or (width >= _WIDE and k * _SPARE <= width)):
        found = [_top(row, k) for row in scores]
        return np.array([f[0] for f in found], np.int32).reshape(-1, k), np.array(
            [f[1] for f in found], np.float32
        ).reshape(-1, k)
    import torch  # here: a second of a service's start

    values, rows = torch.topk(torch.from_numpy(scores), min(k + 1, width), dim=1)
    items, best = rows.numpy().astype(np.int32), values.numpy()
    if 0 < k < width:
        _break_ties(scores, items, best, k)
        items, best = items[:, :k], best[:, :k]
    order = np.lexsort((items, -best), axis=1)
    items, best = np.take_along_axis(items, order, 1), np.take_along_axis(best, order, 1)
    return np.where(np.isneginf(best), np.int32(PAD), items), best


def _top(scores: Floats, k: int) -> tuple[Ints, Floats]:
    """Return (k,) items and scores of one row.

    The row is cut into groups. The k-th largest of their maxima is reached by k scores at least, so nothing below it
    can be among the best: one pass for the maxima, one for what reaches the bound, and little is left to be sorted.
    """
    groups = max(_SPARE * k, 1024)
    depth = max(1, len(scores) // groups)
    maxima = scores[: depth * groups].reshape(depth, -1).max(axis=0)
    bound = np.partition(maxima, len(maxima) - k)[len(maxima) - k]
    rows = np.flatnonzero(scores > bound if np.isneginf(bound) else scores >= bound)
    values = scores[rows]
    if len(rows) > k:
        cut = np.partition(values, len(values) - k)[len(values) - k]
        kept = values > cut
        kept[np.flatnonzero(values == cut)[: k - int(kept.sum())]] = True
        rows, values = rows[kept], values[kept]
    order = np.argsort(-values, kind="stable")
    items, best = np.full(k, PAD, np.int32), np.full(k, -np.inf, np.float32)
    items[: len(rows)], best[: len(rows)] = rows[order], values[order]
    return items, best


def _break_ties(scores: Floats, items: Ints, best: Floats, k: int) -> None:
    """Where the cut at k falls among equals, put the smallest rows of them before it."""
    cut = best[:, k - 1]
    for q in np.flatnonzero((cut == best[:, k]) & ~np.isneginf(cut)):
        equal = np.flatnonzero(best[q, :k] == cut[q])
        items[q, equal] = np.flatnonzero(scores[q] == cut[q])[: len(equal)]
