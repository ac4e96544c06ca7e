"""Only items that fulfil the condition."""

import pytest

from cuvee.errors import UnknownNameError
from cuvee.filters.where import Where
from cuvee.types import Dataset, Queries


def test_only_what_fulfils_it(world: Dataset, everybody: Queries) -> None:
    """`stock` is the row's number modulo 4, missing for item 5."""
    mask = Where("stock >= 2 or stock is missing").prepare(world)(everybody)
    assert mask.shape == (1, 23)
    assert mask[0].tolist() == [i == 5 or i % 4 >= 2 for i in range(23)]


def test_an_unknown_column(world: Dataset) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'stock'"):
        Where("stok > 1").prepare(world)
