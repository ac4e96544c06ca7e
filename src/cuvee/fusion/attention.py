"""Attention over modalities: an item's parts weigh as much as they agree with what people like besides the item.

The textbook form for two, a = softmax(z_x.z_y / sqrt d), z = z_x + a (z_y - z_x), takes a softmax over one number,
which is 1 whatever the number is: z = z_y for every item. Nor would the mean of two unit vectors do as the query:
both have the same cosine to it. Here the query q is foretold from all parts of the item (`cuvee.foretold`), the
keys are the aligned parts z_m, and z = sum_m a_m z_m with a = softmax over what the item has of q.z_m / t + log w_m.
With t large this is the weighted sum.
Reference: D. Bahdanau, K. Cho, Y. Bengio, "Neural machine translation by jointly learning to align and translate",
ICLR 2015; masked softmax as in A. Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.2.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from cuvee.alignment import Align, Alignment, align, parts_of, weighted_sum
from cuvee.errors import ConfigError
from cuvee.foretold import Foretold, foretell
from cuvee.fusion_weights import Choose, best_of, chosen_weights, given_weights, trials
from cuvee.modality_networks import AttentionNetwork
from cuvee.types import Dataset, Embeddings, Floats, Holdout

__all__ = ["Attention", "AttentionModel"]

_TEMPERATURES = (100.0, 1.0, 0.5, 0.2, 0.1, 0.05)
"""The first is the weighted sum, to the third digit."""
_QUERY = "?"
"""Name of the query among the parts of a trial; no modality can have it."""


@dataclass(frozen=True)
class Attention:
    """Weighs each item's modalities by their agreement with what is liked together with it, foretold from all of them.

    Cost: the alignment, one ridge problem in all dimensions together, and for what is not given some tens of content
    rankings.
    """

    on: tuple[str, ...] = ("text", "image")
    """Item modalities, any number."""
    weights: Mapping[str, float] | None = None
    """Modality -> its weight before an item is looked at, 0 or more; None: found, equal where there is nothing to find
    them on."""
    temperature: float | None = None
    """t: small, and the best part takes all; large, and the weights alone decide. None: found, 1 where it cannot be."""
    choose: Choose = "validation"
    """Where weights and temperature are found: `validation`, or `kfold` over training pairs."""
    align: Align = "collaborative"
    """`cca`, `collaborative`, or `none` for vectors that are in one space already."""
    dim: int = 128
    """Width of the space of `cca`, at most."""

    def __post_init__(self) -> None:
        given_weights(self.on, self.weights)
        if self.temperature is not None and self.temperature <= 0:
            raise ConfigError(f"temperature must be above 0, got {self.temperature:g}")

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "AttentionModel":
        parts = parts_of(train, self.on)

        def learned(data: Dataset) -> tuple[Alignment, Foretold]:
            alignment = align(self.align, parts, data, self.dim)
            return alignment, foretell(data, alignment.apply(parts))

        def shown(data: Dataset) -> dict[str, Embeddings]:
            alignment, query = learned(data)
            aligned = alignment.apply(parts)
            return aligned | {_QUERY: query.apply(aligned)}

        weights, temperature = self.weights, self.temperature
        if len(self.on) > 1 and (weights is None or temperature is None):
            found = trials(self.choose, train, valid, shown, rng)
            if found and weights is None:
                weights = chosen_weights(found, lambda p, w: weighted_sum(_without_query(p), w), self.on, rng)
            if found and temperature is None:
                prior = weights or dict.fromkeys(self.on, 1.0)
                temperature = best_of(found, lambda p, t: _attended(p, prior, t), _TEMPERATURES)
        weights = dict(weights or dict.fromkeys(self.on, 1 / len(self.on)))
        temperature = temperature or 1.0
        alignment, query = learned(train)
        settled = replace(self, weights=weights, temperature=temperature)
        return AttentionModel(settled, alignment, query, weights, temperature)

    def network(self, widths: Mapping[str, int], dim: int) -> nn.Module:
        """Return a Transformer layer over one token a modality and a learned query that pools them."""
        return AttentionNetwork(widths, dim)


@dataclass(frozen=True)
class AttentionModel:
    settled: Attention
    """The parameters with weights and temperature written in."""
    alignment: Alignment
    query: Foretold
    prior: Mapping[str, float]
    temperature: float

    def fuse(self, parts: Mapping[str, Embeddings]) -> Embeddings:
        return _attended(self._shown(parts), self.prior, self.temperature)

    def shares(self, parts: Mapping[str, Embeddings]) -> Floats:
        return _shares(self._shown(parts), self.prior, self.temperature)

    def _shown(self, parts: Mapping[str, Embeddings]) -> dict[str, Embeddings]:
        aligned = self.alignment.apply({m: parts[m] for m in self.prior})
        return aligned | {_QUERY: self.query.apply(aligned)}


def _attended(parts: Mapping[str, Embeddings], prior: Mapping[str, float], temperature: float) -> Embeddings:
    return weighted_sum(_without_query(parts), _shares(parts, prior, temperature))


def _shares(parts: Mapping[str, Embeddings], prior: Mapping[str, float], temperature: float) -> Floats:
    """Return (m, n): the masked softmax; a modality of prior weight 0 counts only where an item has nothing else."""
    query, keys = parts[_QUERY].vectors, _without_query(parts)
    present = np.stack([k.present for k in keys.values()])
    weight = np.array([prior[m] for m in keys], np.float32)[:, None] * present
    weight = np.where(weight.sum(axis=0) > 0, weight, present)
    scores = np.stack([np.einsum("nd,nd->n", query, k.vectors) for k in keys.values()]) / temperature
    scores = np.exp(scores - np.max(scores, axis=0, where=weight > 0, initial=-2 / temperature)) * weight
    return np.asarray(scores / np.maximum(scores.sum(axis=0), 1e-9), np.float32)


def _without_query(parts: Mapping[str, Embeddings]) -> dict[str, Embeddings]:
    return {m: p for m, p in parts.items() if m != _QUERY}
