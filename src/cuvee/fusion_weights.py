"""How weights of modalities are found: the content cosine of what they fuse to, measured on validation or on folds.

Reference: D. Metzler, W. Croft, "Linear feature-based models for information retrieval", Information Retrieval 2007,
section 3.3 (coordinate ascent on the ranking metric); the mean over random halves of the queries, as for a blend.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from cuvee.errors import ConfigError
from cuvee.filters.unseen import allowed
from cuvee.metrics.ndcg import Ndcg
from cuvee.queries import holdout
from cuvee.rank import recommend
from cuvee.types import Dataset, Embeddings, Floats, Holdout, Longs, Queries

__all__ = ["Choose", "Trial", "best_of", "chosen_weights", "folds", "given_weights", "trials"]

Choose = Literal["validation", "kfold"]
"""What weights that are not given are found on."""

_GRID = (0.0, 0.1, 0.2, 0.35, 0.6, 1.0, 1.7)
_HALVES, _ROUNDS, _QUERIES, _FOLDS, _K = 5, 3, 2_000, 3, 20
"""Halves of the queries searched; passes; queries at most; folds; depth of NDCG."""


@dataclass(frozen=True)
class Trial:
    """Parts as they were learned without what the holdout asks for."""

    parts: Mapping[str, Embeddings]
    held: Holdout


def trials(
    choose: Choose,
    train: Dataset,
    valid: Holdout | None,
    learn: Callable[[Dataset], Mapping[str, Embeddings]],
    rng: np.random.Generator,
) -> list[Trial]:
    """Return what choices may be tried on: one trial on validation, or one a fold; none where there is no validation.

    Args:
        learn: the parts to be fused, from training data without what the trial asks for.
    """
    if choose == "kfold":
        return [Trial(learn(kept), held) for kept, held in folds(train, rng)]
    return [] if valid is None else [Trial(learn(train), valid)]


def best_of(
    found: Sequence[Trial], fuse: Callable[[Mapping[str, Embeddings], float], Embeddings], values: Sequence[float]
) -> float:
    """Return the value whose fusion has the highest mean NDCG@20 over the trials; the first of equals."""
    return max(values, key=lambda v: float(np.concatenate([_ndcg(fuse(t.parts, v), t.held) for t in found]).mean()))


def given_weights(on: tuple[str, ...], weights: Mapping[str, float] | None) -> None:
    """Refuse weights that do not fit the modalities.

    Raises:
        ConfigError: none to fuse, one named twice, or weights for others, negative or all zero.
    """
    if not on or len(set(on)) < len(on):
        raise ConfigError(f"`on` needs different modalities, at least one; got {list(on)}")
    if weights is None:
        return
    if set(weights) != set(on):
        raise ConfigError(f"weights are needed for {', '.join(on)}; got {', '.join(weights) or 'none'}")
    if min(weights.values()) < 0 or not sum(weights.values()):
        raise ConfigError(f"weights are 0 or more and not all 0; got {dict(weights)}")


def chosen_weights(
    found: Sequence[Trial],
    fuse: Callable[[Mapping[str, Embeddings], Mapping[str, float]], Embeddings],
    on: tuple[str, ...],
    rng: np.random.Generator,
) -> dict[str, float]:
    """Return one weight a modality, summing to 1, that maximises NDCG@20 of the content cosine; 0 is allowed.

    The mean over random halves of the queries of what coordinate ascent finds there.
    """
    known: dict[tuple[float, ...], Floats] = {}
    tried = [Trial(t.parts, _some(t.held, rng)) for t in found]

    def quality(weights: tuple[float, ...]) -> Floats:
        normal = tuple(round(w / sum(weights), 6) for w in weights)
        if normal not in known:
            given = dict(zip(on, normal, strict=True))
            known[normal] = np.concatenate([_ndcg(fuse(t.parts, given), t.held) for t in tried])
        return known[normal]

    n = len(quality((1.0,) * len(on)))
    halves = [rng.permutation(n)[: max(1, n // 2)] for _ in range(_HALVES)]

    def ascended(rows: Longs) -> tuple[float, ...]:
        return _ascend(lambda weights: float(quality(weights)[rows].mean()), len(on))

    best = np.array([ascended(rows) for rows in halves])
    mean = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    return {name: round(float(w), 4) for name, w in zip(on, mean, strict=True)}


def folds(train: Dataset, rng: np.random.Generator) -> list[tuple[Dataset, Holdout]]:
    """Return training without one part of its liked pairs, and that part as questions, for each of three parts."""
    liked = train.liked.tocoo()
    user, item = liked.row.astype(np.int32), liked.col.astype(np.int32)
    part = rng.integers(0, _FOLDS, len(user))
    pair = train.events.user.astype(np.int64) * len(train.items) + train.events.item
    found = []
    for fold in range(_FOLDS):
        out = part == fold
        if out.any():
            gone = user[out].astype(np.int64) * len(train.items) + item[out]
            kept = replace(train, events=train.events.take(~np.isin(pair, gone)))
            found.append((kept, holdout(kept, (user[out], item[out]))))
    return found


def _ascend(quality: Callable[[tuple[float, ...]], float], m: int) -> tuple[float, ...]:
    """Return weights by coordinate ascent from the best of equal weights and each modality alone."""
    starts = [(1.0,) * m, *(tuple(float(j == i) for j in range(m)) for i in range(m))]
    weights = max(starts, key=quality)
    best = quality(weights)
    for _ in range(_ROUNDS):
        before = best
        for i in range(m):
            for value in _GRID:
                tried = (*weights[:i], value, *weights[i + 1 :])
                if any(tried) and (found := quality(tried)) > best + 1e-6:
                    weights, best = tried, found
        if best == before:
            break
    return weights


@dataclass(frozen=True)
class _Cosine:
    vectors: Floats
    """(i, d) of unit length."""

    def score(self, queries: Queries) -> Floats:
        return np.asarray((queries.liked @ self.vectors) @ self.vectors.T, np.float32)


def _ndcg(fused: Embeddings, held: Holdout) -> Floats:
    norms = np.maximum(np.linalg.norm(fused.vectors, axis=1, keepdims=True), 1e-9)
    model = _Cosine(np.asarray(fused.vectors / norms, np.float32))
    slate = recommend(model, held.queries, _K, filters=[allowed], candidates=held.candidates)
    return Ndcg(_K).measure(slate, held.truth)


def _some(held: Holdout, rng: np.random.Generator) -> Holdout:
    n = len(held.queries)
    return held if n <= _QUERIES else held.take(np.sort(rng.permutation(n)[:_QUERIES]))
