"""What modalities tell of items nobody has met: kernel ridge in which every item is foretold without its own events.

Reference: C. Rasmussen, C. Williams, "Gaussian processes for machine learning", 2006, equations 5.10 and 5.12 (leave
one out in closed form); the product of two kernels holds the products of their features, section 4.2.4.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isnan
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from cuvee.errors import DataError
from cuvee.statistics import Paired, paired
from cuvee.types import Bools, Dataset, Longs

__all__ = ["Finding", "findings", "holm", "left_out_errors", "worth"]

Doubles = NDArray[np.float64]
Name = TypeVar("Name")

_L2 = 10.0
"""Ridge penalty, in units of the mean squared length of one modality's vectors."""
_DIM = 16
"""Principal components of each side whose products are tried."""
_LIKED = 3
"""Users who must like an item before it is asked about."""
_ITEMS = 3_000
"""Items asked about at most, a random choice: the cost is cubic in them."""
_SHUFFLES = 4
_LEVEL = 0.05


@dataclass(frozen=True)
class Finding:
    """What one modality, or a pair beyond its two sides, tells of new items."""

    modalities: tuple[str, ...]
    """One, or two for what only both together tell."""
    gain: Paired
    """Squared error with the vectors at the wrong items minus that with the right ones, mean over items, as a share of
    the variance of who likes what."""
    p_value: float
    """Of the gain, corrected by Holm for the number of modalities, or of pairs; 1 where there is none."""
    seeds: tuple[float, ...]
    """The mean gain of each seed."""

    @property
    def helps(self) -> bool:
        """Whether the gain is sure after correction, its interval is above zero, and every seed agrees."""
        low = self.gain.low
        return low is not None and low > 0 and self.p_value < _LEVEL and min(self.seeds) > 0

    @property
    def hurts(self) -> bool:
        """Whether the wrong vectors do better for sure, by the same three conditions.

        Never said of a pair: products of shuffled vectors only add noise, those of right ones may repeat their sides.
        """
        high = self.gain.high
        return (
            len(self.modalities) == 1
            and high is not None
            and high < 0
            and self.p_value < _LEVEL
            and max(self.seeds) < 0
        )


def worth(
    train: Dataset, modalities: Sequence[str], rows: Longs, rng: np.random.Generator
) -> dict[tuple[str, ...], Doubles]:
    """Return (a,) and (a, b) -> (n,) gain in squared error of each asked item by the right instead of wrong vectors.

    Args:
        rows: (n,) the items asked about.
    """
    features = {m: train.feature("item", m) for m in modalities}
    spaces = {m: _centred(f.vectors[rows], f.present[rows]) for m, f in features.items()}
    kernels = {m: _scaled(v @ v.T) for m, v in spaces.items()}
    short = {m: (k := _leading(v)) @ k.T for m, v in spaces.items()}
    every, gram = sum(kernels.values(), np.zeros((len(rows), len(rows)))), _who_likes(train, rows)
    whole = left_out_errors(every, gram, _L2)
    orders = [rng.permutation(len(rows)) for _ in range(_SHUFFLES)]
    found: dict[tuple[str, ...], Doubles] = {}
    for m, kernel in kernels.items():
        wrong = [left_out_errors(every - kernel + kernel[np.ix_(o, o)], gram, _L2) for o in orders]
        found[m,] = np.mean(wrong, axis=0) - whole
    for a, b in tqdm(list(combinations(modalities, 2)), desc="pairs", delay=2, leave=False):
        both = left_out_errors(every + _scaled(short[a] * short[b]), gram, _L2)
        wrong = [left_out_errors(every + _scaled(short[a] * short[b][np.ix_(o, o)]), gram, _L2) for o in orders]
        found[a, b] = np.mean(wrong, axis=0) - both
    return found


def findings(
    trains: Sequence[Dataset], modalities: Sequence[str], rngs: Sequence[np.random.Generator]
) -> tuple[Finding, ...]:
    """Return a finding for each modality and then for each pair, over the training data of several seeds.

    An item's gain is its mean over the seeds: items are what the intervals are drawn over, not items times seeds.

    Raises:
        DataError: too few items are liked by enough users in every seed.
    """
    liked = np.all([t.popularity >= _LIKED for t in trains], axis=0)
    rows = np.flatnonzero(liked)
    if len(rows) < 2 * _DIM:
        raise DataError(f"{len(rows)} items are liked by {_LIKED} users or more, too few to judge what tells of them")
    rows = np.sort(rngs[0].permutation(rows)[:_ITEMS])
    steps = tqdm(list(zip(trains, rngs, strict=True)), desc="seeds", delay=2)
    gains = [worth(train, modalities, rows, rng) for train, rng in steps]
    compared = {}
    for name in gains[0]:
        mean = np.mean([g[name] for g in gains], axis=0)
        compared[name] = paired(mean, np.zeros_like(mean), rngs[0])
    told = []
    for names in ([n for n in compared if len(n) == size] for size in (1, 2)):
        corrected = holm({n: compared[n].p_value for n in names})
        told += [Finding(n, compared[n], corrected[n], tuple(float(g[n].mean()) for g in gains)) for n in names]
    return tuple(told)


def holm(p_values: Mapping[Name, float | None]) -> dict[Name, float]:
    """Return the p values corrected by Holm's step-down method; None and NaN count as 1.

    Reference: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian J. Statistics 1979.
    """
    known = {n: 1.0 if p is None or isnan(p) else p for n, p in p_values.items()}
    corrected, largest = {}, 0.0
    for rank, name in enumerate(sorted(known, key=lambda n: known[n])):
        largest = max(largest, min(1.0, (len(known) - rank) * known[name]))
        corrected[name] = largest
    return corrected


def left_out_errors(kernel: Doubles, gram: Doubles, l2: float) -> Doubles:
    """Return (n,) the squared error of kernel ridge at each item, fitted on all the others.

    Args:
        kernel: (n, n) of the items.
        gram: (n, n) inner products of what is foretold of each item.
    """
    inverse = np.linalg.inv(kernel + l2 * np.eye(len(kernel)))
    return np.asarray(((inverse @ gram) * inverse).sum(axis=1) / np.diag(inverse) ** 2)


def _who_likes(train: Dataset, rows: Longs) -> Doubles:
    """Return (n, n) inner products of who likes the items, unit variance, without what fame and activity explain."""
    liked = train.liked.T.tocsr()[rows].astype(np.float64)
    fame, active = (np.asarray(liked.sum(axis=axis)).ravel() for axis in (1, 0))
    fame = fame / (fame.sum() or 1.0)
    cross = np.outer(np.asarray(liked @ active), fame)
    gram = (liked @ liked.T).toarray() - cross - cross.T + (active @ active) * np.outer(fame, fame)
    size = np.sqrt(np.maximum(np.diag(gram), 1e-12))
    return np.asarray(gram / np.outer(size, size))


def _centred(vectors: "NDArray[np.floating]", present: Bools) -> Doubles:
    mean = vectors[present].mean(axis=0) if present.any() else 0
    return np.where(present[:, None], vectors.astype(np.float64) - mean, 0)


def _leading(vectors: Doubles) -> Doubles:
    """Return (n, at most `_DIM`) principal components."""
    u, s, _ = np.linalg.svd(vectors, full_matrices=False)
    return np.asarray(u[:, :_DIM] * s[:_DIM])


def _scaled(kernel: Doubles) -> Doubles:
    """Return the kernel with a mean of 1 on its diagonal, or zeros."""
    return np.asarray(kernel * (len(kernel) / (np.trace(kernel) or 1.0)))
