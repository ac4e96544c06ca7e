"""pytrec_eval: trec_eval in C over prepared dictionaries; means are the caller's work."""

from typing import Any

import pytrec_eval  # type: ignore[import-not-found]

from evaluators import Case

__all__ = ["lists", "prepare_lists"]

NAMES = {"recall_20": "recall@20", "ndcg_cut_20": "ndcg@20", "recip_rank": "mrr@20", "map_cut_20": "map@20"}


def prepare_lists(case: Case) -> tuple[Any, Any]:
    truth = case.truth
    places = range(20, 0, -1)
    qrels, run = {}, {}
    for row, shown in enumerate(case.shown.tolist()):
        wanted = truth.indices[truth.indptr[row] : truth.indptr[row + 1]].tolist()
        qrels[f"u{row}"] = {f"i{i}": 1 for i in wanted}
        run[f"u{row}"] = {f"i{i}": float(place) for i, place in zip(shown, places, strict=True)}
    return pytrec_eval.RelevanceEvaluator(qrels, {"recall.20", "ndcg_cut.20", "recip_rank", "map_cut.20"}), run


def lists(state: tuple[Any, Any]) -> dict[str, float]:
    evaluator, run = state
    found = evaluator.evaluate(run)
    return {name: sum(values[key] for values in found.values()) / len(found) for key, name in NAMES.items()}
