"""Which impressions a window holds, and what is used up, by hand."""

import time
from pathlib import Path

import polars as pl
import pytest

from cuvee.logs.sql import SqlLog
from cuvee.serve.capping import Pending, counted_names, limit_of, long_ids, used_up
from cuvee.sql.database import reading, writing
from cuvee.sql.impressions import LONGEST, Impressions, count_shown, counted, impressions
from cuvee.sql.people import user_numbers
from cuvee.sql.rules import Rule
from cuvee.sql.shown import note_shown
from cuvee.types import Dataset
from tests.serve.test_effects import NO_EVENTS, mask

HOUR = 3_600


def test_a_window_counts_every_minute_it_touches() -> None:
    """At 7,259 one hour reaches back to 3,659: the minute from 3,600 counts, that from 3,540 no longer."""
    seen = Impressions([("r", 3_540, 4), ("r", 3_600, 2), ("r", 7_200, 1), ("r", 9_000, 8)], {"r": 16})
    assert seen.within(HOUR, 7_259)["r"] == 2 + 1 + 8 + 16  # 9,000 lies ahead: the clock was set back
    assert seen.within(HOUR, 7_260)["r"] == 1 + 8 + 16


def test_counts_are_added_and_old_ones_deleted(tmp_path: Path) -> None:
    log = SqlLog(f"sqlite:///{tmp_path / 'a.db'}")
    now = float(int(time.time()) // 60 * 60 + 5)
    with writing(log.engine) as connection:
        number, other = user_numbers(connection, ["a", "b"]).values()
        count_shown(connection, number, ["r\nx"], now - LONGEST - 130)
        count_shown(connection, number, ["r\nx", "r\ny", "r\nx"], now)
        count_shown(connection, number, ["r\nx"], now + 1)
        count_shown(connection, other, ["r\nx"], now)
    with reading(log.engine) as connection:
        assert sorted(counted(connection, number, LONGEST * 2)) == [("r\nx", now - 5, 3.0), ("r\ny", now - 5, 1.0)]
    log.close()


@pytest.mark.parametrize("length", [3, 150, 151, 256])
def test_names_of_long_ids_fit_and_are_found_again(length: int) -> None:
    items = ("a", "b", "x" * length, "c", "d", "e")
    data = Dataset((), items, NO_EVENTS, pl.DataFrame(), pl.DataFrame())
    rule = Rule("n" * 100, "cap", times=2, hours=1)
    names = counted_names([(rule, mask(1, 2))], [0, 1, 2, 2], data)
    assert len(names) == 3
    assert all(len("cap\n" + name) <= 256 for name in names)
    seen = Impressions((), dict.fromkeys(names, 2) | {names[0]: 1})
    assert used_up(rule, seen, 0.0, data, long_ids(data)) == [2]


def test_what_is_left_of_a_limit() -> None:
    rule = Rule("r", "cap", times=5, hours=1, together=True, per_answer=3)
    assert [limit_of(rule, Impressions((), {"r": n}), 0.0) for n in (0, 2, 4, 9)] == [3, 3, 1, 0]
    assert limit_of(Rule("r", "cap", times=5, hours=1), Impressions(), 0.0) is None


def test_pending_impressions_count_until_they_are_written_down(tmp_path: Path) -> None:
    pending = Pending()
    pending.add("a", "one", ["x", "x", "y"])
    pending.add("a", "two", ["x"])
    log = SqlLog(f"sqlite:///{tmp_path / 'a.db'}")
    answer = {"recommendation_id": "one", "scenario": "s", "model_version": "m", "request": {}, "slate": []}
    with writing(log.engine) as connection:
        [number] = note_shown(connection, [({**answer, "event_offset": 0, "degraded": False}, "a")])
        assert number is not None
        count_shown(connection, number, ["x", "x", "y"], time.time())
        seen = impressions(connection, number, HOUR, pending.of("a"))
    assert seen.within(HOUR, time.time()) == {"x": 3, "y": 1}
    log.close()
    assert pending.of("b") == {}
    pending.remove("a", "one")
    assert pending.of("a") == {"two": ["x"]}
    pending.remove("a", "two")
    assert pending._of == {}
