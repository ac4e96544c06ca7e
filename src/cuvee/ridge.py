"""Ridge regression of every column on all the others, in closed form.

Reference: H. Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019, equations 8 and 9.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
import torch

from cuvee.errors import ConfigError
from cuvee.memo import Memo
from cuvee.types import Floats

__all__ = ["solved_once", "zero_diagonal_ridge"]

_SOLVED: ContextVar[Memo | None] = ContextVar("solved", default=None)


def zero_diagonal_ridge(gram: Floats, l2: float) -> Floats:
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


@contextmanager
def solved_once(memo: Memo) -> Iterator[None]:
    """Take solutions of equal problems from the memo: views that differ in a share, or trials, solve the same ones."""
    token = _SOLVED.set(memo)
    try:
        yield
    finally:
        _SOLVED.reset(token)


def _solve(gram: Floats, l2: float) -> Floats:
    gram[np.diag_indices_from(gram)] += l2
    factor, info = torch.linalg.cholesky_ex(torch.from_numpy(gram))
    if int(info) != 0:
        raise ConfigError(f"the ridge problem is not positive definite with l2={l2:g}; raise l2")
    precision = torch.cholesky_inverse(factor).numpy()
    weights = precision / -np.diag(precision)
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights, np.float32)
