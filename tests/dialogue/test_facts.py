"""What columns say."""

import numpy as np
import polars as pl

from cuvee.dialogue.facts import facts_of
from cuvee.dialogue.state import Constraint
from tests.dialogue.conftest import data_of

TABLE = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "title": ["A", None, "C", "D"],
        "description": ["one", "two", "three", "four"],
        "genres": ["War|Drama", "Drama", "", None],
        "cast": ["Ann, Bo", "Bo", "Ann, Cy", "Cy, Bo"],
        "tags": [["x", "y"], ["x"], [], None],
        "runtime": ["81 min", "95 min", None, "7 min"],
        "price": [1.5, None, float("nan"), 3.0],
        "product_code": ["1", "2", "3", "4"],
        "image": ["i/1.jpg", None, None, None],
        "on_sale": [True, False, None, True],
    }
)


def test_kinds_of_columns() -> None:
    facts = facts_of(data_of(TABLE))
    assert facts.titles == ("A", "b", "C", "D")
    assert {name: (column.values, column.single) for name, column in facts.tags.items()} == {
        "genres": (("Drama", "War"), False),
        "cast": (("Ann", "Bo", "Cy"), False),
        "tags": (("x", "y"), False),
        "on_sale": (("False", "True"), True),
    }
    assert list(facts.numbers) == ["runtime", "price"]
    assert facts.numbers["runtime"].measure == "duration"
    np.testing.assert_array_equal(facts.numbers["runtime"].numbers, [81, 95, np.nan, 7])
    np.testing.assert_array_equal(facts.numbers["price"].numbers, [1.5, np.nan, np.nan, 3])


def test_constraints() -> None:
    """What is missing fulfils no bound and no `any`, and every `none`."""
    facts = facts_of(data_of(TABLE))

    def rows(constraint: Constraint) -> list[int]:
        return np.flatnonzero(facts.fulfilled(constraint)).tolist()

    assert rows(Constraint("any", (("genres", "War"), ("cast", "Cy")))) == [0, 2, 3]
    assert rows(Constraint("none", (("genres", "Drama"),))) == [2, 3]
    assert rows(Constraint("<=", column="price", bound=1.5)) == [0]
    assert rows(Constraint(">=", column="runtime", bound=81)) == [0, 1]
    assert rows(Constraint("any", (("colour", "Red"),))) == []
    assert rows(Constraint(">=", column="gone", bound=0)) == []
    both = (Constraint("none", (("genres", "War"),)), Constraint("any", (("cast", "Bo"),)))
    assert np.flatnonzero(facts.allowed(both)).tolist() == [1, 3]
