"""Fits a composition's parts only where they changed: what was fitted before comes from a memo, with the same result.

A fitted part is known by its parameters, the state of the random numbers it was given and a name for its data; the
state that it left behind is kept too, so whatever is fitted next draws the same numbers as without a memo.
"""

import json
from dataclasses import dataclass, replace
from typing import Any, get_args, get_origin

import numpy as np

from cuvee.memo import Memo
from cuvee.protocols import Estimator, Recommender, Settled
from cuvee.registry import describe, parameters
from cuvee.types import Dataset, Floats, Holdout, Queries

__all__ = ["Remembered", "RememberedModel", "remembered"]


@dataclass(frozen=True)
class Remembered:
    """An estimator that asks a memo before it fits."""

    estimator: Estimator
    memo: Memo
    data: str
    """Names training and validation data: equal names, equal data."""

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "RememberedModel":
        def make() -> tuple[Recommender, dict[str, Any]]:
            model = remembered(self.estimator, self.memo, self.data).fit(train, valid, rng)
            return model, dict(rng.bit_generator.state)

        known = [self.data, valid is None, describe(self.estimator), rng.bit_generator.state]
        model, after = self.memo.get(f"fit {json.dumps(known, sort_keys=True)}", make)
        rng.bit_generator.state = after
        if isinstance(model, Settled):
            return RememberedModel(model.settled, model.plain)
        return RememberedModel(self.estimator, model)


@dataclass(frozen=True)
class RememberedModel:
    """What was fitted; `plain` is free of the memo."""

    settled: Estimator
    plain: Recommender

    def score(self, queries: Queries) -> Floats:
        return self.plain.score(queries)


def remembered(estimator: Estimator, memo: Memo, data: str) -> Estimator:
    """Return the estimator with each of the estimators that it composes (`Blend.views`) asking the memo first.

    One that composes nothing is returned as it is.
    """
    parts = {
        name: tuple(Remembered(part, memo, data) for part in getattr(estimator, name))
        for name, (kind, _) in parameters(type(estimator)).items()
        if get_origin(kind) is tuple and get_args(kind)[0] is Estimator
    }
    return replace(estimator, **parts) if parts else estimator  # type: ignore[type-var]
