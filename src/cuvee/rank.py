"""The only door from a model to a user: filter, take the top k, then let the stages work."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from tqdm import tqdm

from cuvee.protocols import Personal, Recommender, StageModel
from cuvee.types import PAD, Bools, Context, Floats, Ints, Queries, Slate

__all__ = ["DEPTH", "recommend", "similar", "top_k"]

DEPTH = 200
"""Candidates that stages get to see."""

_CELLS = 1 << 23
"""Scores held at once (32 MB of float32)."""


def top_k(scores: Floats, k: int) -> tuple[Ints, Floats]:
    """Return (q, k) items and scores, best first, the smaller row first among equals; PAD where a score is -inf."""
    width = scores.shape[1]
    k = min(k, width)
    values, rows = torch.topk(torch.from_numpy(scores), min(k + 1, width), dim=1)
    items, best = rows.numpy().astype(np.int32), values.numpy()
    if 0 < k < width:
        _break_ties(scores, items, best, k)
        items, best = items[:, :k], best[:, :k]
    order = np.lexsort((items, -best), axis=1)
    items, best = np.take_along_axis(items, order, 1), np.take_along_axis(best, order, 1)
    return np.where(np.isneginf(best), np.int32(PAD), items), best


def recommend(
    model: Recommender,
    queries: Queries,
    k: int,
    *,
    filters: Sequence[Callable[[Queries], Bools]] = (),
    stages: Sequence[StageModel] = (),
    candidates: Bools | None = None,
    context: Context | None = None,
) -> Slate:
    """Return the slate of k for every query.

    Filters act before the top-k, so a slate is short only when fewer items are allowed; then it is filled with PAD.
    `candidates` (i,) restricts the catalogue. Stages see the best `DEPTH` items and need a `context`.
    Scores that are NaN count as -inf. Works through the queries in blocks of bounded memory.
    """
    if stages and context is None:
        raise ValueError("stages need a context (data, rng)")
    n_items = queries.seen.shape[1]
    step = max(1, _CELLS // max(n_items, 1))
    blocks = []
    starts = range(0, len(queries), step)
    for start in tqdm(starts, desc="rank", unit="block", delay=2, leave=False, disable=len(starts) < 2):
        block = queries.take(slice(start, start + step)) if len(starts) > 1 else queries
        slate = _best(model.score(block), block, max(k, DEPTH) if stages else k, filters, candidates)
        for left, stage in zip(range(len(stages) - 1, -1, -1), stages, strict=True):
            assert context is not None
            slate = stage.apply(slate, block, replace(context, places=None if left else k))
        blocks.append(replace(slate, items=slate.items[:, :k], scores=slate.scores[:, :k],
                              propensity=slate.propensity[:, :k]))  # fmt: skip
    if not blocks:
        empty = np.zeros((0, k), np.float32)
        return Slate(empty.astype(np.int32), empty, empty)
    return Slate(
        np.concatenate([b.items for b in blocks]),
        np.concatenate([b.scores for b in blocks]),
        np.concatenate([b.propensity for b in blocks]),
        _degraded(blocks),
    )


def similar(
    model: Recommender, queries: Queries, k: int, *, filters: Sequence[Callable[[Queries], Bools]] = ()
) -> Slate:
    """Return the k items closest to the one item of each query: what the model shows to somebody who knows only it.

    A model that can leave out what everybody gets (`Personal`) does so: otherwise the popular would be like everything.
    """
    scores = np.array(model.personal(queries) if isinstance(model, Personal) else model.score(queries), np.float32)
    scores[np.ptp(scores, axis=1) == 0] = -np.inf  # nothing is known of the item: no answer is better than any three
    scores[queries.seen.nonzero()] = -np.inf
    return _best(scores, queries, k, filters, None)


def _degraded(blocks: Sequence[Slate]) -> Bools | None:
    marks = [b.degraded for b in blocks if b.degraded is not None]
    return np.concatenate(marks) if len(marks) == len(blocks) else None


def _break_ties(scores: Floats, items: Ints, best: Floats, k: int) -> None:
    """Where the cut at k falls among equals, put the smallest rows of them before it."""
    cut = best[:, k - 1]
    for q in np.flatnonzero((cut == best[:, k]) & ~np.isneginf(cut)):
        equal = np.flatnonzero(best[q, :k] == cut[q])
        items[q, equal] = np.flatnonzero(scores[q] == cut[q])[: len(equal)]


def _best(
    raw: Floats, queries: Queries, k: int, filters: Sequence[Callable[[Queries], Bools]], candidates: Bools | None
) -> Slate:
    scores = np.array(raw, np.float32)
    scores[np.isnan(scores)] = -np.inf
    for allowed in filters:
        scores = np.where(allowed(queries), scores, -np.inf)
    if candidates is not None:
        scores = np.where(candidates, scores, -np.inf)
    items, best = top_k(scores, k)
    if items.shape[1] < k:
        short = ((0, 0), (0, k - items.shape[1]))
        items = np.pad(items, short, constant_values=PAD)
        best = np.pad(best, short, constant_values=-np.inf)
    return Slate(items, best, (items != PAD).astype(np.float32))
