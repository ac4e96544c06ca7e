"""The only door from a model to a user: filter, take the top k, then let the stages work."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
from tqdm import tqdm

from cuvee.ordering import top_k
from cuvee.protocols import BuiltIndex, Factorized, Personal, Recommender, StageModel
from cuvee.types import PAD, Bools, Context, Floats, Ints, Queries, Slate

__all__ = ["DEPTH", "recommend", "similar", "top_k"]

DEPTH = 200
"""Candidates that stages get to see."""

_CELLS = 1 << 23
"""Scores held at once (32 MB of float32)."""


def recommend(
    model: Recommender,
    queries: Queries,
    k: int,
    *,
    filters: Sequence[Callable[[Queries], Bools]] = (),
    stages: Sequence[StageModel] = (),
    candidates: Bools | None = None,
    context: Context | None = None,
    index: BuiltIndex | None = None,
) -> Slate:
    """Return the slate of k for every query.

    Filters act before the top-k, so a slate is short only when fewer items are allowed; then it is filled with PAD.
    `candidates` (i,) restricts the catalogue. Stages see the best `DEPTH` items and need a `context`; once its time is
    over, those that are left are not asked, and the slate is `degraded`.
    `index`, made of the factors of a `Factorized` model, finds the best without scoring all; all else is the same.
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
        depth = max(k, DEPTH) if stages else k
        allowed = _allowed(block, filters, candidates)
        if index is None:
            slate = _best(np.array(model.score(block), np.float32), depth, allowed)
        else:
            slate = _slate(*index.search(_factorized(model).query_factors(block), depth, allowed))
        for left, stage in zip(range(len(stages) - 1, -1, -1), stages, strict=True):
            assert context is not None
            if context.until is not None and time.monotonic() >= context.until:
                slate = replace(slate, degraded=np.ones(len(slate), bool))
                break
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
    model: Recommender,
    queries: Queries,
    k: int,
    *,
    filters: Sequence[Callable[[Queries], Bools]] = (),
    index: BuiltIndex | None = None,
) -> Slate:
    """Return the k items closest to the one item of each query: what the model shows to somebody who knows only it.

    A model that can leave out what everybody gets (`Personal`) does so: otherwise the popular would be like everything.
    """
    allowed = _allowed(queries, (_others, *filters), None)
    assert allowed is not None
    if index is not None:
        asked = _factorized(model).query_factors(queries)
        return _slate(*index.search(asked, k, allowed & asked.any(axis=1, keepdims=True)))
    scores = np.array(model.personal(queries) if isinstance(model, Personal) else model.score(queries), np.float32)
    scores[np.ptp(scores, axis=1) == 0] = -np.inf  # nothing is known of the item: no answer is better than any three
    return _best(scores, k, allowed)


def _factorized(model: Recommender) -> Factorized:
    if not isinstance(model, Factorized):
        raise TypeError(f"an index needs a model whose score is an inner product, not {type(model).__name__}")
    return model


def _allowed(queries: Queries, filters: Sequence[Callable[[Queries], Bools]], candidates: Bools | None) -> Bools | None:
    """Return the (q, i) or (1, i) mask of what may be shown, None where that is everything."""
    masks = [allowed(queries) for allowed in filters]
    masks += [] if candidates is None else [candidates[None, :]]
    return reduce(np.logical_and, masks) if masks else None


def _others(queries: Queries) -> Bools:
    """Return (q, i): all but the item that is asked about."""
    mask = np.ones(queries.seen.shape, bool)
    mask[queries.seen.nonzero()] = False
    return mask


def _degraded(blocks: Sequence[Slate]) -> Bools | None:
    marks = [b.degraded for b in blocks if b.degraded is not None]
    return np.concatenate(marks) if len(marks) == len(blocks) else None


def _best(scores: Floats, k: int, allowed: Bools | None) -> Slate:
    """Return the best k of (q, i) scores, which are written over."""
    np.copyto(scores, np.float32(-np.inf), where=np.isnan(scores))
    if allowed is not None:
        np.copyto(scores, np.float32(-np.inf), where=~allowed)
    items, best = top_k(scores, k)
    short = ((0, 0), (0, k - items.shape[1]))
    return _slate(np.pad(items, short, constant_values=PAD), np.pad(best, short, constant_values=-np.inf))


def _slate(items: Ints, scores: Floats) -> Slate:
    return Slate(items, scores, (items != PAD).astype(np.float32))
