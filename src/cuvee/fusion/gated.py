"""Gates: how much each modality of an item counts is a learned function of all of them.

z = sum_m g_m z_m over aligned parts, g = softmax over what the item has of G [z_1; ...; z_m; flags] + b, trained so
that z points to what people like besides the item (`cuvee.alignment`); b starts at the logarithm of the weights
that a weighted sum would get, and G at 0, so that gates have to earn their difference to it.
Reference: J. Arevalo, T. Solorio, M. Montes-y-Gomez, F. Gonzalez, "Gated multimodal units for information fusion",
ICLR 2017 workshop, equations 1 to 3, there for two modalities and with a tanh, here with a softmax for any number.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cuvee.alignment import Align, Alignment, align, liked_together, parts_of, weighted_sum
from cuvee.errors import ConfigError
from cuvee.foretold import side_by_side
from cuvee.fusion_weights import Choose, chosen_weights, given_weights, trials
from cuvee.modality_networks import GatedNetwork
from cuvee.train import Training, train
from cuvee.types import Dataset, Embeddings, Floats, Holdout, Longs

__all__ = ["Gated", "GatedModel"]

_SCARCE = 1e-3
"""Weight that stands for 0 in a gate's logarithm."""
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

    def __post_init__(self) -> None:
        given_weights(self.on, self.weights)
        if self.epochs < 1 or self.lr <= 0:
            raise ConfigError(f"gated needs epochs >= 1 and lr > 0, got {self.epochs} and {self.lr:g}")

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "GatedModel":
        parts, weights = parts_of(train, self.on), self.weights
        alignment = align(self.align, parts, train, self.dim)
        if weights is None and len(self.on) > 1:
            found = trials(self.choose, train, valid, lambda t: align(self.align, parts, t, self.dim).apply(parts), rng)
            weights = chosen_weights(found, weighted_sum, self.on, rng) if found else None
        weights = dict(weights or dict.fromkeys(self.on, 1 / len(self.on)))
        aligned = alignment.apply(parts)
        gate = _Gate(aligned, weights)
        target = liked_together(train, weighted_sum(aligned, weights))
        rows = np.flatnonzero(target.present & np.any([p.present for p in parts.values()], axis=0))
        if len(self.on) > 1 and len(rows) >= 2 / _HELD:
            _learn(gate, aligned, target, rows, Training(self.epochs, self.lr, patience=10))
        weight, bias = gate.linear.weight.detach().numpy().copy(), gate.linear.bias.detach().numpy().copy()
        return GatedModel(replace(self, weights=weights), alignment, weight, bias)

    def network(self, widths: Mapping[str, int], dim: int) -> nn.Module:
        """Return the same gates over learned projections, without an alignment of their own."""
        return GatedNetwork(widths, dim)


@dataclass(frozen=True)
class GatedModel:
    settled: Gated
    """The parameters with the weights written in; epochs are chosen on items, so they stay."""
    alignment: Alignment
    gate: Floats
    """(m, m dim + m)."""
    bias: Floats
    """(m,)."""

    def fuse(self, parts: Mapping[str, Embeddings]) -> Embeddings:
        aligned = self._aligned(parts)
        return weighted_sum(aligned, self._shares(aligned))

    def shares(self, parts: Mapping[str, Embeddings]) -> Floats:
        return self._shares(self._aligned(parts))

    def _aligned(self, parts: Mapping[str, Embeddings]) -> dict[str, Embeddings]:
        return self.alignment.apply({m: parts[m] for m in self.settled.on})

    def _shares(self, aligned: Mapping[str, Embeddings]) -> Floats:
        scores = side_by_side(aligned) @ self.gate.T + self.bias
        present = np.stack([p.present for p in aligned.values()], axis=1)
        scores = np.exp(scores - scores.max(axis=1, keepdims=True)) * present
        return np.asarray(scores / np.maximum(scores.sum(axis=1, keepdims=True), 1e-9), np.float32).T


class _Gate(nn.Module):
    """forward(rows, present (n, m)) -> gates (n, m)."""

    def __init__(self, aligned: Mapping[str, Embeddings], weights: Mapping[str, float]) -> None:
        super().__init__()
        self.linear = nn.Linear(sum(p.dim + 1 for p in aligned.values()), len(aligned))
        start = np.log([max(weights[m] / sum(weights.values()), _SCARCE) for m in aligned])
        with torch.no_grad():
            self.linear.weight.zero_()
            self.linear.bias.copy_(torch.from_numpy(start.astype(np.float32)))

    def forward(self, rows: Tensor, present: Tensor) -> Tensor:
        return torch.softmax(self.linear(rows).masked_fill(~present, -1e9), dim=1) * present


def _learn(gate: _Gate, aligned: Mapping[str, Embeddings], target: Embeddings, rows: Longs, training: Training) -> None:
    """Turn the gates so that the sum points to the target, in place; the held items' cosine says when to stop."""
    order = np.random.default_rng(0).permutation(rows)
    cut = max(1, int(_HELD * len(order)))
    held, learned = (torch.from_numpy(np.sort(part)) for part in (order[:cut], order[cut:]))
    flat = torch.from_numpy(side_by_side(aligned))
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
