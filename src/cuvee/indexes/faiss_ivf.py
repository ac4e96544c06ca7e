"""Inverted lists by FAISS: the items are clustered, and a query looks into the lists of the nearest centres only.

References: J. Sivic, A. Zisserman, "Video Google", ICCV 2003 (inverted lists of quantised vectors); M. Douze et al.,
"The Faiss library", 2024, section 5.
"""

from dataclasses import dataclass, field
from math import ceil, sqrt
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
        "the index 'faiss_ivf' needs FAISS, which comes with the extra: pip install 'cuvee[index]'"
    ) from error

__all__ = ["FaissIvf", "FaissIvfIndex"]

_SAMPLE = 64
"""Vectors for each list that the centres are learned from."""


@dataclass(frozen=True)
class FaissIvf:
    """Finds what is best among the items whose cluster is near; quick to build, and the same at every build.

    Cost: n x lists x d to build; lists x d and n x d x probes / lists a query. Where a filter leaves a share of the
    items, more lists are looked into; where it leaves few, or the lists too few, all that are left.
    """

    lists: int | None = None
    """Clusters; None: four times the root of the number of items."""
    probes: int = 128
    """Lists that a query looks into: more find more, and take longer."""

    def __post_init__(self) -> None:
        if self.probes < 1 or (self.lists is not None and self.lists < 1):
            raise ConfigError(f"faiss_ivf needs lists and probes of at least 1, got {self}")

    @property
    def remedy(self) -> str:
        return f"raise probes, which is {self.probes}"

    def build(self, vectors: Floats) -> "FaissIvfIndex":
        n, width = vectors.shape
        lists = min(self.lists or max(1, round(4 * sqrt(n))), max(n, 1))
        # made by name, it owns the index of its centres; made of parts, that would die with this function
        index = faiss.index_factory(width, f"IVF{lists},Flat", faiss.METRIC_INNER_PRODUCT)
        index.cp.max_points_per_centroid, index.cp.min_points_per_centroid = _SAMPLE, 1
        if n:
            whole = np.ascontiguousarray(vectors, np.float32)
            index.train(whole)
            index.add(whole)
        return FaissIvfIndex(vectors, index, self.probes)

    def restore(self, vectors: Floats, made: NDArray[np.uint8]) -> "FaissIvfIndex":
        try:
            index = faiss.deserialize_index(made)
        except RuntimeError as error:
            raise BundleError(f"not an index that FAISS {faiss.__version__} can read: {error}") from error
        check_fits(vectors, index.ntotal, index.d)
        return FaissIvfIndex(vectors, index, self.probes)


@dataclass(frozen=True)
class FaissIvfIndex:
    vectors: Floats
    """(n, d); those that the lists do not hold are searched exactly."""
    lists: Any
    """Of FAISS; holds vectors of its own."""
    probes: int
    """Lists that a query looks into."""
    moved: Ints = field(default_factory=lambda: np.zeros(0, np.int32))
    """(m,) rows whose vectors were others when it was made."""

    @property
    def made(self) -> NDArray[np.uint8]:
        return np.asarray(faiss.serialize_index(self.lists), np.uint8)

    def grown(self, vectors: Floats, moved: Ints | None = None) -> "FaissIvfIndex":
        others = self.moved if moved is None else np.union1d(self.moved, moved)
        return FaissIvfIndex(vectors, self.lists, self.probes, others.astype(np.int32))

    def search(self, queries: Floats, k: int, allowed: Bools | None = None) -> tuple[Ints, Floats]:
        return found(self._find, Known(self.lists.ntotal, self.moved), self.vectors, queries, k, allowed)

    def _find(self, query: Floats, k: int, allowed: Bools | None, share: float) -> Ints:
        probes = min(self.lists.nlist, ceil(self.probes / share))
        if allowed is None:
            how = faiss.SearchParametersIVF(nprobe=probes)
        else:
            chosen = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
            how = faiss.SearchParametersIVF(nprobe=probes, sel=chosen)
        rows = self.lists.search(np.ascontiguousarray(query, np.float32), k, params=how)[1]
        return np.asarray(rows[0], np.int32)
