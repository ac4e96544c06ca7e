"""ranx: numba over prepared `Qrels` and `Run`."""

import warnings
from typing import Any

import ranx

from evaluators import Case

__all__ = ["lists", "prepare_lists"]


def prepare_lists(case: Case) -> tuple[Any, Any]:
    truth, ids = case.truth, [f"i{i}" for i in range(case.truth.shape[1])]
    places = range(20, 0, -1)
    qrels, run = {}, {}
    for row, shown in enumerate(case.shown.tolist()):
        wanted = truth.indices[truth.indptr[row] : truth.indptr[row + 1]].tolist()
        qrels[f"u{row}"] = dict.fromkeys([ids[i] for i in wanted], 1)
        run[f"u{row}"] = {ids[i]: float(place) for i, place in zip(shown, places, strict=True)}
    return ranx.Qrels(qrels), ranx.Run(run)


def lists(state: tuple[Any, Any]) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: dict[str, float] = ranx.evaluate(*state, ["recall@20", "ndcg@20", "mrr@20", "map@20"], threads=1)
    return found
