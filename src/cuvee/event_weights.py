"""What an event of each kind says about liking: weights that are given, or learned from what people chose later.

A person who is asked chooses one of the items on offer. How much an item draws them is the sum over their past items of
its likeness to each (cosine of who liked both), times the weight of what they did with that one. The weights that make
the choices of validation likeliest are those of a conditional logit over the chosen item and a random sample of others,
which estimates the same as all others would. Unlike a search on NDCG it has one maximum, uses every choice however deep
it ranks, and tells kinds apart that differ by a tenth: NDCG@20 is flat there. A pair with several kinds stands for its
rarest one, since what few do says most: a purchase without the look that came before it.

Reference: D. McFadden, "Conditional logit analysis of qualitative choice behavior", 1974, equations 17 and 18; the
sample of alternatives by D. McFadden, "Modelling the choice of residential location", 1978, section 6; whether the new
weights are surely better than the reader's by S. Wilks, "The large-sample distribution of the likelihood ratio", 1938.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, stats

from cuvee.errors import DataError, UnknownNameError, unknown
from cuvee.filters.unseen import allowed
from cuvee.selection import validation_ndcg
from cuvee.types import Bools, Dataset, Events, Floats, Holdout, Longs, Queries, Split

__all__ = ["Weighed", "learned", "readers_weights", "reweighted", "weigh"]

logger = logging.getLogger(__name__)

Doubles = NDArray[np.float64]

_K = 20
"""Depth of the NDCG that is told."""
_CHOICES, _OTHERS = 3_000, 200
"""Choices searched at most, and alternatives drawn for each."""
_PAIRS = 20_000_000
"""Pairs of items of one person that likeness is counted over: more people than have so many are not looked at."""
_ENOUGH, _FEW = 30, 100
"""Pairs of a kind, and choices, below which the reader's weights stay."""
_QUERIES = 5_000
"""Queries that NDCG is told of."""
_LEVEL = 0.01
"""Probability at most that the reader's weights fit as well."""
_ROUNDS, _STEPS = 4, 30
"""Times that likeness is counted anew with the weights found; Newton steps."""
_RIDGE = 1.0
"""Penalty on weights in units of the spread of what they multiply: a choice or two against thousands."""
_CELLS = 1 << 22
"""Likenesses held at once."""


@dataclass(frozen=True)
class Weighed:
    """A split whose events weigh what a recipe says."""

    split: Split
    weights: Mapping[str, float]
    """Every kind -> its weight, the strongest first."""
    reader: Mapping[str, float]
    """The same as it was read."""
    found: Literal["given", "learned", "kept"]
    """Given by the recipe, learned on validation, or kept as they were read, since nothing better was sure."""
    ndcg: tuple[float, float]
    """NDCG@20 of likeness alone on 5,000 queries of validation, with the reader's weights and with these."""

    def facts(self) -> dict[str, Any]:
        """Return what run.json tells of it."""
        before, after = self.ndcg
        return {
            "weights": dict(self.weights),
            "reader": dict(self.reader),
            "found": self.found,
            f"ndcg@{_K} of likeness": {"reader": before, "these": after},
        }

    def __str__(self) -> str:
        told = ", ".join(f"{kind} {weight:.2g}" for kind, weight in self.weights.items())
        how = {
            "given": "as the recipe says",
            "learned": "learned on validation",
            "kept": "as read, nothing surely better",
        }
        before, after = self.ndcg
        return f"events: {told} ({how[self.found]}; NDCG@{_K} of likeness alone {after:.4f}, {before:.4f} as read)"


def weigh(split: Split, wanted: Mapping[str, float] | Literal["learn"], rng: np.random.Generator) -> Weighed:
    """Return the split with the weights of a recipe, which are learned on validation where it says so."""
    reader = readers_weights(split.everything.events)
    weights = learned(split, rng) if wanted == "learn" else wanted
    how: Literal["given", "learned", "kept"] = "given"
    if wanted == "learn":
        how = "kept" if weights == reader else "learned"
    changed = reweighted(split, weights)
    found = reader | dict(weights)
    ordered = dict(sorted(found.items(), key=lambda pair: -pair[1]))
    ndcg = (_ndcg(split), _ndcg(changed))
    return Weighed(changed, ordered, reader, how, ndcg)


def readers_weights(events: Events) -> dict[str, float]:
    """Return kind -> the weight of largest magnitude among its events: what the reader gave one that counts fully.

    Kinds without an event are left out.
    """
    found = {}
    for number, kind in enumerate(events.kinds):
        own = events.weight[events.kind == number]
        if len(own):
            found[kind] = round(float(own[np.argmax(np.abs(own))]), 6)
    return found


