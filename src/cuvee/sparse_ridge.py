"""Zero-diagonal ridge where items by items does not fit in memory: a sparse part and one of low rank.

With S = X'X + l2 and content U (i, d), Woodbury's identity gives the inverse of S + U U' as S^-1 - Z (1 + U'Z)^-1 Z',
where Z = S^-1 U, which conjugate gradients find from products with X alone. S^-1 itself is approximated column by
column: the regression of item j on the items of its support has the coefficients and the error of that column.
References: H. Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019, equation 8; X. Ning, G. Karypis,
"SLIM", ICDM 2011, section 4 (neighbours chosen first, weights after); M. Hestenes, E. Stiefel, "Methods of conjugate
gradients for solving linear systems", 1952.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from cuvee.errors import ConfigError
from cuvee.types import Floats, Ints

__all__ = ["SplitWeights", "content_ridge", "extended_split", "revised_split", "split_ridge"]

Doubles = NDArray[np.float64]
Matrix = sparse.csr_matrix[np.float32]

_ROUNDS, _CLOSE = 100, 1e-4
"""Steps of conjugate gradients at most, and the relative error at which they end."""


@dataclass(frozen=True)
class SplitWeights:
    """Item-to-item weights whose column j is sparse[:, j] + left right_j, its own entry left out."""

    sparse: "sparse.csr_matrix[np.float32]"
    """(i, i), without a diagonal."""
    left: Floats
    """(i, d)."""
    right: Floats
    """(i, d)."""
    diagonal: Floats
    """(i,) that of S^-1; empty where there is no S."""


def split_ridge(liked: Matrix, space: Floats, support: Matrix, l2: float) -> SplitWeights:
    """Return the zero-diagonal ridge on liked' liked + space space', exact but for S^-1 outside the support.

    Args:
        liked: (u, i) what each user likes.
        space: (i, d) content.
        support: (i, i) column j has an entry for the items whose interactions may predict item j.
        l2: ridge penalty, in the units of the Gram matrix; above 0.

    Raises:
        ConfigError: a penalty of 0 or less.
    """
    _check(l2)
    inverse = _inverse(liked, support, l2)
    wide = space.astype(np.float64)
    solved = wide / l2  # Z; exact for items without events, so that they change no step of the others' solution
    touched = np.flatnonzero(np.bincount(liked.indices, minlength=liked.shape[1]))
    solved[touched] = _solve(sparse.csr_matrix(liked[:, touched]), wide[touched], l2)
    diagonal = inverse.diagonal()
    shrunk, own = _shrunk(diagonal, solved, wide)
    inverse.setdiag(0)
    weights = sparse.csr_matrix((inverse @ sparse.diags(-1 / own)).astype(np.float32))
    weights.eliminate_zeros()
    return _split(weights, solved, shrunk / own[:, None], diagonal)


def extended_split(old: SplitWeights, space: Floats, l2: float) -> SplitWeights:
    """Return the weights with items added at the end that have content and no events: their Z is their content over l2.

    Args:
        old: of `split_ridge`; `right` is not read.
        space: (n, d) content of the old items, then of the new ones.
        l2: ridge penalty of the old weights.
    """
    n, wide = len(old.left), space.astype(np.float64)
    before = old.left.astype(np.float64), old.diagonal.astype(np.float64)
    solved = np.concatenate([before[0], wide[n:] / l2])
    diagonal = np.append(before[1], np.full(len(wide) - n, 1 / l2))
    _, own_before = _shrunk(before[1], before[0], wide[:n])
    shrunk, own = _shrunk(diagonal, solved, wide)
    kept = old.sparse
    values = kept.data * (own_before / own[:n])[kept.indices].astype(np.float32)
    starts = np.append(kept.indptr, np.full(len(wide) - n, kept.nnz, kept.indptr.dtype))
    weights = sparse.csr_matrix((values, kept.indices, starts), shape=(len(wide), len(wide)))
    return _split(weights, solved, shrunk / own[:, None], diagonal)


def revised_split(old: SplitWeights, before: Floats, space: Floats, rows: Ints) -> SplitWeights:
    """Return the weights where m items have other content: Z + S^-1 (U' - U), with the S^-1 of their columns.

    Args:
        old: of `split_ridge` or `extended_split`; `right` is not read.
        before: (i, d) content U that the weights know.
        space: (i, d) content U' that they shall know.
        rows: (m,) where the two differ, each once.
    """
    solved, diagonal = old.left.astype(np.float64), old.diagonal.astype(np.float64)
    wide = space.astype(np.float64)
    _, own_before = _shrunk(diagonal, solved, before.astype(np.float64))
    columns = old.sparse[:, rows].toarray() * -own_before[rows]  # (i, m) of S^-1
    columns[rows, np.arange(len(rows))] = diagonal[rows]
    solved = solved + columns @ (wide[rows] - before[rows])
    shrunk, own = _shrunk(diagonal, solved, wide)
    values = old.sparse.data * (own_before / own)[old.sparse.indices].astype(np.float32)
    weights = sparse.csr_matrix((values, old.sparse.indices, old.sparse.indptr), shape=old.sparse.shape)
    return _split(weights, solved, shrunk / own[:, None], diagonal)


def content_ridge(space: Floats, l2: float) -> SplitWeights:
    """Return the exact zero-diagonal ridge on space space' (i, i): T M t_j / (1 - t_j M t_j) with M = (T'T + l2)^-1.

    Raises:
        ConfigError: a penalty of 0 or less.
    """
    _check(l2)
    wide = space.astype(np.float64)
    right = np.linalg.solve(wide.T @ wide + l2 * np.eye(wide.shape[1]), wide.T).T
    own = 1 - np.einsum("id,id->i", wide, right)
    nothing = np.zeros(0, np.int32)
    shape = (len(space), len(space))
    empty = sparse.csr_matrix((np.zeros(0, np.float32), (nothing, nothing)), shape=shape)
    return SplitWeights(empty, space, np.asarray(right / own[:, None], np.float32), np.zeros(0, np.float32))


def _split(weights: Matrix, left: Doubles, right: Doubles, diagonal: Doubles) -> SplitWeights:
    return SplitWeights(weights, *(np.asarray(a, np.float32) for a in (left, right, diagonal)))


def _shrunk(diagonal: Doubles, solved: Doubles, wide: Doubles) -> tuple[Doubles, Doubles]:
    """Return (i, d) Z (1 + U'Z)^-1 and (i,) the diagonal of the whole inverse, from that of S^-1, Z and U."""
    shrunk = np.asarray(np.linalg.solve(np.eye(wide.shape[1]) + wide.T @ solved, solved.T).T, np.float64)
    return shrunk, diagonal - np.einsum("id,id->i", solved, shrunk)


def _inverse(liked: Matrix, support: Matrix, l2: float) -> "sparse.csc_matrix[np.float64]":
    """Return (i, i) the columns of (liked' liked + l2)^-1, each as if there were only its support."""
    columns, allowed = sparse.csc_matrix(liked), sparse.csc_matrix(support)
    n = columns.shape[1]
    found, values = [], []
    for item in range(n):
        near = allowed.indices[allowed.indptr[item] : allowed.indptr[item + 1]]
        near = np.append(np.sort(near[near != item]), item)
        block = columns[:, near]
        gram = torch.from_numpy((block.T @ block).toarray().astype(np.float64))
        gram.diagonal().add_(l2)
        last = torch.zeros((len(near), 1), dtype=torch.float64)
        last[-1] = 1
        found.append(near)
        values.append(torch.cholesky_solve(last, torch.linalg.cholesky(gram))[:, 0].numpy())
    starts = np.concatenate([[0], np.cumsum([len(near) for near in found])])
    return sparse.csc_matrix((np.concatenate(values), np.concatenate(found), starts), shape=(n, n))


def _solve(liked: Matrix, wanted: Doubles, l2: float) -> Doubles:
    """Return (i, d) X with (liked' liked + l2) X = wanted, by conjugate gradients scaled by the diagonal."""
    scale = 1 / (np.asarray(liked.multiply(liked).sum(axis=0), np.float64).ravel() + l2)[:, None]
    found = np.zeros_like(wanted)
    rest = wanted.copy()
    step = scale * rest
    size = np.einsum("id,id->d", rest, step)
    enough = _CLOSE**2 * size
    for _ in range(_ROUNDS):
        if (size <= enough).all():
            break
        moved = liked.T @ (liked @ step) + l2 * step
        length = size / np.maximum(np.einsum("id,id->d", step, moved), 1e-300)
        found += length * step
        rest -= length * moved
        scaled = scale * rest
        before, size = size, np.einsum("id,id->d", rest, scaled)
        step = scaled + size / np.maximum(before, 1e-300) * step
    return found


def _check(l2: float) -> None:
    if l2 <= 0:
        raise ConfigError(f"the penalty l2 must be above 0, got {l2:g}")
