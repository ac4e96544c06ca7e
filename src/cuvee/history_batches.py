"""Batches of users whose histories are cut in two: what a model is shown, and what it has to find among which items.

References: items of the batch and others drawn uniformly: J. Yang et al., "Mixed negative sampling for learning
two-tower neural networks in recommendations", WWW 2020 companion; log Q: X. Yi et al., "Sampling-bias-corrected neural
modeling for large corpus item recommendations", RecSys 2019.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import gammaln

from cuvee.types import Bools, Floats, Longs

__all__ = ["Batch", "cut", "inclusion", "user_batches"]

Doubles = NDArray[np.float64]

_LEAST, _MOST = 0.3, 0.9
"""Share of a history that is shown, drawn between these."""


@dataclass(frozen=True)
class Batch:
    """Some users and the items they are asked about."""

    users: Longs
    """(b,) user rows."""
    items: Longs
    """(r,) item rows, ascending."""
    inputs: Floats
    """(b, r) 1 for what is shown."""
    targets: Floats
    """(b, r) 1 for what is to be found."""
    log_q: Floats
    """(r,) logarithm of the probability that the item is among `items`."""


def user_batches(
    liked: "sparse.csr_matrix[np.float32]", size: int, negatives: int | None, rng: np.random.Generator
) -> Iterator[Batch]:
    """Yield every user with two items or more once, in an order drawn from `rng`.

    Args:
        liked: (u, i) what each user likes.
        size: users a batch.
        negatives: None for the whole catalogue; else the items of the batch's users and so many drawn uniformly.
    """
    users = rng.permutation(np.flatnonzero(np.diff(liked.indptr) >= 2))
    width = liked.shape[1]
    popularity = np.bincount(liked[users].indices, minlength=width).astype(np.float64)
    for start in range(0, len(users), size):
        taken = users[start : start + size]
        inputs, targets = cut(liked[taken], rng)
        if negatives is None:
            rows, log_q = np.arange(width), np.zeros(width, np.float32)
        else:
            drawn = rng.permutation(width)[:negatives]
            rows = np.union1d(np.unique(np.concatenate([inputs.indices, targets.indices])), drawn).astype(np.int64)
            log_q = np.log(inclusion(popularity[rows], len(users), len(taken), negatives, width)).astype(np.float32)
        yield Batch(taken, rows, inputs[:, rows].toarray(), targets[:, rows].toarray(), log_q)


def inclusion(popularity: Doubles, users: int, size: int, negatives: int, width: int) -> Doubles:
    """Return the probability that an item is in a batch: one of its users is drawn, or it is itself.

    Users are drawn without replacement: none of the p that like an item is among b of n with C(n - p, b) / C(n, b).

    Args:
        popularity: (r,) how many of the users like each item.
        users: how many users there are.
        size: users a batch.
        negatives: items drawn uniformly.
        width: items there are.
    """
    rest = users - popularity - size
    possible = rest >= 0
    free = np.where(possible, rest, 0)
    log_none = gammaln(users - popularity + 1) - gammaln(free + 1) - gammaln(users + 1) + gammaln(users - size + 1)
    none = np.where(possible, np.exp(np.minimum(log_none, 0)), 0.0)
    return 1 - none * (1 - min(1.0, negatives / width))


def cut(
    rows: "sparse.csr_matrix[np.float32]", rng: np.random.Generator
) -> "tuple[sparse.csr_matrix[np.float32], sparse.csr_matrix[np.float32]]":
    """Return (b, i) what is shown and (b, i) what is to be found: 30 to 90 % of each history at random, and the rest.

    Every row needs two items; both parts hold at least one.
    """
    lengths = np.diff(rows.indptr)
    shown = np.clip(np.rint(lengths * rng.uniform(_LEAST, _MOST, len(lengths))), 1, lengths - 1)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((rng.random(len(owner)), owner))
    place = np.empty(len(owner), np.int64)
    place[order] = np.arange(len(owner)) - rows.indptr[owner]
    given = place < shown[owner]

    def part(mask: Bools) -> "sparse.csr_matrix[np.float32]":
        ones = np.ones(int(mask.sum()), np.float32)
        return sparse.csr_matrix((ones, (owner[mask], rows.indices[mask])), shape=rows.shape, dtype=np.float32)

    return part(given), part(~given)
