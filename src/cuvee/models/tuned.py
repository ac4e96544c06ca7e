"""Chooses a model's parameters on validation, one parameter after another."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from tqdm import tqdm

from cuvee.errors import ConfigError, unknown
from cuvee.inductive import extended, revised, updated
from cuvee.protocols import Estimator, Recommender, Settled
from cuvee.registry import build, describe, parameters
from cuvee.selection import validation_ndcg
from cuvee.types import Dataset, Floats, Holdout, Ints, Queries

__all__ = ["Tuned", "TunedModel"]


@dataclass(frozen=True)
class Tuned:
    """Fits a model at every value of a grid, one parameter at a time in the order written, and keeps the best.

    Cost: one fit and one pass over validation for every value in the grid, `rounds` times; without validation the
    model is fitted as it is.
    """

    model: Estimator
    """The model, with the values to start from."""
    grid: Mapping[str, tuple[Any, ...]]
    """Parameter -> values to try."""
    rounds: int = 1
    """How often to go through the parameters."""
    k: int = 20
    """NDCG at this depth decides."""

    def __post_init__(self) -> None:
        known = parameters(type(self.model))
        for name in self.grid:
            if name not in known:
                raise ConfigError(unknown("parameter in the grid:", name, known))

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "TunedModel":
        best, model = self.model, self.model.fit(train, valid, rng)
        if valid is None:
            return TunedModel(best, model, {})
        quality = validation_ndcg(model, valid, self.k)
        tried = {_label(best): quality}
        trials = [(name, value) for _ in range(self.rounds) for name, values in self.grid.items() for value in values]
        for name, value in tqdm(trials, desc=f"tune {_label(self.model).partition(' ')[0]}", delay=2, leave=False):
            candidate = _with(best, name, value)
            if _label(candidate) in tried:
                continue
            fitted = candidate.fit(train, valid, rng)
            found = tried[_label(candidate)] = validation_ndcg(fitted, valid, self.k)
            if found > quality:
                best, model, quality = candidate, fitted, found
        return TunedModel(best, model, tried)


@dataclass(frozen=True)
class TunedModel:
    chosen: Estimator
    """The parameters that won."""
    model: Recommender
    """Fitted with them."""
    tried: Mapping[str, float]
    """Every set of parameters tried -> NDCG on validation."""

    @property
    def settled(self) -> Estimator:
        """The winning parameters alone."""
        return self.model.settled if isinstance(self.model, Settled) else self.chosen

    @property
    def plain(self) -> Recommender:
        return self.model.plain if isinstance(self.model, Settled) else self.model

    def extend(self, train: Dataset) -> "TunedModel":
        """Return it with the model extended.

        Raises:
            ConfigError: that model cannot take in new items.
        """
        return replace(self, model=extended(self.model, train))

    def revise(self, before: Dataset, train: Dataset, rows: Ints) -> "tuple[TunedModel, bool]":
        """Return it with the model revised, as far as that can be."""
        model, whole = revised(self.model, before, train, rows)
        return replace(self, model=model), whole

    def update(self, train: Dataset) -> "TunedModel":
        """Return it with the model updated, where that counts anything."""
        return replace(self, model=updated(self.model, train))

    def score(self, queries: Queries) -> Floats:
        return self.model.score(queries)


def _with(model: Estimator, name: str, value: Any) -> Estimator:
    spec = describe(model)
    component, values = (spec, {}) if isinstance(spec, str) else next(iter(spec.items()))
    changed: Estimator = build("models", {component: {**values, name: value}})
    return changed


def _label(model: Estimator) -> str:
    spec = describe(model)
    if isinstance(spec, str):
        return spec
    name, values = next(iter(spec.items()))
    return f"{name} " + " ".join(f"{key}={value}" for key, value in values.items())
