"""A weighted sum of modalities that were first mapped into one space.

z = sum_m w_m z_m / sum_m w_m over the modalities m that an item has, z_m = unit(A_m(x_m)) of one space: vectors of
different encoders are no more comparable than metres and minutes, so `align` comes first (see `cuvee.alignment`).
Reference for the sum: D. Kiela, L. Bottou, "Learning image embeddings using convolutional neural networks for improved
multi-modal semantics", EMNLP 2014, section 3.3 (there by concatenation: the inner product without cross terms).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from cuvee.alignment import Align, Alignment, align, parts_of, shares_of, weighted_sum
from cuvee.fusion_weights import Choose, chosen_weights, given_weights, trials
from cuvee.modality_networks import WeightedNetwork
from cuvee.types import Dataset, Embeddings, Floats, Holdout

__all__ = ["Weighted", "WeightedModel"]


@dataclass(frozen=True)
class Weighted:
    """Adds the modalities' aligned vectors by weights; what an item lacks is left out and the rest is renormalised.

    Cost: the alignment, one d x d problem a modality; for weights that are not given some tens of content rankings.
    """

    on: tuple[str, ...] = ("text", "image")
    """Item modalities, any number."""
    weights: Mapping[str, float] | None = None
    """Modality -> weight, 0 or more; None: found, equal where there is nothing to find them on."""
    choose: Choose = "validation"
    """Where weights are found: `validation`, or `kfold` over training pairs."""
    align: Align = "collaborative"
    """`cca`, `collaborative`, or `none` for vectors that are in one space already."""
    dim: int = 128
    """Width of the space of `cca`, at most."""

    def __post_init__(self) -> None:
        given_weights(self.on, self.weights)

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "WeightedModel":
        parts = parts_of(train, self.on)
        alignment = align(self.align, parts, train, self.dim)
        weights = self.weights
        if weights is None and len(self.on) > 1:
            found = trials(self.choose, train, valid, lambda t: align(self.align, parts, t, self.dim).apply(parts), rng)
            weights = chosen_weights(found, weighted_sum, self.on, rng) if found else None
        weights = weights or dict.fromkeys(self.on, 1 / len(self.on))
        return WeightedModel(replace(self, weights=dict(weights)), alignment, dict(weights))

    def network(self, widths: Mapping[str, int], dim: int) -> nn.Module:
        """Return the same sum over learned projections, its weights learned with a model."""
        return WeightedNetwork(widths, dim)


@dataclass(frozen=True)
class WeightedModel:
    settled: Weighted
    """The parameters with the weights written in."""
    alignment: Alignment
    weights: Mapping[str, float]

    def fuse(self, parts: Mapping[str, Embeddings]) -> Embeddings:
        return weighted_sum(self.alignment.apply({m: parts[m] for m in self.settled.on}), self.weights)

    def shares(self, parts: Mapping[str, Embeddings]) -> Floats:
        return shares_of({m: parts[m] for m in self.weights}, self.weights)
