"""The figure that choices among models are made on."""

from cuvee.filters.unseen import allowed
from cuvee.metrics.ndcg import Ndcg
from cuvee.protocols import Recommender
from cuvee.rank import recommend
from cuvee.types import Holdout

__all__ = ["validation_ndcg"]


def validation_ndcg(model: Recommender, valid: Holdout, k: int) -> float:
    """Return the mean NDCG@k on validation, of what the users have not seen."""
    slate = recommend(model, valid.queries, k, filters=[allowed], candidates=valid.candidates)
    return float(Ndcg(k).measure(slate, valid.truth).mean())
