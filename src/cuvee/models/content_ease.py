"""EASE with content inside the problem.

References: CEASE and Add-EASE: O. Jeunen, J. Van Balen, B. Goethals, "Closed-form models for collaborative filtering
with side-information", RecSys 2020, equations 5 to 9. With X users x items, T items x d (centred, unit rows):
CEASE solves EASE on X'X + w T T'; Add-EASE is (1 - b) EASE(X'X) + b EASE(T T'). Here both are one formula,
(1 - b) EASE(X'X + w T T') + b EASE(T T'), with T T' the weighted sum over the modalities.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse

from cuvee.content_space import joined
from cuvee.errors import ConfigError
from cuvee.item_weights import linear_scores, trace_linear
from cuvee.neighbour_graphs import co_liked
from cuvee.ridge import RidgeWeights, extended_ridge, revised_ridge, zero_diagonal_ridge
from cuvee.sparse_ridge import SplitWeights, content_ridge, extended_split, revised_split, split_ridge
from cuvee.types import PAD, Dataset, Floats, Holdout, Ints, Queries

__all__ = ["ContentEase", "ContentEaseModel", "SplitContentEaseModel"]

_SUPPORT_POWER = 0.3
"""How much popular items lose when those most liked together are chosen."""


@dataclass(frozen=True)
class ContentEase:
    """Item-to-item weights learned from interactions and content together; items without events are scored too.

    Cost: O(i^3) time and O(i^2) memory, once for each of the two problems that has a share; above `dense_up_to` items
    i x neighbours weights, found by one small system an item, beside a part of low rank that is exact.
    """

    on: Mapping[str, float] = field(default_factory=lambda: {"text": 1.0})
    """Item modality -> its weight in T T'."""
    l2: float = 200.0
    """Ridge penalty of the problem with interactions, in units of co-occurrence counts."""
    content: float = 100.0
    """w: what one unit of cosine counts beside one co-occurrence; 0 leaves content out of this problem."""
    share: float = 0.0
    """b: share of the content-only problem, 0 (CEASE) to 1 (content alone)."""
    content_l2: float = 1.0
    """Ridge penalty of the content-only problem, in units of squared cosine weight."""
    dense_up_to: int = 30_000
    """Items up to which the matrix of weights is dense; above, it is sparse plus a part of low rank."""
    neighbours: int = 300
    """Items whose interactions may predict another, where the matrix is not dense: those most liked with it."""

    def __post_init__(self) -> None:
        if self.neighbours < 1 or self.dense_up_to < 0:
            raise ConfigError(f"content_ease needs neighbours >= 1 and dense_up_to >= 0, got {self}")
        if not 0 <= self.share <= 1:
            raise ConfigError(f"share must lie in 0..1, got {self.share:g}")

    def fit(
        self,
        train: Dataset,
        valid: Holdout | None,  # noqa: ARG002
        rng: np.random.Generator,  # noqa: ARG002
    ) -> "ContentEaseModel | SplitContentEaseModel":
        space = joined(train, self.on)
        if len(train.items) > self.dense_up_to:
            return self._split(train, space)
        weights, own = np.zeros((len(train.items), len(train.items)), np.float32), np.zeros(0, np.float32)
        if self.share < 1:
            gram = (train.liked.T @ train.liked).toarray().astype(np.float32)
            gram += np.float32(self.content) * (space @ space.T)
            solved = zero_diagonal_ridge(gram, self.l2)
            weights += np.float32(1 - self.share) * solved.weights
            own = solved.own
        if self.share > 0:
            weights += np.float32(self.share) * _content_alone(space, self.content_l2)
        return ContentEaseModel(weights, own, self)

    def _split(self, train: Dataset, space: Floats) -> "SplitContentEaseModel":
        if self.share == 1:
            return _together(self, None, space)
        support = co_liked(train.liked, 0.0, _SUPPORT_POWER, self.neighbours)
        return _together(self, split_ridge(train.liked, self._scaled(space), support, self.l2), space)

    def _scaled(self, space: Floats) -> Floats:
        return np.asarray(np.sqrt(np.float32(self.content)) * space, np.float32)


