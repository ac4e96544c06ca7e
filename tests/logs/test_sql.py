"""The event log: idempotent, in order of arrival, bad events refused whole."""

import json
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from cuvee.errors import ConfigError, DataError
from cuvee.logs.sql import SqlLog
from tests.logs.conftest import batch


def test_what_was_appended_is_read_in_order_of_arrival(log: SqlLog) -> None:
    events = pl.DataFrame(
        {
            "event_id": ["b", "a", "c"],
            "user_id": ["bo", "ann 用户", "bo"],
            "item_id": ["x", "y", "z"],
            "kind": ["buy", "view", "rate"],
            "time": [30, 10, None],
            "weight": [1.0, None, -0.5],
            "recommendation_id": [None, "r1", None],
            "position": [None, 3, None],
            "session": [None, "s", None],
            "context": ['{"page": "home", "n": [1, 2.5]}', None, "{}"],
        }
    )
    before = time.time()
    last = log.append(events)
    got = log.read(0, 10)
    assert got["offset"].to_list() == sorted(got["offset"].to_list())
    assert got["offset"][-1] == last
    assert got["received_at"].is_between(before, time.time()).all()
    assert before - 1 <= got["time"][2] <= time.time()
    told = got.drop("offset", "received_at", "time")
    assert told.equals(events.drop("time").cast({"position": pl.Int32}))
    assert got["time"].to_list()[:2] == [30, 10]
    assert log.read(got["offset"][0], 1)["event_id"].to_list() == ["a"]
    assert log.read(last, 10).height == 0
    assert log.read(last, 10).schema == got.schema


def test_retries_are_harmless(log: SqlLog) -> None:
    first = log.append(batch(5))
    log.append(batch(5, start=2, user="bo"))
    log.append(batch(5))
    got = log.read(0, 100)
    assert got["event_id"].to_list() == [f"e{i}" for i in range(7)]
    assert got["user_id"].to_list() == ["ann"] * 5 + ["bo"] * 2, "the first to use an event_id keeps it"
    assert got["offset"][4] == first
    twice = pl.concat([batch(1, start=50), batch(1, start=50)])
    log.append(twice)
    assert log.read(0, 100).height == 8


def test_an_empty_batch_changes_nothing(log: SqlLog) -> None:
    assert log.append(batch(0)) == 0
    assert log.append(batch(3)) == log.append(batch(0))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"user_id": ["a", ""]}, "events row 1: user_id is empty, got ''"),
        ({"item_id": [None, "x"]}, "events row 0: item_id is missing, got None"),
        ({"item_id": ["x", "é" * 129]}, "events row 1: item_id is longer than 256 bytes"),
        ({"event_id": ["x", "a\nb"]}, r"events row 1: event_id holds control characters, got 'a\\nb'"),
        ({"session": ["", "s"]}, "events row 0: session is empty"),
        ({"time": [1, 1_700_000_000_000]}, "events row 1: time is not in unix seconds, got 1700000000000"),
        ({"time": [1, -1]}, "events row 1: time is not in unix seconds"),
        ({"time": [float("nan"), 1.0]}, "events row 0: time does not fit, got nan"),
        ({"time": ["1", "2"]}, "the column 'time' of events holds String, not numbers"),
        ({"user_id": [1, 2]}, "the column 'user_id' of events holds Int64, not text"),
        ({"weight": [0.5, float("inf")]}, "events row 1: weight is not a finite number, got inf"),
        ({"position": [0, -2]}, "events row 1: position is negative, got -2"),
        ({"position": [0, 2**40]}, "events row 1: position does not fit, got 1099511627776"),
        ({"context": ["{}", "[1]"]}, r"events row 1: context is not a JSON object, got '\[1\]'"),
        ({"context": [None, "{"]}, "events row 1: context is not a JSON object"),
        ({"context": ['{"a": NaN}', None]}, "events row 0: context is not a JSON object"),
        ({"context": ["{}", '"' + "x" * 20_000 + '"']}, "events row 1: context is longer than 16384 bytes"),
        ({"itme_id": ["a", "b"]}, "unknown column of events: 'itme_id'; did you mean 'item_id'"),
    ],
)
def test_bad_events_are_refused_whole(columns: dict[str, Any], message: str, file_log: SqlLog) -> None:
    with pytest.raises(DataError, match=message):
        file_log.append(batch(2, **columns))
    assert file_log.read(0, 10).height == 0


def test_missing_columns_are_named(file_log: SqlLog) -> None:
    with pytest.raises(DataError, match="no column 'kind'; they need event_id, user_id, item_id, kind"):
        file_log.append(batch(1).drop("kind"))


def test_contexts_may_be_structs_and_fractions_of_seconds_are_cut(log: SqlLog) -> None:
    log.append(batch(2, context=[{"page": 1}, {"page": 2}], time=[7.9, 8.0]))
    got = log.read(0, 10)
    assert [json.loads(c) for c in got["context"]] == [{"page": 1}, {"page": 2}]
    assert got["time"].to_list() == [7, 8]


def test_history_is_the_newest_events_in_time_order(log: SqlLog) -> None:
    log.append(batch(5, time=[50, 10, 40, 40, 20]))
    log.append(batch(3, start=10, user="bo", time=[60, 61, 62]))
    assert log.history("ann", 3)["event_id"].to_list() == ["e2", "e3", "e0"]
    assert log.history("ann", 100)["time"].to_list() == [10, 20, 40, 40, 50]
    assert log.history("nobody", 5).height == 0


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("events.db", "'events.db' is not a database URL"),
        ("mysql://host/x", "runs on SQLite and PostgreSQL, not on mysql"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("postgresql+psycopg://me:hush@host/x", "holds a password; leave it out and set PGPASSWORD"),
    ],
)
def test_urls_that_cannot_work(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        SqlLog(url)
    assert "hush" not in str(error.value)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no folder .*nowhere"):
        SqlLog(f"sqlite:///{tmp_path}/nowhere/x.db").read(0, 1)


def test_making_the_component_touches_no_file(tmp_path: Path) -> None:
    SqlLog(f"sqlite:///{tmp_path}/events.db")
    assert list(tmp_path.iterdir()) == []
