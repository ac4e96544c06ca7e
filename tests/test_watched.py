"""Shares watched by hand, and every share or duration that cannot be."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cuvee.errors import ConfigError, DataError
from cuvee.frames import Frames, dataset
from cuvee.inspection.check import inspect_folder
from cuvee.readers.folder import Folder
from cuvee.readers.mapping import Mapped

IDS = pl.DataFrame({"user_id": ["a", "a", "b", "b", "c"], "item_id": ["x", "y", "x", "z", "y"]})
ITEMS = pl.DataFrame({"item_id": ["y", "x", "z"], "duration": [50.0, 200.0, None]})


def weights(items: pl.DataFrame | None = None, min_watched: float = 0.1, **columns: Sequence[object]) -> list[float]:
    events = IDS.with_columns(pl.Series(name, values, strict=False) for name, values in columns.items())
    source = {"interactions": "log.csv", "items": "films.csv"}
    data = dataset(Frames(events, items=items, source=source), min_watched=min_watched)
    return [round(float(w), 6) for w in data.events.weight]


def test_a_share_becomes_the_weight() -> None:
    """Times the weight of the kind (a view 0.2); below a tenth only seen, unknown in full, a dislike always in full."""
    kinds = ["play", "view", "play", "play", "dislike"]
    assert weights(watched_share=[0.5, 0.5, 0.09, None, 0.3], event=kinds) == [0.5, 0.1, 0, 1, -1]
    assert weights(watched_share=[0.5, 0.1, 0.0999, 1, 0]) == [0.5, 0.1, 0, 1, 0]
    assert weights(min_watched=0.0, watched_share=[0.5, 0.1, 0.01, 1, 0]) == [0.5, 0.1, 0.01, 1, 0]


def test_seconds_by_the_duration_of_the_item() -> None:
    """x takes 200 s and y 50 s, of z it is not known; twice is once; a share that is given wins."""
    seconds = [50, 10, 15, 7, 120]
    assert weights(ITEMS, watch_seconds=seconds) == [0.25, 0.2, 0, 1, 1]
    assert weights(ITEMS, watch_seconds=seconds, watched_share=[0.9, None, None, None, None]) == [0.9, 0.2, 0, 1, 1]
    assert weights(watch_seconds=seconds, duration=[100, 0, 30, 70, 240]) == [0.5, 1, 0.5, 0.1, 0.5]


def test_low_ratings_stay_low() -> None:
    events = IDS.with_columns(watched_share=0.5, rating=pl.Series([5, 1, 4, 2, 3]))
    assert dataset(Frames(events), min_rating=3).events.weight.tolist() == [0.5, 0, 0.5, 0, 0.5]


def test_seconds_without_a_duration_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    assert weights(ITEMS.drop("duration"), watch_seconds=[1, 2, 3, 4, 5]) == [1] * 5
    assert "log.csv: watch_seconds tells nothing without duration" in caplog.text


def test_without_the_columns_nothing_changes() -> None:
    """A duration alone, whatever it holds, is a fact about the item like any other."""
    assert weights(ITEMS.with_columns(duration=pl.lit("1:30"))) == [1] * 5


BAD = {
    "watched_share": [
        ([0, 1, 1.2, 0, -1], r"log.csv: row 5, watched_share: -1.0 is below 0"),
        ([0, 1, 1.2, 0, 7], r"log.csv: row 3, watched_share: 1.2 is more than 1; divide percentages by 100"),
        ([0, float("nan"), 1, 0, 1], r"log.csv: row 2, watched_share: nan is no number"),
        ([0, float("inf"), 1, 0, 1], r"log.csv: row 2, watched_share: inf is no number"),
        (["0.5", "1", "", "half", "1"], r"log.csv: row 4, watched_share: 'half' is no number; write a share"),
        ([[0.5], None, None, None, None], r"(?s)log.csv: row 1, watched_share: .* is no number"),
    ],
    "watch_seconds": [
        ([0, 1, 2, -3, 5], r"log.csv: row 4, watch_seconds: -3 is below 0"),
        (["1:30", "1", "1", "1", "1"], r"log.csv: row 1, watch_seconds: '1:30' is no number; write seconds"),
    ],
}
CASES = [(column, values, message) for column, found in BAD.items() for values, message in found]


@pytest.mark.parametrize(("column", "values", "message"), CASES)
def test_what_cannot_be_is_named_by_file_row_and_field(column: str, values: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        weights(ITEMS, 0.1, **{column: values})


@pytest.mark.parametrize(("value", "message"), [("-1", "'-1' is below 0"), ("an hour", "'an hour' is no number")])
def test_durations_that_cannot_be(value: str, message: str) -> None:
    items = ITEMS.with_columns(duration=pl.Series(["50", "200", value]))
    with pytest.raises(DataError, match=f"films.csv: row 3, duration: {message}"):
        weights(items, watch_seconds=[1, 2, 3, 4, 5])


@pytest.mark.parametrize("low", [-0.1, 1.5, float("nan")])
def test_a_lowest_share_that_is_none(low: float) -> None:
    with pytest.raises(ConfigError, match="min_watched is a share from 0 to 1"):
        weights(min_watched=low)


def test_readers_take_it_and_the_check_knows_it(tmp_path: Path) -> None:
    IDS.with_columns(watched_share=pl.Series([0.5, 1, 0.3, 0.6, 0.2])).write_csv(tmp_path / "interactions.csv")
    np.testing.assert_allclose(Folder(tmp_path, min_watched=0.4).read().events.weight, [0.5, 1, 0, 0.6, 0])
    assert inspect_folder(tmp_path).findings == ()
    IDS.with_columns(watched_share=pl.Series([0.5, 30, 0.3, 70, 0.2])).write_csv(tmp_path / "interactions.csv")
    found = inspect_folder(tmp_path)
    assert not found.usable
    told = f"error: {tmp_path}/interactions.csv, row 2, watched_share: 30.0 is more than 1"
    assert str(found.findings[0]).startswith(told)
    assert found.findings[0].count == 2


def test_the_check_looks_at_durations(tmp_path: Path) -> None:
    IDS.with_columns(watch_seconds=pl.Series([5, 1, 3, 6, 2])).write_csv(tmp_path / "interactions.csv")
    found = inspect_folder(tmp_path)
    assert found.usable
    assert "watch_seconds: it tells nothing without the column duration" in str(found.findings[0])
    ITEMS.with_columns(duration=pl.Series([50, -2, 30])).write_csv(tmp_path / "items.csv")
    assert f"error: {tmp_path}/items.csv, row 2, duration: -2 is below 0" in str(inspect_folder(tmp_path).findings[0])


def test_a_layout_of_ones_own(tmp_path: Path) -> None:
    """Percentages are no shares: seconds of both are, as short-video logs have them, one beside the other."""
    (tmp_path / "log.csv").write_text("who,what,played,length\na,x,5000,10000\nb,x,900,10000\nb,y,3000,2000\n")
    layout = """
interactions:
  files: log.csv
  take:
    user_id: who
    item_id: what
    watch_seconds: {column: played, type: number}
    duration: {column: length, type: number}
"""
    (tmp_path / "clips.yaml").write_text(layout)
    np.testing.assert_allclose(Mapped(tmp_path, "clips.yaml").read().events.weight, [0.5, 0, 1])
    (tmp_path / "clips.yaml").write_text(layout.replace("watch_seconds", "watched_share"))
    with pytest.raises(DataError, match=r"log.csv: row 1, watched_share: 5000.0 is more than 1"):
        Mapped(tmp_path, "clips.yaml").read()
