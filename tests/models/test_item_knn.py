"""Item neighbours by loops over pairs of items."""

import numpy as np
import pytest

from cuvee.models import item_knn
from cuvee.models.item_knn import ItemKnn
from cuvee.types import Dataset, Queries


def neighbours(data: Dataset, item: int, shrinkage: float) -> list[tuple[float, int]]:
    """Return (cosine, other item) of all that were ever liked together with `item`, the closest first."""
    liked = data.liked.toarray().astype(np.float64)
    found = []
    for other in range(liked.shape[1]):
        together = liked[:, item] @ liked[:, other]
        if other != item and together > 0:
            norms = np.sqrt((liked[:, item] ** 2).sum() * (liked[:, other] ** 2).sum())
            found.append((together / (norms + shrinkage), other))
    return sorted(found, key=lambda pair: -pair[0])


@pytest.mark.parametrize("block", [1024, 5])
@pytest.mark.parametrize(("most", "shrinkage"), [(100, 0.0), (3, 2.5)])
def test_brute_force(
    most: int, shrinkage: float, block: int, world: Dataset, everybody: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each item is predicted by its own closest neighbours, whichever block it falls into."""
    monkeypatch.setattr(item_knn, "_BLOCK", block)
    model = ItemKnn(most, shrinkage).fit(world, None, np.random.default_rng(0))
    weights = model.weights.toarray()
    for item in range(23):
        known = neighbours(world, item, shrinkage)
        cosine = {other: value for value, other in known}
        kept = np.flatnonzero(weights[:, item]).tolist()
        np.testing.assert_allclose(weights[kept, item], [cosine[other] for other in kept], atol=1e-6)
        closest = [value for value, _ in known[:most]]
        np.testing.assert_allclose(np.sort(weights[kept, item])[::-1], closest, atol=1e-6)  # which of equals is free
    np.testing.assert_allclose(model.score(everybody), world.liked.toarray() @ weights, atol=1e-5)
