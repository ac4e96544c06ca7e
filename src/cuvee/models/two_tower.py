"""Two towers, z = f(u, p, l): the item side a fusion of modalities, the user side history, profile and own texts.

An item is z_i = unit(c_i + r_i) with c_i = unit(fusion(x_i1 ... x_im)) and r_i its own residual that starts at 0; its
bias is a c_i + b_i. A user is unit(unit(sum of z over what they liked) + V profile(y_u1 ...)) with V starting at 0, and
the loss is the softmax over the items with events, or a sample of them with log Q, of t u.z + bias. From each user's
history a random share is the input and the rest is to be found. Modalities, an item's own r_i and b_i, and for users
with a profile the history, are dropped at random: what nobody has touched yet is scored as training has seen it scored.
References: P. Covington, J. Adams, E. Sargin, "Deep neural networks for YouTube recommendations", RecSys 2016 (a user
as the mean of their items, softmax over the catalogue); M. Volkovs, G. Yu, T. Poutanen, "DropoutNet", NeurIPS 2017;
A. van den Oord, Y. Li, O. Vinyals, "Representation learning with contrastive predictive coding", 2018 (InfoNCE, here
between an item's content and its collaborative vector).
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cuvee.alignment import collaborative_vectors
from cuvee.errors import ConfigError
from cuvee.filters.unseen import allowed
from cuvee.history_batches import user_batches
from cuvee.metrics.ndcg import Ndcg
from cuvee.protocols import JointFusion
from cuvee.rank import recommend
from cuvee.train import History, Training, train
from cuvee.types import Dataset, Embeddings, Floats, Holdout, Ints, Queries

__all__ = ["TwoTower", "TwoTowerModel"]

_TEMPERATURE, _K, _CONTRAST = 0.1, 20, 0.1
"""Temperature that training starts from; depth of the NDCG that chooses the epoch; temperature of the contrast."""


@dataclass(frozen=True)
class TwoTower:
    """Learns the fusion of item modalities and the taste for them at once; an item without events has its content.

    Cost: u x i x dim an epoch, and u x i scores of a batch in memory; with `negatives`, of the items sampled.
    """

    fusion: JointFusion
    """Which modalities become one vector and how: its network is trained, its own weights are not asked."""
    profile: JointFusion | None = None
    """Which user modalities, such as profiles and texts of their own, join the history, and how; None: none do."""
    dim: int = 256
    """Width of the common space."""
    batch_size: int = 512
    """Users a step."""
    negatives: int | None = None
    """None: the whole catalogue; else the items of the batch and so many drawn uniformly, corrected by log Q."""
    drop: float = 0.1
    """Probability that a step hides a modality of an item, never its last one; an item's own residual and bias; and a
    history, never alone."""
    contrast: float = 0.0
    """Weight of the loss that draws an item's content to its collaborative vector and away from others'."""
    training: Training = field(default_factory=lambda: Training(epochs=20, lr=2e-3, patience=4))
    """The loop over the users; patience is on validation NDCG@20."""

    def __post_init__(self) -> None:
        if self.dim < 1 or self.batch_size < 1 or not 0 <= self.drop < 1 or self.contrast < 0:
            raise ConfigError(f"two_tower needs dim, batch_size >= 1, 0 <= drop < 1 and contrast >= 0, got {self}")
        if self.negatives is not None and self.negatives < 1:
            raise ConfigError(f"negatives must be at least 1, or null for the whole catalogue, got {self.negatives}")

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "TwoTowerModel":
        return _fit(self, train, valid, rng)


@dataclass(frozen=True)
class TwoTowerModel:
    settled: TwoTower
    """The parameters with the number of epochs that validation chose."""
    vectors: Floats
    """(i, dim), of length `scale`; zero for an item nothing is known of."""
    bias: Floats
    """(i,)."""
    history: History
    content: Mapping[str, Tensor]
    """Weights of the network that an item's content goes through."""
    item_widths: Mapping[str, int]
    """Item modality -> its width."""
    profile: Mapping[str, Tensor]
    """Weights of the network of profiles; empty without one."""
    user_widths: Mapping[str, int]
    """User modality -> its width."""
    scale: float
    """Length of the vectors: the inverse of the temperature."""

    @property
    def plain(self) -> "TwoTowerModel":
        return self

    @property
    def curves(self) -> Mapping[str, list[float]]:
        """Figure -> (e,) after each epoch; without validation its figure is NaN."""
        return {"loss": self.history.losses.tolist(), f"valid/ndcg@{_K}": self.history.scores.tolist()}

    def score(self, queries: Queries) -> Floats:
        return np.asarray(self._users(queries) @ self.vectors.T + self.bias, np.float32)

    def item_factors(self) -> Floats:
        return self._factors

    def query_factors(self, queries: Queries) -> Floats:
        return np.append(self._users(queries), np.ones((len(queries), 1), np.float32), axis=1)

    @cached_property
    def _factors(self) -> Floats:
        """(i, dim + 1): the bias is the last dimension, for queries have a 1 there."""
        return np.append(self.vectors, self.bias[:, None], axis=1)

    def _users(self, queries: Queries) -> Floats:
        """Return (q, dim), of unit length."""
        users = _unit_rows(queries.liked @ self.vectors)
        if self._network is not None:
            users = _unit_rows(users + self._profiles(queries))
        return users

    def extend(self, train: Dataset) -> "TwoTowerModel":
        """Return the model with the items at the end of the catalogue that it does not know, by their content."""
        vectors, bias = self._by_content(train, np.arange(len(self.vectors), len(train.items), dtype=np.int32))
        return replace(self, vectors=np.concatenate([self.vectors, vectors]), bias=np.append(self.bias, bias))

    def revise(self, before: Dataset, train: Dataset, rows: Ints) -> "tuple[TwoTowerModel, bool]":  # noqa: ARG002
        """Return the model with the new content of items nobody likes; others are what the fit made of both at once."""
        new = rows[train.popularity[rows] == 0]
        vectors, bias = self.vectors.copy(), self.bias.copy()
        vectors[new], bias[new] = self._by_content(train, new)
        return replace(self, vectors=vectors, bias=bias), len(new) == len(rows)

    def _by_content(self, train: Dataset, rows: Ints) -> tuple[Floats, Floats]:
        """Return (n, dim) vectors and (n,) biases of items by their content alone."""
        parts = {m: train.feature("item", m).take(rows) for m in self.item_widths}
        network = _Content(self.settled.fusion, self.item_widths, self.settled.dim)
        network.load_state_dict(dict(self.content))
        with torch.no_grad():
            told, bias = network.eval()(*_tensors(parts))
            return _unit(told).numpy() * np.float32(self.scale), bias.numpy()

    @cached_property
    def _network(self) -> "_Profiles | None":
        if self.settled.profile is None or not self.profile:
            return None
        network = _Profiles(self.settled.profile, self.user_widths, self.settled.dim)
        network.load_state_dict(dict(self.profile))
        return network.eval()

    def _profiles(self, queries: Queries) -> Floats:
        """Return (q, dim); zero where nothing is known of somebody."""
        nothing = {m: np.zeros((len(queries), width), np.float32) for m, width in self.user_widths.items()}
        absent = np.zeros(len(queries), bool)
        known = {m: queries.features.get(m, Embeddings(rows, absent)) for m, rows in nothing.items()}
        assert self._network is not None
        with torch.no_grad():
            told = self._network(*_tensors(known))
        return np.asarray(told.numpy(), np.float32)


