"""Tune a text encoder on a catalogue's own (history, next item) pairs: what was liked asks, what comes next answers.

Vectors are centred on their mean, in training on the batch's, since models see them so. A history is the mean of its
newest items' unit vectors, of unit length again; the loss is InfoNCE over the next items of the batch,
s_ij = q_i z_j / temperature - log P(j is in the batch), so that popular items, which are often negatives because they
are often answers, are not pushed away for it. What the user likes anyway is no negative.

References: A. van den Oord, Y. Li, O. Vinyals, "Representation learning with contrastive predictive coding", 2018,
equation 4 (InfoNCE); X. Yi et al., "Sampling-bias-corrected neural modeling for large corpus item recommendations",
RecSys 2019, equation 6 (log Q).
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

from cuvee.cache import VectorCache
from cuvee.errors import ConfigError, DataError
from cuvee.filters.unseen import allowed
from cuvee.metrics.ndcg import Ndcg
from cuvee.protocols import Tuning
from cuvee.rank import recommend
from cuvee.text_networks import adapters
from cuvee.text_networks.towers import Pooling
from cuvee.text_networks.tuned import Mergeable, StateReading, Tuned
from cuvee.text_networks.vectors import TunedTexts, layer_states
from cuvee.torch_runtime import load_model, quiet
from cuvee.train import History, Training, train
from cuvee.tuning.lora import Lora
from cuvee.types import PAD, Dataset, Floats, Holdout, Ints, Longs, Queries

__all__ = ["Contrast", "TunedText", "next_items", "tune_text", "write"]

_K = 20


@dataclass(frozen=True)
class Contrast:
    """How a text encoder is tuned on the catalogue's own histories."""

    tuning: Tuning = field(default_factory=Lora)
    """What of it is trained."""
    history: int = 5
    """Items liked before the next one that are read, the newest ones."""
    pairs: int = 4_000
    """(history, next item) pairs an epoch, drawn anew for each; at most as many as there are."""
    batch_size: int = 64
    """Pairs a step; the next items of the others are the negatives."""
    temperature: float = 0.1
    """Divides the cosines."""
    training: Training = field(default_factory=lambda: Training(epochs=5, lr=5e-4, weight_decay=0.01, patience=2))
    """The loop; patience is on validation NDCG@20 of the cosine between what was liked and each item."""

    def __post_init__(self) -> None:
        if self.history < 1 or self.pairs < 2 or self.batch_size < 2 or self.temperature <= 0:
            raise ConfigError(f"contrast needs history >= 1, pairs and batch_size >= 2, temperature > 0, got {self}")


@dataclass(frozen=True)
class TunedText:
    """A text encoder after its tuning."""

    whole: Any
    """The network of Transformers that `tuned` is, or whose encoder it is."""
    tuned: Tuned
    before: float
    """Validation NDCG@20 of the weights as they were."""
    history: History

    @property
    def after(self) -> float:
        return float(self.history.scores[self.history.best])


def next_items(data: Dataset, length: int) -> tuple[Ints, Ints, Ints]:
    """Return users (n,), what they liked before (n, length) PAD-filled at the end, newest first, and next (n,).

    A next item that the user has liked before is left out.
    """
    order, _ = data.by_user
    order = order[data.events.weight[order] > 0]
    users, items = data.events.user[order], data.events.item[order]
    found: list[tuple[int, list[int], int]] = []
    for user in np.unique(users):
        met: list[int] = []
        for item in items[users == user].tolist():
            if item in met:
                continue
            if met:
                found.append((int(user), met[: -length - 1 : -1], item))
            met.append(item)
    shown = np.full((len(found), length), PAD, np.int32)
    for row, (_, before, _) in enumerate(found):
        shown[row, : len(before)] = before
    asked = np.array([f[0] for f in found], np.int32)
    return asked, shown, np.array([f[2] for f in found], np.int32)