def reweighted(split: Split, weights: Mapping[str, float]) -> Split:
    """Return the split with other weights of kinds; kinds that are not named keep theirs, and nothing else changes.

    An event that had only a part of the weight of its kind (a share watched, a low rating) keeps that part.

    Raises:
        UnknownNameError: a kind that the data does not have; the message suggests the nearest.
        DataError: nothing in training would be liked.
    """
    events = split.everything.events
    for kind in weights:
        if kind not in events.kinds:
            raise UnknownNameError(unknown("kind of event", kind, events.kinds))
    reader = readers_weights(events)
    full = np.array([reader.get(kind) or 1.0 for kind in events.kinds])
    scale = np.array([weights.get(kind, old) for kind, old in zip(events.kinds, full, strict=True)]) / full
    silent = np.array([not reader.get(kind) and kind in weights for kind in events.kinds], bool)
    new: dict[int, Dataset] = {}

    def changed(data: Dataset) -> Dataset:
        if id(data) not in new:
            e = data.events
            weight = np.where(silent[e.kind], 1.0, e.weight) * scale[e.kind] + 0.0  # + 0 makes -0 a 0
            new[id(data)] = replace(data, events=replace(e, weight=weight.astype(np.float32)))
        return new[id(data)]

    def asked(held: Holdout) -> Holdout:
        data = changed(held.data or split.train)
        return replace(held, queries=replace(held.queries, seen=data.matrix[held.users]), data=data)

    train = changed(split.train)
    if not train.liked.nnz:
        raise DataError(f"with the weights {dict(weights)} nothing is liked; give a kind that occurs more than 0")
    tests = {name: asked(held) for name, held in split.tests.items()}
    return Split(train, asked(split.valid), tests, changed(split.everything))


def learned(split: Split, rng: np.random.Generator) -> dict[str, float]:
    """Return the weight of every kind of event, the largest 1, that makes the choices of validation likeliest.

    A kind with fewer than 30 pairs among the questions keeps the reader's weight; all do where there are fewer than 100
    choices, one kind only, nothing that tells for an item, or no sure gain (likelihood ratio, 1 in 100). Likeness is
    first counted with the reader's weights: if these call dislike liking, or all the same where looks say nothing,
    there is nothing to go by.
    """
    reader = readers_weights(split.everything.events)
    choices = _Choices.draw(split.valid, rng)
    asked = _by_kind(split.valid, split.train, choices.query)
    enough = [len(part.data) >= _ENOUGH for part in asked]
    if len(choices.query) < _FEW or sum(enough) < 2:
        logger.warning("%d choices, %d kinds: too few to learn weights from", len(choices.query), sum(enough))
        return reader
    kinds = [kind for kind, known in zip(split.train.events.kinds, enough, strict=True) if known]
    asked = [part for part, known in zip(asked, enough, strict=True) if known]
    people = _people(split.train, rng)
    current, found = dict(reader), dict(reader)
    for _ in range(_ROUNDS):
        draws = choices.draws(asked, _likeness(reweighted(split, current).train, people))
        fitted = _logit(draws, choices.open)
        if fitted.max() <= 0:
            logger.warning("no kind of event tells for an item; the weights stay as they were read")
            return reader
        found |= {kind: round(float(w / fitted.max()), 4) for kind, w in zip(kinds, fitted, strict=True)}
        half = {kind: (weight + found[kind]) / 2 for kind, weight in current.items()}  # half way: no swinging
        current = half if max(half[kind] for kind in kinds) > 0 else found
    if not _surely_better(draws, choices.open, fitted, np.array([reader[kind] for kind in kinds])):
        logger.warning("no weights are surely better than those read, which stay")
        return reader
    return found


@dataclass(frozen=True)
class _Choices:
    """Who chose what, and from what else."""

    query: Longs
    """(n,) rows of the holdout."""
    items: Longs
    """(n, a) what was chosen, then others."""
    open: Bools
    """(n, a) whether it was on offer: not seen before, not chosen at another time, among the candidates."""

    @classmethod
    def draw(cls, held: Holdout, rng: np.random.Generator) -> "_Choices":
        truth = held.truth.tocoo()
        some = np.sort(rng.permutation(truth.nnz)[:_CHOICES])
        query, chosen = truth.row[some].astype(np.int64), truth.col[some].astype(np.int64)
        shelf = np.arange(truth.shape[1]) if held.candidates is None else np.flatnonzero(held.candidates)
        items = np.concatenate([chosen[:, None], rng.choice(shelf, (len(query), _OTHERS))], axis=1)
        on_offer = np.ones(items.shape, bool)
        for rows in _blocks(len(query), truth.shape[1]):
            part = held.take(query[rows])
            free = allowed(part.queries)
            free[part.truth.nonzero()] = False
            on_offer[rows, 1:] = np.take_along_axis(free, items[rows, 1:], axis=1)
        return cls(query, items, on_offer)

    def draws(self, asked: list[sparse.csr_matrix[np.float32]], likeness: sparse.csr_matrix[np.float32]) -> Doubles:
        """Return (n, a, kinds) the likeness of each item on offer to the past items of each kind, summed.

        Args:
            asked: for each kind (n, i), what those who choose did that way.
            likeness: (i, i).
        """
        found = np.zeros((*self.items.shape, len(asked)))
        for rows in _blocks(len(self.query), likeness.shape[1]):
            for kind, part in enumerate(asked):
                near = (part[rows] @ likeness).toarray()
                found[rows, :, kind] = np.take_along_axis(near, self.items[rows], axis=1)
        return found


