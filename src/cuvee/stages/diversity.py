"""Trades some relevance for variety.

Reference: J. Carbonell, J. Goldstein, "The use of MMR, diversity-based reranking for reordering documents", SIGIR 1998.
"""

from dataclasses import dataclass, replace

import numpy as np

from cuvee.errors import ConfigError
from cuvee.types import PAD, Context, Dataset, Embeddings, Floats, Queries, Slate

__all__ = ["Diversity", "DiversityModel"]


@dataclass(frozen=True)
class Diversity:
    """Maximal marginal relevance: next comes the item with the best (1 - t) relevance - t closest cosine already shown.

    Relevance is the score scaled to 0..1 within the slate. Cost: depth x depth x d a query.
    """

    trade_off: float = 0.1
    """t: 0 leaves the order, 1 asks for variety only."""
    on: tuple[str, ...] = ()
    """Item modalities whose cosines count, averaged; empty for all there are."""

    def __post_init__(self) -> None:
        if not 0 <= self.trade_off <= 1:
            raise ConfigError(f"diversity.trade_off must lie in 0..1, got {self.trade_off:g}")

    def prepare(self, data: Dataset) -> "DiversityModel":
        """Take the item vectors.

        Raises:
            ConfigError: the data set has no item features to compare items by.
            UnknownNameError: a modality it does not carry.
        """
        names = self.on or tuple(m for role, m in data.features if role == "item")
        if not names:
            raise ConfigError("diversity compares items by their features, and there are none; add an encoder")
        parts = [_unit(data.feature("item", name)) / np.sqrt(len(names)) for name in names]
        return DiversityModel(self.trade_off, np.concatenate(parts, axis=1).astype(np.float32))


@dataclass(frozen=True)
class DiversityModel:
    trade_off: float
    vectors: Floats
    """(i, d); the inner product is the mean cosine over the modalities."""

    def apply(self, slate: Slate, queries: Queries, context: Context) -> Slate:  # noqa: ARG002
        places = slate.items.shape[1] if context.places is None else context.places
        rows = zip(slate.items, slate.scores, strict=True)
        order = np.stack([self._order(items, scores, places) for items, scores in rows])
        return replace(
            slate,
            items=np.take_along_axis(slate.items, order, axis=1),
            scores=np.take_along_axis(slate.scores, order, axis=1),
            propensity=np.take_along_axis(slate.propensity, order, axis=1),
        )

    def _order(
        self, items: "np.ndarray[tuple[int], np.dtype[np.int32]]", scores: Floats, places: int
    ) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        """Return the rows in their new order, those behind the places that count as they were."""
        real = np.flatnonzero(items != PAD)
        if len(real) < 2:
            return np.arange(len(items))
        relevance = scores[real] - scores[real].min()
        relevance = relevance / max(float(relevance.max()), 1e-9)
        vectors = self.vectors[items[real]]
        closest, left, chosen = np.zeros(len(real), np.float32), np.ones(len(real), bool), []
        for _ in range(min(places, len(real))):
            value = np.where(left, (1 - self.trade_off) * relevance - self.trade_off * closest, -np.inf)
            best = int(np.argmax(value))
            chosen.append(best)
            left[best] = False
            cosine = vectors @ vectors[best]
            closest = np.maximum(closest, cosine) if len(chosen) > 1 else cosine
        return np.concatenate([real[chosen], real[left], np.flatnonzero(items == PAD)])


def _unit(feature: Embeddings) -> Floats:
    norms = np.linalg.norm(feature.vectors, axis=1, keepdims=True)
    return np.asarray(feature.vectors / np.maximum(norms, 1e-9), np.float32)
