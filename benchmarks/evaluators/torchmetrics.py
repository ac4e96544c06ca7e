"""torchmetrics: the retrieval metrics over prepared flat tensors; wanted items that are not shown come last."""

from typing import Any

import numpy as np
import torch
from torchmetrics.retrieval import (  # type: ignore[import-not-found]
    RetrievalMAP,
    RetrievalMRR,
    RetrievalNormalizedDCG,
    RetrievalRecall,
)

from evaluators import Case

__all__ = ["lists", "prepare_lists"]


def prepare_lists(case: Case) -> Any:
    preds, target, indexes = [], [], []
    for row, shown in enumerate(case.shown):
        wanted = case.truth.indices[case.truth.indptr[row] : case.truth.indptr[row + 1]]
        rest = np.setdiff1d(wanted, shown)
        preds.append(np.concatenate([np.arange(20.0, 0, -1), -1 - np.arange(len(rest))]))
        target.append(np.concatenate([np.isin(shown, wanted), np.ones(len(rest), bool)]))
        indexes.append(np.full(20 + len(rest), row))
    flat = (np.concatenate(preds).astype(np.float32), np.concatenate(target), np.concatenate(indexes))
    return tuple(map(torch.from_numpy, flat))


def lists(state: Any) -> dict[str, float]:
    preds, target, indexes = state
    found = {}
    for name, kind in (
        ("recall@20", RetrievalRecall),
        ("ndcg@20", RetrievalNormalizedDCG),
        ("mrr@20", RetrievalMRR),
        ("map@20", RetrievalMAP),
    ):
        metric = kind(top_k=20)
        metric.update(preds, target, indexes=indexes)
        found[name] = float(metric.compute())
    return found
