"""EASE with content inside the problem.

References: CEASE and Add-EASE: O. Jeunen, J. Van Balen, B. Goethals, "Closed-form models for collaborative filtering
with side-information", RecSys 2020, equations 5 to 9. With X users x items, T items x d (centred, unit rows):
CEASE solves EASE on X'X + w T T'; Add-EASE is (1 - b) EASE(X'X) + b EASE(T T'). Here both are one formula,
(1 - b) EASE(X'X + w T T') + b EASE(T T'), with T T' the weighted sum over the modalities.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from cuvee.content_space import joined
from cuvee.errors import ConfigError
from cuvee.item_weights import linear_scores, trace_linear
from cuvee.ridge import zero_diagonal_ridge
from cuvee.types import Dataset, Floats, Holdout, Ints, Queries

__all__ = ["ContentEase", "ContentEaseModel"]


@dataclass(frozen=True)
class ContentEase:
    """Item-to-item weights learned from interactions and content together; items without events are scored too.

    Cost: O(i^3) time and O(i^2) memory, once for each of the two problems that has a share; up to some 30,000 items.
    """

    on: Mapping[str, float] = field(default_factory=lambda: {"text": 1.0})
    """Item modality -> its weight in T T'."""
    l2: float = 200.0
    """Ridge penalty of the problem with interactions, in units of co-occurrence counts."""
    content: float = 100.0
    """w: what one unit of cosine counts beside one co-occurrence; 0 leaves content out of this problem."""
    share: float = 0.0
    """b: share of the content-only problem, 0 (CEASE) to 1 (content alone)."""
    content_l2: float = 1.0
    """Ridge penalty of the content-only problem, in units of squared cosine weight."""

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ConfigError(f"share must lie in 0..1, got {self.share:g}")

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "ContentEaseModel":  # noqa: ARG002
        space = joined(train, self.on)
        weights = np.zeros((len(train.items), len(train.items)), np.float32)
        if self.share < 1:
            gram = (train.liked.T @ train.liked).toarray().astype(np.float32)
            gram += np.float32(self.content) * (space @ space.T)
            weights += np.float32(1 - self.share) * zero_diagonal_ridge(gram, self.l2)
        if self.share > 0:
            weights += np.float32(self.share) * zero_diagonal_ridge(space @ space.T, self.content_l2)
        return ContentEaseModel(weights)


@dataclass(frozen=True)
class ContentEaseModel:
    weights: Floats
    """(i, i); column j predicts item j from the others."""

    def score(self, queries: Queries) -> Floats:
        return linear_scores(queries, self.weights)

    def trace(self, queries: Queries, items: Ints) -> "list[sparse.csr_matrix[np.float32]]":
        return trace_linear(queries, self.weights, items)
