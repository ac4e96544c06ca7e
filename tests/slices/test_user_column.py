"""Groups by a column of the user table."""

import pytest

from cuvee.errors import UnknownNameError
from cuvee.slices.user_column import UserColumn
from cuvee.types import Dataset, Holdout
from tests.cases import holdout, train


def world(column: str, values: list[object], users: list[int]) -> tuple[Holdout, Dataset]:
    data = train([[0]] * len(values), 2, user_table={column: values})
    return holdout([[0]] * len(users), [[1]] * len(users), 2, users), data


def groups(cut: UserColumn, world: tuple[Holdout, Dataset]) -> dict[str, list[int]]:
    return {name: part.users.tolist() for name, part in cut.cut(*world).items()}


def test_values_most_frequent_first() -> None:
    """Rows of the user table are looked up by the users of the holdout, in their order."""
    asked = world("gender", ["f", "m", None, "m", "f", "m"], [5, 2, 0, 1])
    assert groups(UserColumn("gender"), asked) == {"m": [5, 1], "f": [0], "unknown": [2]}


def test_rare_values_are_together() -> None:
    """Nothing is dropped: what is over `most` is "other"."""
    asked = world("town", ["a", "b", "c", "b", "a", "d"], [0, 1, 2, 3, 4, 5])
    assert groups(UserColumn("town", most=2), asked) == {"a": [0, 4], "b": [1, 3], "other": [2, 5]}


def test_numbers_by_edges() -> None:
    """A range holds its start and not its end; no value is "unknown", empty ranges are left out."""
    asked = world("age", [17, 18, 35, 34, None, 80], [0, 1, 2, 3, 4, 5])
    found = groups(UserColumn("age", edges=(18, 35, 99)), asked)
    assert found == {"under 18": [0], "18 to under 35": [1, 3], "35 to under 99": [2, 5], "unknown": [4]}
    assert next(iter(found)) == "under 18"


def test_numbers_by_quartiles_of_all_training_users() -> None:
    """Ages 1..9 have the quartiles 3, 5, 7, although only five of the users are asked about."""
    asked = world("age", [9.0, 1.0, 8.0, 2.0, 7.0, 3.0, 6.0, 4.0, 5.0], [0, 1, 2, 5, 8])
    found = groups(UserColumn("age"), asked)
    assert found == {"under 3": [1], "3 to under 5": [5], "5 to under 7": [8], "7 and over": [0, 2]}


def test_numbers_that_nobody_has() -> None:
    """All is unknown."""
    asked = world("age", [float("nan"), None], [0, 1])
    assert groups(UserColumn("age"), asked) == {"unknown": [0, 1]}


def test_an_unknown_column_names_the_nearest() -> None:
    """The message helps with a typing error."""
    with pytest.raises(UnknownNameError, match="did you mean 'gender'"):
        UserColumn("gendre").cut(*world("gender", ["f"], [0]))
