"""What a user has touched is not shown again."""

from dataclasses import replace

import numpy as np
import pytest

from cuvee import queries
from cuvee.filters.unseen import Unseen
from cuvee.queries import queries_of
from cuvee.types import Dataset


@pytest.mark.parametrize("limit", [200, 2])
def test_whatever_the_kind(limit: int, world: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dislikes and views too, and what is no longer in a history that was cut."""
    monkeypatch.setattr(queries, "HISTORY_LIMIT", limit)
    allowed = Unseen().prepare(world)(queries_of(world, np.arange(37, dtype=np.int32)))
    touched = set(zip(world.events.user.tolist(), world.events.item.tolist(), strict=True))
    for user in range(37):
        assert [i for i in range(23) if not allowed[user, i]] == sorted(i for u, i in touched if u == user)


def test_even_what_weighs_nothing(world: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event of weight 0 is a touch, also when the history is cut; nothing of it is liked."""
    monkeypatch.setattr(queries, "HISTORY_LIMIT", 2)
    silent = replace(world, events=replace(world.events, weight=np.zeros_like(world.events.weight)))
    asked = queries_of(silent, np.array([4], np.int32))
    assert asked.liked.nnz == 0
    np.testing.assert_array_equal(
        Unseen().prepare(silent)(asked), Unseen().prepare(world)(queries_of(world, np.array([4], np.int32)))
    )