@dataclass(frozen=True)
class ContentEaseModel:
    weights: Floats
    """(i, i); column j predicts item j from the others."""
    own: Floats
    """(i,) diagonal of the inverse of the problem with interactions; empty where that has no share."""
    parameters: ContentEase

    def extend(self, train: Dataset) -> "ContentEaseModel":
        """Return the model with the items at the end of the catalogue that it does not know, by their content.

        Cost: O(i^2 m) for m of them; it stays dense, however many they are.
        """
        p, n = self.parameters, len(self.weights)
        space = joined(train, p.on)
        total = np.zeros((len(space), len(space)), np.float32)
        if p.share > 0:
            total += np.float32(p.share) * _content_alone(space, p.content_l2)
        if p.share == 1:
            return replace(self, weights=total)
        told = np.asarray(np.float32(p.content) * (space @ space[n:].T), np.float32)  # (i + m, m)
        solved = extended_ridge(self._learned(space[:n]), told[:n], told[n:], p.l2)
        return replace(self, weights=total + np.float32(1 - p.share) * solved.weights, own=solved.own)

    def revise(self, before: Dataset, train: Dataset, rows: Ints) -> "tuple[ContentEaseModel, bool]":
        """Return the model as if fitted with the new content.

        Cost: O(i^2 m) for m items.
        """
        p, old, space = self.parameters, joined(before, self.parameters.on), joined(train, self.parameters.on)
        weights = np.zeros_like(self.weights)
        if p.share > 0:
            weights += np.float32(p.share) * _content_alone(space, p.content_l2)
        if p.share == 1:
            return replace(self, weights=weights), True
        change = np.asarray(np.float32(p.content) * (space @ space[rows].T - old @ old[rows].T), np.float32)
        solved = revised_ridge(self._learned(old), change, rows)
        return replace(self, weights=weights + np.float32(1 - p.share) * solved.weights, own=solved.own), True

    def _learned(self, space: Floats) -> RidgeWeights:
        """Return the problem with interactions alone, of the content (i, d) that the model knows."""
        p = self.parameters
        if p.share == 0:
            return RidgeWeights(self.weights, self.own)
        first = self.weights - np.float32(p.share) * _content_alone(space, p.content_l2)
        return RidgeWeights(np.asarray(first / np.float32(1 - p.share), np.float32), self.own)

    def score(self, queries: Queries) -> Floats:
        return linear_scores(queries, self.weights)

    def trace(self, queries: Queries, items: Ints) -> "list[sparse.csr_matrix[np.float32]]":
        return trace_linear(queries, self.weights, items)


@dataclass(frozen=True)
class SplitContentEaseModel:
    weights: "sparse.csr_matrix[np.float32]"
    """(i, i) without a diagonal; column j predicts item j from the others, together with left right_j."""
    left: Floats
    """(i, d)."""
    right: Floats
    """(i, d)."""
    diagonal: Floats
    """(i,) of the inverse of the problem with interactions without content; empty where that has no share."""
    parameters: ContentEase

    def extend(self, train: Dataset) -> "SplitContentEaseModel":
        """Return the model with the items at the end of the catalogue that it does not know, by their content."""
        p = self.parameters
        space = joined(train, p.on)
        if p.share == 1:
            return _together(p, None, space)
        return _together(p, extended_split(self._learned(space.shape[1]), p._scaled(space), p.l2), space)

    def revise(self, before: Dataset, train: Dataset, rows: Ints) -> "tuple[SplitContentEaseModel, bool]":
        """Return the model as if fitted with the new content, as closely as the sparse part is the whole."""
        p, space = self.parameters, joined(train, self.parameters.on)
        if p.share == 1:
            return _together(p, None, space), True
        old = p._scaled(joined(before, p.on))
        return _together(p, revised_split(self._learned(old.shape[1]), old, p._scaled(space), rows), space), True

    def _learned(self, width: int) -> SplitWeights:
        """Return the problem with interactions alone; its part of low rank is as wide as the content."""
        weights = self.weights / np.float32(1 - self.parameters.share)
        return SplitWeights(weights, self.left[:, :width], self.right[:, :width], self.diagonal)

    def score(self, queries: Queries) -> Floats:
        liked = queries.liked
        own = np.einsum("id,id->i", self.left, self.right)
        low_rank = (liked @ self.left) @ self.right.T - liked.multiply(own[None, :]).toarray()
        return np.asarray(linear_scores(queries, self.weights) + low_rank, np.float32)

    def trace(self, queries: Queries, items: Ints) -> "list[sparse.csr_matrix[np.float32]]":
        traces = []
        liked = queries.liked
        for q, traced in enumerate(trace_linear(queries, self.weights, items)):
            past, value = liked[q].indices, liked[q].data
            told = (self.right[np.where(items[q] == PAD, 0, items[q])] @ self.left[past].T) * value  # (k, t)
            told[(items[q][:, None] == past[None, :]) | (items[q] == PAD)[:, None]] = 0
            place = (np.repeat(np.arange(len(told)), len(past)), np.tile(past, len(told)))
            low_rank = sparse.csr_matrix((told.ravel(), place), shape=traced.shape, dtype=np.float32)
            traces.append(sparse.csr_matrix(traced + low_rank))
        return traces


def _together(p: ContentEase, solved: SplitWeights | None, space: Floats) -> SplitContentEaseModel:
    """Return the model of the problem with interactions, where it has a share, and that of content alone."""
    parts = [] if solved is None else [(solved, np.float32(1 - p.share))]
    if p.share > 0:
        parts.append((content_ridge(space, p.content_l2), np.float32(p.share)))
    weights = sum((share * part.sparse for part, share in parts[1:]), parts[0][1] * parts[0][0].sparse)
    left = np.concatenate([part.left for part, _ in parts], axis=1)
    right = np.concatenate([share * part.right for part, share in parts], axis=1)
    return SplitContentEaseModel(sparse.csr_matrix(weights, dtype=np.float32), left, right, parts[0][0].diagonal, p)


def _content_alone(space: Floats, l2: float) -> Floats:
    """Return (i, i) the weights of the content-only problem."""
    solved = content_ridge(space, l2)
    weights = solved.left @ solved.right.T
    np.fill_diagonal(weights, 0.0)
    return weights
