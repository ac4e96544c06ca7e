"""The fusion ranker: z = f(u, p, l), then a decision.

The profile text u of a user, the text p of an item and a text l in natural language (reviews, comments, descriptions)
each pass through a pretrained Transformer, are pooled under their masks, and are fused with images, sounds, tables,
statistics and the history, as far as they are there; a head decides on z: like or not, one of n classes, or a rating.
References stand in `ranking.networks`, `ranking.evidence` and `text_networks.towers`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cuvee.cache import default_cache
from cuvee.errors import ConfigError, DataError, UnknownNameError, unknown
from cuvee.examples import Target
from cuvee.protocols import JointFusion, Tuning
from cuvee.ranking.evidence import Evidence, FittedEvidence, Told
from cuvee.ranking.label_metrics import by_class, chosen_by, quality
from cuvee.ranking.networks import RankerNetwork, Sizes, bins
from cuvee.ranking.texts import TextPart, TextTable, frozen_table, standardised, written_before
from cuvee.ranking.training import TunedRanker, Work, asked_of, decided, loss_of, tables_of
from cuvee.train import History, Training, train
from cuvee.types import PAD, Dataset, Embeddings, Examples, Floats, Ints, Queries

__all__ = ["FusionRanker", "FusionRankerModel", "Member"]

_INSIDE = ("statistics", "history")
_CELLS = 16_384
"""Pairs that the network scores at once."""


@dataclass(frozen=True)
class FusionRanker:
    """Scores pairs with everything in view: texts, other modalities, statistics, history, and other models' scores.

    Cost: with frozen Transformers seconds an epoch on a CPU, for their vectors are computed once and cached; with
    `tuning` what the Transformer costs.
    """

    fusion: JointFusion
    """How the parts become z, and which: its `on` names texts of this ranker, item or user modalities of the recipe's
    encoders, and `statistics` and `history`. Its network is trained, its own weights are not asked."""
    texts: Mapping[str, TextPart] = field(default_factory=dict)
    """Part -> what it reads, such as u: {role: user, columns: [bio]}."""
    target: Target = field(default_factory=Target)
    """What is foretold."""
    evidence: Evidence = field(default_factory=Evidence)
    """What is told beside the contents."""
    sizes: Sizes = field(default_factory=Sizes)
    """Of the network."""
    tuning: Tuning | None = None
    """How the Transformers of `texts` are tuned; None: they are frozen."""
    batch_size: int = 512
    """Examples a step."""
    training: Training = field(
        default_factory=lambda: Training(epochs=4, lr=1e-3, weight_decay=0.1, patience=2, warmup=0.1, cooldown=0.9)
    )
    """The loop over the examples; patience is on validation: AUC, log loss of more than two classes, squared error."""

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ConfigError(f"batch_size must be at least 1, got {self.batch_size}")
        for name in self.texts:
            if name in _INSIDE:
                raise ConfigError(f"a text cannot be called {name!r}, which is a part of its own; rename it")

    def fit(self, train: Dataset, examples: Mapping[str, Examples], rng: np.random.Generator) -> "FusionRankerModel":
        """Learn from the examples `train` and choose the epoch on `valid`, where it is there; others are measured only.

        Raises:
            ConfigError, UnknownNameError: a part that is not there.
            DataError: fewer than two different labels in training.
        """
        if "train" not in examples or not len(examples["train"]):
            raise DataError("a ranker needs examples to train on; use the split last_judged")
        labels = self.target.of(examples["train"].label)
        if len(np.unique(labels)) < 2:
            raise DataError(f"all {len(labels)} training examples have the label {labels[0]:g}; check target")
        return _fit(self, train, examples, rng)


@dataclass(frozen=True)
class Member:
    """One trained network with the tables it reads."""

    weights: Mapping[str, Tensor]
    users: Mapping[str, Embeddings]
    """Part -> a row for each user."""
    items: Mapping[str, Embeddings]
    """Part -> a row for each item."""
    history: History


@dataclass(frozen=True)
class FusionRankerModel:
    """A trained ranker; it needs neither the Transformers nor the tables they read."""

    settled: FusionRanker
    """The parameters with the number of epochs that validation chose."""
    evidence: FittedEvidence
    edges: tuple[Floats, Floats]
    """Of the bins of the statistics."""
    moving: Mapping[str, Floats]
    """Part -> a row for each user or item: what has been written by now."""
    centre: float
    """Mean of the training labels, which a rating is told against."""
    members: tuple[Member, ...]
    curves: Mapping[str, list[float]]
    """Figure -> (e,) after each epoch, mean over the members; of unequal lengths the shortest."""

    @property
    def target(self) -> Target:
        return self.settled.target

    def score(self, queries: Queries, items: Ints) -> Floats:
        """Return (q, c) of candidates (q, c), larger is better: a probability, a mean class, or a rating."""
        known = np.where((items >= 0) & (items < self.evidence.known.items), items, 0)
        told = self.evidence.of(queries, known)
        users = np.full(len(queries), PAD, np.int32) if queries.users is None else queries.users
        found = self._decide(users, items, told, self._now(users, items))
        return found[..., 1] if self.target.kind == "binary" else _expected(found)

    def judge(self, data: Dataset, examples: Examples) -> Floats:
        """Return (n, classes) probabilities, or (n, 1) ratings, of examples held out from the training data."""
        moving = _written(self.settled, data, examples)
        told = self.evidence.at(data, examples)
        return self._decide(examples.user, examples.item[:, None], told, moving)[:, 0]

    def _decide(self, users: Ints, items: Ints, told: Told, moving: Mapping[str, Floats]) -> Floats:
        """Return (q, c, classes), or (q, c, 1) ratings: the mean of the members."""
        step = max(1, _CELLS // max(items.shape[1], 1))
        blocks = []
        for start in range(0, len(users), step):
            rows = np.arange(start, min(start + step, len(users)))
            asked = asked_of(
                self._sizes, users[rows], items[rows], told.take(rows), {m: v[rows] for m, v in moving.items()}
            )
            with torch.no_grad():
                out = [decided(n(asked, u, i), self.target, self.centre) for n, u, i in self._networks]
            blocks.append(torch.stack(out).mean(0).numpy())
        width = max(self.target.classes, 1)
        return np.concatenate([np.zeros((0, items.shape[1], width), np.float32), *blocks]).astype(np.float32)

    def _now(self, users: Ints, items: Ints) -> dict[str, Floats]:
        q, c = items.shape
        found = {}
        for name, table in self.moving.items():
            rows = items if self.settled.texts[name].role == "item" else np.broadcast_to(users[:, None], (q, c))
            padded = np.concatenate([table, np.zeros((1, table.shape[1]), np.float32)])
            found[name] = padded[np.where((rows >= 0) & (rows < len(table)), rows, len(table))]
        return found

    @property
    def _sizes(self) -> tuple[int, int]:
        return len(self.evidence.user_codes), self.evidence.known.items

    @cached_property
    def _networks(self) -> list[tuple[RankerNetwork, dict[str, Tensor], dict[str, Tensor]]]:
        found = []
        for member in self.members:
            network = _network(self.settled, self.evidence, self.edges, member.users, member.items, self.moving)
            network.load_state_dict(dict(member.weights))
            found.append((network.eval(), tables_of(member.users), tables_of(member.items)))
        return found


def _fit(
    parameters: FusionRanker, data: Dataset, examples: Mapping[str, Examples], rng: np.random.Generator
) -> FusionRankerModel:
    evidence, told = parameters.evidence.fit(data, examples["train"], rng)
    edges = bins(told.statistics[:, 0])
    users, items = _parts(parameters, data)
    now = {name: written_before(part, data, None, default_cache()) for name, part in _reviews(parameters).items()}
    centre = float(parameters.target.of(examples["train"].label).mean())
    model = FusionRankerModel(parameters, evidence, edges, now, centre, (), {})
    work = {
        name: Work(part, told if name == "train" else evidence.at(data, part), _written(parameters, data, part),
                   parameters.target.of(part.label), model._sizes)
        for name, part in examples.items() if len(part)
    }  # fmt: skip
    members, curves = [], []
    for _ in range(parameters.sizes.members):
        member, curve = _member(model, data, work, (users, items), rng)
        members.append(member)
        curves.append(curve)
    epochs = round(float(np.mean([m.history.best + 1 for m in members])))
    training = parameters.training
    if "valid" in work:
        # the schedule is that of all epochs: what is fitted again stops where validation would have stopped it
        training = replace(training, epochs=epochs, patience=None, cooldown=min(training.cooldown, 1 - training.warmup))
    return replace(model, settled=replace(parameters, training=training), members=tuple(members), curves=_mean(curves))


def _member(
    model: FusionRankerModel,
    data: Dataset,
    work: Mapping[str, Work],
    parts: tuple[Mapping[str, Embeddings], Mapping[str, Embeddings]],
    rng: np.random.Generator,
) -> tuple[Member, dict[str, list[float]]]:
    """Train one network; its curves hold every part's figures after each epoch, and only validation's choose."""
    parameters, target = model.settled, model.target
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**62)))
        towers = _towers(parameters, data)
        shapes = [{**side, **_blank(parameters, towers, data, role)}
                  for side, role in zip(parts, ("user", "item"), strict=True)]  # fmt: skip
        ranker = _network(parameters, model.evidence, model.edges, shapes[0], shapes[1], model.moving)
        network = TunedRanker(ranker, parts, towers)
    curve: dict[str, list[float]] = {}

    def batches(order: np.random.Generator) -> Iterator[Tensor]:
        rows = torch.from_numpy(order.permutation(len(work["train"].labels)))
        yield from (rows[s : s + parameters.batch_size] for s in range(0, len(rows), parameters.batch_size))

    def loss(trained: Any, rows: Tensor) -> Tensor:
        part, at = work["train"], rows.cpu().numpy()
        return loss_of(trained(part.asked(at)), torch.from_numpy(part.labels[at]), target, model.centre)

    def score(trained: Any) -> float:
        for name, part in work.items():
            labels, told = part.labels[part.sample], part.decided(trained, target, model.centre)
            for figure, value in (quality(labels, told, target) | by_class(labels, told)).items():
                curve.setdefault(f"{name}/{figure}", []).append(value)
        return chosen_by({f: v[-1] for f, v in curve.items() if f.startswith("valid/")})

    history = train(network, batches, loss, score if "valid" in work else None, parameters.training, rng,
                    fingerprint=work["train"].fingerprint if parameters.training.checkpoint else "")  # fmt: skip
    curve["loss"] = history.losses.tolist()
    weights = {name: value.detach().cpu().clone() for name, value in ranker.state_dict().items()}
    return Member(weights, *network.tables(), history), curve


def _towers(parameters: FusionRanker, data: Dataset) -> dict[str, TextTable]:
    """Return the towers that are trained; none without tuning."""
    if parameters.tuning is None:
        return {}
    texts = {n: p for n, p in parameters.texts.items() if p.columns and n in parameters.fusion.on}
    return {name: TextTable(part, data, parameters.tuning) for name, part in texts.items()}


def _blank(
    parameters: FusionRanker, towers: Mapping[str, TextTable], data: Dataset, role: str
) -> dict[str, Embeddings]:
    """Return tables of the towers' widths, of which only the widths are asked."""
    rows = len(data.items if role == "item" else data.users)
    return {
        name: Embeddings(np.zeros((rows, tower.width), np.float32), np.zeros(rows, bool))
        for name, tower in towers.items()
        if parameters.texts[name].role == role
    }


