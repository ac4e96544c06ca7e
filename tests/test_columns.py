"""Columns as numbers: by hand, and row by row."""

from datetime import date, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuvee.columns import ColumnCodes, ColumnKind, DateCode, WordCode, kind_of, learn_columns


def test_numbers_by_hand() -> None:
    """Training 1, 2, 6 has the mean 3 and the variance 14/3; what is missing or no number is zero, also in the flag."""
    codes = learn_columns(pl.DataFrame({"n": [1, 2, 6, None]}), {"n": "number"})
    later = pl.DataFrame({"n": ["3", " 6.0 ", None, "x", "nan", "-inf", "1e160", "1e9"]})
    spread = np.sqrt(14 / 3)
    expected = [[0, 1], [3 / spread, 1], *[[0, 0]] * 5, [4, 1]]
    np.testing.assert_allclose(codes.of(later).vectors, expected, rtol=1e-6)
    assert codes.of(later).present.tolist() == [True, True, *[False] * 5, True]


def test_equal_and_no_numbers() -> None:
    codes = learn_columns(pl.DataFrame({"a": [5, 5], "b": [None, None]}), {"a": "number", "b": "number"})
    np.testing.assert_array_equal(codes.of(pl.DataFrame({"a": [6], "b": [0.5]})).vectors, [[1, 1, 0.5, 1]])


def test_bands_are_fifths_of_training() -> None:
    codes = learn_columns(pl.DataFrame({"price": range(101)}), {"price": "band"})
    found = codes.of(pl.DataFrame({"price": [-3.0, 19.9, 20.0, 79.0, 80.0, 999.0, None]})).vectors
    assert [row.nonzero()[0].tolist() for row in found] == [[0], [0], [1], [3], [4], [4], []]


def test_words_by_hand() -> None:
    """b thrice, a and c twice, d once: with room for two, b and a have places, the rest one bucket; length is 1."""
    table = pl.DataFrame({"tags": ["b|a", "b| c ", "a|b|b", "c", "d", "", None]})
    codes = learn_columns(table, {"tags": "tags"}, limit=2, buckets=1)
    (code,) = codes.codes
    assert isinstance(code, WordCode)
    assert code.vocabulary == ("a", "b")
    half = np.sqrt(0.5)
    expected = [[half, half, 0], [0, half, half], [half, half, 0], [0, 0, 1], [0, 0, 1], [0, 0, 0], [0, 0, 0]]
    np.testing.assert_allclose(codes.of(table).vectors, expected, rtol=1e-6)
    listed = pl.DataFrame({"tags": [["b", "a"], [], None, ["new", None]]})
    np.testing.assert_allclose(codes.of(listed).vectors, [expected[0], [0] * 3, [0] * 3, [0, 0, 1]], rtol=1e-6)


def test_a_category_is_not_split() -> None:
    table = pl.DataFrame({"c": ["a|b", "a", "a|b"]})
    codes = learn_columns(table, {"c": "category"}, limit=1, buckets=1)
    np.testing.assert_array_equal(codes.of(table).vectors, [[1, 0], [0, 1], [1, 0]])


def test_new_words_keep_their_bucket() -> None:
    """The same place in every process and beside any other rows."""
    codes = ColumnCodes((WordCode("c", None, (), 5),))
    words = [f"word {n}" for n in range(40)]
    places = codes.of(pl.DataFrame({"c": words})).vectors.argmax(axis=1)
    assert sorted(set(places.tolist())) == [0, 1, 2, 3, 4]
    assert places[:6].tolist() == [1, 0, 1, 4, 3, 0]
    backwards = codes.of(pl.DataFrame({"c": words[::-1]})).vectors.argmax(axis=1)
    np.testing.assert_array_equal(backwards[::-1], places)


def test_dates_by_hand() -> None:
    """Seconds, text, dates and times of day say the same; December is as near to January as June to July."""
    code = DateCode("d", 2020.0, 2.0)
    noon = datetime(2022, 3, 1, 12)
    ways: list[list[object]] = [["2022-03-01", None], ["2022-03-01T23:59:00Z", "soon"], [date(2022, 3, 1), None]]
    ways += [[noon, None], [1646092800, None]]
    expected = [(2 + 59 / 365.25) / 2, 1.0, 0.0]
    for way in ways:
        found = code.encode(pl.Series("d", way, strict=False))
        np.testing.assert_allclose(found, np.array([expected, [0, 0, 0]]), atol=1e-6)
    months = code.encode(pl.Series("d", [f"2020-{m:02}-01" for m in range(1, 13)]))[:, 1:]
    steps = np.linalg.norm(np.roll(months, -1, axis=0) - months, axis=1)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([1, 2], "number"),
        ([True, None], "category"),
        (["1", "2.5", ""], "number"),
        (["2020-01-01", "2021-05-03T10:00"], "date"),
        ([date(2020, 1, 1)], "date"),
        (["a", "b|c"], "tags"),
        ([["a"], ["b"]], "tags"),
        (["a", "b"], "category"),
        ([None, None], "category"),
        (["1990"] * 30 + ["about 1990"], "number"),
        (["1990"] * 10 + ["about 1990"], "category"),
    ],
)
def test_kinds_are_guessed(cells: list[object], kind: ColumnKind) -> None:
    assert kind_of(pl.Series("x", cells)) == kind


def test_seconds_are_told_by_name() -> None:
    assert kind_of(pl.Series("released_at", [1_500_000_000])) == "date"
    assert kind_of(pl.Series("released_at", [12])) == "number"
    assert kind_of(pl.Series("views", [1_500_000_000])) == "number"


cell = st.one_of(st.none(), st.integers(-(10**12), 10**12), st.floats(), st.text(max_size=5), st.booleans())


@given(
    cells=st.lists(cell, min_size=1, max_size=8), kind=st.sampled_from(["number", "band", "date", "category", "tags"])
)
def test_any_cell_is_data(cells: list[object], kind: ColumnKind) -> None:
    """Whatever a column holds: finite vectors, one a row, each row its own, and nothing where there is no content."""
    table = pl.DataFrame({"x": pl.Series("x", [None if c is None else str(c) for c in cells], dtype=pl.String)})
    codes = learn_columns(table, {"x": kind}, limit=2)
    found = codes.of(table)
    assert found.vectors.shape == (len(cells), codes.width)
    assert np.isfinite(found.vectors).all()
    np.testing.assert_array_equal(found.present, found.vectors.any(axis=1))
    assert not any(there and not content for there, content in zip(found.present, codes.contents(table), strict=True))
    np.testing.assert_array_equal(codes.of(table.reverse()).vectors[::-1], found.vectors)


def test_a_column_that_is_gone_is_empty() -> None:
    codes = learn_columns(pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}), {"a": "number", "b": "category"}, buckets=1)
    found = codes.of(pl.DataFrame({"b": ["x", None]}))
    np.testing.assert_array_equal(found.vectors, [[0, 0, 1, 0, 0], [0, 0, 0, 0, 0]])
    assert codes.contents(pl.DataFrame({"b": ["x", None]})) == ['["x"]', ""]
    assert codes.contents(pl.DataFrame({"c": ["x"]})) == [""]


def test_the_fingerprint_holds_what_was_learned() -> None:
    tables = [pl.DataFrame({"a": [1, 2]}), pl.DataFrame({"a": [1, 3]}), pl.DataFrame({"a": [1, 2]})]
    first, other, same = (learn_columns(table, {"a": "number"}).fingerprint for table in tables)
    assert first == same != other
