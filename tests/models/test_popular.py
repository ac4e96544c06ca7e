"""Popularity counted by hand."""

import numpy as np

from cuvee.models.popular import Popular
from cuvee.types import Dataset, Queries


def test_counts_users_who_liked(world: Dataset, everybody: Queries) -> None:
    """A user counts once however often they bought; dislikes do not count; everybody gets the same."""
    matrix = world.matrix.toarray()
    expected = [sum(matrix[user, item] > 0 for user in range(37)) for item in range(23)]
    scores = Popular().fit(world, None, np.random.default_rng(0)).score(everybody)
    assert scores.tolist() == [expected] * 37
    assert max(expected) < np.bincount(world.events.item).max()