def _parts(parameters: FusionRanker, data: Dataset) -> tuple[dict[str, Embeddings], dict[str, Embeddings]]:
    """Return the frozen parts of users and of items that the fusion is on."""
    users: dict[str, Embeddings] = {}
    items: dict[str, Embeddings] = {}
    sides = {"user": users, "item": items}
    for name in parameters.fusion.on:
        if name in parameters.texts:
            part = parameters.texts[name]
            if not part.reviews and parameters.tuning is None:
                sides[part.role][name] = frozen_table(part, data, default_cache())
        elif name not in _INSIDE:
            roles = [role for role in sides if (role, name) in data.features]
            if not roles:
                known = [*parameters.texts, *_INSIDE, *(m for _, m in data.features)]
                raise UnknownNameError(unknown("part of the ranker:", name, known))
            sides[roles[0]][name] = standardised(data.feature(roles[0], name))
    return users, items


def _reviews(parameters: FusionRanker) -> dict[str, TextPart]:
    return {n: p for n, p in parameters.texts.items() if p.reviews and n in parameters.fusion.on}


def _written(parameters: FusionRanker, data: Dataset, examples: Examples) -> dict[str, Floats]:
    """Return part -> (n, 1, d): what was written before each example."""
    found = _reviews(parameters)
    return {n: written_before(part, data, examples, default_cache())[:, None] for n, part in found.items()}


