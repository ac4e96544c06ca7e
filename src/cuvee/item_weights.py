"""What models with an (i, i) matrix of item-to-item weights share: scoring, tracing a score to the history, growing."""

from typing import overload

import numpy as np
from scipy import sparse

from cuvee.types import PAD, Floats, Ints, Queries

__all__ = ["grown", "linear_scores", "trace_linear", "wider"]

Csr = sparse.csr_matrix[np.float32]


@overload
def grown(weights: Floats, n: int) -> Floats: ...
@overload
def grown(weights: Csr, n: int) -> Csr: ...
def grown(weights: Floats | Csr, n: int) -> Floats | Csr:
    """Return (n, n) the weights with rows and columns of zeros at the end."""
    if isinstance(weights, sparse.csr_matrix):
        starts = np.append(weights.indptr, np.full(n - weights.shape[0], weights.nnz, weights.indptr.dtype))
        return sparse.csr_matrix((weights.data, weights.indices, starts), shape=(n, n))
    dense = np.zeros((n, n), np.float32)
    dense[: len(weights), : len(weights)] = weights
    return dense


def wider(matrix: Csr, n: int) -> Csr:
    """Return the matrix with columns of zeros at its end, n columns in all."""
    return sparse.csr_matrix((matrix.data, matrix.indices, matrix.indptr), shape=(matrix.shape[0], n))


def linear_scores(queries: Queries, weights: "Floats | sparse.csr_matrix[np.float32]") -> Floats:
    """Return (q, i): what the user liked times the weights."""
    scores = queries.liked @ weights
    return np.asarray(scores.toarray() if sparse.issparse(scores) else scores, np.float32)


def trace_linear(
    queries: Queries, weights: "Floats | sparse.csr_matrix[np.float32]", items: Ints
) -> list[sparse.csr_matrix[np.float32]]:
    """Return for each query a (k, i) matrix: what each liked item (column) adds to the score of items[q, row]."""
    traces = []
    liked = queries.liked
    for q, shown in enumerate(items):
        past = liked.indices[liked.indptr[q] : liked.indptr[q + 1]]
        value = liked.data[liked.indptr[q] : liked.indptr[q + 1]]
        block = weights[past][:, np.where(shown == PAD, 0, shown)]  # (t, k)
        dense = np.asarray(block.toarray() if sparse.issparse(block) else block, np.float32) * value[:, None]
        dense[:, shown == PAD] = 0
        rows = np.repeat(np.arange(len(shown)), len(past))
        columns = np.tile(past, len(shown))
        traces.append(sparse.csr_matrix((dense.T.ravel(), (rows, columns)), shape=(len(shown), liked.shape[1])))
    return traces
