"""Which parts of the score speak for an item."""

from dataclasses import dataclass

import numpy as np

from cuvee.protocols import Decomposable, Recommender
from cuvee.types import PAD, Dataset, Queries, Reason, Slate

__all__ = ["Views"]


@dataclass(frozen=True)
class Views:
    """The share of each part in the score, largest first; only parts that speak for the item.

    Shares are of the positive parts, so they sum to 1. A model without parts gives no reasons of this kind.
    """

    most: int = 3
    """Parts named at most."""

    def explain(self, model: Recommender, queries: Queries, slate: Slate, data: Dataset) -> list[list[list[Reason]]]:  # noqa: ARG002
        if not isinstance(model, Decomposable):
            return [[[] for _ in row] for row in slate.items]
        parts = model.parts(queries)
        names = list(parts)
        shown = np.where(slate.items == PAD, 0, slate.items)
        values = np.stack([np.take_along_axis(parts[name], shown, axis=1) for name in names], axis=2)  # (q, k, parts)
        values = np.maximum(values, 0) * (slate.items != PAD)[:, :, None]
        shares = values / np.maximum(values.sum(axis=2, keepdims=True), 1e-9)
        return [[self._reasons(names, share) for share in row] for row in shares]

    def _reasons(self, names: list[str], share: "np.ndarray[tuple[int], np.dtype[np.float32]]") -> list[Reason]:
        best = [p for p in np.argsort(-share, kind="stable")[: self.most] if share[p] > 0.005]
        return [
            Reason(
                "views",
                float(share[p]),
                f"{100 * share[p]:.0f} % {names[p]}",
                {"part": names[p], "share": float(share[p])},
            )
            for p in best
        ]