class _Content(nn.Module):
    """forward(parts, present) -> (n, dim) of unit length and (n,): what the content of items says, and its bias."""

    def __init__(self, fusion: JointFusion, widths: Mapping[str, int], dim: int) -> None:
        super().__init__()
        self.fusion = fusion.network(widths, dim)
        self.bias = nn.Linear(dim, 1, bias=False)
        nn.init.zeros_(self.bias.weight)

    def forward(self, parts: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        content = _unit(self.fusion(parts, present))
        return content, self.bias(content)[:, 0]


class _Profiles(nn.Module):
    """forward(parts, present) -> (n, dim): what profiles add to a user."""

    def __init__(self, fusion: JointFusion, widths: Mapping[str, int], dim: int) -> None:
        super().__init__()
        self.fusion = fusion.network(widths, dim)
        self.add = nn.Linear(dim, dim, bias=False)
        nn.init.zeros_(self.add.weight)

    def forward(self, parts: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        added: Tensor = self.add(_unit(self.fusion(parts, present)))
        return added


class _Towers(nn.Module):
    def __init__(self, parameters: TwoTower, data: Dataset) -> None:
        super().__init__()
        fusion, profile, dim = parameters.fusion, parameters.profile, parameters.dim
        self.items = _Side({m: data.feature("item", m) for m in fusion.on}, parameters.drop)
        self.content = _Content(fusion, self.items.widths, dim)
        self.people = _Side({m: data.feature("user", m) for m in (profile.on if profile else ())}, 0.0)
        self.profile = None if profile is None else _Profiles(profile, self.people.widths, dim)
        target = collaborative_vectors(data, dim) if parameters.contrast else None
        self.target = None if target is None else torch.from_numpy(target.vectors)
        self.taste = None if target is None else nn.Linear(target.dim, dim, bias=False)
        # last of all that draws numbers, for it draws as many as there are items: new ones must not change the others
        self.residual = nn.Embedding(len(data.items), dim)
        nn.init.zeros_(self.residual.weight)
        self.bias = nn.Parameter(torch.zeros(len(data.items)))
        self.scale = nn.Parameter(torch.tensor(-np.log(_TEMPERATURE), dtype=torch.float32))
        self.drop = parameters.drop
        self.touched = torch.from_numpy(data.popularity > 0)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return (r, dim) items of unit length, their (r,) biases, and (r, dim) what their content alone says."""
        content, bias = self.content(*self.items(rows, self.training))
        own = self.touched[rows.cpu()]
        if self.training:
            own = own & (torch.rand(len(own)) >= self.drop)
        own = own.to(rows.device, torch.float32)
        return _unit(content + own[:, None] * self.residual(rows)), bias + own * self.bias[rows], content

    def user(self, inputs: Tensor, items: Tensor, rows: Tensor) -> Tensor:
        """Return (b, dim) of unit length from (b, r) what is shown of (r, dim) items, and from their profiles."""
        history = _unit(inputs @ items)
        if self.profile is None:
            return history
        parts, present = self.people(rows, self.training)
        if self.training and self.drop:
            known = torch.stack([*present.values()]).any(dim=0)
            history = history * ((torch.rand(len(rows), device=rows.device) >= self.drop) | ~known)[:, None]
        return _unit(history + self.profile(parts, present))


class _Side:
    """The vectors of one side, and which of them a step may see."""

    def __init__(self, parts: Mapping[str, Embeddings], drop: float) -> None:
        self.widths = {m: part.dim for m, part in parts.items()}
        self._parts = {m: torch.from_numpy(part.vectors) for m, part in parts.items()}
        self._present = {m: torch.from_numpy(part.present) for m, part in parts.items()}
        self._drop = drop

    def __call__(self, rows: Tensor, training: bool) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        at = rows.cpu()
        present = {m: mask[at] for m, mask in self._present.items()}
        if training and self._drop and len(present) > 1:
            there = torch.stack([*present.values()], dim=1)
            kept = there & (torch.rand(there.shape) >= self._drop)
            kept = torch.where(kept.any(dim=1, keepdim=True), kept, there)
            present = dict(zip(present, kept.T, strict=True))
        return (
            {m: part[at].to(rows.device) for m, part in self._parts.items()},
            {m: mask.to(rows.device) for m, mask in present.items()},
        )


def _fit(parameters: TwoTower, data: Dataset, valid: Holdout | None, rng: np.random.Generator) -> TwoTowerModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**62)))
        network = _Towers(parameters, data)
    known = np.flatnonzero(data.popularity > 0)  # an item without events is no negative: nobody was asked
    liked = data.liked[:, known]
    liked.data[:] = 1
    history = History(np.zeros(0, np.float32), np.zeros(0, np.float32), 0)

    def batches(order: np.random.Generator) -> Iterator[tuple[Tensor, ...]]:
        for b in user_batches(liked, parameters.batch_size, parameters.negatives, order):
            yield tuple(torch.from_numpy(part) for part in (b.users, known[b.items], b.inputs, b.targets, b.log_q))

    def loss(towers: Any, batch: tuple[Tensor, ...]) -> Tensor:
        return _loss(towers, batch, parameters.contrast)

    def score(trained: nn.Module) -> float:
        assert valid is not None
        slate = recommend(_model(parameters, trained, history), valid.queries, _K, filters=[allowed],
                          candidates=valid.candidates)  # fmt: skip
        return float(Ndcg(_K).measure(slate, valid.truth).mean())

    if (np.diff(liked.indptr) >= 2).any():
        of = _fingerprint(data, network) if parameters.training.checkpoint else ""
        history = train(network, batches, loss, None if valid is None else score, parameters.training, rng,
                        fingerprint=of)  # fmt: skip
    training = replace(parameters.training, epochs=history.best + 1, patience=None)
    return _model(replace(parameters, training=training), network, history)


def _loss(towers: Any, batch: tuple[Tensor, ...], contrast: float) -> Tensor:
    """Cross-entropy of what is to be found, each user with the root of how much that is, and the contrast."""
    users, rows, inputs, targets, log_q = batch
    items, bias, content = towers(rows)
    scores = (towers.user(inputs, items, users) @ items.T) * towers.scale.exp() + bias - log_q
    found = functional.log_softmax(scores.masked_fill(inputs > 0, -1e4), dim=1)
    weights = targets / targets.sum(dim=1, keepdim=True).clamp_min(1).sqrt()
    loss: Tensor = -(found * weights).sum() / weights.sum()
    return loss + contrast * _contrast(towers, rows, content) if contrast else loss


def _contrast(towers: Any, rows: Tensor, content: Tensor) -> Tensor:
    """InfoNCE among the items of a step that have a collaborative vector, content asking and taste answering."""
    target = towers.target[rows.cpu()].to(rows.device)
    known = target.abs().sum(dim=1) > 0
    asked, answers = content[known], _unit(towers.taste(target[known]))
    return functional.cross_entropy(asked @ answers.T / _CONTRAST, torch.arange(len(asked), device=rows.device))


def _fingerprint(data: Dataset, network: _Towers) -> str:
    """Name the data that training reads: who likes what, and the vectors."""
    digest = hashlib.blake2b(digest_size=16)
    for array in (data.liked.indptr, data.liked.indices):
        digest.update(np.ascontiguousarray(array).tobytes())
    for (role, name), feature in data.features.items():
        if name in (network.items.widths if role == "item" else network.people.widths):
            digest.update(f"{role} {name}".encode() + feature.vectors.tobytes() + feature.present.tobytes())
    return digest.hexdigest()


def _unit(rows: Tensor) -> Tensor:
    """Return rows of unit length; the floor bounds the gradient where an item has no content and no residual yet."""
    return functional.normalize(rows, dim=1, eps=0.1)


def _unit_rows(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)


def _tensors(parts: Mapping[str, Embeddings]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    vectors = {m: torch.from_numpy(part.vectors) for m, part in parts.items()}
    return vectors, {m: torch.from_numpy(part.present) for m, part in parts.items()}


def _model(parameters: TwoTower, network: Any, history: History) -> TwoTowerModel:
    network.eval()
    with torch.no_grad():
        scale = float(network.scale.exp())
        vectors, bias, _ = network(torch.arange(len(network.bias), device=network.bias.device))
    return TwoTowerModel(
        parameters,
        np.asarray(vectors.cpu().numpy() * np.float32(scale), np.float32),
        bias.cpu().numpy().copy(),
        history,
        _weights(network.content),
        network.items.widths,
        {} if network.profile is None else _weights(network.profile),
        network.people.widths,
        scale,
    )


def _weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
