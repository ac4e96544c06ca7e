"""The log of any size: who does how much of what, and that it is the same every time."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from cuvee.cli.commands.demo import command
from cuvee.demo import write_log
from cuvee.errors import ConfigError, DataError
from tests.demo.test_write import digests

EVENTS = 30_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log")
    assert write_log(path, events=EVENTS, seed=3)
    return path


@pytest.fixture(scope="module")
def events(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "interactions.parquet")


def test_sizes(folder: Path, events: pl.DataFrame) -> None:
    assert len(events) == EVENTS
    counts = events["user_id"].value_counts()["count"]
    assert len(counts) == EVENTS // 10
    assert int(counts.min() or 0) >= 3  # type: ignore[arg-type]
    assert int(counts.max() or 0) > 50  # type: ignore[arg-type]
    items = pl.read_parquet(folder / "items.parquet")
    assert len(items) == EVENTS // 50
    assert set(events["item_id"]) <= set(items["item_id"])
    assert np.load(folder / "content_feat.npy").shape == (len(items), 64)


def test_people_keep_to_three_groups(folder: Path, events: pl.DataFrame) -> None:
    """Four of five events in the three groups of a user, of six; the rest are spread over all: at least 0.8 there."""
    told = events.join(pl.read_parquet(folder / "items.parquet"), on="item_id")
    counts = told.group_by("user_id", "group").len().sort("len", descending=True)
    best = counts.group_by("user_id").agg(pl.col("len").head(3).sum(), pl.col("len").sum().alias("all"))
    many = best.filter(pl.col("all") >= 20)
    assert float((many["len"] / many["all"]).mean()) > 0.85  # type: ignore[arg-type]
    alone = events.with_columns(pl.col("item_id").shuffle(seed=0)).join(
        pl.read_parquet(folder / "items.parquet"), on="item_id"
    )
    counts = alone.group_by("user_id", "group").len().sort("len", descending=True)
    best = counts.group_by("user_id").agg(pl.col("len").head(3).sum(), pl.col("len").sum().alias("all"))
    many = best.filter(pl.col("all") >= 20)
    assert float((many["len"] / many["all"]).mean()) < 0.75  # type: ignore[arg-type]


def test_fame_falls_with_the_place_in_the_group(events: pl.DataFrame) -> None:
    """The r-th item of a group of a hundred is met in proportion to r ** -0.8."""
    counts = dict(events["item_id"].value_counts().iter_rows())
    met = np.array([sum(counts.get(f"i{start + r}", 0) for start in range(0, 600, 100)) for r in range(100)])
    expected = np.arange(1, 101) ** -0.8
    expected *= EVENTS / expected.sum()
    for part in (slice(0, 1), slice(1, 10), slice(10, 50), slice(50, 100)):
        assert met[part].sum() == pytest.approx(expected[part].sum(), rel=0.05)


def test_vectors_tell_the_group(folder: Path) -> None:
    vectors = np.load(folder / "content_feat.npy")
    group = np.arange(len(vectors)) // 100
    middles = np.stack([vectors[group == g].mean(axis=0) for g in range(6)])
    nearest = ((vectors[:, None] - middles) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == group).mean() > 0.99


def test_same_parameters_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_log(tmp_path / "same", events=EVENTS, seed=3)
    write_log(tmp_path / "other", events=EVENTS, seed=4)
    assert digests(tmp_path / "same") == digests(folder)
    assert digests(tmp_path / "other")["interactions.parquet"] != digests(folder)["interactions.parquet"]
    assert not write_log(folder, events=EVENTS, seed=3)


def test_refuses(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(DataError, match="not a demo log"):
        write_log(tmp_path, events=500)
    with pytest.raises(ConfigError, match="at least 500 events, got 499"):
        write_log(tmp_path / "new", events=499)
    assert write_log(tmp_path, events=500, force=True)


def test_command(tmp_path: Path) -> None:
    folder = str(tmp_path / "log")
    told = CliRunner().invoke(command, [folder, "--events", "500"])
    assert told.stdout.splitlines() == [f"wrote a demo log into {folder}", f"next: cuvee init {folder}"]
    wrong = CliRunner().invoke(command, [folder, "--events", "500", "--lang", "zh"])
    assert "--lang is for a shop" in str(wrong.exception)
