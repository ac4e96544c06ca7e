"""How the best of very many items are found without scoring each of them."""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from cuvee.types import Bools, Floats, Ints, Queries

__all__ = ["BuiltIndex", "Factorized", "Index"]


@runtime_checkable
class Factorized(Protocol):
    """A trained model whose score is the inner product of a vector of the query and one of the item."""

    def item_factors(self) -> Floats:
        """Return (i, d); the same array at every call, which nobody edits."""
        ...

    def query_factors(self, queries: Queries) -> Floats:
        """Return (q, d)."""
        ...


class BuiltIndex(Protocol):
    """Vectors made ready to be searched: pure, safe to share between threads, replaced and never edited."""

    @property
    def made(self) -> NDArray[np.uint8]:
        """(b,) what `build` made beside the vectors, as bytes; `restore` takes it."""
        ...

    @property
    def moved(self) -> Ints:
        """(m,) rows whose vectors are others than those it was made of."""
        ...

    def grown(self, vectors: Floats, moved: Ints | None = None) -> "BuiltIndex":
        """Return it for vectors that have grown at their end, and of which those at the rows `moved` are others now.

        Whatever is not as it was is found at once, exactly.
        """
        ...

    def search(self, queries: Floats, k: int, allowed: Bools | None = None) -> tuple[Ints, Floats]:
        """Return (q, k) rows and inner products, best first, the smaller row first among equals.

        Args:
            queries: (q, d).
            allowed: (n,), (1, n) or (q, n), what may be found; None: everything.

        PAD and -inf stand only where fewer than k are allowed.
        """
        ...


class Index(Protocol):
    """Parameters of an index."""

    @property
    def remedy(self) -> str:
        """What to change in the recipe where the index finds too little."""
        ...

    def build(self, vectors: Floats) -> BuiltIndex:
        """Return the index of (n, d) vectors."""
        ...

    def restore(self, vectors: Floats, made: NDArray[np.uint8]) -> BuiltIndex:
        """Return the index that `build` made of the first of these vectors, grown by the others.

        Raises:
            BundleError: `made` is no such index.
        """
        ...
