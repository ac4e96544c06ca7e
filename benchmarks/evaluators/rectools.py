"""RecTools: `calc_metrics` over prepared pandas frames. Its NDCG is divided by that of k hits."""

from typing import Any

import numpy as np
import pandas as pd
from rectools import Columns
from rectools.metrics import MAP, MRR, NDCG, Recall, calc_metrics

from evaluators import Case

__all__ = ["lists", "prepare_lists"]


def prepare_lists(case: Case) -> tuple[Any, Any]:
    users, k = case.shown.shape
    rows = np.arange(users)
    ranks = np.tile(np.arange(1, k + 1), users)
    reco = pd.DataFrame({Columns.User: np.repeat(rows, k), Columns.Item: case.shown.ravel(), Columns.Rank: ranks})
    wanted = np.repeat(rows, np.diff(case.truth.indptr))
    return reco, pd.DataFrame({Columns.User: wanted, Columns.Item: case.truth.indices})


def lists(state: tuple[Any, Any]) -> dict[str, float]:
    reco, interactions = state
    metrics = {"recall@20": Recall(k=20), "ndcg@20": NDCG(k=20), "mrr@20": MRR(k=20), "map@20": MAP(k=20)}
    found: dict[str, float] = calc_metrics(metrics, reco, interactions)
    return found