def _by_kind(held: Holdout, train: Dataset, rows: Longs) -> list[sparse.csr_matrix[np.float32]]:
    """Return for each kind (n, i) of the questions at `rows`: 1 where it is a pair's rarest, less for a part of it."""
    data = held.data or train
    e = data.events
    counts = np.bincount(e.kind, minlength=len(e.kinds))
    pairs = data.foremost(-counts[e.kind])
    reader = readers_weights(e)
    full = np.abs([reader.get(kind, 0.0) for kind in e.kinds])[e.kind[pairs]]
    part = np.where(full > 0, np.abs(e.weight[pairs]) / np.where(full > 0, full, 1), 1.0)
    shape, found = (len(data.users), len(data.items)), []
    for kind in range(len(e.kinds)):
        own = (e.kind[pairs] == kind) & (part > 0)
        places = (e.user[pairs[own]], e.item[pairs[own]])
        found.append(sparse.csr_matrix((part[own], places), shape=shape, dtype=np.float32)[held.users[rows]])
    return found


def _logit(draws: Doubles, on_offer: Bools) -> Doubles:
    """Return (k,) the weights that make the first of each row likeliest, by Newton's method.

    Args:
        draws: (n, a, k) what each weight multiplies.
        on_offer: (n, a).
    """
    spread = np.sqrt((draws**2).mean(axis=(0, 1))) + 1e-12
    z = draws / spread
    weights = np.zeros(z.shape[2])
    for _ in range(_STEPS):
        odds = _odds(z, on_offer, weights)
        mean = np.einsum("na,nak->nk", odds, z)
        slope = (z[:, 0] - mean).sum(axis=0) - _RIDGE * weights
        bend = np.einsum("nak,nal->kl", z * odds[:, :, None], z, optimize=True) - mean.T @ mean
        step = np.linalg.solve(bend + _RIDGE * np.eye(len(weights)), slope)
        weights += step
        if np.abs(step).max() < 1e-6:
            break
    return np.asarray(weights / spread, np.float64)


def _odds(draws: Doubles, on_offer: Bools, weights: Doubles) -> Doubles:
    """Return (n, a) the probability of each choice."""
    utility = np.where(on_offer, draws @ weights, -np.inf)
    odds: Doubles = np.exp(utility - utility.max(axis=1, keepdims=True))
    odds /= odds.sum(axis=1, keepdims=True)
    return odds


def _surely_better(draws: Doubles, on_offer: Bools, fitted: Doubles, reader: Doubles) -> bool:
    """Return whether the fit is likelier than the best multiple of the reader's weights, beyond chance."""
    as_read = (draws @ reader)[:, :, None]
    before = _odds(as_read, on_offer, _logit(as_read, on_offer))[:, 0]
    after = _odds(draws, on_offer, fitted)[:, 0]
    ratio = 2 * float(np.log(after / before).sum())
    return bool(ratio > stats.chi2.isf(_LEVEL, len(fitted) - 1))


@dataclass(frozen=True)
class _Alike:
    """A model of likeness alone, dislikes included."""

    likeness: sparse.csr_matrix[np.float32]
    """(i, i)."""

    def score(self, queries: Queries) -> Floats:
        return np.asarray((queries.seen @ self.likeness).toarray(), np.float32)


def _ndcg(split: Split) -> float:
    rng = np.random.default_rng(0)
    some = np.sort(rng.permutation(len(split.valid.queries))[:_QUERIES])
    return validation_ndcg(_Alike(_likeness(split.train, _people(split.train, rng))), split.valid.take(some), _K)


def _people(train: Dataset, rng: np.random.Generator) -> Longs:
    """Return rows of users, drawn as long as what they touched makes no more than `_PAIRS` pairs."""
    drawn = rng.permutation(len(train.users))
    pairs = np.cumsum(np.diff(train.matrix.indptr)[drawn].astype(np.int64) ** 2)
    return np.sort(drawn[: max(1, int(np.searchsorted(pairs, _PAIRS, side="right")))])


def _likeness(train: Dataset, people: Longs) -> sparse.csr_matrix[np.float32]:
    """Return (i, i) the cosine of who among these people liked both; 0 where nobody liked an item."""
    liked = train.liked[people]
    norms = np.sqrt(np.asarray(liked.multiply(liked).sum(axis=0), np.float64)).ravel()
    scale = sparse.diags(1 / np.maximum(norms, 1e-9))
    unit = sparse.csr_matrix(liked @ scale, dtype=np.float32)
    return sparse.csr_matrix(unit.T @ unit)


def _blocks(n: int, width: int) -> list[slice]:
    step = max(1, _CELLS // max(1, width))
    return [slice(start, start + step) for start in range(0, n, step)]
