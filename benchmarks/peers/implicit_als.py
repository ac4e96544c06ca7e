"""implicit: weighted matrix factorisation by alternating least squares (Hu, Koren and Volinsky, ICDM 2008)."""

from typing import Any

from implicit.cpu.als import AlternatingLeastSquares

from peers import Case, Scorer, Watch

CONTENT, COLD, PACKAGE = False, False, "pm-implicit"
GRID = tuple(
    {"factors": f, "regularization": r, "alpha": a} for f in (64, 128) for r in (0.01, 10.0) for a in (1.0, 10.0)
)


def fit(case: Case, setting: dict[str, Any], watch: Watch) -> Scorer:  # noqa: ARG001 - a fixed number of sweeps
    model = AlternatingLeastSquares(**setting, iterations=15, num_threads=1, random_state=0)
    model.fit(case.liked, show_progress=False)
    return lambda users: model.user_factors[users] @ model.item_factors.T
