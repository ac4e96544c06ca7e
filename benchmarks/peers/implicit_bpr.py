"""implicit: matrix factorisation by Bayesian personalised ranking (Rendle et al., UAI 2009)."""

from typing import Any

from implicit.cpu.bpr import BayesianPersonalizedRanking

from peers import Case, Scorer, Watch

CONTENT, COLD, PACKAGE = False, False, "pm-implicit"
GRID = tuple(
    {"factors": 64, "learning_rate": lr, "regularization": r, "iterations": n}
    for lr in (0.01, 0.05)
    for r in (0.01, 0.1)
    for n in (30, 100)
)


def fit(case: Case, setting: dict[str, Any], watch: Watch) -> Scorer:  # noqa: ARG001 - the grid has its lengths
    model = BayesianPersonalizedRanking(**setting, num_threads=1, random_state=0)
    model.fit(case.liked, show_progress=False)
    return lambda users: model.user_factors[users] @ model.item_factors.T
