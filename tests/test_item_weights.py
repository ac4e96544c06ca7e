"""Tracing a linear score back to the history."""

import numpy as np
import pytest
from scipy import sparse

from cuvee.item_weights import linear_scores, trace_linear
from cuvee.models.content import Content
from cuvee.models.item_knn import ItemKnn
from cuvee.protocols import Traceable
from cuvee.types import PAD, Dataset, Ints, Queries

SHOWN = np.array([[4, 0, PAD], [1, PAD, PAD], [22, 6, 20]], np.int32)
"""For users 5, 36 (who has no history) and 11."""


@pytest.mark.parametrize("dense", [True, False])
def test_each_entry_by_hand(dense: bool, everybody: Queries) -> None:
    """Row r, column c: what liked item c weighs for the shown item r, times how much it is liked."""
    asked = everybody.take(np.array([5, 36, 11]))
    table = np.random.default_rng(0).normal(size=(23, 23)).astype(np.float32)
    weights = table if dense else sparse.csr_matrix(table)
    for q, traced in enumerate(trace_linear(asked, weights, SHOWN)):
        likes = np.maximum(asked.seen[[q]].toarray()[0], 0)
        expected = [np.zeros(23) if item == PAD else likes * table[:, item] for item in SHOWN[q]]
        np.testing.assert_allclose(traced.toarray(), expected, atol=1e-6)
    np.testing.assert_allclose(linear_scores(asked, weights), asked.liked.toarray() @ table, atol=1e-5)


@pytest.mark.parametrize(
    "estimator", [ItemKnn(5, 1.0), Content({"text": 1.0, "image": 0.5})], ids=["item_knn", "content"]
)
def test_rows_sum_to_the_score(estimator: ItemKnn | Content, world: Dataset, everybody: Queries) -> None:
    model = estimator.fit(world, None, np.random.default_rng(0))
    assert isinstance(model, Traceable)
    shown: Ints = np.tile(np.array([3, 22, 8, PAD], np.int32), (37, 1))
    scores = model.score(everybody)
    for q, traced in enumerate(model.trace(everybody, shown)):
        np.testing.assert_allclose(np.asarray(traced.sum(axis=1)).ravel(), [*scores[q, [3, 22, 8]], 0], atol=1e-5)
