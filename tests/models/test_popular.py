"""Popularity summed by hand."""

import numpy as np

from cuvee.models.popular import Popular
from cuvee.types import Dataset, Queries


def test_sums_what_users_liked(world: Dataset, everybody: Queries) -> None:
    """A user counts once by the strongest event; dislikes do not count; everybody gets the same."""
    matrix = world.matrix.toarray()
    expected = [sum(max(matrix[user, item], 0) for user in range(37)) for item in range(23)]
    scores = Popular().fit(world, None, np.random.default_rng(0)).score(everybody)
    np.testing.assert_allclose(scores, [expected] * 37, rtol=1e-6)
    assert len(set(expected)) > len(set(world.popularity))  # a view weighs less than a purchase
    assert max(expected) < np.bincount(world.events.item).max()
