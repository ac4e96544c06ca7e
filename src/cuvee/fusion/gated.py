"""Gates: how much each modality of an item counts is a learned function of all of them.

z = sum_m g_m z_m over aligned parts, g = softmax over what the item has of G [z_1; ...; z_m; flags] + b, trained so
that z points to what people like besides the item (`cuvee.alignment`); b starts at the logarithm of the weights
that a weighted sum would get, and G at 0. How much of what was learned is used is found on validation, so that gates
have to earn their difference to that sum.
Reference: J. Arevalo, T. Solorio, M. Montes-y-Gomez, F. Gonzalez, "Gated multimodal units for information fusion",
ICLR 2017 workshop, equations 1 to 3, there for two modalities and with a tanh, here with a softmax for any number.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cuvee.alignment import Align, Alignment, align, liked_together, parts_of, shares_of, weighted_sum
from cuvee.errors import ConfigError
from cuvee.foretold import flattened
from cuvee.fusion_weights import Choose, best_of, chosen_weights, given_weights, trials
from cuvee.modality_networks import GatedNetwork
from cuvee.train import Training, train
from cuvee.types import Dataset, Embeddings, Floats, Holdout, Longs

__all__ = ["Gated", "GatedModel"]

_SCARCE = 1e-3
"""Weight that stands for 0 in a gate's logarithm."""
_STRENGTHS = (0.0, 0.25, 0.5, 1.0)
_GATES = "?"
"""Name of the gates among the parts of a trial; no modality can have it."""
_HELD = 0.1
"""Share of the items that say when to stop."""


@dataclass(frozen=True)
class Gated:
    """Weighs each item's modalities by a small network that has seen which of them foretell what is liked.

    Cost: the alignment, tens of content rankings for weights that are not given, and seconds of gradient descent.
    """

    on: tuple[str, ...] = ("text", "image")
    """Item modalities, any number."""
    weights: Mapping[str, float] | None = None
    """Modality -> weight that its gate starts from, 0 or more; None: found, equal where there is nothing to find them
    on."""
    choose: Choose = "validation"
    """Where weights are found: `validation`, or `kfold` over training pairs."""
    align: Align = "collaborative"
    """`cca`, `collaborative`, or `none` for vectors that are in one space already."""
    dim: int = 128
    """Width of the space of `cca`, at most."""
    epochs: int = 200
    """Steps over all items at once, at most; a tenth of the items says when to stop."""
    lr: float = 1e-2
    """Learning rate."""

    strength: float | None = None
    """What the gates' difference to the weights is multiplied by: 0 is the weighted sum. None: found, 1 where it cannot
    be."""

    def __post_init__(self) -> None:
        given_weights(self.on, self.weights)
        if self.epochs < 1 or self.lr <= 0 or (self.strength is not None and self.strength < 0):
            raise ConfigError(f"gated needs epochs >= 1, lr > 0 and strength >= 0, got {self}")

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "GatedModel":
        parts, weights, strength = parts_of(train, self.on), self.weights, self.strength

        def aligned(data: Dataset) -> dict[str, Embeddings]:
            return align(self.align, parts, data, self.dim).apply(parts)

        if weights is None and len(self.on) > 1:
            found = trials(self.choose, train, valid, aligned, rng)
            weights = chosen_weights(found, weighted_sum, self.on, rng) if found else None
        prior = dict(weights or dict.fromkeys(self.on, 1 / len(self.on)))
        if strength is None and len(self.on) > 1:

            def opened(data: Dataset) -> dict[str, Embeddings]:
                shown = aligned(data)
                return shown | {_GATES: _opened(shown, *_gate(data, shown, prior, self))}

            found = trials(self.choose, train, valid, opened, rng)
            strength = best_of(found, lambda p, s: _gated(p, prior, s), _STRENGTHS) if found else None
        strength = 1.0 if strength is None else strength
        alignment = align(self.align, parts, train, self.dim)
        gate, bias = _gate(train, alignment.apply(parts), prior, self)
        return GatedModel(replace(self, weights=prior, strength=strength), alignment, gate, bias, prior, strength)

    def network(self, widths: Mapping[str, int], dim: int) -> nn.Module:
        """Return the same gates over learned projections, without an alignment of their own."""
        return GatedNetwork(widths, dim)


@dataclass(frozen=True)
class GatedModel:
    settled: Gated
    """The parameters with weights and strength written in; epochs are chosen on items, so they stay."""
    alignment: Alignment
    gate: Floats
    """(m, m dim + m)."""
    bias: Floats
    """(m,) less the logarithm of the weights."""
    weights: Mapping[str, float]
    strength: float

    def fuse(self, parts: Mapping[str, Embeddings]) -> Embeddings:
        return _gated(self._shown(parts), self.weights, self.strength)

    def shares(self, parts: Mapping[str, Embeddings]) -> Floats:
        return _shares(self._shown(parts), self.weights, self.strength)

    def _shown(self, parts: Mapping[str, Embeddings]) -> dict[str, Embeddings]:
        aligned = self.alignment.apply({m: parts[m] for m in self.settled.on})
        return aligned | {_GATES: _opened(aligned, self.gate, self.bias)}


