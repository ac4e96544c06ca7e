"""Score-level fusion: a weighted sum of views, each standardised per query, with weights found on validation.

References: M. Renda, U. Straccia, "Web metasearch: rank vs. score based rank aggregation methods", SAC 2003 (z-scores
before a linear combination); D. Metzler, W. Croft, "Linear feature-based models for information retrieval", Information
Retrieval 2007, section 3.3 (weights by coordinate ascent on the ranking metric).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse
from tqdm import tqdm

from cuvee.blending import BUCKETS, Pool, bucket_of, find_shares, find_weights_of_both, spread, zscore
from cuvee.errors import ConfigError
from cuvee.protocols import Curved, Estimator, Recommender, Settled, Traceable
from cuvee.registry import describe
from cuvee.types import Dataset, Floats, Holdout, Ints, Queries
from cuvee.used_modalities import used

__all__ = ["Blend", "BlendModel"]


@dataclass(frozen=True)
class Blend:
    """Adds views at score level; a view that does not help on validation gets weight 0.

    A query's score is (1 - s) sum_v w_v z_v / sum_v w_v + s z_popular, with z the score standardised over the
    catalogue, and the popularity share s by the length of the history, 1 where no view tells one item from another:
    nobody is left without an answer. Queries without a history have weights of their own: other views tell of them.
    Cost: that of the views, and a search over the best candidates of each for at most 5,000 validation queries.
    """

    views: tuple[Estimator, ...]
    """The models to blend."""
    weights: tuple[float, ...] | None = None
    """One a view, 0 or more; None: found on validation, equal when there is none."""
    newcomers: tuple[float, ...] | None = None
    """The same for queries without a history; None: found on validation where both kinds are asked, else `weights`."""
    shares: tuple[float, ...] | None = None
    """Popularity share for histories of 0, 1, 2-4, 5-9 and 10 or more items; None: found on validation."""
    k: int = 50
    """Weights maximise NDCG at this depth: deeper than what is shown, so that more of what is wanted has a say."""

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ConfigError(f"k must be at least 1, got {self.k}")
        if not self.views:
            raise ConfigError("blend needs at least one view")
        for given in (self.weights, self.newcomers):
            if given is not None and (len(given) != len(self.views) or min(given) < 0):
                raise ConfigError(f"blend needs {len(self.views)} weights of 0 or more, got {list(given)}")
        if self.shares is not None and (len(self.shares) != len(BUCKETS) or not all(0 <= s <= 1 for s in self.shares)):
            raise ConfigError(f"blend needs {len(BUCKETS)} shares in 0..1, got {list(self.shares)}")

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "BlendModel":
        fitted = [
            (view, view.fit(train, valid, rng)) for view in tqdm(self.views, desc="fit views", delay=2, leave=False)
        ]
        pairs = [(m.settled, m.plain) if isinstance(m, Settled) else (view, m) for view, m in fitted]
        views, models = tuple(view for view, _ in pairs), tuple(model for _, model in pairs)
        weights = self.weights or (1.0,) * len(models)
        newcomers = self.newcomers or weights
        shares = self.shares or (1.0, 0.0, 0.0, 0.0, 0.0)
        if valid is not None and None in (self.weights, self.newcomers, self.shares):
            pool = Pool.gather(models, train.demand, valid, self.k, rng)
            if self.weights is None or self.newcomers is None:
                found = find_weights_of_both(pool, rng)
                weights, newcomers = self.weights or found[0], self.newcomers or found[1]
            shares = self.shares or find_shares(pool, weights, newcomers)
        kept = [v for v in range(len(views)) if weights[v] > 0 or newcomers[v] > 0] or [0]
        settled = replace(
            self,
            views=tuple(views[v] for v in kept),
            weights=tuple(weights[v] for v in kept),
            newcomers=tuple(newcomers[v] for v in kept),
            shares=shares,
        )
        considered = dict(zip(_names(views), weights, strict=True))
        return BlendModel(settled, tuple(models[v] for v in kept), train.demand, considered)


@dataclass(frozen=True)
class BlendModel:
    settled: Blend
    """The views that have weight, with what validation chose written in."""
    views: tuple[Recommender, ...]
    """One for each view of `settled`."""
    popularity: Floats
    """(i,) summed liking of all users."""
    considered: Mapping[str, float]
    """Every view that was offered -> its weight, 0 where it was left out; for queries with a history."""

    @property
    def plain(self) -> "BlendModel":
        return self

    @cached_property
    def names(self) -> tuple[str, ...]:
        """A name a view: its component and modalities, numbered where that is not unique."""
        return _names(self.settled.views)

    @property
    def curves(self) -> Mapping[str, Sequence[float]]:
        """Those of the views that learned epoch by epoch, by their names."""
        learned = [(name, view) for name, view in zip(self.names, self.views, strict=True) if isinstance(view, Curved)]
        return {f"{name}/{k}": curve for name, view in learned for k, curve in view.curves.items()}

    def score(self, queries: Queries) -> Floats:
        personal = self.personal(queries)
        share = self._share(queries, personal)
        return np.asarray((1 - share) * personal + share * zscore(self.popularity[None, :]), np.float32)

    def personal(self, queries: Queries) -> Floats:
        total = np.zeros((len(queries), len(self.popularity)), np.float32)
        for view, weight in zip(self.views, self._weights(queries), strict=True):
            if weight.any():
                total += weight * zscore(view.score(queries))
        return total

    def parts(self, queries: Queries) -> Mapping[str, Floats]:
        told = {
            name: weight * zscore(view.score(queries))
            for name, view, weight in zip(self.names, self.views, self._weights(queries), strict=True)
            if weight.any()
        }
        nothing = np.zeros((len(queries), len(self.popularity)), np.float32)
        share = self._share(queries, sum(told.values(), nothing))
        parts = {name: (1 - share) * part for name, part in told.items()}
        popular = share * zscore(self.popularity[None, :])
        parts["popular"] = parts["popular"] + popular if "popular" in parts else popular
        return parts

    def trace(self, queries: Queries, items: Ints) -> "list[sparse.csr_matrix[np.float32]]":
        share = self._by_length(queries)  # where no view tells anything, there is nothing to trace either
        empty = sparse.csr_matrix(np.zeros((items.shape[1], len(self.popularity)), np.float32))
        total = [empty] * len(queries)
        for view, weight in zip(self.views, self._weights(queries), strict=True):
            if not weight.any() or not isinstance(view, Traceable):
                continue
            scale = ((1 - share) * weight / spread(view.score(queries)))[:, 0]
            for q, traced in enumerate(view.trace(queries, items)):
                total[q] = total[q] + traced * np.float32(scale[q])
        return total

    def _weights(self, queries: Queries) -> Floats:
        """Return (v, q, 1) the weight of each view in each query, with sum 1 over the views, or all 0."""
        equal = (1.0,) * len(self.views)
        both = np.array([self.settled.weights or equal, self.settled.newcomers or self.settled.weights or equal])
        both = both / np.where(both.any(axis=1), both.sum(axis=1), 1)[:, None]
        mine = both[np.where(queries.lengths == 0, 1, 0)]  # (q, v)
        return np.asarray(mine.T[:, :, None], np.float32)

    def _share(self, queries: Queries, personal: Floats) -> Floats:
        """Return (q, 1) the popularity share; 1 where the views tell no item from another."""
        told = personal.any(axis=-1, keepdims=True)
        return np.where(told, self._by_length(queries), np.float32(1))

    def _by_length(self, queries: Queries) -> Floats:
        """Return (q, 1)."""
        return np.asarray(self.settled.shares, np.float32)[bucket_of(queries.lengths)][:, None]


def _names(views: tuple[Estimator, ...]) -> tuple[str, ...]:
    plain = [_name(view) for view in views]
    return tuple(n if plain.count(n) == 1 else f"{n} {plain[: v + 1].count(n)}" for v, n in enumerate(plain))


def _name(view: Estimator) -> str:
    spec = describe(view)
    if isinstance(spec, str):
        return spec
    name, values = next(iter(spec.items()))
    modalities = [m for m, w in used(values).items() if w > 0]
    return f"{name}({', '.join(modalities)})" if modalities else str(name)
