"""Keeps what was made last, up to a number of bytes, so that it is not made again."""

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

__all__ = ["Memo", "size_of"]

T = TypeVar("T")


class Memo:
    """Key -> value; what was used longest ago goes first. For one thread."""

    def __init__(self, limit: int) -> None:
        """Keep at most `limit` bytes of arrays; a value larger than that is made anew every time."""
        self.limit = limit
        self.made = 0
        """Values that had to be made."""
        self.found = 0
        """Values that were there."""
        self._kept: OrderedDict[str, tuple[Any, int]] = OrderedDict()

    def get(self, key: str, make: Callable[[], T]) -> T:
        """Return the value of the key, made where it is not there; whoever asks must not edit it."""
        if key in self._kept:
            self.found += 1
            self._kept.move_to_end(key)
            value: T = self._kept[key][0]
            return value
        self.made += 1
        value = make()
        size = size_of(value)
        if size > self.limit:
            return value
        self._kept[key] = (value, size)
        while sum(size for _, size in self._kept.values()) > self.limit:
            self._kept.popitem(last=False)
        return value


def size_of(value: Any) -> int:
    """Return the bytes of all arrays in a value: in its fields, entries and items, whatever they are nested in."""
    if hasattr(value, "nbytes"):
        return int(value.nbytes)
    if hasattr(value, "indptr"):  # a sparse matrix
        return size_of((value.data, value.indices, value.indptr))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return sum(size_of(getattr(value, f.name)) for f in dataclasses.fields(value))
    if isinstance(value, Mapping):
        return sum(size_of(v) for v in value.values())
    return sum(size_of(v) for v in value) if isinstance(value, (list, tuple)) else 0
