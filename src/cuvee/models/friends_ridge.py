"""What the likings of friends foretell, learned from users who have both friends and events.

Reference: C. Saunders, A. Gammerman, V. Vovk, "Ridge regression learning algorithm in dual variables", ICML 1998,
equation 3. With Z the pooled histories of the friends of training users (unit rows, see `circles.py`; nobody's own
liking is in their row) and Y what these users like: score(z) = z Z' (Z Z' + l2 I)^-1 Y.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from cuvee.circles import Circles, Csr, circles_of, times
from cuvee.errors import ConfigError
from cuvee.item_weights import wider
from cuvee.types import Dataset, Floats, Holdout, Queries

__all__ = ["FriendsRidge", "FriendsRidgeModel"]


@dataclass(frozen=True)
class FriendsRidge:
    """Kernel ridge from what friends like to what somebody likes; nobody's own events are needed.

    Somebody without friends scores 0 everywhere. Cost: cubic in the training users with friends and liked items, of
    whom a random `users` are learned from at most.
    """

    circles: tuple[float, ...] = (1.0, 2.0)
    """Weights of friends, friends of friends, and so on."""
    degree: float = 0.5
    """0 lets every friendship count alike, 0.5 less that of somebody with many friends."""
    activity: float = 0.0
    """0 adds up what friends like as it is, 1 divides it by how much each of them likes in all."""
    l2: float = 3.0
    """Ridge penalty, in units of the squared cosine of two users' friends."""
    users: int = 5000
    """Users learned from at most."""

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "FriendsRidgeModel":  # noqa: ARG002
        """Learn.

        Raises:
            ConfigError: no friendships, a parameter out of its range, or nobody with friends and liked items.
        """
        if self.l2 <= 0 or self.users < 1:
            raise ConfigError(f"l2 must be above 0 and users at least 1, got {self.l2:g}, {self.users}")
        circles = circles_of(train, self.circles, self.degree, self.activity)
        known = (np.diff(train.friends.indptr) > 0) & (np.diff(train.liked.indptr) > 0)
        rows = np.flatnonzero(known).astype(np.int32)
        if not len(rows) and train.friends.nnz:
            raise ConfigError("friends_ridge learns from users with friends and liked items, and there are none")
        rows = np.sort(rng.permutation(rows)[: self.users])
        pooled = _unit(circles.pooled(train.friends[rows], rows))
        kernel = (pooled @ pooled.T).toarray().astype(np.float64)
        kernel[np.diag_indices_from(kernel)] += self.l2
        inverse = np.linalg.inv(kernel).astype(np.float32)
        return FriendsRidgeModel(self, circles, pooled, inverse, train.liked[rows])


@dataclass(frozen=True)
class FriendsRidgeModel:
    parameters: FriendsRidge
    circles: Circles
    pooled: Csr
    """(n, i) Z, unit rows: what the friends of the users learned from like."""
    inverse: Floats
    """(n, n) (Z Z' + l2 I)^-1."""
    liked: Csr
    """(n, i) Y, what these users like."""

    def extend(self, train: Dataset) -> "FriendsRidgeModel":
        """Return the model with the items at the end of the catalogue that it does not know: nobody likes them yet."""
        n = len(train.items)
        circles = replace(self.circles, liked=wider(self.circles.liked, n))
        return replace(self, circles=circles, pooled=wider(self.pooled, n), liked=wider(self.liked, n))

    def update(self, train: Dataset) -> "FriendsRidgeModel":
        """Return the model that reads the links and likings of these events; what they foretell stays."""
        p = self.parameters
        return replace(self, circles=circles_of(train, p.circles, p.degree, p.activity))

    def score(self, queries: Queries) -> Floats:
        if queries.friends is None:
            return np.zeros((len(queries), self.liked.shape[1]), np.float32)
        alike = _unit(self.circles.pooled(queries.friends)) @ self.pooled.T
        return np.asarray((alike @ self.inverse) @ self.liked, np.float32)


def _unit(rows: Csr) -> Csr:
    """Return the rows with length 1; empty ones stay empty."""
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return times(1 / np.where(lengths > 0, lengths, np.inf), sparse.csr_matrix(rows))
