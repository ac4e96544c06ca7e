"""implicit: `evaluation.ranking_metrics_at_k`, in C++; it has no recall and no reciprocal rank."""

from dataclasses import dataclass
from typing import Any

from implicit.cpu.matrix_factorization_base import MatrixFactorizationBase
from implicit.evaluation import ranking_metrics_at_k

from evaluators import Case

__all__ = ["lists", "prepare_lists", "prepare_whole", "whole"]


@dataclass(frozen=True)
class Ready:
    """Stands for a model that knows its lists already."""

    shown: Any

    def recommend(self, users: Any, *_: Any, **__: Any) -> tuple[Any, None]:
        return self.shown[users], None


class Factors(MatrixFactorizationBase):  # type: ignore[misc]
    """Factors that were learnt elsewhere."""

    def fit(self, *_: Any, **__: Any) -> None: ...

    def recalculate_user(self, *_: Any) -> None: ...

    def recalculate_item(self, *_: Any) -> None: ...

    def save(self, *_: Any) -> None: ...


def prepare_lists(case: Case) -> tuple[Any, Any, Any]:
    return Ready(case.shown), case.seen, case.truth


def prepare_whole(case: Case) -> tuple[Any, Any, Any]:
    model = Factors(num_threads=1)
    model.user_factors, model.item_factors = case.users, case.items
    return model, case.seen, case.truth


def lists(state: tuple[Any, Any, Any]) -> dict[str, float]:
    found = ranking_metrics_at_k(*state, K=20, show_progress=False, num_threads=1)
    return {"map@20": found["map"], "ndcg@20": found["ndcg"]}


whole = lists
