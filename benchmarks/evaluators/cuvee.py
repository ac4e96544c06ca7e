"""Ours: `rank.recommend` and `evaluate.measure`."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from cuvee.evaluate import Metric, measure, parse_metrics
from cuvee.filters.unseen import Unseen
from cuvee.rank import recommend
from cuvee.types import PAD, Dataset, Embeddings, Events, Floats, Holdout, Queries, Slate
from evaluators import Case

__all__ = ["lists", "prepare_lists", "prepare_whole", "whole"]


@dataclass(frozen=True)
class Factors:
    """A model whose score is a product of factors; the user factors stand in the queries' profiles."""

    items: Floats

    def score(self, queries: Queries) -> Floats:
        return queries.features["factors"].vectors @ self.items.T


@dataclass(frozen=True)
class State:
    model: Factors
    slate: Slate
    holdout: Holdout
    train: Dataset
    metrics: dict[str, Metric]


def prepare_lists(case: Case) -> State:
    return _state(case, ["recall@20", "ndcg@20", "mrr@20", "map@20"])


def lists(state: State) -> dict[str, float]:
    results = measure(state.slate, state.holdout, state.train, state.metrics)
    return {m: results.per_query[m].cast(pl.Float64).mean() for m in results.per_query.columns[1:]}  # type: ignore[misc]


def prepare_whole(case: Case) -> State:
    more = ["coverage@20", "gini@20", "novelty@20", "popularity_lift@20"]
    return _state(case, ["recall@20", "ndcg@20", "mrr@20", "map@20", *more])


def whole(state: State) -> dict[str, float]:
    allowed = Unseen().prepare(state.train)
    slate = recommend(state.model, state.holdout.queries, 20, filters=[allowed])
    results = measure(slate, state.holdout, state.train, state.metrics)
    means = {m: results.per_query[m].cast(pl.Float64).mean() for m in results.per_query.columns[1:]}
    return {**means, **results.system}  # type: ignore[dict-item]


def _state(case: Case, metrics: list[str]) -> State:
    users, items = case.seen.shape
    rows = np.repeat(np.arange(users, dtype=np.int32), np.diff(case.seen.indptr))
    n = len(rows)
    events = Events(rows, case.seen.indices, np.zeros(n, np.int64), np.ones(n, np.float32), np.zeros(n, np.int8))
    names = tuple(map(str, range(users))), tuple(map(str, range(items)))
    tables = pl.DataFrame({"item_id": names[1]}), pl.DataFrame({"user_id": names[0]})
    train = Dataset(*names, events, *tables)
    empty = np.full((users, 1), PAD, np.int32), np.zeros((users, 1), np.int64), np.zeros((users, 1), np.int8)
    queries = Queries(case.seen, *empty, features={"factors": Embeddings(case.users, np.ones(users, bool))})
    ones = np.ones(case.shown.shape, np.float32)
    holdout = Holdout(queries, case.truth, np.arange(users, dtype=np.int32))
    return State(Factors(case.items), Slate(case.shown, ones, ones), holdout, train, parse_metrics(metrics))
