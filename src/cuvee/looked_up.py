"""Vectors that were computed from a whole data set, as a fitted encoder: rows are found by their id."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from cuvee.types import Embeddings

__all__ = ["LookedUp"]


@dataclass(frozen=True)
class LookedUp:
    """A fitted encoder for what does not stand in the row itself: events, reviews, edges. Unknown ids are missing."""

    key: str
    """Column of the ids."""
    rows: Mapping[str, int]
    """Id -> row of `embeddings`."""
    embeddings: Embeddings

    @property
    def fingerprint(self) -> str:
        """The contents are hashes of the vectors, so that only their width is left to tell."""
        return hashlib.sha256(f"looked up {self.embeddings.dim}".encode()).hexdigest()

    def contents(self, table: pl.DataFrame) -> list[str]:
        """Return a hash of each row's vector."""
        found = self._take(table)
        return [
            hashlib.blake2b(vector.tobytes(), digest_size=16).hexdigest() if there else ""
            for vector, there in zip(found.vectors, found.present, strict=True)
        ]

    def encode(self, table: pl.DataFrame) -> Iterator[Embeddings]:
        """Yield the vectors of the table's ids in one block."""
        yield self._take(table)

    def _take(self, table: pl.DataFrame) -> Embeddings:
        found = np.array([self.rows.get(name, -1) for name in table[self.key]], np.int64)
        known = found >= 0
        vectors = np.zeros((len(found), self.embeddings.dim), np.float32)
        present = np.zeros(len(found), bool)
        vectors[known], present[known] = self.embeddings.vectors[found[known]], self.embeddings.present[found[known]]
        return Embeddings(vectors, present)
