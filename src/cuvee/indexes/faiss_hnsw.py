"""A graph of neighbours by FAISS: a query walks from item to item towards what it likes best.

Reference: Y. Malkov, D. Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical
navigable small world graphs", IEEE TPAMI 2020.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuvee.errors import BundleError, ConfigError
from cuvee.nearest import Known, check_fits, found
from cuvee.types import Bools, Floats, Ints

try:
    import faiss
except ModuleNotFoundError as error:
    raise ConfigError(
        "the index 'faiss_hnsw' needs FAISS, which comes with the extra: pip install 'cuvee[index]'"
    ) from error

__all__ = ["FaissHnsw", "FaissHnswIndex"]


@dataclass(frozen=True)
class FaissHnsw:
    """Finds what is best by walking a graph of the items; slow to build, by one thread so that every build is the same.

    Suits vectors of about one length without tight clusters; inner products with very uneven lengths may lead the walk
    astray, which the check at the build tells. Memory: n x (d + 2 links) x 4 bytes.
    """

    links: int = 32
    """Neighbours an item has in the graph."""
    ef_construction: int = 100
    """Candidates kept while the neighbours of an item are sought."""
    ef_search: int = 400
    """Candidates kept while a query is answered, at least as many as are asked for: more find more, and take longer."""

    def __post_init__(self) -> None:
        if min(self.links, self.ef_construction, self.ef_search) < 2:
            raise ConfigError(f"faiss_hnsw needs links, ef_construction and ef_search of at least 2, got {self}")

    @property
    def remedy(self) -> str:
        return (
            f"raise ef_search, which is {self.ef_search}, or links ({self.links}) and ef_construction "
            f"({self.ef_construction}), or take faiss_ivf"
        )

    def build(self, vectors: Floats) -> "FaissHnswIndex":
        index = faiss.IndexHNSWFlat(vectors.shape[1], self.links, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = self.ef_construction
        with _one_thread():
            index.add(np.ascontiguousarray(vectors, np.float32))
        return FaissHnswIndex(vectors, index, self.ef_search)

    def restore(self, vectors: Floats, made: NDArray[np.uint8]) -> "FaissHnswIndex":
        try:
            index = faiss.deserialize_index(made)
        except RuntimeError as error:
            raise BundleError(f"not an index that FAISS {faiss.__version__} can read: {error}") from error
        check_fits(vectors, index.ntotal, index.d)
        return FaissHnswIndex(vectors, index, self.ef_search)


@dataclass(frozen=True)
class FaissHnswIndex:
    vectors: Floats
    """(n, d); those that the graph does not hold are searched exactly."""
    graph: Any
    """Of FAISS; holds vectors of its own."""
    ef_search: int
    """Candidates kept while a query is answered."""
    moved: Ints = field(default_factory=lambda: np.zeros(0, np.int32))
    """(m,) rows whose vectors were others when it was made."""

    @property
    def made(self) -> NDArray[np.uint8]:
        return np.asarray(faiss.serialize_index(self.graph), np.uint8)

    def grown(self, vectors: Floats, moved: Ints | None = None) -> "FaissHnswIndex":
        others = self.moved if moved is None else np.union1d(self.moved, moved)
        return FaissHnswIndex(vectors, self.graph, self.ef_search, others.astype(np.int32))

    def search(self, queries: Floats, k: int, allowed: Bools | None = None) -> tuple[Ints, Floats]:
        return found(self._find, Known(self.graph.ntotal, self.moved), self.vectors, queries, k, allowed)

    def _find(self, query: Floats, k: int, allowed: Bools | None, share: float) -> Ints:
        kept = ceil(max(self.ef_search, k) / share)
        if allowed is None:
            how = faiss.SearchParametersHNSW(efSearch=kept)
        else:
            chosen = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
            how = faiss.SearchParametersHNSW(efSearch=kept, sel=chosen)
        rows = self.graph.search(np.ascontiguousarray(query, np.float32), k, params=how)[1]
        return np.asarray(rows[0], np.int32)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Threads would insert in an order of their own."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
