"""No index: every item is looked at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cuvee.nearest import nearest
from cuvee.types import Bools, Floats, Ints

__all__ = ["Exact", "ExactIndex"]


@dataclass(frozen=True)
class Exact:
    """Finds what is best by the inner products with all vectors, in one product of float32 matrices.

    Cost: n x d a query; nothing to build.
    """

    @property
    def remedy(self) -> str:
        return "nothing: it finds everything"

    def build(self, vectors: Floats) -> "ExactIndex":
        return ExactIndex(vectors)

    def restore(self, vectors: Floats, made: NDArray[np.uint8]) -> "ExactIndex":  # noqa: ARG002
        return ExactIndex(vectors)


@dataclass(frozen=True)
class ExactIndex:
    vectors: Floats
    """(n, d)."""

    @property
    def made(self) -> NDArray[np.uint8]:
        return np.zeros(0, np.uint8)

    @property
    def moved(self) -> Ints:
        return np.zeros(0, np.int32)

    def grown(self, vectors: Floats, moved: Ints | None = None) -> "ExactIndex":  # noqa: ARG002
        return ExactIndex(vectors)

    def search(self, queries: Floats, k: int, allowed: Bools | None = None) -> tuple[Ints, Floats]:
        return nearest(self.vectors, queries, k, allowed)
