"""Item nearest neighbours by the cosine of who liked them.

Reference: M. Deshpande and G. Karypis, "Item-based top-N recommendation algorithms", ACM TOIS 2004, section 4.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from cuvee.errors import ConfigError
from cuvee.item_weights import grown, linear_scores, trace_linear
from cuvee.types import Dataset, Floats, Holdout, Ints, Queries

__all__ = ["ItemKnn", "ItemKnnModel"]

_BLOCK = 1024


@dataclass(frozen=True)
class ItemKnn:
    """Scores an item by the summed cosine to what the user liked, over each item's nearest neighbours.

    Cost: one sparse product of items by items, kept to `neighbours` an item.
    """

    neighbours: int = 100
    """Neighbours kept an item."""
    shrinkage: float = 20.0
    """Added to the denominator, in users: damps the cosine of rare items."""

    def __post_init__(self) -> None:
        if self.neighbours < 1 or self.shrinkage < 0:
            raise ConfigError(f"neighbours must be at least 1 and shrinkage 0 or more, got {self}")

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "ItemKnnModel":  # noqa: ARG002
        columns = train.liked.tocsc()
        norms = np.sqrt(np.asarray(columns.multiply(columns).sum(axis=0))).ravel()
        blocks = [self._block(columns, norms, start) for start in range(0, columns.shape[1], _BLOCK)]
        # block rows are target items; column j of the result predicts item j
        return ItemKnnModel(sparse.vstack(blocks).T.tocsr().astype(np.float32))

    def _block(
        self, columns: "sparse.csc_matrix[np.float32]", norms: Floats, start: int
    ) -> "sparse.csr_matrix[np.float32]":
        stop = min(start + _BLOCK, columns.shape[1])
        counts = (columns[:, start:stop].T @ columns).tocsr()  # (b, i)
        rows = np.repeat(np.arange(stop - start), np.diff(counts.indptr))
        cosine = counts.data / (norms[start + rows] * norms[counts.indices] + self.shrinkage)
        cosine[counts.indices == start + rows] = 0
        order = np.lexsort((-cosine, rows))
        place = np.arange(len(rows)) - counts.indptr[rows]
        kept = order[(place < self.neighbours) & (cosine[order] > 0)]
        return sparse.csr_matrix((cosine[kept], (rows[kept], counts.indices[kept])), shape=counts.shape)


@dataclass(frozen=True)
class ItemKnnModel:
    weights: "sparse.csr_matrix[np.float32]"
    """(i, i); column j holds the neighbours that predict item j."""

    def extend(self, train: Dataset) -> "ItemKnnModel":
        """Return the model with the items at the end of the catalogue that it does not know: they have no weights."""
        return ItemKnnModel(grown(self.weights, len(train.items)))

    def score(self, queries: Queries) -> Floats:
        return linear_scores(queries, self.weights)

    def trace(self, queries: Queries, items: Ints) -> "list[sparse.csr_matrix[np.float32]]":
        return trace_linear(queries, self.weights, items)
