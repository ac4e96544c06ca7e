"""Does a modality earn its keep? Leave it out, fit again, and compare query by query."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from cuvee.features import FUSED
from cuvee.protocols import Estimator, FittedFusion
from cuvee.registry import describe
from cuvee.statistics import Paired, paired
from cuvee.types import Split
from cuvee.used_modalities import SOCIAL, used

__all__ = ["Verdict", "judged", "modality_weights", "unfused", "verdicts", "without"]


@dataclass(frozen=True)
class Verdict:
    """What one modality is worth on these data."""

    modality: str
    weight: float
    """Share of the chosen model's weight in views that use it, 0..1; those use interactions as well, mostly."""
    loss: Mapping[str, Paired]
    """Test set -> what is lost without it, in units of the metric; positive: it helps."""


def verdicts(
    split: Split,
    settled: Estimator,
    measured: Mapping[str, pl.DataFrame],
    remeasure: Callable[[Split], Mapping[str, pl.DataFrame]],
    metric: str,
    rng: np.random.Generator,
    fusion: FittedFusion | None = None,
) -> tuple[Verdict, ...]:
    """Return a verdict for each item modality.

    Args:
        settled: the chosen model, whose weights are told.
        measured: test set -> per-query table with everything in view.
        remeasure: fits and measures again on a split whose features have changed.
        metric: the column compared.
        fusion: what made the modality `fused`, whose weight is that of its parts.
    """
    weights = unfused(modality_weights(describe(settled)), split, fusion)
    found = []
    for modality in judged(split):
        left_out = remeasure(without(split, modality))
        loss = {
            name: paired(measured[name][metric].to_numpy(), left_out[name][metric].to_numpy(), rng) for name in measured
        }
        found.append(Verdict(modality, weights.get(modality, 0.0), loss))
    return tuple(found)


def judged(split: Split) -> list[str]:
    """Return the item modalities that can be told apart: not the one that others were fused to."""
    return [m for role, m in split.train.features if role == "item" and m != FUSED]


def unfused(weights: Mapping[str, float], split: Split, fusion: FittedFusion | None) -> dict[str, float]:
    """Return the weights with that of `fused` passed on to its parts, by their mean share over the items."""
    found = {m: w for m, w in weights.items() if m != FUSED}
    if fusion is not None and FUSED in weights:
        parts = {m: part for (role, m), part in split.train.features.items() if role == "item"}
        shares = fusion.shares(parts).mean(axis=1)
        for name, share in zip(fusion.settled.on, shares / max(float(shares.sum()), 1e-9), strict=True):
            found[name] = found.get(name, 0.0) + weights[FUSED] * float(share)
    return found


def without(split: Split, modality: str) -> Split:
    """Return the split with every row of one item modality missing."""
    features = dict(split.train.features)
    features["item", modality] = features["item", modality].hidden()
    return replace(split, train=replace(split.train, features=features))


def modality_weights(spec: Any) -> dict[str, float]:
    """Return modality -> its share of the weight of a described model.

    A blend passes each view's share of the weights on; a view that uses several modalities passes its share on by
    the weights of its `on`. A view on interactions and content at once counts as content, unless content has no part.
    One on circles of friends counts as the social graph.
    """
    if isinstance(spec, str):
        return {}
    _, values = next(iter(spec.items()))
    shares: dict[str, float] = {}
    if "views" in values:
        weights = values["weights"] or [1.0] * len(values["views"])
        for view, weight in zip(values["views"], weights, strict=True):
            for modality, share in modality_weights(view).items():
                shares[modality] = shares.get(modality, 0.0) + share * weight / (sum(weights) or 1.0)
    elif "circles" in values:
        shares = {SOCIAL: 1.0}
    elif not (values.get("content") == 0 and values.get("share") == 0):
        weights = used(values)
        shares = {modality: weight / (sum(weights.values()) or 1.0) for modality, weight in weights.items()}
    return shares
