"""What a ranker is told of user, item and pair beside their contents, none of it from the judgement it is asked about.

Of its own user an example knows the judgements strictly before it. Of its item it knows what others judged: `others`
takes those of users in other folds, so that no judgement is counted in what foretells it; `past` takes only what came
before the example, whoever judged. The models whose scores join are fitted on the same judgements. What is held out,
and whoever is served, is told what training knows.
Reference: D. Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes", SIGKDD Explorations
2001 (shrunk means); out-of-fold as in D. Wolpert, "Stacked generalization", Neural Networks 1992.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from cuvee.columns import ColumnCodes, kind_of, learn_columns
from cuvee.errors import ConfigError, UnknownNameError, unknown
from cuvee.examples import examples_of
from cuvee.protocols import Estimator, Recommender, Settled
from cuvee.queries import keep_events, queries_at
from cuvee.ranking.judgements import PRIOR, Judgements, judgements, shrunk
from cuvee.roles import table_of
from cuvee.types import PAD, Dataset, Examples, Floats, Ints, Longs, Queries

__all__ = ["Evidence", "FittedEvidence", "Told"]

Doubles = NDArray[np.float64]

_RECENT = 10
_ROWS = 4096


@dataclass(frozen=True)
class Told:
    """What is known of q users and c candidates each."""

    statistics: Floats
    """(q, c, f)."""
    history: Ints
    """(q, t) item rows in time order, PAD-filled at the end."""
    surprise: Floats
    """(q, t) how much better each was judged than others judge it, 0 where nothing is known."""

    def take(self, rows: NDArray[np.int64]) -> "Told":
        return Told(self.statistics[rows], self.history[rows], self.surprise[rows])


@dataclass(frozen=True)
class Evidence:
    """Statistics, scores of other models, and table columns that a ranker reads as numbers."""

    known: Literal["others", "past"] = "others"
    """Whose judgements of the item count for a training example: those of users in other folds, or all before it."""
    folds: int = 5
    """Of users; with `past` the periods of time after each of which the models are fitted anew."""
    scores: tuple[Estimator, ...] = ()
    """Models whose scores are told; each is fitted once a fold, and once on all of training."""
    history: int = 60
    """The newest judgements of a user that are read."""
    taste: tuple[str, ...] = ()
    """Item modalities in which the pair is compared with what the user judged better than others do."""
    items: tuple[str, ...] = ()
    """Columns of the item table, coded by what they hold."""
    users: tuple[str, ...] = ()
    """Columns of the user table."""

    def __post_init__(self) -> None:
        if self.folds < 2 or self.history < 1:
            raise ConfigError(f"evidence needs folds >= 2 and history >= 1, got {self.folds} and {self.history}")

    def fit(self, train: Dataset, examples: Examples, rng: np.random.Generator) -> "tuple[FittedEvidence, Told]":
        """Return what is learned of training, and what its own examples (n,) may be told, one candidate each."""
        seed = int(rng.integers(2**62))
        known = judgements(train, examples_of(train))
        codes = tuple(_codes(train, role, names) for role, names in (("item", self.items), ("user", self.users)))
        fitted = FittedEvidence(
            self,
            known,
            tuple(_settled(e, train, seed) for e in self.scores),
            {m: train.feature("item", m).vectors for m in self.taste},
            codes[0].of(train.item_table).vectors,
            codes[1].of(train.user_table).vectors,
            tuple(c.column for side in codes for c in side.codes for _ in range(c.width)),
        )
        parts = self._by_fold if self.known == "others" else self._by_time
        return fitted, parts(fitted, train, examples, seed)

    def _by_fold(self, fitted: "FittedEvidence", train: Dataset, examples: Examples, seed: int) -> Told:
        fold = np.random.default_rng(seed).permutation(len(train.users)) % self.folds
        blocks = []
        for number in range(self.folds):
            rows = np.flatnonzero(fold[examples.user] == number)
            others = keep_events(train, fold[train.events.user] != number)
            blocks.append((rows, replace(fitted, known=fitted.known.take(fold[fitted.known.user] != number),
                                         models=self._models(others, seed))))  # fmt: skip
        return _gathered(blocks, train, examples)

    def _by_time(self, fitted: "FittedEvidence", train: Dataset, examples: Examples, seed: int) -> Told:
        """Refit the models after each period; the first one's examples have no score."""
        places = np.arange(1, self.folds) * len(examples) // self.folds
        edges = np.unique(np.sort(examples.time)[places])
        period = np.searchsorted(edges, examples.time, side="right")
        blocks = []
        for number in range(len(edges) + 1):
            rows = np.flatnonzero(period == number)
            before = keep_events(train, train.events.time < edges[number - 1]) if number else None
            models = () if before is None or not before.liked.nnz else self._models(before, seed)
            blocks.append((rows, replace(fitted, models=models)))
        return _gathered(blocks, train, examples)

    def _models(self, data: Dataset, seed: int) -> tuple[Recommender, ...]:
        return tuple(_settled(e, data, seed) for e in self.scores)


