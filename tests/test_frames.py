"""From frames to a data set, row by row, and every complaint about a table."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from cuvee.errors import DataError
from cuvee.frames import Frames, dataset

EVENTS = pl.DataFrame(
    {
        "user_id": ["b", "a", "b", "c", "a", "b"],
        "item_id": ["007", "x", "7", "x", "007", "007"],
        "timestamp": [50, 20, None, 20, 10, 50],
        "event": ["buy", "view", None, "dislike", "cart", "wish"],
        "rating": [4.0, 2.0, None, 3.0, 5.0, 1.0],
    }
)
ITEMS = pl.DataFrame({"item_id": ["x", "new", "007"], "title": ["X", "New", "Bond"]})
FRAMES = Frames(EVENTS, items=ITEMS, source={"interactions": "events.csv", "items": "items.csv"})


def test_rows_by_hand() -> None:
    """Table order first, then order of appearance; events by time, equal times as they came, an empty time is 0."""
    data = dataset(FRAMES)
    assert data.items == ("x", "new", "007", "7")
    assert data.users == ("b", "a", "c")
    assert data.item_table.rows() == [("x", "X"), ("new", "New"), ("007", "Bond"), ("7", None)]
    e = data.events
    found = [
        (data.users[u], data.items[i], t, e.kinds[k]) for u, i, t, k in zip(e.user, e.item, e.time, e.kind, strict=True)
    ]
    assert found == [
        ("b", "7", 0, "event"),
        ("a", "007", 10, "cart"),
        ("a", "x", 20, "view"),
        ("c", "x", 20, "dislike"),
        ("b", "007", 50, "buy"),
        ("b", "007", 50, "wish"),
    ]
    np.testing.assert_allclose(e.weight, [1, 0.5, 0.2, -1, 1, 1])
    assert [c.dtype for c in (e.user, e.item, e.time, e.weight, e.kind)] == [
        "int32",
        "int32",
        "int64",
        "float32",
        "int8",
    ]


def test_weights_of_kinds_are_what_the_recipe_says() -> None:
    """Kinds that are not named weigh 1."""
    np.testing.assert_allclose(dataset(FRAMES, {"view": 0.0, "wish": -2.0}).events.weight, [1, 1, 0, 1, 1, -2])


def test_low_ratings_count_as_seen(caplog: pytest.LogCaptureFixture) -> None:
    """Events without a rating stay."""
    with caplog.at_level("INFO", logger="cuvee"):
        data = dataset(FRAMES, min_rating=3)
    assert (len(data.events), int(np.count_nonzero(data.events.weight))) == (6, 4)
    assert "events.csv: 2 of 6 events are rated below 3 and count as seen only" in caplog.text


def test_ids_without_a_row_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    dataset(FRAMES)
    assert "items.csv: 1 ids of the events have no row here, e.g. '7'" in caplog.text


def test_numbers_are_ids_too() -> None:
    data = dataset(
        Frames(pl.DataFrame({"user_id": [3, 1], "item_id": [10, 2]}), items=pl.DataFrame({"item_id": [2, 5]}))
    )
    assert (data.users, data.items) == (("3", "1"), ("2", "5", "10"))
    assert data.events.kinds == ("event",)
    assert data.events.time.tolist() == [0, 0]


def test_no_events_at_all() -> None:
    data = dataset(Frames(EVENTS.clear(), items=ITEMS))
    assert (len(data.users), len(data.items), data.matrix.shape) == (0, 3, (0, 3))


@pytest.mark.parametrize("days", [[date(1970, 1, 2)], [datetime(1970, 1, 2)], [datetime(1970, 1, 2, tzinfo=UTC)]])
def test_dates_become_unix_seconds(days: list[date]) -> None:
    frame = pl.DataFrame({"user_id": ["a"], "item_id": ["x"], "timestamp": days})
    assert dataset(Frames(frame)).events.time.tolist() == [86400]


def test_other_tables_keep_ids_that_are_unknown() -> None:
    """Reviews, friends and facts may name others; ids are text."""
    data = dataset(
        replace(
            FRAMES,
            reviews=pl.DataFrame({"user_id": [9, 1], "item_id": ["x", "z"], "text": ["fine", None]}),
            social=pl.DataFrame({"src": [1], "dst": [2]}),
            triples=pl.DataFrame({"head": ["x"], "relation": ["is"], "tail": [5]}),
        )
    )
    assert data.reviews is not None
    assert data.reviews.rows() == [("9", "x", "fine"), ("1", "z", None)]
    assert data.social is not None
    assert data.social.rows() == [("1", "2")]
    assert data.triples is not None
    assert data.triples.rows() == [("x", "is", "5")]


def changed(column: str, row: int, value: Any) -> pl.DataFrame:
    values = EVENTS[column].to_list()
    values[row - 1] = value
    return EVENTS.with_columns(pl.Series(column, values, strict=False))


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (replace(FRAMES, interactions=EVENTS.drop("item_id")), "events.csv: no column 'item_id'; it has user_id, time"),
        (replace(FRAMES, interactions=changed("user_id", 3, None)), "events.csv: row 3 has no user_id"),
        (replace(FRAMES, interactions=changed("item_id", 6, "")), "events.csv: row 6 has no item_id"),
        (replace(FRAMES, interactions=changed("timestamp", 4, -5)), "events.csv: row 4 has the negative time -5"),
        (
            replace(
                FRAMES, interactions=EVENTS.with_columns(pl.col("timestamp").cast(pl.String).replace("10", "noon"))
            ),
            "events.csv: column 'timestamp' must be whole unix seconds: .*noon",
        ),
        (replace(FRAMES, items=ITEMS.drop("item_id")), "items.csv: no column 'item_id'"),
        (
            replace(FRAMES, items=pl.concat([ITEMS, ITEMS[1:2]])),
            "items.csv: item_id 'new' of row 2 occurs more than once",
        ),
        (replace(FRAMES, users=pl.DataFrame({"user_id": ["a", None]})), "users: row 2 has no user_id"),
        (replace(FRAMES, reviews=pl.DataFrame({"user_id": ["a"], "text": [""]})), "reviews: no column 'item_id'"),
        (replace(FRAMES, social=pl.DataFrame({"src": ["a"]})), "social: no column 'dst'"),
        (
            replace(
                FRAMES,
                interactions=pl.concat([EVENTS] * 30).with_columns(event=pl.int_range(180)),
            ),
            "180 kinds of event, at most 127",
        ),
    ],
)
def test_what_is_wrong_is_named(frames: Frames, message: str) -> None:
    with pytest.raises(DataError, match=message):
        dataset(frames)


def test_a_row_keeps_its_number_whatever_is_left_out() -> None:
    """Row 4 is the fourth of the file although two before and after it are rated too low."""
    with pytest.raises(DataError, match="row 4 has the negative time -5"):
        dataset(replace(FRAMES, interactions=changed("timestamp", 4, -5)), min_rating=3)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (EVENTS.drop("rating"), "events.csv: min_rating needs a column 'rating'"),
        (EVENTS.with_columns(rating=pl.lit("good")), "events.csv: column 'rating' must hold numbers"),
    ],
)
def test_a_threshold_needs_numbers(frame: pl.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        dataset(replace(FRAMES, interactions=frame), min_rating=3)


class Streamed:
    """A table that has nothing but the Arrow stream interface, as pandas and Arrow ones have it."""

    def __init__(self, table: pl.DataFrame) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


def test_any_table_with_the_arrow_interface() -> None:
    """The same data set as from polars; the index that pandas adds is no column."""
    items = ITEMS.with_columns(__index_level_0__=pl.int_range(3))
    streamed = Frames(Streamed(EVENTS), items=Streamed(items), reviews=Streamed(EVENTS.with_columns(text=pl.lit("a"))))
    found, wanted = dataset(streamed, min_rating=2), dataset(replace(FRAMES, source={}), min_rating=2)
    assert (found.users, found.items) == (wanted.users, wanted.items)
    np.testing.assert_array_equal(found.matrix.toarray(), wanted.matrix.toarray())
    assert found.item_table.equals(wanted.item_table)
    assert found.reviews is not None
    assert len(found.reviews) == 6


def test_what_is_no_table_is_named() -> None:
    wrong: Any = {"user_id": ["a"], "item_id": ["b"]}
    with pytest.raises(DataError, match="interactions: a dict is no polars, pandas or Arrow table"):
        dataset(Frames(wrong))
    nothing: Any = None
    with pytest.raises(DataError, match="interactions: there are none"):
        dataset(Frames(nothing))


def test_the_row_that_is_no_number_is_named() -> None:
    text = EVENTS.with_columns(pl.col("timestamp", "rating").cast(pl.String).replace({"10": "noon", "3.0": "good"}))
    with pytest.raises(
        DataError, match=r"events\.csv: column 'timestamp' must be whole unix seconds: row 5 has 'noon'"
    ):
        dataset(replace(FRAMES, interactions=text))
    with pytest.raises(DataError, match=r"events\.csv: column 'rating' must hold numbers; row 4 has 'good'"):
        dataset(replace(FRAMES, interactions=text.drop("timestamp")), min_rating=3)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (["2024-01-01", "2024-01-02"], [1704067200, 1704153600]),
        (["2024-01-01 10:00:00", None], [0, 1704103200]),
        ([None, None], [0, 0]),
    ],
)
def test_dates_as_text(written: list[str | None], seconds: list[int]) -> None:
    frame = pl.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "y"], "timestamp": written})
    assert dataset(Frames(frame)).events.time.tolist() == seconds


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (["2024-01-01", "2024-13-77 or so"], "must be whole unix seconds: row 1 has '2024-01-01'"),
        (["2024-01-01", "soon"], "must be whole unix seconds: row 1 has '2024-01-01'"),
        ([5, 1704067200000], "row 2 has the time 1704067200000, which looks like milliseconds; divide by 1,000"),
    ],
)
def test_times_that_are_none(written: list[str | int], said: str) -> None:
    frame = pl.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "y"], "timestamp": written})
    with pytest.raises(DataError, match=said):
        dataset(Frames(frame))
