"""Sparse item-item graphs: who is liked together with whom, and who looks or reads like whom.

Nothing dense of items by items is ever held: products are made block by block, and each block is cut to the strongest
edges of every item before the next one begins.
References: Y. Shen et al., "How powerful is graph convolution for recommendation?", CIKM 2021, section 4 (the item-item
graph R~'R~); J. Zhang et al., "Mining latent structures for multimedia recommendation", MM 2021, equations 2 to 5 (the
nearest neighbours in content, normalised by degree).
"""

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from cuvee.types import Bools, Dataset, Embeddings

__all__ = ["capped", "co_liked", "content_graph", "keep_largest", "nearest"]

Matrix = sparse.csr_matrix[np.float32]

_WORK = 1 << 25
"""Products of one block at most, unless a single item needs more: bounds memory by some hundred MB."""
_CELLS = 1 << 23
"""Cosines held at once (32 MB of float32)."""


def capped(liked: Matrix, most: int, rng: np.random.Generator) -> Matrix:
    """Return (u, i) with at most `most` items a user, a random choice: pairs grow with the square of a history."""
    lengths = np.diff(liked.indptr)
    if not len(lengths) or lengths.max() <= most:
        return liked
    owner = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((rng.random(len(owner)), owner))
    kept = np.sort(order[np.arange(len(owner)) - liked.indptr[owner] < most])
    return sparse.csr_matrix((liked.data[kept], (owner[kept], liked.indices[kept])), shape=liked.shape)


def co_liked(liked: Matrix, user_power: float, item_power: float, neighbours: int) -> Matrix:
    """Return (i, i) the graph R~'R~, R~ = D_u^-user_power R D_i^-item_power; column j holds the strongest of item j.

    Args:
        liked: (u, i) what each user likes; D are the sums of its rows and columns.
        user_power: how much the pairs of a user with a long history lose.
        item_power: how much popular items lose.
        neighbours: edges kept an item, that to itself among them.
    """
    users, items = (np.asarray(liked.sum(axis=axis), np.float64).ravel() for axis in (1, 0))
    lengths = np.diff(liked.indptr)
    scale = np.repeat(_power(users, -user_power), lengths) * _power(items, -item_power)[liked.indices]
    rows = liked.copy()
    rows.data = np.asarray(scale * liked.data, np.float32)
    columns = sparse.csr_matrix(rows.T)  # (i, u)
    work = np.bincount(rows.indices, np.repeat(lengths, lengths), minlength=rows.shape[1]).astype(np.float64)
    blocks = [keep_largest(columns[start:stop] @ rows, neighbours) for start, stop in _blocks(work)]
    return sparse.csr_matrix(sparse.vstack(blocks).T, dtype=np.float32)


def content_graph(data: Dataset, modality: str, neighbours: int) -> Matrix:
    """Return (i, i) the cosines of items that are nearest in content, over the roots of both their sums.

    Column j holds the neighbours of item j among the items that somebody likes, itself left out. An item that nobody
    likes is nobody's neighbour, so others do not change when it comes; its row holds its own neighbours.
    """
    known = data.popularity > 0
    found = nearest(data.feature("item", modality), known, neighbours)  # row j: what predicts j
    degree = np.asarray(found.sum(axis=1), np.float64).ravel()
    scale = sparse.diags(_power(degree, -0.5))
    own = sparse.diags((~known).astype(np.float64)) @ found
    return sparse.csr_matrix(scale @ (found.T + own) @ scale, dtype=np.float32)


def nearest(content: Embeddings, sources: Bools, neighbours: int) -> Matrix:
    """Return (i, i) the cosine of each item (row) to its nearest others among `sources`, where it is above 0.

    Args:
        content: vectors of the items; a missing one has no neighbours and is nobody's.
        sources: (i,) which items may be neighbours.
        neighbours: how many an item.
    """
    norms = np.linalg.norm(content.vectors, axis=1, keepdims=True)
    unit = torch.from_numpy(content.vectors / np.maximum(norms, 1e-9))
    columns = np.flatnonzero(sources & (norms[:, 0] > 0))
    pool, n = unit[torch.from_numpy(columns)], len(unit)
    place = np.full(n, -1)
    place[columns] = np.arange(len(columns))
    k, step = min(neighbours, len(columns)), max(1, _CELLS // max(1, len(columns)))
    values, found = np.zeros((n, k), np.float32), np.zeros((n, k), np.int64)
    for start in range(0, n, step):
        cosine = unit[start : start + step] @ pool.T
        own = np.flatnonzero(place[start : start + step] >= 0)
        cosine[own, place[start + own]] = -1
        best = torch.topk(cosine, k, dim=1)
        values[start : start + step], found[start : start + step] = best.values.numpy(), columns[best.indices.numpy()]
    kept = values > 0
    rows = np.repeat(np.arange(n), kept.sum(axis=1))
    return sparse.csr_matrix((values[kept], (rows, found[kept])), shape=(n, n))


def keep_largest(matrix: Matrix, n: int) -> Matrix:
    """Return the n largest entries of every row; which of equals is free."""
    bounds = matrix.indptr
    kept = np.ones(matrix.nnz, bool)
    for row in np.flatnonzero(np.diff(bounds) > n):
        values = matrix.data[bounds[row] : bounds[row + 1]]
        kept[bounds[row] + np.argpartition(values, len(values) - n)[: len(values) - n]] = False
    starts = np.concatenate([[0], np.cumsum(np.minimum(np.diff(bounds), n))])
    return sparse.csr_matrix((matrix.data[kept], matrix.indices[kept], starts), shape=matrix.shape)


def _power(sums: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """Return sums to a power; 0 stays 0: what has no edge gets none."""
    return np.power(sums, exponent, out=np.zeros_like(sums), where=sums > 0)


def _blocks(work: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return bounds of consecutive items that need at most `_WORK` together, or of a single one."""
    bounds, total = [0], 0.0
    for item, own in enumerate(work):
        if total + own > _WORK and item > bounds[-1]:
            bounds.append(item)
            total = 0.0
        total += own
    return list(pairwise([*bounds, len(work)]))
