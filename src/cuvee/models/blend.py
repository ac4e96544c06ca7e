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

from cuvee.arrivals import Contest, asked_for, find_lift
from cuvee.blending import (
    BUCKETS,
    ENOUGH,
    QUERIES,
    Pool,
    bucket_of,
    find_shares,
    find_weights,
    find_weights_of_both,
    zscore,
)
from cuvee.errors import ConfigError, unknown
from cuvee.filters.unseen import allowed
from cuvee.inductive import revised
from cuvee.protocols import Curved, Estimator, Inductive, Online, Recommender, Settled, Traceable
from cuvee.registry import describe
from cuvee.scored_once import standardised
from cuvee.types import Bools, Dataset, Floats, Holdout, Ints, Queries
from cuvee.used_modalities import used

__all__ = ["Blend", "BlendModel", "lifted", "reweighted"]

_CELLS = 1 << 22
"""Scores held at once where the lift is sought."""


@dataclass(frozen=True)
class Blend:
    """Adds views at score level; a view that does not help on validation gets weight 0.

    A query's score is (1 - s) sum_v w_v z_v / sum_v w_v + s z_popular, with z the score standardised over the
    catalogue, and the popularity share s by the length of the history, 1 where no view tells one item from another:
    nobody is left without an answer. Queries without a history have weights of their own: other views tell of them.
    So have items without events, sum_v a_v z_v + lift, s aside: what nobody has touched, only content tells of.
    Cost: that of the views, and a search over the best candidates of each for at most 5,000 validation queries.
    """

    views: tuple[Estimator, ...]
    """The models to blend."""
    weights: tuple[float, ...] | None = None
    """One a view, 0 or more; None: found on validation, equal when there is none."""
    newcomers: tuple[float, ...] | None = None
    """The same for queries without a history; None: found on validation where both kinds are asked, else `weights`."""
    arrivals: tuple[float, ...] | None = None
    """One a view for items without events, on the scale of the others; None: found where validation asks for such
    items, else `weights` of the views that read content."""
    lift: float | None = None
    """Added to the score of items without events; None: found where validation asks for both kinds of items, else 0."""
    room: float = 0.01
    """Share of the known items' NDCG on validation that may be given up for places of items without events."""
    shares: tuple[float, ...] | None = None
    """Popularity share for histories of 0, 1, 2-4, 5-9 and 10 or more items; None: found on validation."""
    k: int = 50
    """Weights maximise NDCG at this depth: deeper than what is shown, so that more of what is wanted has a say."""

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ConfigError(f"k must be at least 1, got {self.k}")
        if not self.views:
            raise ConfigError("blend needs at least one view")
        if not 0 <= self.room < 1:
            raise ConfigError(f"room must lie in 0..1, got {self.room:g}")
        for given in (self.weights, self.newcomers, self.arrivals):
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
        reads = _reading(views)
        new = any(reads) & (np.bincount(train.events.item, minlength=len(train.items)) == 0)
        valid_known = None if valid is None else asked_for(valid, ~new) or valid
        valid_new = None if valid is None else asked_for(valid, new)
        enough = valid_new is not None and len(valid_new.queries) >= ENOUGH
        weights = self.weights or (1.0,) * len(models)
        newcomers = self.newcomers or weights
        shares = self.shares or (1.0, 0.0, 0.0, 0.0, 0.0)
        if valid_known is not None and None in (self.weights, self.newcomers, self.shares):
            pool = Pool.gather(models, train.demand, valid_known, self.k, rng)
            if self.weights is None or self.newcomers is None:
                found = find_weights_of_both(pool, rng)
                weights, newcomers = self.weights or found[0], self.newcomers or found[1]
            shares = self.shares or find_shares(pool, weights, newcomers)
        arrivals = self.arrivals or _shares_of(weights, reads)
        if self.arrivals is None and valid_new is not None and enough:
            found_new = find_weights(Pool.gather(models, train.demand, valid_new, self.k, rng), rng)
            arrivals = tuple(w / sum(found_new) for w in found_new)
        considered = dict(zip(_names(views), weights, strict=True))
        settled = replace(self, views=views, weights=weights, newcomers=newcomers, arrivals=arrivals, shares=shares,
                          lift=self.lift or 0.0)  # fmt: skip
        model = BlendModel(settled, models, train.demand, considered, new)
        if self.lift is None and valid is not None and enough and valid_known is not valid:
            model = lifted(model, valid, rng)
        return _pruned(model)


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
    new: Bools
    """(i,) items without events when the views were fitted; none where no view reads content."""

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
        return np.asarray((1 - share) * personal + share * self._popular, np.float32)

    def personal(self, queries: Queries) -> Floats:
        total = np.zeros((len(queries), len(self.popularity)), np.float32)
        for view, weight in zip(self.views, self._weights(queries), strict=True):
            if weight.any():
                total += weight * standardised(view, queries)[0]
        return total + np.where(self.new, np.float32(self.settled.lift or 0.0), np.float32(0))

    def parts(self, queries: Queries) -> Mapping[str, Floats]:
        told = {
            name: weight * standardised(view, queries)[0]
            for name, view, weight in zip(self.names, self.views, self._weights(queries), strict=True)
            if weight.any()
        }
        nothing = np.zeros((len(queries), len(self.popularity)), np.float32)
        share = self._share(queries, sum(told.values(), nothing))
        if self.settled.lift:
            told["new"] = nothing + np.where(self.new, np.float32(self.settled.lift), np.float32(0))
        parts = {name: (1 - share) * part for name, part in told.items()}
        popular = share * self._popular
        parts["popular"] = parts["popular"] + popular if "popular" in parts else popular
        return parts

    def trace(self, queries: Queries, items: Ints) -> "list[sparse.csr_matrix[np.float32]]":
        share = self._by_length(queries)  # where no view tells anything, there is nothing to trace either
        total: list[sparse.csr_matrix[np.float32] | None] = [None] * len(queries)
        for view, weight in zip(self.views, self._weights(queries), strict=True):
            if not weight.any() or not isinstance(view, Traceable):
                continue
            by_item = np.broadcast_to((1 - share) * weight / standardised(view, queries)[1], queries.seen.shape)
            scale = np.take_along_axis(by_item, np.maximum(items, 0), axis=1)
            for q, traced in enumerate(view.trace(queries, items)):
                scaled = traced.astype(np.float32)
                scaled.data *= np.repeat(scale[q], np.diff(scaled.indptr))
                before = total[q]
                total[q] = scaled if before is None else before + scaled
        nothing = np.zeros(0, np.int32)
        shape = (items.shape[1], len(self.popularity))
        empty = sparse.csr_matrix((np.zeros(0, np.float32), (nothing, nothing)), shape=shape)
        return [empty if found is None else found for found in total]

    def extend(self, train: Dataset) -> "BlendModel":
        """Return the blend for a catalogue that has grown at its end.

        Raises:
            ConfigError: a view that cannot take in new items.
        """
        more = len(train.items) - len(self.new)
        views = tuple(_extended(name, view, train) for name, view in zip(self.names, self.views, strict=True))
        popularity = np.append(self.popularity, np.zeros(more, np.float32))
        return replace(self, views=views, popularity=popularity, new=np.append(self.new, np.ones(more, bool)))

    def revise(self, before: Dataset, train: Dataset, rows: Ints) -> "tuple[BlendModel, bool]":
        """Return the blend whose views read the new content where they can; whether all do that read any."""
        told = [revised(view, before, train, rows) for view in self.views]
        whole = all(done for (_, done), reads in zip(told, _reading(self.settled.views), strict=True) if reads)
        return replace(self, views=tuple(view for view, _ in told)), whole

    def update(self, train: Dataset) -> "BlendModel":
        """Return the blend with popularity counted from these events; what a view has to fit for stays."""
        views = tuple(view.update(train) if isinstance(view, Online) else view for view in self.views)
        return replace(self, views=views, popularity=train.demand)

    def _weights(self, queries: Queries) -> Floats:
        """Return (v, q, i), or (v, q, 1) where every item is known: the weight of each view.

        Over the views those of known items sum to 1, or all are 0; those of others are as they were found.
        """
        return self._weights_by_kind[:, np.where(queries.lengths == 0, 1, 0)]

    @cached_property
    def _weights_by_kind(self) -> Floats:
        """(v, 2, i), or (v, 2, 1) where every item is known: for queries with a history, and without."""
        equal = (1.0,) * len(self.views)
        both = np.array([self.settled.weights or equal, self.settled.newcomers or self.settled.weights or equal])
        both = (both / np.where(both.any(axis=1), both.sum(axis=1), 1)[:, None]).T[:, :, None]
        if self.new.any():
            both = np.where(self.new, np.array(self.settled.arrivals or equal)[:, None, None], both)
        return np.asarray(both, np.float32)

    @cached_property
    def _popular(self) -> Floats:
        """(1, i) standardised popularity; of items without events nothing is known yet, so 0."""
        return np.where(self.new, np.float32(0), zscore(self.popularity[None, :]))

    def _share(self, queries: Queries, personal: Floats) -> Floats:
        """Return (q, 1) the popularity share; 1 where the views tell no item from another."""
        told = np.any(personal, axis=-1, keepdims=True, where=~self.new)
        return np.where(told, self._by_length(queries), np.float32(1))

    def _by_length(self, queries: Queries) -> Floats:
        """Return (q, 1)."""
        return np.asarray(self.settled.shares, np.float32)[bucket_of(queries.lengths)][:, None]


