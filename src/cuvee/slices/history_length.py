"""By how much is known of each user: the number of different items in the history."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cuvee.types import Dataset, Holdout

__all__ = ["HistoryLength"]


@dataclass(frozen=True)
class HistoryLength:
    """Groups of queries by the number of different items in their history; groups without queries are left out."""

    starts: tuple[int, ...] = (0, 1, 2, 5, 10)
    """The smallest length of each group, ascending; shorter histories form a group of their own."""

    def cut(self, holdout: Holdout, train: Dataset) -> Mapping[str, Holdout]:  # noqa: ARG002
        edges = sorted({0, *self.starts})
        group = np.searchsorted(edges, holdout.queries.lengths, side="right") - 1
        return {_name(edges, g): holdout.take(group == g) for g in np.unique(group).tolist()}


def _name(edges: list[int], group: int) -> str:
    """Return "0", "2-4" or, for the last, "10+"."""
    start = edges[group]
    if group == len(edges) - 1:
        return f"{start}+"
    last = edges[group + 1] - 1
    return str(start) if start == last else f"{start}-{last}"