@dataclass(frozen=True)
class FittedEvidence:
    """What training knows; answers for examples and for whoever is served."""

    parameters: Evidence
    known: Judgements
    models: tuple[Recommender, ...]
    vectors: dict[str, Floats] = field(default_factory=dict)
    """Modality -> (i, d)."""
    item_codes: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """(i, a)."""
    user_codes: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """(u, b)."""
    coded: tuple[str, ...] = ()
    """(a + b,) the column each code is from."""

    @property
    def names(self) -> tuple[str, ...]:
        """What each of the statistics is."""
        user = ("user_count", "user_mean", "user_spread", "user_surprise", "user_recent")
        item = ("item_count", "item_mean", "item_spread", "item_surprise")
        pair = (*(f"score_{n}" for n in range(len(self.parameters.scores))), *(f"taste_{m}" for m in self.vectors))
        return (*user, *item, *pair, *self.coded)

    def at(self, data: Dataset, examples: Examples) -> Told:
        """Return what held-out examples (n,) are told, one candidate each."""
        return _gathered([(np.arange(len(examples)), self)], data, examples)

    def of(self, queries: Queries, items: Ints, times: Longs | None = None) -> Told:
        """Return what is told of the candidates (q, c).

        Args:
            times: (q,) moments that `past` looks before; None: now, when all that is known came before.
        """
        queries = _narrowed(queries, self.known.items)
        history, rating = self._history(queries)
        moment = times if self.parameters.known == "past" else None
        before = None if moment is None else moment[:, None]
        known, (q, c) = self.known, items.shape
        centre = np.broadcast_to(known.centre(before), (q, 1))
        told = (history != PAD) & ~np.isnan(rating)
        value = np.where(told, rating, 0.0)
        expected = shrunk(known.of_items(np.maximum(history, 0), before), centre)
        surprise = np.where(told, value - expected, 0).astype(np.float32)
        given = np.stack([told.sum(1), value.sum(1), (value**2).sum(1), surprise.sum(1)], axis=1)[:, None]
        recent = _recent(surprise, (history != PAD).sum(1))
        user = np.concatenate([_four(given, centre, known.scale[1]), recent[:, None, None]], axis=2)
        parts = [
            np.broadcast_to(user, (q, c, user.shape[2])),
            _four(known.of_items(items, before), centre, known.scale[1]),
            self._pairs(queries, items, history, surprise),
            self._codes(queries, items),
        ]
        return Told(np.concatenate(parts, axis=2).astype(np.float32), history, surprise)

    def _history(self, queries: Queries) -> tuple[Ints, Floats]:
        """Return (q, t) the newest items that the fit knew or not, and what was given to each, NaN where unknown."""
        lengths = (queries.history != PAD).sum(1)
        limit = min(self.parameters.history, queries.history.shape[1])
        first = np.maximum(lengths - limit, 0)
        places = np.minimum(first[:, None] + np.arange(limit), max(queries.history.shape[1] - 1, 0))
        history = np.take_along_axis(queries.history, places, 1)
        history = np.where((np.arange(limit) < lengths[:, None]) & (history < self.known.items), history, PAD)
        if queries.history_rating is not None:
            return history.astype(np.int32), np.take_along_axis(queries.history_rating, places, 1)
        if self.known.rated:
            return history.astype(np.int32), np.full(history.shape, np.nan, np.float32)
        rows = np.repeat(np.arange(len(queries)), limit)
        weights = np.asarray(queries.seen[rows, np.maximum(history, 0).ravel()], np.float32).reshape(history.shape)
        return history.astype(np.int32), weights

    def _pairs(self, queries: Queries, items: Ints, history: Ints, surprise: Floats) -> NDArray[np.float64]:
        q, c = items.shape
        out = np.zeros((q, c, len(self.parameters.scores) + len(self.vectors)))
        for number, model in enumerate(self.models):
            out[:, :, number] = np.take_along_axis(model.score(queries), items.astype(np.int64), 1)
        rows = np.repeat(np.arange(q), history.shape[1])
        real = history.ravel() != PAD
        entries = (surprise.ravel()[real], (rows[real], history.ravel()[real]))
        for number, vectors in enumerate(self.vectors.values(), len(self.parameters.scores)):
            liking = sparse.csr_matrix(entries, shape=(q, len(vectors))) @ vectors
            scale = np.sqrt(1 + (history != PAD).sum(1))
            out[:, :, number] = np.einsum("qd,qcd->qc", liking, vectors[items]) / scale[:, None]
        return out

    def _codes(self, queries: Queries, items: Ints) -> Floats:
        q, c = items.shape
        people = np.zeros((q, self.user_codes.shape[1]), np.float32)
        if queries.users is not None:
            known = (queries.users >= 0) & (queries.users < len(self.user_codes))
            people[known] = self.user_codes[queries.users[known]]
        both = [self.item_codes[items], np.broadcast_to(people[:, None], (q, c, people.shape[1]))]
        return np.concatenate(both, axis=2)