def _network(
    parameters: FusionRanker,
    evidence: FittedEvidence,
    edges: tuple[Floats, Floats],
    users: Mapping[str, Embeddings],
    items: Mapping[str, Embeddings],
    moving: Mapping[str, Floats],
) -> RankerNetwork:
    outputs = parameters.target.classes if parameters.target.kind == "classes" else 1
    widths = ({n: e.dim for n, e in users.items()}, {n: e.dim for n, e in items.items()})
    tensors = (torch.from_numpy(edges[0]), torch.from_numpy(edges[1]))
    return RankerNetwork(
        widths, {n: v.shape[1] for n, v in moving.items()}, tensors, parameters.fusion, parameters.sizes,
        evidence.known.items, outputs,
    )  # fmt: skip


def _expected(found: Floats) -> Floats:
    """Return (q, c) the mean class of (q, c, classes), or the rating of (q, c, 1)."""
    if found.shape[2] == 1:
        return found[..., 0]
    return np.asarray(found @ np.arange(found.shape[2], dtype=np.float32), np.float32)


def _mean(curves: list[dict[str, list[float]]]) -> dict[str, list[float]]:
    """Return the mean curve of each figure, over as many epochs as every member went through."""
    found = {}
    for name in curves[0]:
        length = min(len(c[name]) for c in curves)
        found[name] = np.mean([c[name][:length] for c in curves], axis=0).tolist()
    return found
