"""Splits that a file decides."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import pytest

from cuvee.errors import DataError
from cuvee.frames import Frames, dataset
from cuvee.splits.given import Given
from cuvee.types import Dataset, Embeddings, Holdout, Split

PAIRS = [("01", "x"), ("01", "007"), ("1", "7"), ("1", "x"), ("b", "x"), ("b", "new"), ("1", "007"), ("b", "007")]
MARKS = [0, 0, 0, 1, 0, 2, 2, 0]


def data() -> Dataset:
    """The pairs, each twice, and others that the file does not name: user out, item gone, and the pair 01 new."""
    rows = [("out", "gone"), ("01", "gone"), ("out", "x"), *PAIRS, *PAIRS, ("01", "new")]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row")
    reviews = frame.unique(maintain_order=True).with_columns(
        text=pl.col("user_id") + pl.lit(" on ") + pl.col("item_id")
    )
    return dataset(Frames(frame, reviews=reviews))


def write(path: Path, marks: list[int] | list[str], pairs: list[tuple[str, str]] = PAIRS) -> Path:
    table = pl.DataFrame(pairs, schema=["user_id", "item_id"], orient="row").with_columns(pl.Series("split", marks))
    table.write_csv(path) if path.suffix == ".csv" else table.write_parquet(path)
    return path


def split(path: Path, choose_on: Literal["warm", "cold_among_cold", "cold_among_all"] = "warm") -> Split:
    return Given(path, choose_on).split(data(), np.random.default_rng(0))


def wanted(held: Holdout, train: Dataset) -> set[tuple[str, str]]:
    q, items = held.truth.nonzero()
    return {(train.users[held.users[r]], train.items[i]) for r, i in zip(q, items, strict=True)}


def pairs(found: Dataset) -> set[tuple[str, str]]:
    return {(found.users[u], found.items[i]) for u, i in zip(found.events.user, found.events.item, strict=True)}


WORDS = ["train", "valid", "test"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize(
    "marks", [MARKS, [WORDS[m] for m in MARKS], [str(m) for m in MARKS]], ids=["numbers", "words", "text"]
)
def test_pairs_go_where_the_file_says(marks: list[int] | list[str], ending: str, tmp_path: Path) -> None:
    """With every event and, for training, without the reviews of the others; ids keep their zeros."""
    cut = split(write(tmp_path / f"s.{ending}", marks))
    named = {m: {p for p, mark in zip(PAIRS, MARKS, strict=True) if mark == m} for m in range(3)}
    assert (cut.train.users, cut.train.items) == (("01", "1", "b"), ("x", "007", "7", "new"))
    assert pairs(cut.train) == named[0]
    assert len(cut.train.events) == 2 * len(named[0])
    assert wanted(cut.valid, cut.train) == named[1]
    assert list(cut.tests) == ["test"]
    assert wanted(cut.tests["test"], cut.train) == named[2]
    assert pairs(cut.everything) == set(PAIRS)
    assert cut.train.item_table["item_id"].to_list() == list(cut.train.items)
    for part, kept in ((cut.train, named[0]), (cut.everything, set(PAIRS))):
        assert part.reviews is not None
        told = set(part.reviews.select("user_id", "item_id").rows())
        assert told & {*PAIRS, ("01", "new")} == kept


def test_features_follow_their_items(tmp_path: Path) -> None:
    """Rows that a reader brought along are cut like the tables."""
    whole = data()
    vectors = {
        (role, "f"): Embeddings(np.arange(n, dtype=np.float32)[:, None], np.ones(n, bool))
        for role, n in (("item", len(whole.items)), ("user", len(whole.users)))
    }
    cut = Given(write(tmp_path / "s.csv", MARKS)).split(replace(whole, features=vectors), np.random.default_rng(0))
    for role, before, after in (("item", whole.items, cut.train.items), ("user", whole.users, cut.train.users)):
        assert cut.train.feature(role, "f").vectors[:, 0].tolist() == [before.index(name) for name in after]


def test_new_items_are_ranked_among_themselves_and_among_all(tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", [0, 1, 3, 0, 0, 4, 2, 2])
    cut = split(path)
    assert list(cut.tests) == ["test_warm", "test_cold_among_cold", "test_cold_among_all"]
    expected = {"test_warm": {("1", "007"), ("b", "007")}}
    expected |= {f"test_cold_among_{among}": {("b", "new")} for among in ("cold", "all")}
    assert {name: wanted(held, cut.train) for name, held in cut.tests.items()} == expected
    among = {name: held.candidates for name, held in cut.tests.items()}
    assert among["test_warm"] is None
    assert among["test_cold_among_all"] is None
    assert among["test_cold_among_cold"] is not None
    assert among["test_cold_among_cold"].tolist() == [item == "new" for item in cut.train.items]
    assert wanted(cut.valid, cut.train) == {("01", "007")}
    cold, everywhere = (split(path, on).valid for on in ("cold_among_cold", "cold_among_all"))
    assert wanted(cold, cut.train) == wanted(everywhere, cut.train) == {("1", "7")}
    assert cold.candidates is not None
    assert cold.candidates.tolist() == [item == "7" for item in cut.train.items]
    assert everywhere.candidates is None


def test_a_test_set_without_pairs_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cut = split(write(tmp_path / "s.csv", [0, 1, 3, 0, 0, 4, 0, 0]))
    assert list(cut.tests) == ["test_cold_among_cold", "test_cold_among_all"]
    assert "no pair for test_warm" in caplog.text


@pytest.mark.parametrize(
    ("marks", "rows", "message"),
    [
        ([0, 0, 9, 0, 0, 1, 2, 0], PAIRS, r"s\.csv: row 3 has the split '9'; known: 0\.\.4 or train"),
        ([0, 0, "", 0, 0, 1, 2, 0], PAIRS, r"s\.csv: row 3 has the split ''"),
        (MARKS, [*PAIRS[:5], ("b", "?"), *PAIRS[6:]], r"s\.csv: .*1 ids that the data does not hold, e\.g\. '\?'"),
        (MARKS, [*PAIRS[:5], ("b", "7"), *PAIRS[6:]], r"s\.csv: 1 pairs have no event in the data, .*'b' and item '7'"),
        (MARKS, [*PAIRS[:5], ("b", "x"), *PAIRS[6:]], r"s\.csv: row 5 and another put user 'b' and item 'x' in"),
        ([0, 0, 0, 0, 0, 2, 2, 0], PAIRS, r"s\.csv: no pair to choose on"),
        ([0, 0, 0, 1, 0, 1, 0, 0], PAIRS, r"s\.csv: no pair to test on"),
    ],
)
def test_what_the_file_cannot_say(marks: list[int], rows: list[tuple[str, str]], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        split(write(tmp_path / "s.csv", [str(m) for m in marks], rows))


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such split file"):
        split(tmp_path / "s.csv")
    for name in ("s.csv", "s.parquet"):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(DataError, match=f"{name}: cannot be read"):
            split(tmp_path / name)
    (tmp_path / "s.csv").write_text("user_id,item_id\na,b\n")
    with pytest.raises(DataError, match="no column 'split'"):
        split(tmp_path / "s.csv")
