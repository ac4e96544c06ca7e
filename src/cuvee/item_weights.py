"""What models with an (i, i) matrix of item-to-item weights share: scoring, and tracing a score to the history."""

import numpy as np
from scipy import sparse

from cuvee.types import PAD, Floats, Ints, Queries

__all__ = ["linear_scores", "trace_linear"]


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
