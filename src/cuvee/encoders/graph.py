"""Who is linked with whom as vectors: a spectral embedding of social edges, or of a knowledge graph around items.

Reference: T. Qin, K. Rohe, "Regularized spectral clustering under the degree-corrected stochastic blockmodel",
NIPS 2013, section 2 (the mean degree is added to every degree, so that small islands do not take the dimensions);
nodes that arrive later by Y. Bengio et al., "Out-of-sample extensions for LLE, Isomap, MDS, eigenmaps, and spectral
clustering", NIPS 2003.
"""

import logging
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import eigsh

from cuvee.errors import ConfigError, DataError
from cuvee.looked_up import LookedUp
from cuvee.roles import Role, ids_of, key_of, need_column, table_of
from cuvee.types import Dataset, Embeddings

__all__ = ["Graph", "LearnedGraph"]

logger = logging.getLogger(__name__)

_DENSE = 400
"""Nodes up to which every eigenvector is computed at once."""
_SMALLEST = 1e-6


@dataclass(frozen=True)
class Graph:
    """Leading eigenvectors of the links among users (`social`), or among items and what they are linked to (`kg`).

    Direction and relation play no role; links that occur several times count as often. A node without links has the
    modality missing. Nodes that come later are placed by their links to known ones. Cost: a sparse eigenproblem, some
    seconds for a million links.
    """

    role: Role = "user"
    """user for the social edges, item for the knowledge triples."""
    dim: int = 64
    """Eigenvectors kept; fewer where the graph has fewer of positive eigenvalue."""
    column: str | None = None
    """Column that holds the names used in the links; None for `entity_id` where the item table has it, else the id."""

    def __post_init__(self) -> None:
        if self.dim < 1:
            raise ConfigError(f"dim must be at least 1, got {self.dim}")

    def fit(self, train: Dataset, role: str) -> LookedUp:
        """Embed the graph.

        Raises:
            DataError: the data set has no links.
            UnknownNameError: the table has no such column.
        """
        return self.restore(self.learn(train, role), train, role)

    def learn(self, train: Dataset, role: str) -> "LearnedGraph":
        ends = _links(train, role)
        if ends is None or not len(ends):
            table = "triples (kg)" if role == "item" else "social edges"
            raise DataError(f"graph needs {table} between different nodes, and the data set has none")
        names = pl.concat([ends["a"], ends["b"]]).unique().sort()
        n = len(names)
        a, b = (_places(ends[end], names) for end in ("a", "b"))
        half = sparse.csr_matrix((np.ones(len(a)), (a, b)), shape=(n, n))
        links = half + half.T
        degrees = np.asarray(links.sum(axis=1)).ravel()
        scale = sparse.diags_array(1 / np.sqrt(degrees + degrees.mean()))
        values, vectors = _leading(sparse.csr_matrix(scale @ links @ scale), self.dim)
        logger.info("graph: %d nodes, %d links, %d dimensions", n, len(a), len(values))
        return LearnedGraph(tuple(names.to_list()), vectors, values, degrees)

    def restore(self, learned: "LearnedGraph", data: Dataset, role: str) -> LookedUp:
        """Look the rows up; names that were not in the graph are placed by their links to those that were."""
        if self.column is not None:
            need_column(data, role, self.column)
        table = table_of(data, role)
        usual = "entity_id" if role == "item" and "entity_id" in table.columns else key_of(role)
        names = table[self.column or usual].cast(pl.String)
        known = pl.Series(learned.names)
        places = _places(names, known)
        vectors = np.where((places >= 0)[:, None], learned.vectors[places], 0)
        new = (places < 0) & names.is_not_null().to_numpy()
        ends = _links(data, role)
        if ends is not None and new.any():
            vectors[new] = learned.place(names.filter(pl.Series(new)), ends)
        rows = dict(zip(ids_of(data, role), range(len(names)), strict=True))
        vectors = (vectors * np.sqrt(learned.values)).astype(np.float32)
        return LookedUp(key_of(role), rows, Embeddings(vectors, (vectors != 0).any(axis=1)))


@dataclass(frozen=True)
class LearnedGraph:
    """An embedded graph."""

    names: tuple[str, ...]
    """Of the n nodes, sorted."""
    vectors: NDArray[np.float64]
    """(n, dim) orthonormal eigenvectors."""
    values: NDArray[np.float64]
    """(dim,) their eigenvalues, descending, positive."""
    degrees: NDArray[np.float64]
    """(n,) links of each node."""

    def place(self, names: pl.Series, ends: pl.DataFrame) -> NDArray[np.float64]:
        """Return the vectors (q, dim) of new nodes: what an eigenvector must be there, given its known neighbours."""
        both = pl.concat([ends, ends.select(a="b", b="a")])
        row, node = _places(both["a"], names), _places(both["b"], pl.Series(self.names))
        kept = (row >= 0) & (node >= 0)
        shape = (len(names), len(self.names))
        links = sparse.csr_matrix((np.ones(kept.sum()), (row[kept], node[kept])), shape=shape)
        mean = self.degrees.mean()
        own = np.asarray(links.sum(axis=1)).ravel() + mean
        found = (links @ (self.vectors / np.sqrt(self.degrees + mean)[:, None])) / np.sqrt(own)[:, None]
        return np.asarray(found / self.values)


def _links(data: Dataset, role: str) -> pl.DataFrame | None:
    """Return the links as columns a and b, those of a node with itself left out."""
    table, ends = (data.triples, ("head", "tail")) if role == "item" else (data.social, ("src", "dst"))
    if table is None:
        return None
    links = table.select(a=pl.col(ends[0]).cast(pl.String), b=pl.col(ends[1]).cast(pl.String)).drop_nulls()
    return links.filter(pl.col("a") != pl.col("b"))


def _places(names: pl.Series, known: pl.Series) -> NDArray[np.int64]:
    """Return the place of each name among the known ones, -1 for others."""
    lookup = pl.DataFrame({"name": known.cast(pl.String), "place": np.arange(len(known))})
    found = names.cast(pl.String).alias("name").to_frame().join(lookup, on="name", how="left", maintain_order="left")
    return found["place"].fill_null(-1).to_numpy().astype(np.int64)


def _leading(matrix: "sparse.csr_matrix[np.float64]", dim: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the largest positive eigenvalues, descending, and their eigenvectors with the largest entry positive."""
    n = matrix.shape[0]
    if n <= max(_DENSE, dim + 1):
        values, vectors = np.linalg.eigh(matrix.toarray())
    else:
        start = np.random.default_rng(0).standard_normal(n)  # a fixed start makes equal graphs equal vectors
        values, vectors = eigsh(matrix, k=dim, which="LA", v0=start)
    order = np.argsort(-values)[:dim]
    order = order[values[order] > _SMALLEST]
    vectors = vectors[:, order]
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(order))])
    return values[order], vectors * signs
