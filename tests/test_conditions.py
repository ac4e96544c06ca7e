"""Conditions mean what Python would say of each row; what cannot be meant is told by place and column."""

import re
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuvee.conditions import condition, fulfilled
from cuvee.errors import ConfigError, UnknownNameError

TABLE = pl.DataFrame(
    {
        "price": [3, None, 7, 50, -2],
        "brand": ["Acme", "O'Neil", None, "ACME tools", ""],
        "new": [True, False, None, True, False],
        "genres": [["Drama", "War"], ["War"], None, [], ["Comedy"]],
        "due date": [1.5, 2.0, 0.0, None, 1.5],
    }
)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("price < 7", [0, 4]),
        ("price <= 7", [0, 2, 4]),
        ("price != 7", [0, 3, 4]),  # a missing price is no price that differs
        ("not price == 7", [0, 1, 3, 4]),
        ("price in [7, 50.0, 1e3]", [2, 3]),
        ("price not in [7, 50]", [0, 4]),
        ("price > -3 and price < 0", [4]),
        ("brand == 'Acme' or brand == \"O'Neil\"", [0, 1]),
        ("brand == 'O\\'Neil'", [1]),
        ("brand contains 'acme'", [0, 3]),
        ("brand is missing", [2]),
        ("brand is not missing and new == true", [0, 3]),
        ("new != true", [1, 4]),
        ("genres contains 'War'", [0, 1]),
        ("not genres contains 'War'", [2, 3, 4]),
        ("`due date` == 1.5", [0, 4]),
        ("price == 3 or price == 7 and new == false", [0]),  # and binds tighter
        ("(price == 3 or price == 7) and not new == false", [0, 2]),
        ("not not price == 3", [0]),
    ],
)
def test_by_hand(text: str, rows: list[int]) -> None:
    assert [row for row, yes in enumerate(fulfilled(text, TABLE)) if yes] == rows


def _leaf() -> st.SearchStrategy[tuple[str, Any]]:
    """A test of one column, in the language and in Python."""
    signs = {"==": "__eq__", "!=": "__ne__", "<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__"}

    def number(sign: str, value: int) -> tuple[str, Any]:
        return f"price {sign} {value}", lambda r: r["price"] is not None and getattr(r["price"], signs[sign])(value)

    def listed(values: list[int]) -> tuple[str, Any]:
        return f"price in {values}", lambda r: r["price"] is not None and r["price"] in values

    def truth(value: bool) -> tuple[str, Any]:
        return f"new == {str(value).lower()}", lambda r: r["new"] is value

    return st.one_of(
        st.builds(number, st.sampled_from(sorted(signs)), st.integers(-5, 55)),
        st.builds(listed, st.lists(st.integers(-5, 55), min_size=1, max_size=4)),
        st.builds(truth, st.booleans()),
        st.just(("brand is missing", lambda r: r["brand"] is None)),
    )


def _grown(inner: st.SearchStrategy[tuple[str, Any]]) -> st.SearchStrategy[tuple[str, Any]]:
    return st.one_of(
        st.builds(lambda a: (f"not ({a[0]})", lambda r: not a[1](r)), inner),
        st.builds(lambda a, b: (f"({a[0]}) and ({b[0]})", lambda r: a[1](r) and b[1](r)), inner, inner),
        st.builds(lambda a, b: (f"({a[0]}) or ({b[0]})", lambda r: a[1](r) or b[1](r)), inner, inner),
    )


@given(st.recursive(_leaf(), _grown, max_leaves=6))
def test_as_python_says_of_each_row(case: tuple[str, Any]) -> None:
    text, says = case
    assert fulfilled(text, TABLE).tolist() == [bool(says(row)) for row in TABLE.iter_rows(named=True)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "a column, `not` or `(` is needed at 0, not 'the end'"),
        ("price <", "is needed at 7"),
        ("price < 'x'", "column 'price' holds numbers, and is compared with 'x' at 8"),
        ("brand == 3", "column 'brand' holds text"),
        ("new < true", "which `<` cannot compare"),
        ("genres == 'War'", 'write `genres contains "..."`'),
        ("price contains '3'", "asks for texts and lists"),
        ("price in []", "is needed at 10"),
        ("price in [3", "`]` is needed at 11"),
        ("(price < 3", "`)` is needed"),
        ("price < 3 price < 4", "`and`, `or` or the end is needed at 10"),
        ("price < 3; drop", "nothing can be made of '; drop' at 9"),
        ("brand == Acme", "a number, a text in quotes"),
        ("and", "a column, `not` or `(`"),
        ("brand == 'open", "nothing can be made of"),
        ("not " * 41 + "new == true", "40 brackets"),
        ("price in [" + "1," * 1000 + "1]", "1000 values at most"),
        ("price < 3 or " * 400 + "price < 3", "4000 characters at most"),
    ],
)
def test_what_is_wrong_is_told(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        condition(text, TABLE.schema)


def test_a_narrow_number_is_compared_as_such() -> None:
    table = pl.DataFrame({"price": pl.Series([0.1, 0.2], dtype=pl.Float32)})
    assert fulfilled("price == 0.1", table).tolist() == [True, False]
    assert fulfilled("price in [0.2, 5]", table).tolist() == [False, True]


def test_an_unknown_column_suggests_another() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'price'"):
        condition("prise < 3", TABLE.schema)


def test_a_column_of_another_type_is_told() -> None:
    table = pl.DataFrame({"when": [None]}, {"when": pl.Date})
    with pytest.raises(ConfigError, match="holds Date"):
        fulfilled("when == 3", table)


@given(st.text(max_size=60))
def test_nonsense_never_ends_otherwise(text: str) -> None:
    try:
        found = fulfilled(text, TABLE)
    except (ConfigError, UnknownNameError):
        return
    assert len(found) == len(TABLE)
