"""How blend weights are found on validation: over a pool of the best candidates of every view, by coordinate ascent."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cuvee.filters.unseen import allowed
from cuvee.protocols import Recommender
from cuvee.types import Bools, Floats, Holdout, Ints, Longs

__all__ = [
    "BUCKETS",
    "ENOUGH",
    "QUERIES",
    "Pool",
    "bucket_of",
    "find_shares",
    "find_weights",
    "find_weights_of_both",
    "spread",
    "zscore",
    "zscore_and_spread",
]

BUCKETS = ("0", "1", "2-4", "5-9", "10+")
"""Lengths of history that have a popularity share of their own."""

_EDGES = np.array([1, 2, 5, 10])
_GRID = (0.0, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0, 1.7)
_SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_HALVES, _AGREE = 5, 2
"""Random halves of the queries that are searched, and how many of them must choose a view."""
_ROUNDS = 4
"""How often coordinate ascent goes through the views at most."""
QUERIES = 5_000
"""Validation queries that are searched at most: bounds time and memory, and is plenty for a handful of weights."""
_DEEP = 100
"""Candidates a view brings to the pool."""
_TIE = 1e-3
"""Relative difference of quality that is not worth a larger popularity share."""
ENOUGH = 30
"""Queries below which nothing is chosen for their kind alone: weights, or a bucket's share."""
_BLOCK = 1 << 22
"""Scores of one view held at once."""


def zscore(scores: Floats) -> Floats:
    """Return each row with mean 0 and standard deviation 1; a constant row becomes zeros."""
    return zscore_and_spread(scores)[0]


def zscore_and_spread(scores: Floats) -> tuple[Floats, Floats]:
    """Return both, of which the second is needed for the first."""
    mean, found = scores.mean(axis=1, keepdims=True), spread(scores)
    return np.asarray((scores - mean) / found, np.float32), found


def spread(scores: Floats) -> Floats:
    """Return (q, 1) the standard deviation of each row, infinite where a row is constant up to rounding."""
    found = scores.std(axis=1, keepdims=True)
    largest = np.maximum(scores.max(axis=1, keepdims=True, initial=0), -scores.min(axis=1, keepdims=True, initial=0))
    rounding = 1e-6 * largest
    return np.where(found > rounding, found, np.float32(np.inf))


def bucket_of(lengths: Ints) -> Ints:
    """Return the index into `BUCKETS` of each history length."""
    return np.searchsorted(_EDGES, lengths, side="right").astype(np.int32)


