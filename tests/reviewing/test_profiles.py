"""What reviews say, from the table to the quotes."""

import datetime as dt
import logging

import numpy as np
import polars as pl
import pytest

from cuvee.errors import ConfigError, DataError
from cuvee.reviewing import profiles as review_profiles
from cuvee.reviewing.profiles import profile, read_reviews, written_before

ROWS = [
    ("u1", "i1", "The tone is lovely. The case is terrible, but I keep it.", 4.0, 30, 9, 10),
    ("u2", "i1", "Lovely tone, great price!", 5.0, 20, 0, 0),
    ("u3", "i1", "THE TONE IS AWFUL AND THE CASE IS AWFUL", 1.0, 10, 1, 10),
    ("u1", "i2", "I hate the switch. A horrible switch it is.", 1.0, 40, 0, 0),
    ("u4", "i2", None, 3.0, 50, 0, 0),
]
COLUMNS = ["user_id", "item_id", "text", "rating", "timestamp", "helpful_votes", "total_votes"]
TABLE = pl.DataFrame(ROWS, schema=COLUMNS, orient="row")


def test_figures_by_hand() -> None:
    """Votes: 10 of 20, so u1's review of i1 weighs (9 + 2.5) / 15 / .5 = 23/15; the shouted one weighs nothing."""
    found = profile(read_reviews(TABLE, "vader"), "item").figures
    weight = 23 / 15
    stars = (4 * weight + 5) / (weight + 1)
    assert found.select("id", "reviews", "read").rows() == [("i1", 3, 2), ("i2", 2, 2)]
    assert found["stars"].to_list() == pytest.approx([stars, 2.0])
    assert found["mood"][1] < 0 < found["mood"][0]


def test_aspects_and_quotes_are_verbatim() -> None:
    """Both calm reviews praise the tone; the case is blamed in a clause of its own."""
    read = read_reviews(TABLE, "vader")
    found = profile(read, "item", least=1)
    tone = found.aspects.filter(pl.col("aspect") == "tone").row(0, named=True)
    assert (tone["id"], tone["mentions"], tone["praised"], tone["blamed"]) == ("i1", 2, 2, 0)
    case = found.aspects.filter(pl.col("aspect") == "case").row(0, named=True)
    assert (case["mentions"], case["praised"], case["blamed"]) == (1, 0, 1)
    assert case["blame"] == "The case is terrible, but I keep it."
    texts = dict(read.reviews.select("review", "text").iter_rows())
    for row in found.aspects.iter_rows(named=True):
        for kind in ("praise", "blame"):
            assert row[kind] is None or row[kind] in texts[row[f"{kind}_review"]]
    assert len(found.quotes) >= 3
    for row in found.quotes.iter_rows(named=True):
        assert row["quote"] in texts[row["review"]]


def test_what_a_user_says() -> None:
    found = profile(read_reviews(TABLE, "vader"), "user", least=1)
    assert found.figures["id"].to_list() == ["u1", "u2", "u3", "u4"]
    assert set(found.aspects.filter(pl.col("id") == "u1")["aspect"]) >= {"tone", "case", "switch"}
    assert found.figures["read"].to_list() == [2, 1, 0, 1]


def test_a_sentence_that_the_stars_contradict_is_shown_last() -> None:
    """Two equal blames, one of five stars and one of two: that of two stars is quoted."""
    rows = [
        ("u1", "i1", "The tone of this thing is terrible.", 5.0),
        ("u2", "i1", "The tone of it all is terrible.", 2.0),
    ]
    found = profile(read_reviews(pl.DataFrame(rows, schema=COLUMNS[:4], orient="row"), "vader"), "item")
    assert found.aspects.filter(pl.col("aspect") == "tone")["blame"].to_list() == ["The tone of it all is terrible."]


def test_strictly_before() -> None:
    assert written_before(TABLE, 30)["timestamp"].to_list() == [20, 10]
    days = TABLE.with_columns(pl.Series("timestamp", [dt.datetime(2020, 1, d) for d in (1, 2, 3, 4)] + [None]))
    assert len(written_before(days, int(dt.datetime(2020, 1, 3, tzinfo=dt.UTC).timestamp()))) == 2
    with pytest.raises(DataError, match="no review has a timestamp"):
        written_before(TABLE.drop("timestamp"), 30)


def test_later_reviews_change_nothing() -> None:
    later = pl.concat([TABLE, TABLE.with_columns(pl.col("timestamp") + 1000, pl.lit("bad tone").alias("text"))])
    one, other = (profile(read_reviews(written_before(t, 60), "vader"), "item", least=1) for t in (TABLE, later))
    assert one.figures.equals(other.figures)
    assert one.aspects.equals(other.aspects)
    assert one.quotes.equals(other.quotes)


def test_without_the_packages_stars_tell(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """From -1 of one star to 1 of five; a scale that is not of five stars goes from the fewest given to the most."""
    monkeypatch.setattr(review_profiles, "installed", lambda _: False)
    with caplog.at_level(logging.WARNING):
        read = read_reviews(TABLE)
    assert read.tool == "stars"
    assert "cuvee[sentiment]" in caplog.text
    np.testing.assert_allclose(read.reviews["mood"], [-1, 1, 0.5, -1, 0])
    ten = read_reviews(TABLE.with_columns(pl.col("rating") * 2))
    np.testing.assert_allclose(ten.reviews["mood"], [-1, 1, 0.5, -1, 0])
    with pytest.raises(ConfigError, match="have no stars"):
        read_reviews(TABLE.drop("rating"))


def test_an_empty_table() -> None:
    found = profile(read_reviews(TABLE.clear(), "vader"), "item")
    assert not len(found.figures)
    assert not len(found.aspects)
    assert not len(found.quotes)
