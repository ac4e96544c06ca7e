"""What reviews praise in items, read beside the answers: the first answer that shows an item does not wait for it."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from cuvee import registry
from cuvee.queries import one_each
from cuvee.types import Dataset, Reason, Slate

__all__ = ["Praise"]

_AT_ONCE = 20
"""Items that are read together; the others wait."""


class Praise:
    """The reasons of kind `reviews` of one data set, item by item, each read once.

    Cost: about a millisecond a review, in one thread of its own; memory of a few reasons for each item ever shown.
    """

    def __init__(self, data: Dataset) -> None:
        self._data = data
        self._told: dict[str, tuple[Reason, ...]] = {}
        self._asked: set[str] = set()
        self._lock = threading.Lock()
        self._reader = ThreadPoolExecutor(1, "praise")

    def of(self, item_ids: Sequence[str]) -> list[tuple[Reason, ...]]:
        """Return what is known of each item by now; what is not will be read."""
        with self._lock:
            new = [name for name in item_ids if name not in self._asked and name in self._data.item_rows]
            self._asked.update(new)
        for start in range(0, len(new), _AT_ONCE):
            self._reader.submit(self._read, new[start : start + _AT_ONCE])
        return [self._told.get(name, ()) for name in item_ids]

    def without(self, user_ids: Sequence[str]) -> "Praise":
        """Return what is praised by others than these people; everything is read anew."""
        if self._data.reviews is None:
            return self
        kept = [name not in user_ids for name in self._data.reviews["user_id"].to_list()]
        return Praise(replace(self._data, reviews=self._data.reviews.filter(kept)))

    def _read(self, names: Sequence[str]) -> None:
        rows = np.array([[self._data.item_rows[name] for name in names]], np.int32)
        ones = np.ones(rows.shape, np.float32)
        nobody = one_each(len(self._data.items), np.zeros((1, 0), np.int32))
        explainer: Any = registry.build("explainers", "reviews")
        (found,) = explainer.explain(None, nobody, Slate(rows, ones, ones), self._data)  # it asks no model
        for name, reasons in zip(names, found, strict=True):
            self._told[name] = tuple(_unsigned(reason) for reason in reasons)


def _unsigned(reason: Reason) -> Reason:
    """Return the reason without who wrote the quote."""
    return replace(reason, evidence={name: value for name, value in reason.evidence.items() if name != "user_id"})