@dataclass(frozen=True)
class Pool:
    """The validation queries, each with the best unseen candidates of every view."""

    scores: Floats
    """(v, q, c) standardised over the catalogue; -inf where a query has fewer candidates."""
    popular: Floats
    """(q, c) standardised popularity."""
    wanted: Bools
    """(q, c) whether the candidate is among the truth."""
    ideal: Floats
    """(q,) discounted gain of the best possible slate."""
    bucket: Ints
    """(q,) index into `BUCKETS`."""
    k: int

    @classmethod
    def gather(
        cls, views: Sequence[Recommender], popularity: Floats, valid: Holdout, k: int, rng: np.random.Generator
    ) -> "Pool":
        """Score the validation queries, a random `QUERIES` of them where there are more."""
        if len(valid.queries) > QUERIES:
            valid = valid.take(np.sort(rng.permutation(len(valid.queries))[:QUERIES]))
        step = max(1, _BLOCK // max(1, len(popularity)))
        blocks = [
            _gather(views, popularity, valid.take(slice(start, start + step)))
            for start in range(0, len(valid.queries), step)
        ]
        width = max(b[0].shape[2] for b in blocks)
        gains = np.cumsum(1 / np.log2(np.arange(2, k + 2)))
        sizes = np.diff(valid.truth.indptr)
        return cls(
            scores=np.concatenate([_wide(b[0], width, -np.inf) for b in blocks], axis=1),
            popular=np.concatenate([_wide(b[1], width, -np.inf) for b in blocks]),
            wanted=np.concatenate([_wide(b[2], width, False) for b in blocks]),
            ideal=gains[np.minimum(sizes, k) - 1].astype(np.float32),
            bucket=bucket_of(valid.queries.lengths),
            k=k,
        )

    def take(self, rows: Longs) -> "Pool":
        """Return the pool of some of the queries."""
        some = (self.popular[rows], self.wanted[rows], self.ideal[rows], self.bucket[rows])
        return Pool(self.scores[:, rows], *some, self.k)

    @cached_property
    def pairs(self) -> tuple[Longs, Longs]:
        """(p,) query and (p,) candidate of everything that is wanted."""
        query, candidate = np.nonzero(self.wanted)
        return query, candidate

    def ndcg(self, scores: Floats) -> Floats:
        """Return (q,) NDCG@k of the candidates in the order of these scores (q, c), the first among equals first."""
        query, candidate = self.pairs
        rows = scores[query]  # only what is wanted needs a rank
        own = rows[np.arange(len(query)), candidate][:, None]
        earlier = np.arange(scores.shape[1]) < candidate[:, None]
        rank = np.count_nonzero((rows > own) | ((rows == own) & earlier), axis=1)
        gain = np.where(rank < self.k, 1 / np.log2(rank + 2.0), 0.0)
        return np.asarray(np.bincount(query, gain, minlength=len(scores)) / self.ideal, np.float32)

    @cached_property
    def empty(self) -> Bools:
        """(q, c) where a query has fewer candidates than others."""
        return np.isneginf(self.popular)

    def mix(self, weights: Sequence[float]) -> Floats:
        """Return (q, c) the weighted sum of the views; -inf where there is no candidate."""
        out = np.where(self.empty, np.float32(-np.inf), np.float32(0))
        for scores, weight in zip(self.scores, weights, strict=True):
            if weight > 0:
                out += np.float32(weight) * scores
        return out


def find_weights(pool: Pool, rng: np.random.Generator) -> tuple[float, ...]:
    """Return one weight a view, the largest 1, 0 for a view that does not help.

    The mean over random halves of the queries of what coordinate ascent finds there; a view that fewer than `_AGREE`
    halves choose gets 0. One search on all queries fits their accidents: two halves disagree more than they should.
    """
    q = len(pool.ideal)
    halves = [np.sort(rng.permutation(q)[: max(1, q // 2)]) for _ in range(_HALVES)]
    found = np.array([_ascend(pool.take(rows)) for rows in halves])
    found /= found.sum(axis=1, keepdims=True)
    weights = found.mean(axis=0) * (np.count_nonzero(found, axis=0) >= _AGREE)
    if not weights.any():
        weights = found.mean(axis=0)
    return tuple(round(float(w), 4) for w in weights / weights.max())


def find_weights_of_both(pool: Pool, rng: np.random.Generator) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return weights for queries with a history, and for those without.

    Of people without a history other views tell something: of their friends, or their profile. Where one of the two
    kinds has too few queries to choose on, it does as the other.
    """
    new = pool.bucket == 0
    if new.sum() < ENOUGH or (~new).sum() < ENOUGH:
        weights = find_weights(pool, rng)
        return weights, weights
    warm, cold = (find_weights(pool.take(np.flatnonzero(rows)), rng) for rows in (~new, new))
    return warm, cold


def _ascend(pool: Pool) -> tuple[float, ...]:
    """Return weights by coordinate ascent on NDCG from the best single view; one that is constant is not considered."""
    v = len(pool.scores)
    constant = [not scores[~pool.empty].any() for scores in pool.scores]
    single = [-1.0 if c else float(pool.ndcg(scores).mean()) for c, scores in zip(constant, pool.scores, strict=True)]
    weights, best = list(_only(v, int(np.argmax(single)))), max(single)
    for _ in range(_ROUNDS):
        before = best
        for i in np.argsort(single)[::-1]:
            without = [*weights[:i], 0.0, *weights[i + 1 :]]
            if not any(without):
                continue
            others, own = pool.mix(without), np.where(pool.empty, 0, pool.scores[i]).astype(np.float32)
            quality = [float(pool.ndcg(np.asarray(others + np.float32(value) * own)).mean()) for value in _GRID]
            if max(quality) > best + 1e-6:
                best, weights[i] = max(quality), _GRID[int(np.argmax(quality))]
        if best - before < 1e-5:
            break
    return tuple(weights)


def find_shares(pool: Pool, weights: Sequence[float], newcomers: Sequence[float]) -> tuple[float, ...]:
    """Return the popularity share for each bucket of history length: the smallest that is as good as the best.

    A bucket with too few queries does as the next longer one. Without a history it is 1 then, and where no view tells
    anything of such people.
    """
    warm, cold = (pool.mix(w) / np.float32(sum(w) or 1.0) for w in (weights, newcomers))
    personal = np.where((pool.bucket == 0)[:, None], cold, warm).astype(np.float32)
    shares = [1.0] + [0.0] * (len(BUCKETS) - 1)
    for bucket in reversed(range(len(BUCKETS))):
        rows = np.flatnonzero(pool.bucket == bucket)
        if len(rows) < ENOUGH:
            shares[bucket] = shares[bucket + 1] if 0 < bucket < len(BUCKETS) - 1 else shares[bucket]
            continue
        if bucket == 0 and not np.where(np.isneginf(pool.popular[rows]), 0, personal[rows]).any():
            continue
        some = pool.take(rows)
        quality = [float(some.ndcg(_share(personal[rows], some.popular, s)).mean()) for s in _SHARES]
        good_enough = np.asarray(quality) >= max(quality) * (1 - _TIE)
        shares[bucket] = _SHARES[int(np.argmax(good_enough))]
    return tuple(shares)


def _share(personal: Floats, popular: Floats, share: float) -> Floats:
    """Return (q, c) the mixture; of whom no view tells anything, popularity."""
    empty = np.isneginf(popular)
    own, famous = np.where(empty, 0, personal), np.where(empty, 0, popular)
    shares = np.where(own.any(axis=1, keepdims=True), np.float32(share), np.float32(1))
    return np.asarray(np.where(empty, -np.inf, (1 - shares) * own + shares * famous), np.float32)


def _gather(views: Sequence[Recommender], popularity: Floats, valid: Holdout) -> tuple[Floats, Floats, Bools]:
    """Return (v, q, c) scores, (q, c) popularity and (q, c) truth of one block of queries."""
    q, i = valid.truth.shape
    open_to = allowed(valid.queries) if valid.candidates is None else allowed(valid.queries) & valid.candidates
    import torch  # here: a second of a service's start

    scores = np.stack([zscore(view.score(valid.queries)) for view in views])
    popular = np.broadcast_to(zscore(popularity[None, :]), (q, i))
    chosen = np.zeros((q, i), bool)
    for view in (*scores, popular):
        masked = np.where(open_to, view, -np.inf)
        best = torch.topk(torch.from_numpy(masked), min(_DEEP, i), dim=1).indices.numpy()
        np.put_along_axis(chosen, best, True, axis=1)
    chosen &= open_to
    counts = chosen.sum(axis=1)
    real = np.arange(max(1, int(counts.max(initial=1)))) < counts[:, None]
    order = np.zeros(real.shape, np.int64)
    order[real] = np.nonzero(chosen)[1]  # rows of both are in the same order
    pooled = np.stack([np.where(real, np.take_along_axis(s, order, axis=1), -np.inf) for s in scores])
    wanted = np.take_along_axis(valid.truth.toarray() > 0, order, axis=1) & real
    return pooled, np.where(real, np.take_along_axis(popular, order, axis=1), -np.inf), wanted


def _only(n: int, i: int) -> tuple[float, ...]:
    return tuple(float(j == i) for j in range(n))


def _wide(
    block: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]", width: int, fill: float
) -> "np.ndarray[tuple[int, ...], np.dtype[np.generic]]":
    short = [(0, 0)] * (block.ndim - 1) + [(0, width - block.shape[-1])]
    return np.pad(block, short, constant_values=fill)
