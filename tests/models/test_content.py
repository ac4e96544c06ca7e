"""Cosines to what was liked, item by item."""

import numpy as np
import pytest

from cuvee.content_space import joined
from cuvee.errors import ConfigError
from cuvee.models.content import Content
from cuvee.types import Dataset, Queries


def cosine(data: Dataset, modality: str, a: int, b: int) -> float:
    x, y = (data.feature("item", modality).vectors[row].astype(np.float64) for row in (a, b))
    return float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y))) if x.any() and y.any() else 0.0


def test_score_by_loops(world: Dataset, everybody: Queries) -> None:
    """The mean over the liked items, by how much, of the weighted cosines; 0 where a vector is missing."""
    on = {"image": 0.3, "text": 2.0}
    scores = Content(on).fit(world, None, np.random.default_rng(0)).score(everybody)
    for user in (0, 7, 20, 34, 36):
        likes = {i: w for i, w in enumerate(world.matrix[[user]].toarray()[0].tolist()) if w > 0}
        for item in range(23):
            cosines = {i: sum(on[m] * cosine(world, m, i, item) for m in on) for i in likes}
            mean = sum(w * cosines[i] for i, w in likes.items()) / max(sum(likes.values()), 1e-9)
            assert scores[user, item] == pytest.approx(mean, abs=1e-6)


@pytest.mark.parametrize("on", [{}, {"text": 1.0, "image": -0.1}])
def test_weights_are_there_and_not_negative(on: dict[str, float], world: Dataset) -> None:
    with pytest.raises(ConfigError, match="at least one modality"):
        joined(world, on)
