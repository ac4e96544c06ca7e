"""Modalities side by side: z = [sqrt(w_1) x_1; ...; sqrt(w_m) x_m] with x_m of unit length where present.

The inner product of two items is the weighted sum of their cosines, so no common space is needed. The root of the
weights is renormalised over what an item has, so that every item with content has unit length.
Reference: E. Bruni, N. Tran, M. Baroni, "Multimodal distributional semantics", JAIR 2014, section 4.2 (feature-level
fusion by weighted concatenation).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from cuvee.alignment import parts_of, shares_of, unit
from cuvee.fusion_weights import Choose, chosen_weights, given_weights, trials
from cuvee.modality_networks import ConcatNetwork
from cuvee.types import Dataset, Embeddings, Floats, Holdout

__all__ = ["Concat", "ConcatModel", "side_by_side"]


@dataclass(frozen=True)
class Concat:
    """Puts unit vectors side by side, each times the root of its weight; nothing is lost, and the width adds up.

    Cost: none; for weights that are not given some tens of content rankings.
    """

    on: tuple[str, ...] = ("text", "image")
    """Item modalities, any number."""
    weights: Mapping[str, float] | None = None
    """Modality -> weight of its cosine, 0 or more; None: found, equal where there is nothing to find them on."""
    choose: Choose = "validation"
    """Where weights are found: `validation`, or `kfold` over training pairs."""

    def __post_init__(self) -> None:
        given_weights(self.on, self.weights)

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "ConcatModel":
        parts, weights = parts_of(train, self.on), self.weights
        if weights is None and len(self.on) > 1:
            found = trials(self.choose, train, valid, lambda _: parts, rng)
            weights = chosen_weights(found, side_by_side, self.on, rng) if found else None
        weights = weights or dict.fromkeys(self.on, 1 / len(self.on))
        return ConcatModel(replace(self, weights=dict(weights)), dict(weights))

    def network(self, widths: Mapping[str, int], dim: int) -> nn.Module:
        """Return a linear layer over everything side by side, with flags of what is present, learned with a model."""
        return ConcatNetwork(widths, dim)


@dataclass(frozen=True)
class ConcatModel:
    settled: Concat
    """The parameters with the weights written in."""
    weights: Mapping[str, float]

    def fuse(self, parts: Mapping[str, Embeddings]) -> Embeddings:
        return side_by_side(parts, self.weights)

    def shares(self, parts: Mapping[str, Embeddings]) -> Floats:
        return shares_of({m: parts[m] for m in self.weights}, self.weights)


def side_by_side(parts: Mapping[str, Embeddings], weights: Mapping[str, float]) -> Embeddings:
    """Return (n, sum of widths); an item that has only modalities of weight 0 gets them at equal weight."""
    given = {m: parts[m] for m in weights}
    share = np.sqrt(shares_of(given, weights))
    columns = [row[:, None] * unit(part).vectors for part, row in zip(given.values(), share, strict=True)]
    present = np.any([p.present for p in given.values()], axis=0)
    return Embeddings(np.concatenate(columns, axis=1).astype(np.float32), present)