def tune_text(
    contrast: Contrast,
    folder: Path,
    tokens: Sequence[Sequence[int]],
    pooling: Pooling,
    data: Dataset,
    valid: Holdout,
    rng: np.random.Generator,
    cache: VectorCache | None = None,
) -> TunedText:
    """Tune the network of a Hugging Face folder; the epoch is chosen on validation.

    Args:
        contrast: how.
        folder: the weights it starts from.
        tokens: of each item's text; an item without one has none and takes no part.
        pooling: how a text's tokens become one vector.
        data: training data.
        valid: chooses the epoch.
        rng: draws pairs and first weights.
        cache: of the states of frozen layers.

    Raises:
        DataError: nobody liked two items that have texts.
    """
    told = np.flatnonzero([len(t) > 0 for t in tokens])
    place = np.full(len(tokens), PAD, np.int32)
    place[told] = np.arange(len(told))
    users, shown, following = _with_texts(next_items(data, contrast.history), place)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**62)))
        whole, tuned = _attached(contrast.tuning, folder)
    texts = [each for each in tokens if each]
    states = layer_states(tuned, folder, texts, cache) if isinstance(tuned, StateReading) else None
    network = TunedTexts(tuned, texts, pooling, states)
    liked, log_q = data.liked[:, told], _log_q(following, len(told), contrast.batch_size)

    def batches(order: np.random.Generator) -> Iterator[tuple[Longs, Tensor, Tensor, Tensor, Tensor]]:
        rows = order.permutation(len(users))[: contrast.pairs]
        for batch in np.array_split(rows, max(1, len(rows) // contrast.batch_size)):
            yield _batch(users[batch], shown[batch], following[batch], liked, log_q)

    def loss(trained: nn.Module, batch: tuple[Longs, Tensor, Tensor, Tensor, Tensor]) -> Tensor:
        vectors = trained(batch[0])
        return info_nce(vectors - vectors.mean(0), *batch[1:], contrast.temperature)

    def score(trained: Any) -> float:
        return _ndcg(_placed(trained.every(), told, len(tokens)), valid)

    return TunedText(whole, tuned, score(network), train(network, batches, loss, score, contrast.training, rng))


def _attached(tuning: Tuning, folder: Path) -> tuple[Any, Tuned]:
    """Return the network of a folder, and its encoder where it has two halves, tuned: they share their weights."""
    whole = load_model(folder, torch.float32)
    return whole, tuning.attach(whole.get_encoder() if whole.config.is_encoder_decoder else whole)


def _log_q(following: Ints, items: int, size: int) -> Floats:
    """Return (i,) the logarithm of the probability that an item is an answer in a batch: log(1 - (1 - p)^b)."""
    share = np.bincount(following, minlength=items) / len(following)
    among = -np.expm1(size * np.log1p(-np.minimum(share, 1 - 1e-9)))
    return np.asarray(np.log(np.maximum(among, 1e-12)), np.float32)


def info_nce(
    vectors: Tensor, histories: Tensor, answers: Tensor, hidden: Tensor, log_q: Tensor, temperature: float
) -> Tensor:
    """Return the loss of a batch.

    Args:
        vectors: (r, d) of the batch's items.
        histories: (b, r) 1 for what each history shows.
        answers: (b,) places among the (c,) candidates `log_q` is of; those are the last c of the r items.
        hidden: (b, c) True where a candidate is no negative.
        log_q: (c,) logarithm of the probability that the candidate is in a batch.
        temperature: divides the cosines.
    """
    unit = functional.normalize(vectors, dim=1)
    asked = functional.normalize(histories @ unit, dim=1)
    scores = asked @ unit[len(unit) - len(log_q) :].T / temperature - log_q
    return functional.cross_entropy(scores.masked_fill(hidden, -1e4), answers)


def write(found: TunedText, contrast: Contrast, source: Path, out: Path) -> None:
    """Write a Hugging Face folder that `encoders/text` takes as `weights`.

    What the tuning trained is merged into the weights; where it cannot be, it lies beside them as an adapter.

    Raises:
        ConfigError: `out` is there already.
    """
    if out.exists():
        raise ConfigError(f"{out} is there already; give --out a new folder")
    merges = isinstance(contrast.tuning, Mergeable)
    old = shutil.ignore_patterns("*.safetensors", "*.bin", "*.index.json")
    shutil.copytree(source, out, ignore=old if merges else None)
    adapters.save(contrast.tuning, found.tuned, out / "adapter" if merges else out, source)
    if merges:
        adapters.merged(contrast.tuning, found.tuned)
        with quiet():
            found.whole.save_pretrained(out)
        shutil.copyfile(source / "config.json", out / "config.json")  # training changed how it caches


def _with_texts(pairs: tuple[Ints, Ints, Ints], place: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the pairs in the numbers of the items that have texts, those without a history or an answer left out."""
    users, shown, following = pairs
    shown = np.where(shown == PAD, PAD, place[shown])
    kept = (shown != PAD).any(axis=1) & (place[following] != PAD)
    if kept.sum() < 2:
        raise DataError("nobody liked two items with texts, one after the other: there is nothing to tune on")
    return users[kept], shown[kept], place[following[kept]]


def _batch(
    users: Ints, shown: Ints, following: Ints, liked: "sparse.csr_matrix[np.float32]", log_q: Floats
) -> tuple[Longs, Tensor, Tensor, Tensor, Tensor]:
    """Return the items (r,), the candidates last, and what `info_nce` takes."""
    candidates, answers = np.unique(following, return_inverse=True)
    others = np.setdiff1d(shown[shown != PAD], candidates)
    items = np.concatenate([others, candidates]).astype(np.int64)
    column = {item: at for at, item in enumerate(items.tolist())}
    histories = np.zeros((len(users), len(items)), np.float32)
    for row, col in np.argwhere(shown != PAD):
        histories[row, column[int(shown[row, col])]] = 1
    hidden = liked[users][:, candidates].toarray() > 0
    hidden[np.arange(len(users)), answers] = False
    prior = torch.from_numpy(log_q[candidates])
    return items, torch.from_numpy(histories), torch.from_numpy(answers), torch.from_numpy(hidden), prior


def _placed(vectors: Floats, rows: Longs, n: int) -> Floats:
    """Return (n, d) unit vectors of the items at `rows`, their mean taken off as a recipe's projection does."""
    out = np.zeros((n, vectors.shape[1]), np.float32)
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    centred = unit - unit.mean(axis=0)
    out[rows] = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    return out


def _ndcg(vectors: Floats, valid: Holdout) -> float:
    slate = recommend(_Cosine(vectors), valid.queries, _K, filters=[allowed], candidates=valid.candidates)
    return float(Ndcg(_K).measure(slate, valid.truth).mean())


@dataclass(frozen=True)
class _Cosine:
    """Scores items by the mean of what was liked; a recommender for the choice of the epoch only."""

    vectors: Floats

    def score(self, queries: Queries) -> Floats:
        return np.asarray((queries.liked @ self.vectors) @ self.vectors.T, np.float32)
