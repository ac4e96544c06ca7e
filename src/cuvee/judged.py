"""What a recipe's ranker is worth: its labels by class and as probabilities, and the lists before and after it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cuvee.errors import ConfigError
from cuvee.examples import examples_of
from cuvee.protocols import Ranker, RankerEstimator
from cuvee.ranking.label_metrics import Bin, quality, reliability, report
from cuvee.recipe import Recipe
from cuvee.stages.rerank import Rerank
from cuvee.statistics import Paired
from cuvee.types import Dataset, Split

__all__ = ["Judged", "Ranking", "check_ranking", "rank_by", "refitted", "without_reranking"]


@dataclass(frozen=True)
class Judged:
    """How the labels of one part were foretold."""

    n: int
    figures: Mapping[str, float]
    """AUC, log loss, accuracy and ECE; or the errors of a rating."""
    report: Mapping[str, Mapping[str, float]]
    """Class -> precision, recall, F1, support; empty for a rating."""
    bins: tuple[Bin, ...]
    """Of the probability of the last class, or empty."""


@dataclass(frozen=True)
class Ranking:
    """A trained ranker and everything that was measured of it."""

    ranker: Ranker
    settled: RankerEstimator
    """Its parameters with the choices written in."""
    judged: Mapping[str, Judged]
    """`valid` and the tests -> how their labels were foretold; training is in the curves."""
    seconds: float
    """Wall seconds of the fit."""
    gain: Mapping[str, Paired] = field(default_factory=dict)
    """Test set -> lists with the stage `rerank` less those without, in the recipe's metric; empty without the stage."""

    @property
    def curves(self) -> Mapping[str, Any]:
        """Figure -> (e,) after each epoch; of tests too, which are measured and choose nothing."""
        found: Mapping[str, Any] = getattr(self.ranker, "curves", {})
        return found

    def facts(self) -> dict[str, Any]:
        """Return it plain, for JSON."""
        parts = {
            name: {"n": j.n, **j.figures, "report": j.report, "reliability": [vars(b) for b in j.bins]}
            for name, j in self.judged.items()
        }
        gain = {name: vars(paired) for name, paired in self.gain.items()}
        return {"judged": parts, "curves": dict(self.curves), "gain_of_reranking": gain, "seconds": self.seconds}


def check_ranking(recipe: Recipe) -> None:
    """Raise a ConfigError where the stage `rerank` has no ranker to ask."""
    if recipe.ranker is None and any(isinstance(stage, Rerank) for stage in recipe.stages):
        raise ConfigError("the stage rerank asks the recipe's ranker, and there is none; add `ranker:`")


def rank_by(recipe: Recipe, split: Split) -> Ranking | None:
    """Return the recipe's ranker trained on the split's examples and measured; None where the recipe has none.

    Raises:
        ConfigError: the split has no examples.
    """
    if recipe.ranker is None:
        return None
    if not split.examples:
        raise ConfigError("a ranker learns from what was not liked as well; use the split last_judged")
    began = time.perf_counter()
    ranker = recipe.ranker.fit(split.train, split.examples, np.random.default_rng(recipe.seed))
    seconds = round(time.perf_counter() - began, 3)
    settled: RankerEstimator = getattr(ranker, "settled", recipe.ranker)
    held = {name: part for name, part in split.examples.items() if name != "train"}
    found = {}
    for name, part in held.items():
        labels, told = settled.target.of(part.label), ranker.judge(split.train, part)
        classes = told.shape[1] > 1
        found[name] = Judged(
            len(part),
            quality(labels, told, settled.target),
            report(labels, told) if classes else {},
            tuple(reliability(labels == told.shape[1] - 1, told[:, -1])) if classes else (),
        )
    return Ranking(ranker, settled, found, seconds)


def refitted(ranking: Ranking | None, data: Dataset, seed: int) -> Ranker | None:
    """Return the ranker fitted on every judgement with the choices made before."""
    if ranking is None:
        return None
    return ranking.settled.fit(data, {"train": examples_of(data)}, np.random.default_rng(seed))


def without_reranking(recipe: Recipe) -> Recipe | None:
    """Return the recipe without the stage `rerank`, None where it has none."""
    kept = tuple(stage for stage in recipe.stages if not isinstance(stage, Rerank))
    return None if len(kept) == len(recipe.stages) else replace(recipe, stages=kept)
