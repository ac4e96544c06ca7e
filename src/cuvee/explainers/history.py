"""Which of the user's own past items speaks loudest for an item."""

from dataclasses import dataclass

import numpy as np

from cuvee.protocols import Recommender, Traceable
from cuvee.types import PAD, Dataset, Queries, Reason, Slate

__all__ = ["History"]


@dataclass(frozen=True)
class History:
    """Names the past items that add most to the score; exact for linear models and blends of them.

    The weight is the contribution to the score. A model that cannot trace its score gives no reasons of this kind.
    """

    most: int = 1
    """Past items named at most."""

    def explain(self, model: Recommender, queries: Queries, slate: Slate, data: Dataset) -> list[list[list[Reason]]]:
        if not isinstance(model, Traceable):
            return [[[] for _ in row] for row in slate.items]
        titles = data.item_table["title"] if "title" in data.item_table.columns else data.item_table["item_id"]
        reasons: list[list[list[Reason]]] = []
        for shown, trace in zip(slate.items, model.trace(queries, slate.items), strict=True):
            rows: list[list[Reason]] = []
            for item, start, stop in zip(shown, trace.indptr, trace.indptr[1:], strict=False):
                col, value = trace.indices[start:stop], trace.data[start:stop]
                order = np.argsort(-value, kind="stable")[: self.most]
                past = [(int(col[p]), float(value[p])) for p in order if value[p] > 0 and item != PAD]
                rows.append([_reason(data.items[i], titles[i] or data.items[i], value) for i, value in past])
            reasons.append(rows)
        return reasons


def _reason(item_id: str, title: str, value: float) -> Reason:
    return Reason("history", value, f"because of {title}", {"item_id": item_id, "title": title, "contribution": value})
