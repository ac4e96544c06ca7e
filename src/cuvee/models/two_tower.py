"""Two towers whose item side is a fusion of modalities, learned together with what people do.

An item is z_i = unit(fusion(x_i1 ... x_im) + r_i) with r_i an item's own residual that starts at 0, a user is
unit(sum of z over what they liked), and the loss is the softmax over the whole catalogue of t u.z + b_i. From each
user's history a random share is the input and the rest is to be found; modalities are dropped at random.
References: P. Covington, J. Adams, E. Sargin, "Deep neural networks for YouTube recommendations", RecSys 2016 (a user
as the mean of their items, softmax over the catalogue); M. Volkovs, G. Yu, T. Poutanen, "DropoutNet", NeurIPS 2017.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

from cuvee.errors import ConfigError
from cuvee.filters.unseen import allowed
from cuvee.metrics.ndcg import Ndcg
from cuvee.protocols import JointFusion
from cuvee.rank import recommend
from cuvee.train import History, Training, train
from cuvee.types import Dataset, Floats, Holdout, Queries

__all__ = ["TwoTower", "TwoTowerModel"]

_TEMPERATURE, _K = 0.1, 20
"""Temperature that training starts from; depth of the NDCG that chooses the epoch."""


@dataclass(frozen=True)
class TwoTower:
    """Learns the fusion of item modalities and the taste for them at once; an item without events has its content.

    Cost: u x i x dim an epoch, and u x i scores of a batch in memory: some tens of thousands of items.
    """

    fusion: JointFusion
    """Which modalities become one vector and how: its network is trained, its own weights are not asked."""
    dim: int = 256
    """Width of the common space."""
    epochs: int = 20
    """Passes over the users, at most."""
    batch_size: int = 512
    """Users a step."""
    lr: float = 2e-3
    """Learning rate."""
    drop: float = 0.1
    """Probability that a modality of an item is hidden in a step; never its last one."""
    patience: int | None = 4
    """Stop after so many epochs without a better validation NDCG@20; None: never."""

    def __post_init__(self) -> None:
        if self.dim < 1 or self.batch_size < 1 or not 0 <= self.drop < 1:
            raise ConfigError(f"two_tower needs dim and batch_size >= 1 and 0 <= drop < 1, got {self}")

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "TwoTowerModel":
        return _fit(self, train, valid, rng)


@dataclass(frozen=True)
class TwoTowerModel:
    settled: TwoTower
    """The parameters with the number of epochs that validation chose."""
    vectors: Floats
    """(i, dim), all of one length, the inverse of the temperature; zero for an item nothing is known of."""
    bias: Floats
    """(i,)."""
    history: History

    @property
    def plain(self) -> "TwoTowerModel":
        return self

    def score(self, queries: Queries) -> Floats:
        users = queries.liked @ self.vectors
        users /= np.maximum(np.linalg.norm(users, axis=1, keepdims=True), 1e-9)
        return np.asarray(users @ self.vectors.T + self.bias, np.float32)


class _Items(nn.Module):
    def __init__(self, parameters: TwoTower, data: Dataset) -> None:
        super().__init__()
        parts = {name: data.feature("item", name) for name in parameters.fusion.on}
        self.parts = {name: torch.from_numpy(part.vectors) for name, part in parts.items()}
        self.present = {name: torch.from_numpy(part.present) for name, part in parts.items()}
        self.fusion = parameters.fusion.network({name: part.dim for name, part in parts.items()}, parameters.dim)
        self.residual = nn.Embedding(len(data.items), parameters.dim)
        nn.init.zeros_(self.residual.weight)
        self.bias = nn.Parameter(torch.zeros(len(data.items)))
        self.scale = nn.Parameter(torch.tensor(-np.log(_TEMPERATURE), dtype=torch.float32))
        self.drop = parameters.drop

    def forward(self) -> Tensor:
        """Return (i, dim) of unit length."""
        place = self.bias.device
        parts = {name: part.to(place) for name, part in self.parts.items()}
        fused = self.fusion(parts, {name: mask.to(place) for name, mask in self._shown().items()})
        return _unit(_unit(fused) + self.residual.weight)

    def _shown(self) -> dict[str, Tensor]:
        if not self.training or self.drop == 0 or len(self.present) == 1:
            return self.present
        present = torch.stack([*self.present.values()], dim=1)
        kept = present & (torch.rand(present.shape) >= self.drop)
        kept = torch.where(kept.any(dim=1, keepdim=True), kept, present)
        return dict(zip(self.present, kept.T, strict=True))


def _fit(parameters: TwoTower, data: Dataset, valid: Holdout | None, rng: np.random.Generator) -> TwoTowerModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**62)))
        network = _Items(parameters, data)
    training = Training(parameters.epochs, parameters.lr, patience=parameters.patience)
    liked = data.liked.copy()
    liked.data[:] = 1
    users = np.flatnonzero(np.diff(liked.indptr) >= 2)
    history = History(np.zeros(0, np.float32), np.zeros(0, np.float32), 0)

    def batches(order: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(users), parameters.batch_size):
            if start == 0:
                mixed = order.permutation(users)
            yield _cut(liked[mixed[start : start + parameters.batch_size]], order)

    def score(trained: nn.Module) -> float:
        assert valid is not None
        slate = recommend(_model(parameters, trained, history), valid.queries, _K, filters=[allowed],
                          candidates=valid.candidates)  # fmt: skip
        return float(Ndcg(_K).measure(slate, valid.truth).mean())

    if len(users):
        history = train(network, batches, _loss, None if valid is None else score, training, rng)
    settled = replace(parameters, epochs=history.best + 1, patience=None)
    return _model(settled, network, history)


def _cut(rows: "sparse.csr_matrix[np.float32]", rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Return (b, i) what is shown and (b, i) what is to be found: 30 to 90 % of each history, and the rest."""
    lengths = np.diff(rows.indptr)
    shown = np.clip(np.rint(lengths * rng.uniform(0.3, 0.9, len(lengths))), 1, lengths - 1)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((rng.random(len(owner)), owner))
    place = np.empty(len(owner), np.int64)
    place[order] = np.arange(len(owner)) - rows.indptr[owner]
    given = place < shown[owner]
    inputs, targets = (np.zeros(rows.shape, np.float32) for _ in range(2))
    inputs[owner[given], rows.indices[given]] = 1
    targets[owner[~given], rows.indices[~given]] = 1
    return torch.from_numpy(inputs), torch.from_numpy(targets)


def _loss(network: Any, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Cross-entropy of what is to be found, each user with the root of how much that is."""
    inputs, targets = batch
    items = network()
    users = _unit(inputs @ items)
    scores = (users @ items.T) * network.scale.exp() + network.bias
    found = functional.log_softmax(scores.masked_fill(inputs > 0, -1e4), dim=1)
    weights = targets / targets.sum(dim=1, keepdim=True).sqrt()
    loss: Tensor = -(found * weights).sum() / weights.sum()
    return loss


def _unit(rows: Tensor) -> Tensor:
    """Return rows of unit length; the floor bounds the gradient where an item has no content and no residual yet."""
    return functional.normalize(rows, dim=1, eps=0.1)


def _model(parameters: TwoTower, network: Any, history: History) -> TwoTowerModel:
    network.eval()
    with torch.no_grad():
        scale = float(network.scale.exp())
        vectors, bias = network().cpu().numpy() * np.float32(scale), network.bias.detach().cpu().numpy().copy()
    return TwoTowerModel(parameters, np.asarray(vectors, np.float32), bias, history)
