"""Orders candidates by the recipe's ranker, with an eye on the clock."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cuvee.errors import ConfigError
from cuvee.types import PAD, Context, Dataset, Floats, Queries, Slate

__all__ = ["Rerank", "RerankModel"]

logger = logging.getLogger(__name__)

_worker = ThreadPoolExecutor(1, "rerank")
"""Scores what has a deadline. What is late is finished for nobody, and others wait for it in vain until then: a ranker
that is too slow for the traffic costs one thread, and every answer is on time."""


@dataclass(frozen=True)
class Rerank:
    """The model finds candidates, the ranker orders them; if time runs out, the model's order stands.

    A slate that was not reordered in time, this stage's or the answer's, is marked `degraded`. Without a ranker in the
    context nothing changes; a recipe that has this stage and no `ranker` is refused. Cost: that of the ranker for
    `depth` pairs a query.
    """

    depth: int = 200
    """So many of the best candidates are reordered; the rest stay behind them."""
    deadline: float | None = None
    """Seconds for a slate; None: however long it takes."""
    trust: float = 0.5
    """Weight of the ranker's place against the model's, 0..1: 1 takes its order as it is. A ranker that learned what is
    liked of what was seen knows little of what is seen at all."""
    block: int = 32
    """Queries that are scored at once; the clock is read between blocks."""

    def __post_init__(self) -> None:
        if self.depth < 1 or self.block < 1 or not 0 <= self.trust <= 1:
            raise ConfigError(f"rerank needs depth, block >= 1 and 0 <= trust <= 1, got {self}")
        if self.deadline is not None and self.deadline <= 0:
            raise ConfigError(f"rerank.deadline must be above 0 seconds, or null, got {self.deadline:g}")

    def prepare(self, data: Dataset) -> "RerankModel":  # noqa: ARG002 - the ranker comes with each question
        return RerankModel(self)


@dataclass(frozen=True)
class RerankModel:
    parameters: Rerank

    def apply(self, slate: Slate, queries: Queries, context: Context) -> Slate:
        """Return the slates reordered; `degraded` where the deadline had passed.

        A block gets its queries' deadlines together, and is given up when they have passed. What comes too late is not
        used, so that an answer's order depends on the clock in no other way than being degraded.
        """
        late = np.zeros(len(slate), bool)
        if context.ranker is None or not len(slate):
            return replace(slate, degraded=late)
        order = np.tile(np.arange(slate.items.shape[1]), (len(slate), 1))
        for start in range(0, len(slate), self.parameters.block):
            rows = slice(start, start + self.parameters.block)
            found = self._ordered(slate.items[rows], queries.take(rows), context)
            late[rows] = found is None
            if found is not None:
                order[rows] = found
        if late.any():
            logger.warning("rerank: %d of %d slates keep the model's order, time ran out", late.sum(), len(late))
        return replace(
            slate,
            items=np.take_along_axis(slate.items, order, axis=1),
            scores=_falling(slate.scores, order),
            propensity=np.take_along_axis(slate.propensity, order, axis=1),
            degraded=late,
        )

    def _ordered(
        self, items: "np.ndarray[Any, Any]", queries: Queries, context: Context
    ) -> "np.ndarray[Any, Any] | None":
        """Return (q, k) the places in their new order, None where that would come too late."""
        depth = min(self.parameters.depth, items.shape[1])
        found = self._scored(items[:, :depth], queries, context)
        if found is None:
            return None
        real = items[:, :depth] != PAD
        scores = np.where(real, found, -np.inf)
        place = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)
        mixed = self.parameters.trust * place + (1 - self.parameters.trust) * np.arange(depth)
        top = np.argsort(np.where(real, mixed, np.inf), axis=1, kind="stable")
        rest = np.tile(np.arange(depth, items.shape[1]), (len(items), 1))
        return np.concatenate([top, rest], axis=1)

    def _scored(self, items: "np.ndarray[Any, Any]", queries: Queries, context: Context) -> Floats | None:
        """Return the ranker's scores (q, k); None, as soon as a deadline passes, where they are not there."""
        own, left = self.parameters.deadline, context.until
        limits = [] if own is None else [own * len(queries)]
        limits += [] if left is None else [max(0.0, left - time.monotonic())]
        if not limits:
            return np.asarray(context.ranker.score(queries, items), np.float32)
        waiting = _worker.submit(context.ranker.score, queries, items)
        try:
            return np.asarray(waiting.result(min(limits)), np.float32)
        except TimeoutError:
            waiting.cancel()
            return None


def _falling(scores: Floats, order: "np.ndarray[Any, Any]") -> Floats:
    """Return the model's scores in the order they fall, as those of the places: the items have moved, not the scale."""
    moved = np.take_along_axis(scores, order, axis=1)
    return np.asarray(-np.sort(-moved, axis=1), np.float32)
