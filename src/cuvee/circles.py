"""Friends, friends of friends and so on, and what each circle of them likes.

References: P. Massa, P. Avesani, "Trust-aware recommender systems", RecSys 2007 (neighbours by trust instead of
similarity, over several steps); T. Kipf, M. Welling, "Semi-supervised classification with graph convolutional
networks", ICLR 2017, equation 2 without self-loops (links divided by the roots of both degrees).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from cuvee.errors import ConfigError
from cuvee.types import Dataset, Floats, Ints

__all__ = ["Circles", "circles_of", "times"]

Csr = sparse.csr_matrix[np.float32]


@dataclass(frozen=True)
class Circles:
    """Links and likings, weighted; with A the links, D their degrees, the circles of users whose friends are F are the
    rows of F D^-p, F D^-p (D^-p A D^-p), ..., each with sum 1."""

    weights: tuple[float, ...]
    """Of friends, friends of friends, and so on."""
    links: Csr
    """(u, u) D^-p A D^-p between training users."""
    scale: Floats
    """(u,) degrees to the power -p."""
    liked: Csr
    """(u, i) what training users like."""

    def pooled(self, friends: Csr, own: Ints | None = None) -> Csr:
        """Return (q, i) what the circles of each user like, weighted.

        Args:
            friends: (q, u) links of the users asked about.
            own: (q,) their rows, where they are training users whose own liking is to be left out; None: a walk that
                comes back to the user counts.
        """
        total = sparse.csr_matrix(np.zeros((friends.shape[0], self.liked.shape[1]), np.float32))
        for weight, circle in zip(self.weights, self._circles(friends, own), strict=False):
            total = total + np.float32(weight / sum(self.weights)) * (circle @ self.liked)
        return total

    def _circles(self, friends: Csr, own: Ints | None) -> Iterator[Csr]:
        """Yield for each circle (q, u) weights of its people, with sum 1 where there are any."""
        circle = times(np.ones(friends.shape[0]), friends, self.scale)
        for _ in self.weights:
            others = circle if own is None else _without(circle, own)
            reached = np.asarray(others.sum(axis=1)).ravel()
            yield times(1 / np.where(reached > 0, reached, np.inf), others)
            circle = circle @ self.links


def circles_of(train: Dataset, weights: tuple[float, ...], degree: float, activity: float) -> Circles:
    """Return the circles of a data set; `degree` is p, and likings are divided by how much their user likes in all to
    the power `activity`.

    Raises:
        ConfigError: the data set has no friendships, or a number that is out of its range. A table `social` without
            rows is a graph that is hidden: nobody has friends then.
    """
    if not weights or min(weights) < 0 or not any(weights):
        raise ConfigError(f"circles needs weights of 0 or more, one of them above 0, got {list(weights)}")
    if degree < 0 or activity < 0:
        raise ConfigError(f"degree and activity must be 0 or more, got {degree:g}, {activity:g}")
    if not train.friends.nnz and (train.social is None or len(train.social)):
        raise ConfigError("friends needs a table social with links between users, and the data set has none")
    degrees = np.asarray(train.friends.sum(axis=1)).ravel()
    scale = (np.maximum(degrees, 1) ** -degree).astype(np.float32)
    total = np.asarray(train.liked.sum(axis=1)).ravel()
    damped = np.where(total > 0, np.maximum(total, 1e-9) ** -activity, 0)
    return Circles(weights, times(scale, train.friends, scale), scale, times(damped, train.liked))


def times(left: "NDArray[np.floating]", matrix: Csr, right: Floats | None = None) -> Csr:
    """Return the matrix with its rows, and its columns, multiplied by numbers."""
    found = matrix.copy()
    found.data = found.data * np.repeat(left, np.diff(matrix.indptr)).astype(np.float32)
    if right is not None:
        found.data = found.data * right[matrix.indices]
    return found


def _without(circle: Csr, own: Ints) -> Csr:
    found = circle.copy()
    found.data[np.repeat(own, np.diff(circle.indptr)) == circle.indices] = 0
    return found
