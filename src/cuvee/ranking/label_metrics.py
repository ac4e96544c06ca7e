"""How well labels are foretold: by class, as a ranking, and as probabilities.

References: T. Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 2006 (AUC); M. Naeini, G. Cooper,
M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015 (ECE, 10 bins of one width).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import classification_report

from cuvee.examples import Target
from cuvee.types import Floats, Ints, Longs

__all__ = [
    "AucGain",
    "Bin",
    "auc",
    "auc_gain",
    "by_class",
    "calibration_error",
    "chosen_by",
    "quality",
    "reliability",
    "report",
]

_BINS = 10
_RESAMPLES = 1_000

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Bin:
    """Examples whose probability lies between two bounds."""

    low: float
    high: float
    told: float
    """Their mean probability."""
    came: float
    """Share of them that are of the class."""
    n: int


@dataclass(frozen=True)
class AucGain:
    """How much the AUC of one is above that of another on the same examples."""

    difference: float
    low: float
    """95 % interval, by drawing users."""
    high: float
    users: int


def quality(labels: Floats, found: Floats, target: Target) -> dict[str, float]:
    """Return the figures of foretold (n, classes), or (n, 1) ratings; the first is the one that an epoch is chosen by.

    Args:
        labels: (n,) classes, or ratings.
    """
    if target.kind == "rating":
        error = found[:, 0].astype(np.float64) - labels
        return {"rmse": float(np.sqrt((error**2).mean())), "mae": float(np.abs(error).mean())}
    true = labels.astype(np.int64)
    right = float((found.argmax(1) == true).mean())
    chance = np.clip(found[np.arange(len(true)), true].astype(np.float64), 1e-7, 1)
    shared = {"log_loss": float(-np.log(chance).mean()), "accuracy": right}
    if target.kind == "binary":
        return {"auc": auc(true, found[:, 1]), **shared, "ece": calibration_error(true, found[:, 1])}
    return {**shared, "ece": calibration_error(found.argmax(1) == true, found.max(1))}


def chosen_by(figures: Mapping[str, float]) -> float:
    """Return what an epoch is chosen by, larger is better: the first of `quality`, an error negated."""
    name, value = next(iter(figures.items()))
    return value if name.endswith("auc") else -value


def auc(labels: Any, scores: Floats) -> float:
    """Return the probability that one of the class has a higher score than one that is not, ties counting half.

    NaN where one of the two is missing.
    """
    return float(_auc(np.asarray(labels, bool), _ranks(scores), np.ones((1, len(scores))))[0])


def auc_gain(labels: Any, a: Floats, b: Floats, users: Ints, rng: np.random.Generator) -> AucGain:
    """Return AUC of `a` minus that of `b` (n,) with the percentile interval of a bootstrap over users.

    Whole users are drawn, because what one of them said is not independent.
    """
    true = np.asarray(labels, bool)
    unique, owner = np.unique(users, return_inverse=True)
    ranks = [_ranks(scores) for scores in (a, b)]
    found: list[Doubles] = []
    for start in range(0, _RESAMPLES, 50):
        size = min(50, _RESAMPLES - start)
        drawn = rng.multinomial(len(unique), np.full(len(unique), 1 / len(unique)), size)
        found.append(_auc(true, ranks[0], drawn[:, owner]) - _auc(true, ranks[1], drawn[:, owner]))
    low, high = np.nanquantile(np.concatenate(found), [0.025, 0.975])
    return AucGain(auc(true, a) - auc(true, b), float(low), float(high), len(unique))


def calibration_error(labels: Any, probability: Floats) -> float:
    """Return the expected calibration error: |told - came| of ten bins of one width, weighted by their examples."""
    bins = reliability(labels, probability)
    return sum(b.n * abs(b.told - b.came) for b in bins) / max(1, sum(b.n for b in bins))


def reliability(labels: Any, probability: Floats) -> list[Bin]:
    """Return the bins that hold any examples."""
    true = np.asarray(labels, np.float64)
    place = np.minimum((probability * _BINS).astype(np.int64), _BINS - 1)
    found = []
    for number in np.unique(place):
        inside = place == number
        told, came = float(probability[inside].mean()), float(true[inside].mean())
        found.append(Bin(int(number) / _BINS, (int(number) + 1) / _BINS, told, came, int(inside.sum())))
    return found


def report(labels: Floats, found: Floats) -> dict[str, dict[str, float]]:
    """Return class -> precision, recall, F1 and support, and the two averages, as scikit-learn's report has them."""
    classes = list(range(found.shape[1]))
    told: dict[str, Any] = classification_report(
        labels.astype(np.int64), found.argmax(1), labels=classes, output_dict=True, zero_division=0
    )
    keep = [*map(str, classes), "macro avg", "weighted avg"]
    return {name: {k: float(v) for k, v in told[name].items()} for name in keep}


def by_class(labels: Floats, found: Floats) -> dict[str, float]:
    """Return precision, recall and F1 of each class, as `f1_0`; of ratings nothing."""
    if found.shape[1] == 1:
        return {}
    keys = {"precision": "precision", "recall": "recall", "f1": "f1-score"}
    rows = {c: row for c, row in report(labels, found).items() if c.isdecimal()}
    return {f"{name}_{c}": row[key] for c, row in rows.items() for name, key in keys.items()}


def _ranks(scores: Floats) -> tuple[Longs, Longs]:
    """Return (n,) the order by score, and (n,) the number of the run of ties that each place of it is in."""
    order = np.argsort(scores, kind="stable")
    steps = np.diff(scores[order]) > 0
    return order.astype(np.int64), np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)[: len(order)]


def _auc(true: NDArray[np.bool_], ranks: tuple[Longs, Longs], weights: "NDArray[Any]") -> Doubles:
    """Return (s,) AUC with each example counted so often, weights (s, n)."""
    order, run = ranks
    w = weights[:, order].astype(np.float64)
    positive, negative = w * true[order], w * ~true[order]
    last = np.append(np.flatnonzero(np.diff(run)), len(run) - 1)
    below = np.concatenate([np.zeros((len(w), 1)), np.cumsum(negative, axis=1)[:, last]], axis=1)
    here = below[:, run + 1] - below[:, run]
    wins = (positive * (below[:, run] + here / 2)).sum(1)
    pairs = positive.sum(1) * negative.sum(1)
    return np.asarray(np.divide(wins, pairs, out=np.full(len(w), np.nan), where=pairs > 0), np.float64)
