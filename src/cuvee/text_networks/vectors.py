"""Texts whose vectors are being tuned: those of a step pass once, or their cached states climb a ladder."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from cuvee import weights as weight_store
from cuvee.cache import VectorCache, keys_of
from cuvee.text_networks.towers import Pooling, TextTower, equal_lengths, padded
from cuvee.text_networks.tuned import StateReading, Tuned
from cuvee.torch_runtime import device
from cuvee.types import Embeddings, Floats, Longs

__all__ = ["TunedTexts", "layer_states"]

_TOKENS = 2048
"""Tokens of one pass that needs no gradient."""


class TunedTexts(nn.Module):
    """forward(rows (n,)) -> (n, d): the vectors of texts by their rows."""

    def __init__(self, tuned: Tuned, tokens: Sequence[Sequence[int]], pooling: Pooling, states: Tensor | None) -> None:
        """Wrap a tuned backbone.

        Args:
            tuned: the backbone.
            tokens: of each text; none of them empty.
            pooling: how a text's tokens become one vector.
            states: (n, l, d) `layer_states` of all texts where the backbone is `StateReading`.
        """
        super().__init__()
        self.tower = TextTower(tuned, pooling)
        self._tokens, self._states = tokens, states

    def forward(self, rows: Longs) -> Tensor:
        tuned = self.tower.backbone
        if self._states is not None and isinstance(tuned, StateReading):
            return tuned.from_states(self._states[torch.from_numpy(rows)].to(device()))
        ids, mask = padded([self._tokens[row] for row in rows])
        found: Tensor = self.tower(ids.to(device()), mask.to(device()))
        return found

    @torch.no_grad()
    def every(self) -> Floats:
        """Return the vectors (n, d) of all texts, in `eval` mode."""
        self.eval()
        parts = list(equal_lengths(np.array([len(t) for t in self._tokens], np.int64), _TOKENS))
        found = np.concatenate([self(rows).float().cpu().numpy() for rows in parts])
        out = np.empty_like(found)
        out[np.concatenate(parts)] = found
        return out


@torch.no_grad()
def layer_states(
    tuned: StateReading, folder: Path, tokens: Sequence[Sequence[int]], cache: VectorCache | None
) -> Tensor:
    """Return (n, l, d): what a frozen backbone's layers say of texts; what the cache holds is not computed again.

    Args:
        tuned: the backbone of the Hugging Face `folder`, with its ladder.
        folder: names the weights in the cache.
        tokens: of each text.
        cache: None computes everything.
    """
    name = [type(tuned).__name__, getattr(tuned, "pooling", ""), weight_store.fingerprint(folder)]
    fingerprint = hashlib.sha256(json.dumps(["layer_states", *name]).encode()).hexdigest()
    contents = [json.dumps(list(each)) for each in tokens]
    first = {content: row for row, content in enumerate(contents)}
    unique, keys = list(first), keys_of(list(first))
    fresh = np.flatnonzero(~np.isin(keys, cache.known(fingerprint))) if cache else np.arange(len(keys))
    made = _computed(tuned, [tokens[first[unique[row]]] for row in fresh])
    if cache is not None:
        if len(fresh):
            flat = made.flatten(1).numpy()
            cache.add(fingerprint, keys[fresh], Embeddings(flat, np.ones(len(flat), bool)))
        vectors = torch.from_numpy(cache.take(fingerprint, keys).vectors)
        width = made.shape[-1] if len(fresh) else _width(tuned)
        made = vectors.reshape(len(vectors), -1, width)
    place = {content: row for row, content in enumerate(unique)}
    return made[[place[content] for content in contents]]


def _computed(tuned: StateReading, tokens: Sequence[Sequence[int]]) -> Tensor:
    found: dict[int, Tensor] = {}
    for rows in equal_lengths(np.array([len(t) for t in tokens], np.int64), _TOKENS):
        ids, mask = padded([tokens[row] for row in rows])
        found |= dict(zip(rows.tolist(), tuned.states(ids.to(device()), mask.to(device())).float().cpu(), strict=True))
    return torch.stack([found[row] for row in range(len(tokens))]) if found else torch.zeros(0)


def _width(tuned: StateReading) -> int:
    ids, mask = padded([[1]])
    return int(tuned.states(ids.to(device()), mask.to(device())).shape[-1])
