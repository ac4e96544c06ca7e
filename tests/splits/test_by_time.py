"""One cut for everybody."""

import logging
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuvee.errors import ConfigError, DataError
from cuvee.splits.by_time import ByTime
from cuvee.types import Dataset, Split
from tests.splits.parts import held_out, liked_since, log, logs, pairs, wanted

BUY, DISLIKE, VIEW = 0, 1, 2


def split(data: Dataset, splitter: ByTime) -> Split:
    return splitter.split(data, np.random.default_rng(0))


@settings(max_examples=40, deadline=None)
@given(data=logs(), start=st.integers(5, 15), length=st.integers(2, 8), known=st.booleans())
def test_before_between_after(data: Dataset, start: int, length: int, known: bool) -> None:
    since = {pair: time for pair, (time, _) in liked_since(data).items()}
    train = {p for p in pairs(data) if since.get(p, 0) < start and first_of(data, p) < start}
    asked = {pair for pair in since if not known or pair[0] in {u for u, _ in train}}
    valid = {pair for pair in asked if start <= since[pair] < start + length}
    test = {pair for pair in asked if since[pair] >= start + length}
    splitter = ByTime(valid_from=start, test_from=start + length, known_users=known)
    try:
        cut = split(data, splitter)
    except DataError:
        e = data.events
        past = e.take((e.time < start) & [pair in train for pair in zip(e.user, e.item, strict=True)])
        assert not valid or not test or not liked_since(replace(data, events=past))
        return
    assert (wanted(cut.valid), wanted(cut.tests["test"]), pairs(cut.train)) == (valid, test, train)
    assert cut.train.events.time.max() < start
    assert (cut.valid.queries.now, cut.tests["test"].queries.now) == (start, start + length)
    assert cut.train.reviews is not None
    assert (cut.train.reviews["timestamp"] < start).all()


def first_of(data: Dataset, pair: tuple[int, int]) -> int:
    mine = (data.events.user == pair[0]) & (data.events.item == pair[1])
    return int(data.events.time[mine].min())


def test_shares_of_events_decide_by_default() -> None:
    """Of 20 events in a row a tenth is two: validation from the 17th on, the test from the 19th."""
    data = log([(n % 7, (3 * n) % 8, 100 + 10 * n, BUY) for n in range(20)])
    cut = split(data, ByTime())
    assert (cut.valid.queries.now, cut.tests["test"].queries.now) == (260, 280)
    assert len(cut.train.events) == 16


def test_newcomers_have_an_empty_history(caplog: pytest.LogCaptureFixture) -> None:
    events = [(0, 1, 1, BUY), (1, 2, 2, BUY), (0, 3, 11, BUY), (5, 1, 12, BUY), (1, 3, 21, BUY), (6, 2, 22, BUY)]
    data = log(events)
    cut = split(data, ByTime(valid_from=10, test_from=20))
    assert cut.valid.users.tolist() == [0, 5]
    assert cut.valid.queries.lengths.tolist() == [1, 0]
    with caplog.at_level(logging.INFO):
        cut = split(data, ByTime(valid_from=10, test_from=20, known_users=True))
    assert held_out(cut) == {(0, 3), (1, 3)}
    assert "2 pairs of users without training events" in caplog.text


def test_later_words_of_strangers_are_gone() -> None:
    """A review by somebody outside the data set counts too; one without a time stays."""
    data = log([(0, 1, 1, BUY), (0, 2, 11, BUY), (0, 3, 21, BUY)])
    rows = [("x", "i1", "early", 9), ("x", "i1", "late", 10), ("u0", "i7", "late", 15), ("y", "i2", "undated", None)]
    reviews = pl.DataFrame(rows, schema=["user_id", "item_id", "text", "timestamp"], orient="row")
    cut = split(replace(data, reviews=reviews), ByTime(valid_from=10, test_from=20))
    assert cut.train.reviews is not None
    assert cut.train.reviews["text"].to_list() == ["early", "undated"]


def test_moments_that_cannot_be() -> None:
    same = log([(u, i, 50, BUY) for u in range(5) for i in range(5)])
    with pytest.raises(DataError, match="too many events at one moment"):
        split(same, ByTime())
    with pytest.raises(ConfigError, match="both"):
        ByTime(valid_from=3)
    with pytest.raises(ConfigError, match="before test_from, got 5, 5"):
        ByTime(valid_from=5, test_from=5)
