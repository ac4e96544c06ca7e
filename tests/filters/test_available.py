"""Stock and flags as masks."""

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from cuvee.errors import ConfigError
from cuvee.filters.available import Available
from cuvee.types import Dataset, Queries


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, False, None], [True, False, True]),
        ([3, 0, None], [True, False, True]),
        ([0.5, -2.0, None], [True, False, True]),
        ([None, None, None], [True, True, True]),
        (pl.Series([None, None, None], dtype=pl.String), [True, True, True]),
    ],
)
def test_true_positive_or_empty(
    values: "list[Any] | pl.Series", expected: list[bool], world: Dataset, everybody: Queries
) -> None:
    table = pl.DataFrame({"item_id": ["a", "b", "c"], "available": values})
    mask = Available().prepare(replace(world, item_table=table))(everybody)
    assert mask.tolist() == [expected]


def test_any_column(world: Dataset, everybody: Queries) -> None:
    """The world's stock is the row modulo 4, unknown for item 5."""
    assert [i for i in range(23) if not Available("stock").prepare(world)(everybody)[0, i]] == [0, 4, 8, 12, 16, 20]


@pytest.mark.parametrize(("column", "message"), [("stok", r"no column 'stok'.*'stock'"), ("title", "holds String")])
def test_what_is_no_flag(column: str, message: str, world: Dataset) -> None:
    with pytest.raises(ConfigError, match=message):
        Available(column).prepare(world)
