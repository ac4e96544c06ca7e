"""From slates to figures: a table of values per query, means with intervals, and the same for parts of the queries."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from cuvee import registry
from cuvee.errors import ConfigError
from cuvee.protocols import ListMetric, QueryMetric, Slice, SystemMetric
from cuvee.statistics import Estimate, estimates
from cuvee.truth import shared
from cuvee.types import PAD, Dataset, Floats, Holdout, Ints, Slate

__all__ = ["Metric", "Results", "list_length", "measure", "measure_slices", "parse_metric", "parse_metrics"]

Metric = QueryMetric | ListMetric | SystemMetric


@dataclass(frozen=True)
class Results:
    """What was measured on one holdout, or on a part of it."""

    per_query: pl.DataFrame
    """(q, 1 + metrics): user_id and a column a metric, NaN where it is undefined."""
    system: Mapping[str, float] = field(default_factory=dict)
    """Metrics that describe all slates together: one figure, no value a query."""

    def summary(self, rng: np.random.Generator) -> dict[str, Estimate]:
        """Return metric -> mean and interval; those of all slates together have a mean and no interval."""
        columns = [name for name in self.per_query.columns if name != "user_id"]
        values = self.per_query.select(columns).to_numpy() if columns else np.zeros((len(self.per_query), 0))
        found = dict(zip(columns, estimates(values, rng), strict=True))
        for name, value in self.system.items():
            found[name] = Estimate(None if math.isnan(value) else value, None, None, len(self.per_query))
        return found


def parse_metric(spec: Any) -> tuple[str, Metric]:
    """Return label and component of `ndcg`, `ndcg@20` or `{ndcg: {k: 20}}`; the label always shows the k.

    Raises:
        ConfigError: what stands behind the @ is not a list length, or the metric has none.
        UnknownNameError: no such metric.
    """
    name, at, k = spec.partition("@") if isinstance(spec, str) else ("", "", "")
    if at and not (k.isdecimal() and int(k)):
        raise ConfigError(f"a metric is written `name` or `name@k` with k of at least 1, got {spec!r}")
    component = registry.build("metrics", {name: {"k": int(k)}} if at else spec)
    described = registry.describe(component)
    name = described if isinstance(described, str) else next(iter(described))
    length = getattr(component, "k", None)
    if length is not None and length < 1:
        raise ConfigError(f"metric {name!r} looks at the first k items, so k must be at least 1, got {length}")
    return (name if length is None else f"{name}@{length}"), component


def parse_metrics(specs: Iterable[Any]) -> dict[str, Metric]:
    """Return label -> component, in the order given."""
    return dict(parse_metric(spec) for spec in specs)


def list_length(metrics: Mapping[str, Metric]) -> int:
    """Return how many items a slate must hold for all these metrics: the largest k, 1 when none has one."""
    return max((getattr(metric, "k", 1) for metric in metrics.values()), default=1)


def measure(slate: Slate, holdout: Holdout, train: Dataset, metrics: Mapping[str, Metric]) -> Results:
    """Return the value of each metric for each query of the holdout; row r of the slate answers query r.

    Raises:
        ValueError: the slate answers other queries, two queries are of one user, or lists are shorter than a metric
            needs although there are more candidates.
    """
    return _results(slate, holdout, train, metrics, _described(slate, holdout, train, metrics))


def measure_slices(
    slate: Slate, holdout: Holdout, train: Dataset, metrics: Mapping[str, Metric], slices: Mapping[str, Slice]
) -> dict[str, dict[str, Results]]:
    """Return slice -> group -> what was measured in that part of the holdout, on the same slates."""
    described = _described(slate, holdout, train, metrics)
    row_of = np.full(len(train.users), PAD, np.int32)
    row_of[holdout.users] = np.arange(len(holdout.users))
    found: dict[str, dict[str, Results]] = {name: {} for name in slices}
    for name, cut in slices.items():
        for group, part in cut.cut(holdout, train).items():
            rows = row_of[part.users]
            mine = {label: values[rows] for label, values in described.items()}
            found[name][group] = _results(_take(slate, rows), part, train, metrics, mine)
    return found


def _described(slate: Slate, holdout: Holdout, train: Dataset, metrics: Mapping[str, Metric]) -> dict[str, Floats]:
    """Return label -> (q,) of the metrics that need no truth, after checking that the slate fits the holdout."""
    candidates = len(train.items) if holdout.candidates is None else int(holdout.candidates.sum())
    _check(slate, holdout, candidates, list_length(metrics))
    return {m: x.describe(slate, holdout.queries, train) for m, x in metrics.items() if isinstance(x, ListMetric)}


def _results(
    slate: Slate, holdout: Holdout, train: Dataset, metrics: Mapping[str, Metric], described: Mapping[str, Floats]
) -> Results:
    candidates = np.ones(len(train.items), bool) if holdout.candidates is None else holdout.candidates
    columns = [pl.Series("user_id", train.user_table["user_id"].gather(holdout.users))]
    system: dict[str, float] = {}
    with shared():
        for label, metric in metrics.items():
            if isinstance(metric, QueryMetric):
                columns.append(pl.Series(label, metric.measure(slate, holdout.truth), dtype=pl.Float32))
            elif isinstance(metric, SystemMetric):
                system[label] = metric.summarise(slate, candidates, train)
            else:
                columns.append(pl.Series(label, described[label], dtype=pl.Float32))
    return Results(pl.DataFrame(columns), system)


def _take(slate: Slate, rows: Ints) -> Slate:
    return Slate(slate.items[rows], slate.scores[rows], slate.propensity[rows])


def _check(slate: Slate, holdout: Holdout, candidates: int, k: int) -> None:
    if len(slate) != len(holdout.users):
        raise ValueError(f"a slate for each query is needed, got {len(slate)} for {len(holdout.users)} queries")
    if np.bincount(holdout.users, minlength=1).max() > 1:
        raise ValueError("two queries of the holdout are of one user; measure them as two holdouts")
    if slate.items.shape[1] < min(k, candidates):
        raise ValueError(f"the metrics look at {k} items, the slate holds {slate.items.shape[1]}; recommend {k} items")
