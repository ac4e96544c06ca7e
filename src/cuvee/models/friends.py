"""What friends like, and friends of friends: also for users without events of their own.

References: P. Massa, P. Avesani, "Trust-aware recommender systems", RecSys 2007 (neighbours by trust instead of
similarity, over several steps); T. Kipf, M. Welling, "Semi-supervised classification with graph convolutional
networks", ICLR 2017, equation 2 without self-loops (links divided by the roots of both degrees).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from cuvee.errors import ConfigError
from cuvee.protocols import Estimator, Recommender, Settled
from cuvee.queries import one_each
from cuvee.types import Dataset, Floats, Holdout, Queries

__all__ = ["Friends", "FriendsModel"]

Csr = sparse.csr_matrix[np.float32]


@dataclass(frozen=True)
class Friends:
    """Scores an item by the mean liking of friends, of their friends, and so on, each circle with its own weight.

    With A the links of `social`, D their degrees and L who likes what, a user's circles are the rows of A D^-p,
    A D^-p (D^-p A D^-p), ..., each with sum 1; the pooled history is their weighted sum times L. Nobody's own events
    are needed; somebody without friends scores 0 everywhere. Cost: one sparse product a circle for each query.
    """

    circles: tuple[float, ...] = (1.0, 1.0)
    """Weights of friends, friends of friends, and so on."""
    degree: float = 0.5
    """p: 0 lets every friendship count alike, 0.5 less that of somebody with many friends."""
    activity: float = 0.0
    """0 adds up what friends like as it is, 1 divides it by how much each of them likes in all."""
    taste: Estimator | None = None
    """Scores the pooled history as if it were the user's own, e.g. item_knn; None: the pooled history is the score.
    It must answer from what was liked alone, not from the order of events."""

    def __post_init__(self) -> None:
        if not self.circles or min(self.circles) < 0 or not any(self.circles):
            raise ConfigError(f"circles needs weights of 0 or more, one of them above 0, got {list(self.circles)}")
        if self.degree < 0 or self.activity < 0:
            raise ConfigError(f"degree and activity must be 0 or more, got {self.degree:g}, {self.activity:g}")

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "FriendsModel":
        """Keep links and likings.

        Raises:
            ConfigError: the data set has no friendships.
        """
        if not train.friends.nnz:
            raise ConfigError("friends needs a table social with links between users, and the data set has none")
        degrees = np.asarray(train.friends.sum(axis=1)).ravel()
        scale = (np.maximum(degrees, 1) ** -self.degree).astype(np.float32)
        total = np.asarray(train.liked.sum(axis=1)).ravel()
        damped = np.where(total > 0, np.maximum(total, 1e-9) ** -self.activity, 0)
        taste = None if self.taste is None else self.taste.fit(train, valid, rng)
        return FriendsModel(
            replace(self, taste=taste.settled if isinstance(taste, Settled) else self.taste),
            _times(scale, train.friends, scale),
            scale,
            _times(damped, train.liked),
            taste.plain if isinstance(taste, Settled) else taste,
        )


@dataclass(frozen=True)
class FriendsModel:
    settled: Friends
    """With the choices that the taste made written in."""
    links: Csr
    """(u, u) links between training users, divided by both degrees to the power p."""
    scale: Floats
    """(u,) degrees to the power -p."""
    liked: Csr
    """(u, i) what training users like."""
    taste: Recommender | None

    @property
    def plain(self) -> "FriendsModel":
        return self

    def score(self, queries: Queries) -> Floats:
        pooled = self.pooled(queries)
        if self.taste is None:
            return pooled.toarray()
        nothing = one_each(pooled.shape[1], np.zeros((len(queries), 0), np.int32), now=queries.now)
        return self.taste.score(replace(nothing, seen=pooled))

    def pooled(self, queries: Queries) -> Csr:
        """Return (q, i) what the circles of each user like, weighted."""
        total = sparse.csr_matrix(np.zeros((len(queries), self.liked.shape[1]), np.float32))
        for weight, circle in zip(self.settled.circles, self._circles(queries), strict=False):
            total = total + np.float32(weight / sum(self.settled.circles)) * (circle @ self.liked)
        return total

    def _circles(self, queries: Queries) -> Iterator[Csr]:
        """Yield for each circle (q, u) weights of its people, with sum 1 where there are any.

        A walk that comes back to the user ends at no liking that is not theirs; it stays, since a query has no row.
        """
        if queries.friends is None:
            return
        circle = _times(np.ones(len(queries)), queries.friends, self.scale)
        for _ in self.settled.circles:
            reached = np.asarray(circle.sum(axis=1)).ravel()
            yield _times(1 / np.where(reached > 0, reached, np.inf), circle)
            circle = circle @ self.links


def _times(left: "NDArray[np.floating]", matrix: Csr, right: Floats | None = None) -> Csr:
    """Return the matrix with its rows, and its columns, multiplied by numbers."""
    found = matrix.copy()
    found.data = found.data * np.repeat(left, np.diff(matrix.indptr)).astype(np.float32)
    if right is not None:
        found.data = found.data * right[matrix.indices]
    return found
