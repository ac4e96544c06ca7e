"""Groups by whether the wanted items have siblings."""

import pytest

from cuvee.errors import UnknownNameError
from cuvee.slices.siblings import Siblings
from tests.cases import holdout, train


def test_by_hand() -> None:
    """Items 0, 1 share a code and 0 is liked; 2 is liked but alone; 3, 4 share, both unliked; 5, 6 have no code."""
    codes: list[object] = ["a", "a", "b", "c", "c", None, None]
    data = train([[0, 2, 5], [0]], 7, item_table={"product_code": codes})
    asked = holdout([[], [], []], [[0, 1, 2], [3, 4, 5, 6], [1]], 7)
    groups = Siblings().cut(asked, data)
    found = {name: (part.users.tolist(), [row.indices.tolist() for row in part.truth]) for name, part in groups.items()}
    assert found == {"with siblings": ([0, 2], [[1], [1]]), "without siblings": ([0, 1], [[0, 2], [3, 4, 5, 6]])}


def test_an_unknown_column_names_the_nearest() -> None:
    """The message helps with a typing error."""
    data = train([[0]], 2, item_table={"product_code": ["a", "b"]})
    with pytest.raises(UnknownNameError, match="did you mean 'product_code'"):
        Siblings(column="product_cod").cut(holdout([[]], [[1]], 2), data)
