"""What to put where an item misses a modality: what people who like the item like besides, or the mean.

Reference: D. Malitesta et al., "Do we really need to drop items with missing modalities in multimodal recommendation?",
CIKM 2024 (imputing from the item-item graph, against zeros and means).
"""

from typing import Literal

import numpy as np

from cuvee.alignment import liked_together
from cuvee.types import Dataset, Embeddings

__all__ = ["Impute", "impute"]

Impute = Literal["zero", "mean", "neighbours"]
"""zero: left missing; mean: the mean of what is there; neighbours: that of items liked by the same users."""


def impute(part: Embeddings, train: Dataset, how: Impute) -> Embeddings:
    """Return a modality of the items with its missing rows filled, at the mean length of those that are there.

    An item that nobody likes has no neighbours and stays missing; filled rows count as present.
    """
    known = part.present
    if how == "zero" or not known.any() or known.all():
        return part
    if how == "mean":
        fill, rows = np.broadcast_to(part.vectors[known].mean(axis=0), part.vectors.shape), ~known
    else:
        told = liked_together(train, part)
        length = np.linalg.norm(part.vectors[known], axis=1).mean()
        fill, rows = told.vectors * length, ~known & told.present
    return Embeddings(np.where(rows[:, None], fill, part.vectors).astype(np.float32), known | rows)
