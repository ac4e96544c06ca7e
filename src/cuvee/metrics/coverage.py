"""Catalogue coverage: how much of the catalogue is ever shown?

Reference: Ge, Delgado-Battenfeld and Jannach, "Beyond accuracy: evaluating recommender systems by coverage and
serendipity", RecSys 2010.
"""

import math
from dataclasses import dataclass

import numpy as np

from cuvee.types import PAD, Bools, Dataset, Slate

__all__ = ["Coverage"]


@dataclass(frozen=True)
class Coverage:
    """Share of the candidate items that stand among the first k of any list. NaN without candidates."""

    k: int = 20
    """Ranks counted from the top."""

    def summarise(self, slate: Slate, candidates: Bools, train: Dataset) -> float:  # noqa: ARG002
        shown = slate.items[:, : self.k]
        ever = np.zeros(len(candidates), bool)
        ever[shown[shown != PAD]] = True
        count = int(candidates.sum())
        return float((ever & candidates).sum() / count) if count else math.nan