def _opened(aligned: Mapping[str, Embeddings], gate: Floats, bias: Floats) -> Embeddings:
    """Return (n, m): what the gates add to the logarithm of each weight."""
    present = np.any([p.present for p in aligned.values()], axis=0)
    return Embeddings(np.asarray(flattened(aligned) @ gate.T + bias, np.float32), present)


def _gated(parts: Mapping[str, Embeddings], weights: Mapping[str, float], strength: float) -> Embeddings:
    return weighted_sum(_without_gates(parts), _shares(parts, weights, strength))


def _shares(parts: Mapping[str, Embeddings], weights: Mapping[str, float], strength: float) -> Floats:
    """Return (m, n): exp(s gate + log w) over what a row has, renormalised; the weights alone at strength 0."""
    aligned = _without_gates(parts)
    if strength == 0:
        return shares_of(aligned, weights)
    scores = strength * parts[_GATES].vectors.T + np.log(_prior(weights, tuple(aligned)))[:, None]
    return shares_of(aligned, np.asarray(np.exp(scores - scores.max(axis=0)), np.float32))


def _without_gates(parts: Mapping[str, Embeddings]) -> dict[str, Embeddings]:
    return {m: p for m, p in parts.items() if m != _GATES}


def _prior(weights: Mapping[str, float], on: tuple[str, ...]) -> Floats:
    """Return (m,) what gates start from: a modality of weight 0 may still be opened where it tells."""
    share = np.array([weights[m] for m in on], np.float32) / np.float32(sum(weights.values()))
    return np.asarray(np.maximum(share, _SCARCE), np.float32)


def _gate(
    train: Dataset, aligned: Mapping[str, Embeddings], weights: Mapping[str, float], fusion: Gated
) -> tuple[Floats, Floats]:
    """Return (m, m dim + m) and (m,) what gates have learned, less the logarithm of the weights."""
    prior = np.log(_prior(weights, tuple(aligned)))
    gate = _Gate(aligned, prior)
    target = liked_together(train, weighted_sum(aligned, weights))
    rows = np.flatnonzero(target.present & np.any([p.present for p in aligned.values()], axis=0))
    if len(aligned) > 1 and len(rows) >= 2 / _HELD:
        _learn(gate, aligned, target, rows, Training(fusion.epochs, fusion.lr, patience=10))
    weight, bias = gate.linear.weight.detach().numpy().copy(), gate.linear.bias.detach().numpy()
    return weight, np.asarray(bias - prior, np.float32)


class _Gate(nn.Module):
    """forward(rows, present (n, m)) -> gates (n, m)."""

    def __init__(self, aligned: Mapping[str, Embeddings], start: Floats) -> None:
        super().__init__()
        self.linear = nn.Linear(sum(p.dim + 1 for p in aligned.values()), len(aligned))
        with torch.no_grad():
            self.linear.weight.zero_()
            self.linear.bias.copy_(torch.from_numpy(start))

    def forward(self, rows: Tensor, present: Tensor) -> Tensor:
        return torch.softmax(self.linear(rows).masked_fill(~present, -1e9), dim=1) * present


def _learn(gate: _Gate, aligned: Mapping[str, Embeddings], target: Embeddings, rows: Longs, training: Training) -> None:
    """Turn the gates so that the sum points to the target, in place; the held items' cosine says when to stop."""
    order = np.random.default_rng(0).permutation(rows)
    cut = max(1, int(_HELD * len(order)))
    held, learned = (torch.from_numpy(np.sort(part)) for part in (order[:cut], order[cut:]))
    flat = torch.from_numpy(flattened(aligned))
    stacked = torch.from_numpy(np.stack([p.vectors for p in aligned.values()], axis=1))  # (i, m, dim)
    present = torch.from_numpy(np.stack([p.present for p in aligned.values()], axis=1))
    wanted = torch.from_numpy(target.vectors)

    def cosine(network: nn.Module, which: Tensor) -> Tensor:
        shares = network(flat[which], present[which])
        fused = (stacked[which] * shares[:, :, None]).sum(dim=1)
        return functional.cosine_similarity(fused, wanted[which], dim=1, eps=1e-6).mean()

    def batches(_: np.random.Generator) -> Iterator[Tensor]:
        yield learned

    train(
        gate, batches, lambda n, which: -cosine(n, which), lambda n: float(cosine(n, held)), training,
        np.random.default_rng(0),
    )  # fmt: skip
    gate.cpu()
