"""What tuning maximises: a recipe's figure on validation, as `cuvee run` measures it, with all that can be reused.

There is no test set here: it is dropped as soon as the data are split, and nothing below has a place for one.
"""

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import psutil

from cuvee.errors import ConfigError
from cuvee.evaluate import list_length, measure, parse_metrics
from cuvee.memo import Memo
from cuvee.pipeline import encode, fingerprint, fit, fuse, weighed
from cuvee.protocols import QueryMetric
from cuvee.rank import recommend
from cuvee.recipe import Recipe
from cuvee.registry import describe
from cuvee.reuse import remembered
from cuvee.ridge import solved_once
from cuvee.types import Context, Dataset, Floats, Holdout, Split

__all__ = ["Objective", "Seen", "check_metric", "memory", "see"]

_SHARE = 0.5
"""Of the memory that is free, what the memos of all workers may fill."""


@dataclass(frozen=True)
class Seen:
    """All that tuning sees of the data."""

    train: Dataset
    """With features, by the recipe as it stands."""
    valid: Holdout
    fingerprint: str
    """Of the training data as they were read and the questions of validation."""

    @property
    def split(self) -> Split:
        """The two as a split without test sets."""
        return Split(self.train, self.valid, {}, self.train)


def see(recipe: Recipe) -> Seen:
    """Read, split, and keep training and validation only; weigh events and encode as the recipe says."""
    rng = np.random.default_rng(recipe.seed)
    split = recipe.split.split(recipe.reader.read(), rng)
    train, valid = split.train, split.valid
    del split
    digest = hashlib.blake2b(fingerprint(train).encode(), digest_size=16)
    for array in (valid.users, valid.truth.indptr, valid.truth.indices, valid.queries.history):
        digest.update(np.ascontiguousarray(array).tobytes())
    recipe, known, _ = weighed(recipe, Split(train, valid, {}, train))
    _, known = encode(recipe, known)
    return Seen(known.train, known.valid, digest.hexdigest())


def check_metric(name: str) -> str:
    """Return the label of a metric that can be maximised.

    Raises:
        ConfigError: it has no value for each query, in which case more is not always better.
    """
    label, component = next(iter(parse_metrics([name]).items()))
    if not isinstance(component, QueryMetric):
        raise ConfigError(f"{label} says nothing of what users wanted; tune in a metric like ndcg@20 or recall@20")
    return label


def memory(workers: int) -> int:
    """Return the bytes that each worker's memo may fill."""
    return int(_SHARE * psutil.virtual_memory().available / workers)


@dataclass(frozen=True)
class Objective:
    """Recipe -> (q,) its figure for each question of validation. One process's own: it remembers what it fitted."""

    start: Recipe
    """The recipe that the features of `seen` are made by."""
    seen: Seen
    metric: str
    memo: Memo

    def __call__(self, recipe: Recipe) -> Floats:
        name, split = self._fused(recipe)
        with solved_once(self.memo):
            _, model = fit(remembered(recipe.model, self.memo, name), split, recipe.seed)
        metrics = parse_metrics([self.metric])
        slate = recommend(
            model,
            split.valid.queries,
            max(list_length(metrics), recipe.evaluate.keep),
            filters=[f.prepare(split.train) for f in recipe.filters],
            stages=[s.prepare(split.train) for s in recipe.stages],
            candidates=split.valid.candidates,
            context=Context(split.train, np.random.default_rng(recipe.seed)),
        )
        found = measure(slate, split.valid, split.train, metrics).per_query[self.metric].to_numpy()
        return np.asarray(found, np.float32)

    def _encoded(self, recipe: Recipe) -> tuple[str, Split]:
        """Return a name for the features of a recipe, and the split with them."""
        name = _features(recipe)
        if name == _features(self.start):
            return name, self.seen.split
        return name, self.memo.get(f"features {name}", lambda: encode(recipe, self.seen.split)[1])

    def _fused(self, recipe: Recipe) -> tuple[str, Split]:
        name, split = self._encoded(recipe)
        if recipe.fusion is None:
            return name, split
        name = f"{name} {json.dumps(describe(recipe.fusion))} {recipe.seed}"
        return name, self.memo.get(f"fused {name}", lambda: fuse(recipe.fusion, split, recipe.seed)[1])


def _features(recipe: Recipe) -> str:
    encoders = {name: describe(encoder) for name, encoder in recipe.encoders.items()}
    return json.dumps([encoders, describe(recipe.project), recipe.impute])