def lifted(blend: BlendModel, valid: Holdout, rng: np.random.Generator) -> BlendModel:
    """Return the blend with the scale and the lift of items without events that validation speaks for."""
    if len(valid.queries) > QUERIES:
        valid = valid.take(np.sort(rng.permutation(len(valid.queries))[:QUERIES]))
    step = max(1, _CELLS // len(blend.new))
    contests = []
    for start in range(0, len(valid.queries), step):
        part = valid.take(slice(start, start + step))
        scores = np.where(allowed(part.queries), blend.score(part.queries), np.float32(-np.inf))
        contests.append(Contest.of(scores, part.truth.toarray() > 0, blend.new))
    slope, lift = find_lift(Contest.joined(contests), blend.settled.room)
    arrivals = tuple(round(slope * w, 4) for w in blend.settled.arrivals or ())
    return replace(blend, settled=replace(blend.settled, arrivals=arrivals, lift=lift))


def reweighted(model: Recommender, factors: Mapping[str, float]) -> BlendModel:
    """Return the blend with the weights of its views times these factors: as if it had been fitted with them.

    Args:
        factors: a view's name, or a modality -> 0 or more. A view on several modalities counts their mean, by its
            own weights of them; what is named itself is not asked for its modalities. 1 changes nothing.

    Raises:
        ConfigError: the model is no blend, or has no such view and no view on such a modality.
    """
    if not isinstance(model, BlendModel):
        raise ConfigError(f"{type(model).__name__} has no views to weigh; leave the weights out, or serve a blend")
    reads = [_on(view) for view in model.settled.views]
    known = [*model.names, *(modality for on in reads for modality in on)]
    for name in factors:
        if name not in known:
            raise ConfigError(unknown("view or modality", name, dict.fromkeys(known)))
    by_view = tuple(
        factors[name] if name in factors
        else sum(w * factors.get(m, 1.0) for m, w in on.items()) / sum(on.values()) if on else 1.0
        for name, on in zip(model.names, reads, strict=True)
    )  # fmt: skip

    def times(values: tuple[float, ...] | None) -> tuple[float, ...] | None:
        return None if values is None else tuple(v * f for v, f in zip(values, by_view, strict=True))

    s = model.settled
    arrivals = times(s.arrivals)
    if s.arrivals is not None and arrivals is not None and any(arrivals):  # their sum is their scale against the known
        arrivals = tuple(a * sum(s.arrivals) / sum(arrivals) for a in arrivals)
    equal = (1.0,) * len(by_view)
    weights = times(s.weights or equal)
    return replace(model, settled=replace(s, weights=weights, newcomers=times(s.newcomers or s.weights or equal),
                                          arrivals=arrivals))  # fmt: skip


def _on(view: Estimator) -> dict[str, float]:
    """Return modality -> weight of what a view reads; {} where it reads none."""
    spec = describe(view)
    on = {} if isinstance(spec, str) else used(next(iter(spec.values())))
    return {modality: weight for modality, weight in on.items() if weight > 0}


def _pruned(blend: BlendModel) -> BlendModel:
    """Return the blend without the views that have no weight anywhere."""
    s = blend.settled
    given = [w for w in (s.weights, s.newcomers, s.arrivals) if w is not None]
    kept = [v for v in range(len(s.views)) if any(w[v] > 0 for w in given)] or [0]

    def some(values: tuple[float, ...] | None) -> tuple[float, ...] | None:
        return None if values is None else tuple(values[v] for v in kept)

    settled = replace(s, views=tuple(s.views[v] for v in kept), weights=some(s.weights),
                      newcomers=some(s.newcomers), arrivals=some(s.arrivals))  # fmt: skip
    return replace(blend, settled=settled, views=tuple(blend.views[v] for v in kept))


def _reading(views: tuple[Estimator, ...]) -> list[bool]:
    """Return for each view whether it reads content."""
    specs = [describe(view) for view in views]
    return [not isinstance(spec, str) and bool(used(next(iter(spec.values())))) for spec in specs]


def _shares_of(weights: tuple[float, ...], reads: list[bool]) -> tuple[float, ...]:
    """Return the weights of the views that read content, with sum 1; those of all where none has any."""
    own = tuple(w if r else 0.0 for w, r in zip(weights, reads, strict=True))
    own = own if any(own) else weights
    return tuple(round(w / (sum(own) or 1.0), 4) for w in own)


def _extended(name: str, view: Recommender, train: Dataset) -> Recommender:
    if not isinstance(view, Inductive):
        raise ConfigError(f"the view {name} cannot take in new items; leave it out, or fit again with them")
    return view.extend(train)


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
