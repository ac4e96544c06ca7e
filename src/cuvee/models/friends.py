"""What friends like, and friends of friends: also for users without events; `circles.py` has the sources."""

from dataclasses import dataclass, replace

import numpy as np

from cuvee.circles import Circles, circles_of
from cuvee.inductive import extended, updated
from cuvee.item_weights import wider
from cuvee.protocols import Estimator, Recommender, Settled
from cuvee.queries import one_each
from cuvee.types import Dataset, Floats, Holdout, Queries

__all__ = ["Friends", "FriendsModel"]


@dataclass(frozen=True)
class Friends:
    """Scores an item by the mean liking of friends, of their friends, and so on, each circle with its own weight.

    Links are those of `social`, in either direction. Nobody's own events are needed; somebody without friends scores 0
    everywhere. Cost: one sparse product a circle for each query.
    """

    circles: tuple[float, ...] = (1.0, 2.0)
    """Weights of friends, friends of friends, and so on."""
    degree: float = 0.5
    """0 lets every friendship count alike, 0.5 less that of somebody with many friends."""
    activity: float = 0.0
    """0 adds up what friends like as it is, 1 divides it by how much each of them likes in all."""
    taste: Estimator | None = None
    """Scores the pooled history as if it were the user's own, e.g. item_knn; None: the pooled history is the score.
    It must answer from what was liked alone, not from the order of events."""

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "FriendsModel":
        """Keep links and likings.

        Raises:
            ConfigError: the data set has no friendships, or a parameter out of its range.
        """
        circles = circles_of(train, self.circles, self.degree, self.activity)
        taste = None if self.taste is None else self.taste.fit(train, valid, rng)
        settled = replace(self, taste=taste.settled if isinstance(taste, Settled) else self.taste)
        return FriendsModel(settled, circles, taste.plain if isinstance(taste, Settled) else taste)


@dataclass(frozen=True)
class FriendsModel:
    settled: Friends
    """With the choices that the taste made written in."""
    circles: Circles
    taste: Recommender | None

    @property
    def plain(self) -> "FriendsModel":
        return self

    def extend(self, train: Dataset) -> "FriendsModel":
        """Return the model with the items at the end of the catalogue that it does not know: no friend likes them yet.

        Raises:
            ConfigError: the taste cannot take in new items.
        """
        circles = replace(self.circles, liked=wider(self.circles.liked, len(train.items)))
        return replace(self, circles=circles, taste=None if self.taste is None else extended(self.taste, train))

    def update(self, train: Dataset) -> "FriendsModel":
        """Return the model with the links and likings of these events; the taste counts what it can."""
        s = self.settled
        circles = circles_of(train, s.circles, s.degree, s.activity)
        return replace(self, circles=circles, taste=None if self.taste is None else updated(self.taste, train))

    def score(self, queries: Queries) -> Floats:
        if queries.friends is None:
            return np.zeros((len(queries), self.circles.liked.shape[1]), np.float32)
        pooled = self.circles.pooled(queries.friends)
        if self.taste is None:
            return pooled.toarray()
        nothing = one_each(pooled.shape[1], np.zeros((len(queries), 0), np.int32), now=queries.now)
        return self.taste.score(replace(nothing, seen=pooled))
