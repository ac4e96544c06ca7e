"""Gini index of exposure: how unequally are items shown?

Reference: Fleder and Hosanagar, "Blockbuster culture's next rise or fall", Management Science 2009, section 4.1.
"""

import math
from dataclasses import dataclass

import numpy as np

from cuvee.types import PAD, Bools, Dataset, Slate

__all__ = ["Gini"]


@dataclass(frozen=True)
class Gini:
    """Gini index of how often each candidate item stands among the first k, items never shown included.

    0 when all are shown equally often; (n - 1) / n when one of n items takes every place. NaN when nothing is shown.
    """

    k: int = 20
    """Ranks counted from the top."""

    def summarise(self, slate: Slate, candidates: Bools, train: Dataset) -> float:  # noqa: ARG002
        shown = slate.items[:, : self.k]
        exposure = np.bincount(shown[shown != PAD], minlength=len(candidates))[candidates]
        total, n = int(exposure.sum()), len(exposure)
        if total == 0:
            return math.nan
        order = 2 * np.arange(1, n + 1) - n - 1
        return float(order @ np.sort(exposure) / (n * total))
