"""An index for a trained model, measured against exact search before anybody relies on it."""

import logging
import time

import numpy as np

from cuvee.errors import ConfigError
from cuvee.nearest import LARGE, nearest
from cuvee.protocols import BuiltIndex, Factorized, Index, Recommender
from cuvee.queries import queries_of
from cuvee.registry import describe
from cuvee.types import Dataset, Floats

__all__ = ["FLOOR", "built_for", "check_factorized", "check_index", "found_again"]

logger = logging.getLogger(__name__)

FLOOR = 0.98
"""Share of the exact answer that an index has to find."""
_QUERIES = 500
"""Users whose answers are compared."""


def built_for(index: Index, model: Recommender, train: Dataset, k: int, seed: int) -> BuiltIndex:
    """Build the index of a model's items and measure its recall at k on users of the training data.

    Raises:
        ConfigError: the model has no factors, or the index finds less than `FLOOR`.
    """
    factorized = check_factorized(index, model)
    start = time.perf_counter()
    built = index.build(factorized.item_factors())
    seconds = time.perf_counter() - start
    known = np.flatnonzero(np.diff(train.matrix.indptr) > 0)
    asked = np.sort(np.random.default_rng(seed).permutation(known)[:_QUERIES]).astype(np.int32)
    found = found_again(built, factorized.item_factors(), factorized.query_factors(queries_of(train, asked)), k)
    spec = describe(index)
    logger.info("index %s: built in %.1f s, recall@%d %.4f of %d users", spec, seconds, k, found, len(asked))
    if found < FLOOR:
        raise ConfigError(
            f"the index {spec} finds {found:.3f} of the best {k} of {len(asked)} users, at least {FLOOR} is asked for; "
            f"{index.remedy}"
        )
    return built


def check_index(index: Index | None, model: Recommender, items: int) -> None:
    """Check that a model can have the index; say so where it has none and one would pay.

    Raises:
        ConfigError: the score of the model is no inner product.
    """
    if index is not None:
        check_factorized(index, model)
    elif items > LARGE and isinstance(model, Factorized):
        logger.info(
            "%d items are scored at every request; `index: faiss_ivf` in the recipe finds the best sooner", items
        )


def check_factorized(index: Index, model: Recommender) -> Factorized:
    """Return the model, which has factors.

    Raises:
        ConfigError: it has none.
    """
    if isinstance(model, Factorized):
        return model
    raise ConfigError(
        f"index {describe(index)}: the score of {type(model).__name__} is no inner product of two vectors, so no "
        "index finds its best; leave `index` out, or take a model such as two_tower, content or graph_net"
    )


def found_again(built: BuiltIndex, vectors: Floats, queries: Floats, k: int) -> float:
    """Return the mean share of the k best that the index finds; whatever scores like the last of them counts.

    1 where nothing is asked.
    """
    if not len(queries) or not len(vectors):
        return 1.0
    k = min(k, len(vectors))
    _, best = nearest(vectors, queries, k)
    _, scores = built.search(queries, k)
    last = best[:, -1:]
    return float((scores >= last - 1e-5 * np.abs(last)).mean())
