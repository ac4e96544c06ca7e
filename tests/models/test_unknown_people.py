"""Every model answers those it was not trained on: somebody with nothing, a session, a new history."""

from typing import Any

import numpy as np
import pytest

from cuvee import registry
from cuvee.queries import queries_of, session
from cuvee.types import Dataset
from tests.conftest import make_world

MODELS: list[Any] = [
    "popular",
    "ease",
    "item_knn",
    "content",
    "content_ease",
    {"blend": {"views": ["ease", "content", "item_knn"]}},
    {"tuned": {"model": "content", "grid": {}}},
]


@pytest.mark.parametrize("spec", MODELS, ids=str)
def test_answers(spec: Any, world: Dataset) -> None:
    """Scores are finite, depend on the query alone, and leave the query as it is."""
    model = registry.build("models", spec).fit(world, None, np.random.default_rng(0))
    strangers = queries_of(make_world(seed=9), np.array([3, 36, 8], np.int32))
    before = strangers.seen.toarray()
    scores = model.score(strangers)
    for query, q in ((session(world, []), 1), (session(world, ["i01", "i22"]), 1), (strangers, 3)):
        answer = model.score(query)
        assert answer.shape == (q, 23)
        assert answer.dtype == np.float32
        assert np.isfinite(answer).all()
    for q in range(3):
        np.testing.assert_allclose(model.score(strangers.take(slice(q, q + 1)))[0], scores[q], atol=1e-5)
    np.testing.assert_array_equal(strangers.seen.toarray(), before)