def _narrowed(queries: Queries, items: int) -> Queries:
    """Return the queries as if the catalogue ended where the fit's did: later items are not in them."""
    if queries.seen.shape[1] <= items:
        return queries
    late = queries.history >= items
    order = np.argsort(late, axis=1, kind="stable")  # what is left out goes to the end, where the padding is

    def packed(rows: NDArray[Any], fill: float) -> NDArray[Any]:
        return np.take_along_axis(np.where(late, fill, rows), order, 1).astype(rows.dtype)

    rating = queries.history_rating
    return replace(
        queries,
        seen=queries.seen[:, :items],
        history=packed(queries.history, PAD),
        history_time=packed(queries.history_time, 0),
        history_kind=packed(queries.history_kind, 0),
        history_rating=None if rating is None else packed(rating, np.nan),
    )


def _gathered(blocks: "Sequence[tuple[Longs, FittedEvidence]]", data: Dataset, examples: Examples) -> Told:
    """Return what each example is told by the evidence of its block, worked through a few thousand at a time."""
    found: Told | None = None
    for rows, evidence in blocks:
        for start in range(0, len(rows), _ROWS):
            some = rows[start : start + _ROWS]
            part = examples.take(some)
            limit = evidence.parameters.history
            told = evidence.of(queries_at(data, part.user, part.time, limit), part.item[:, None], part.time)
            if found is None:
                n, width = len(examples), told.statistics.shape[2]
                found = Told(np.zeros((n, 1, width), np.float32), np.full((n, limit), PAD, np.int32),
                             np.zeros((n, limit), np.float32))  # fmt: skip
            found.statistics[some] = told.statistics
            found.history[some, : told.history.shape[1]] = told.history
            found.surprise[some, : told.history.shape[1]] = told.surprise
    assert found is not None
    return found


def _settled(estimator: Estimator, data: Dataset, seed: int) -> Recommender:
    model = estimator.fit(data, None, np.random.default_rng(seed))
    return model.plain if isinstance(model, Settled) else model


def _codes(train: Dataset, role: str, names: tuple[str, ...]) -> ColumnCodes:
    table = table_of(train, role)
    for name in names:
        if name not in table.columns:
            raise UnknownNameError(unknown(f"column of the {role} table:", name, table.columns))
    return learn_columns(table, {name: kind_of(table[name]) for name in names}, limit=30, buckets=2)


def _four(sums: Doubles, centre: Doubles, spread: float) -> Doubles:
    """Return (..., 4) of sums (..., 4): logarithm of the count, mean, standard deviation and mean surprise, shrunk."""
    n = sums[..., 0] + PRIOR
    mean = shrunk(sums, centre)
    second = (sums[..., 2] + PRIOR * (centre**2 + spread**2)) / n
    return np.stack([np.log1p(sums[..., 0]), mean, np.sqrt(np.maximum(second - mean**2, 0)), sums[..., 3] / n], axis=-1)


def _recent(surprise: Floats, lengths: NDArray[np.int64]) -> Floats:
    """Return (q,) the shrunk mean over the last few."""
    place = np.arange(surprise.shape[1])
    last = (place < lengths[:, None]) & (place >= lengths[:, None] - _RECENT)
    return np.asarray((surprise * last).sum(1) / (last.sum(1) + PRIOR), np.float32)
