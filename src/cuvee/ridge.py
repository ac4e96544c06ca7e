"""Ridge regression of every column on all the others, in closed form.

Reference: H. Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019, equations 8 and 9.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
import torch

from cuvee.errors import ConfigError
from cuvee.memo import Memo
from cuvee.types import Floats, Ints

__all__ = ["RidgeWeights", "extended_ridge", "revised_ridge", "solved_once", "zero_diagonal_ridge"]

_SOLVED: ContextVar[Memo | None] = ContextVar("solved", default=None)


@dataclass(frozen=True)
class RidgeWeights:
    """B and what it takes to get P = (gram + l2 I)^-1 back from it: P_ij = -B_ij P_jj."""

    weights: Floats
    """(i, i) B, with a zero diagonal; column j predicts item j from the others."""
    own: Floats
    """(i,) the diagonal of P."""


def zero_diagonal_ridge(gram: Floats, l2: float) -> RidgeWeights:
    """Return B = I - P diag(1 / diag P) with P = (gram + l2 I)^-1, by a float32 Cholesky factor.

    Args:
        gram: (i, i) symmetric, positive semi-definite; overwritten.
        l2: ridge penalty, in the units of the Gram matrix; above 0.

    Raises:
        ConfigError: a penalty of 0 or less, or the matrix is not positive definite in float32 at this penalty.
    """
    if l2 <= 0:
        raise ConfigError(f"the penalty l2 must be above 0, got {l2:g}")
    memo = _SOLVED.get()
    if memo is None:
        return _solve(gram, l2)
    digest = hashlib.blake2b(np.ascontiguousarray(gram).data, digest_size=16).hexdigest()
    return memo.get(f"ridge {digest} {float(l2)!r}", lambda: _solve(gram, l2))


def extended_ridge(solved: RidgeWeights, cross: Floats, corner: Floats, l2: float) -> RidgeWeights:
    """Return the weights of the problem with items added at its end, by the inverse of a bordered matrix: O(i^2 m).

    With C the cross block and S = corner + l2 I - C'PC, the inverse is P + P C S^-1 C'P beside -P C S^-1 and S^-1.

    Args:
        solved: the problem of the first i items.
        cross: (i, m) the Gram matrix between them and the new ones.
        corner: (m, m) that of the new ones.
        l2: ridge penalty of the problem.
    """
    n, every = len(cross), len(cross) + len(corner)
    precision = np.empty((every, every), np.float32)
    precision[:n, :n] = _precision(solved)
    told = precision[:n, :n] @ cross  # (i, m) P C
    rest = np.linalg.inv(corner.astype(np.float64) + l2 * np.eye(len(corner)) - cross.T.astype(np.float64) @ told)
    side = np.asarray(told @ rest, np.float32)
    precision[:n, :n] += side @ told.T
    precision[:n, n:], precision[n:, :n] = -side, -side.T
    precision[n:, n:] = rest
    return _weights(precision)


def revised_ridge(solved: RidgeWeights, change: Floats, rows: Ints) -> RidgeWeights:
    """Return the weights of the problem whose Gram matrix has changed in m rows and columns: O(i^2 m).

    With E the unit columns of the rows, A the change there and A_D its part on them, the change is U M U' for
    U = [E, A], and M^-1 = [[0, I], [I, A_D]]; by Woodbury the inverse is P - P U (M^-1 + U'PU)^-1 U'P.

    Args:
        solved: the problem as it was.
        change: (i, m) the new Gram matrix minus the old one in the columns `rows`; elsewhere it differs in `rows` only.
        rows: (m,) each once.
    """
    m, precision = len(rows), _precision(solved)
    parts = np.concatenate([precision[:, rows], precision @ change], axis=1)  # (i, 2m) P U
    inner = np.empty((2 * m, 2 * m), np.float64)
    inner[:m], inner[m:] = parts[rows], change.T.astype(np.float64) @ parts
    inner[:m, m:] += np.eye(m)
    inner[m:, :m] += np.eye(m)
    inner[m:, m:] += change[rows]
    precision -= parts @ np.linalg.solve(inner, parts.T.astype(np.float64)).astype(np.float32)
    return _weights(precision)


@contextmanager
def solved_once(memo: Memo) -> Iterator[None]:
    """Take solutions of equal problems from the memo: views that differ in a share, or trials, solve the same ones."""
    token = _SOLVED.set(memo)
    try:
        yield
    finally:
        _SOLVED.reset(token)


def _solve(gram: Floats, l2: float) -> RidgeWeights:
    gram[np.diag_indices_from(gram)] += l2
    factor, info = torch.linalg.cholesky_ex(torch.from_numpy(gram))
    if int(info) != 0:
        raise ConfigError(f"the ridge problem is not positive definite with l2={l2:g}; raise l2")
    return _weights(torch.cholesky_inverse(factor).numpy())


def _weights(precision: Floats) -> RidgeWeights:
    """Return B of P (i, i)."""
    own = np.array(np.diag(precision), np.float32)
    weights = precision / -own
    np.fill_diagonal(weights, 0.0)
    return RidgeWeights(np.asarray(weights, np.float32), own)


def _precision(solved: RidgeWeights) -> Floats:
    """Return P (i, i) of B."""
    precision = np.asarray(solved.weights * -solved.own, np.float32)
    np.fill_diagonal(precision, solved.own)
    return precision
