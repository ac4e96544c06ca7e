"""One peer a file, run in the environment of the peers: GRID lists its settings, `fit` returns a trained one.

`fit(case, setting, watch)` returns a function from user rows (q,) to scores (q, i). What learns epoch by epoch calls
`watch.better(scorer)` after each epoch and stops where `watch.over`. CONTENT says whether the peer reads features, and
COLD whether it can rank items without events.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["PATIENCE", "Asked", "Case", "K", "Scorer", "Watch", "lists", "ndcg"]

K = 20
"""Length of the lists, and depth of the NDCG that validation chooses by."""
PATIENCE = 10
"""Looks at validation without a better one after which training stops."""
_BLOCK = 512
"""Users scored at once."""

Rows = NDArray[np.int32]
Scorer = Callable[[Rows], NDArray[np.float32]]


@dataclass(frozen=True)
class Asked:
    """Whom to answer in one set."""

    users: Rows
    """(q,) user rows, ascending."""
    candidates: NDArray[np.bool_]
    """(i,) the items to be ranked."""
    truth: Any = None
    """csr (q, i) of what is wanted; None where the peer must not know."""


@dataclass(frozen=True)
class Case:
    """What every peer is given: the split of a recipe and its features, in numbers."""

    liked: Any
    """csr (u, i) float32: weights of the training pairs that are liked."""
    seen: Any
    """csr (u, i): every training pair, liked or not; none of these is recommended."""
    valid: Asked
    tests: Mapping[str, Asked]
    """Test set -> its users and candidates, without truth."""
    features: Mapping[str, NDArray[np.float32]]
    """Item modality -> (i, d) as models of ours see them; rows of zeros are missing."""

    @classmethod
    def load(cls, path: Path) -> "Case":
        with np.load(path) as found:
            shape = (int(found["shape"][0]), int(found["shape"][1]))
            liked = _csr(found, "liked", shape)
            seen = _csr(found, "seen", shape)
            names = [key.removesuffix("/users") for key in found.files if key.endswith("/users")]
            asked = {name: Asked(found[f"{name}/users"], found[f"{name}/candidates"]) for name in names}
            valid = asked.pop("valid")
            truth = _csr(found, "truth", (len(valid.users), shape[1]))
            features = {key.split("/")[1]: found[key] for key in found.files if key.startswith("features/")}
            return cls(liked, seen, Asked(valid.users, valid.candidates, truth), asked, features)

    @property
    def joined(self) -> NDArray[np.float32]:
        """(i, d) all modalities side by side, each of unit length."""
        parts = [f / np.maximum(np.linalg.norm(f, axis=1, keepdims=True), 1e-9) for f in self.features.values()]
        return np.concatenate(parts, axis=1).astype(np.float32)


@dataclass
class Watch:
    """Keeps the best epoch, and the time to it without what looking at validation took."""

    case: Case
    seconds: float
    """CPU seconds of training after which it is cut."""
    best: float = -1.0
    epoch: int = 0
    """The best epoch, from 1."""
    epochs: int = 0
    cpu: float = 0.0
    """CPU seconds of training to the best epoch."""
    wall: float = 0.0
    cut: bool = False
    """Whether the time was up before patience was."""
    shown: dict[str, NDArray[np.int32]] = field(default_factory=dict)
    """Set -> lists of the best epoch."""
    _since: int = 0
    _looked: list[float] = field(default_factory=lambda: [0.0, 0.0])
    _started: tuple[float, float] = field(default_factory=lambda: (time.process_time(), time.perf_counter()))

    def better(self, scorer: Scorer) -> bool:
        """Look at validation; return whether it was never better before."""
        cpu, wall = time.process_time(), time.perf_counter()
        spent = cpu - self._started[0] - self._looked[0], wall - self._started[1] - self._looked[1]
        self.epochs += 1
        shown = lists(scorer, self.case, self.case.valid)
        value = ndcg(shown, self.case.valid.truth)
        found = value > self.best
        if found:
            self.best, self.epoch, self._since = value, self.epochs, 0
            self.cpu, self.wall = spent
            tests = {name: lists(scorer, self.case, asked) for name, asked in self.case.tests.items()}
            self.shown = {"valid": shown, **tests}
        else:
            self._since += 1
        self.cut = spent[0] > self.seconds
        self._looked[0] += time.process_time() - cpu
        self._looked[1] += time.perf_counter() - wall
        return found

    @property
    def over(self) -> bool:
        return self.cut or self._since >= PATIENCE


def lists(scorer: Scorer, case: Case, asked: Asked) -> NDArray[np.int32]:
    """Return (q, K) the best candidates of each user without those seen in training, -1 where there are fewer."""
    shown = np.full((len(asked.users), K), -1, np.int32)
    for start in range(0, len(asked.users), _BLOCK):
        users = asked.users[start : start + _BLOCK]
        scores = np.array(scorer(users), np.float32)
        scores[:, ~asked.candidates] = -np.inf
        scores[case.seen[users].nonzero()] = -np.inf
        k = min(K, scores.shape[1])
        best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        values = np.take_along_axis(scores, best, axis=1)
        order = np.lexsort((best, -values), axis=1)
        found = np.where(np.isneginf(values), -1, best)
        shown[start : start + _BLOCK, :k] = np.take_along_axis(found, order, axis=1)
    return shown


def ndcg(shown: NDArray[np.int32], truth: Any) -> float:
    """Return the mean NDCG@K: what peers choose by; how good they are, Cuvee's own metrics say."""
    hit = np.zeros(shown.shape)
    for row, items in enumerate(shown):
        hit[row] = np.isin(items, truth.indices[truth.indptr[row] : truth.indptr[row + 1]])
    gains = 1 / np.log2(np.arange(2, shown.shape[1] + 2))
    ideal = np.cumsum(gains)[np.minimum(np.diff(truth.indptr), shown.shape[1]) - 1]
    return float((hit @ gains / ideal).mean())


def _csr(found: Any, name: str, shape: tuple[int, int]) -> Any:
    parts = (found[f"{name}/data"], found[f"{name}/indices"], found[f"{name}/indptr"])
    return sparse.csr_matrix(parts, shape=shape)
