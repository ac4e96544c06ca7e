"""Keys and values of prompts that were computed before, so that a prompt with the same beginning need not repeat it.

Prompts are computed in blocks of a fixed number of tokens, and only whole blocks are kept: a prompt that reuses some
goes through the very same products as one that does not, and gives the same bytes.
"""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

import torch

__all__ = ["BLOCK", "KeyValues", "Prefixes", "shared_blocks"]

BLOCK = 64
"""Tokens of one block."""

KeyValues = tuple[tuple[torch.Tensor, torch.Tensor], ...]
"""For each layer keys and values (1, heads, t, d); never written to."""


class Prefixes:
    """The keys and values of the prompts used last, as many as fit into a bound; for any number of threads."""

    def __init__(self, megabytes: int) -> None:
        """Args: megabytes: bound of all that is kept; 0 keeps nothing."""
        self._bound = megabytes * 2**20
        self._kept: OrderedDict[tuple[int, ...], KeyValues] = OrderedDict()
        self._lock = Lock()

    def find(self, tokens: Sequence[int]) -> tuple[int, KeyValues]:
        """Return how many tokens at the beginning are known, at least one short of all, with their keys and values."""
        with self._lock:
            best = max(self._kept, key=lambda kept: shared_blocks([kept, tokens]), default=())
            length = min(shared_blocks([best, tokens]), (len(tokens) - 1) // BLOCK * BLOCK)
            if not length:
                return 0, ()
            self._kept.move_to_end(best)
            return length, _cut(self._kept[best], length)

    def keep(self, tokens: Sequence[int], computed: KeyValues) -> None:
        """Remember the whole blocks of `tokens`; what is older goes where the bound asks for it."""
        length = len(tokens) // BLOCK * BLOCK
        whole = tuple(tokens[:length])
        if not length or _bytes(_cut(computed, length)) > self._bound:
            return
        with self._lock:
            if any(kept[:length] == whole for kept in self._kept):
                return
            for shorter in [kept for kept in self._kept if kept == whole[: len(kept)]]:
                del self._kept[shorter]
            self._kept[whole] = tuple((k.clone(), v.clone()) for k, v in _cut(computed, length))
            while sum(map(_bytes, self._kept.values())) > self._bound:
                self._kept.popitem(last=False)

    def __len__(self) -> int:
        return len(self._kept)


def shared_blocks(rows: Sequence[Sequence[int]]) -> int:
    """Return how many tokens all rows begin with alike, in whole blocks."""
    shared = 0
    while all(len(row) >= shared + BLOCK for row in rows):
        block = slice(shared, shared + BLOCK)
        if any(tuple(row[block]) != tuple(rows[0][block]) for row in rows[1:]):
            break
        shared += BLOCK
    return shared


def _cut(computed: KeyValues, length: int) -> KeyValues:
    return tuple((k[..., :length, :], v[..., :length, :]) for k, v in computed)


def _bytes(computed: KeyValues) -> int:
    return sum(k.nbytes + v.nbytes for k, v in computed)
