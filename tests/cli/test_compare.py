"""`cuvee compare` on two run folders."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from scipy import stats

from cuvee.cli.commands.compare import command
from cuvee.errors import DataError, UnknownNameError

NDCG_A = {"u0": 0.5, "u1": 0.25, "u2": 1.0, "u3": 0.0}
NDCG_B = {"u3": 0.25, "u2": 0.5, "u1": 0.0, "u0": 0.5}


def run(folder: Path, sets: Mapping[str, Mapping[str, float]], coverage: float | None = 0.5) -> str:
    """Write a run's figures: set -> user -> ndcg@20, with a lift that is undefined for the first user."""
    folder.mkdir()
    rows = [(name, user, value) for name, users in sets.items() for user, value in users.items()]
    table = pl.DataFrame(rows, schema=["set", "user_id", "ndcg@20"], orient="row")
    lift = pl.when(pl.col("user_id") == "u0").then(float("nan")).otherwise(pl.col("ndcg@20") + 1).alias("lift@20")
    table.with_columns(lift).write_parquet(folder / "per_query.parquet")
    figure = {"mean": coverage, "low": None, "high": None, "n": 4}
    (folder / "metrics.json").write_text(json.dumps({name: {"coverage@20": figure} for name in sets}))
    return str(folder)


def compare(*arguments: str) -> str:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def rows(*arguments: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["set"], row["metric"]): row for row in json.loads(compare(*arguments, "--json"))}


def test_figures_by_hand(tmp_path: Path) -> None:
    """Users are matched by id: differences 0, .25, .5, -.25; the lift has no value for u0."""
    a, b = run(tmp_path / "a", {"test": NDCG_A}), run(tmp_path / "b", {"test": NDCG_B}, coverage=0.25)
    found = rows(a, b)
    assert list(found) == [("test", "ndcg@20"), ("test", "lift@20"), ("test", "coverage@20")]
    ndcg = found["test", "ndcg@20"]
    assert (ndcg["a"], ndcg["b"]) == (0.4375, 0.3125)
    comparison = ndcg["comparison"]
    assert comparison["difference"] == pytest.approx(0.125)
    assert comparison["n"] == 4
    assert comparison["p_value"] == pytest.approx(stats.ttest_1samp([0, 0.25, 0.5, -0.25], 0).pvalue)
    assert -0.25 <= comparison["low"] < 0.125 < comparison["high"] <= 0.5
    lift = found["test", "lift@20"]
    assert lift["a"] == pytest.approx(1 + 1.25 / 3)
    assert lift["comparison"]["n"] == 3
    coverage = found["test", "coverage@20"]
    assert coverage["comparison"] == {"difference": 0.25, "low": None, "high": None, "p_value": None, "n": 0}


def test_the_table_for_people(tmp_path: Path) -> None:
    """One line a set and metric, signed difference, the same bytes for the same seed."""
    a, b = run(tmp_path / "a", {"test": NDCG_A}), run(tmp_path / "b", {"test": NDCG_B}, coverage=None)
    text = compare(a, b)
    ndcg = next(line for line in text.splitlines() if "ndcg@20" in line).split()
    assert ndcg[:5] == ["test", "ndcg@20", "0.4375", "0.3125", "+0.1250"]
    assert ndcg[-1] == "4"
    assert next(line for line in text.splitlines() if "coverage" in line).split()[2:5] == ["0.5000", "-", "-"]
    assert compare(a, b) == text
    assert "lift" not in compare(a, b, "--metric", "ndcg@20")
    assert "coverage" not in compare(a, b, "--metric", "ndcg@20")


def test_other_users_need_a_decision(tmp_path: Path) -> None:
    """The message counts and names the way out; --common takes it."""
    less = {user: value for user, value in NDCG_B.items() if user != "u2"}
    a, b = run(tmp_path / "a", {"test": NDCG_A}), run(tmp_path / "b", {"test": {**less, "new": 1.0, "newer": 1.0}})
    with pytest.raises(DataError, match=r"1 only in .*a, 2 only in .*b.*--common to compare the 3 in both"):
        compare(a, b)
    found = rows(a, b, "--common")["test", "ndcg@20"]
    assert (found["a"], found["b"]) == (0.25, 0.25)
    assert found["comparison"]["n"] == 3
    strangers = run(tmp_path / "c", {"test": {"x": 1.0}})
    with pytest.raises(DataError, match="measure both with the same `split`"):
        compare(a, strangers, "--common")


def test_other_sets_need_a_decision(tmp_path: Path) -> None:
    """Sets in one run only are not dropped silently."""
    a = run(tmp_path / "a", {"test": NDCG_A})
    b = run(tmp_path / "b", {"test_warm": NDCG_A, "test": NDCG_B})
    c = run(tmp_path / "c", {"test_cold": NDCG_A})
    with pytest.raises(DataError, match=r"sets test, .*test_warm, test; pass --common"):
        compare(a, b)
    assert {name for name, _ in rows(a, b, "--common")} == {"test"}
    with pytest.raises(DataError, match="measure both with the same `split`"):
        compare(a, c, "--common")


def test_what_is_not_a_run_or_not_a_metric(tmp_path: Path) -> None:
    """Wrong folders and wrong names say what would be right."""
    a = run(tmp_path / "a", {"test": NDCG_A})
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no per_query.parquet.*cuvee run"):
        compare(a, str(tmp_path / "empty"))
    with pytest.raises(UnknownNameError, match="did you mean 'ndcg@20'"):
        compare(a, a, "--metric", "ndcg@2")


def test_equal_runs_do_not_differ(tmp_path: Path) -> None:
    """A run against itself: difference 0, p 1."""
    a = run(tmp_path / "a", {"test": NDCG_A})
    comparison = rows(a, a)["test", "ndcg@20"]["comparison"]
    assert np.all([comparison[key] == 0 for key in ("difference", "low", "high")])
    assert comparison["p_value"] == 1


def test_sets_are_compared_apart(tmp_path: Path) -> None:
    """One user in two sets has two values; each meets its own."""
    a = run(tmp_path / "a", {"test_warm": NDCG_A, "test_cold": {"u1": 1.0, "u9": 0.5}})
    b = run(tmp_path / "b", {"test_cold": {"u9": 0.0, "u1": 0.25}, "test_warm": NDCG_B})
    found = {name: row for (name, metric), row in rows(a, b).items() if metric == "ndcg@20"}
    assert list(found) == ["test_warm", "test_cold"]
    assert [row["comparison"]["n"] for row in found.values()] == [4, 2]
    assert [row["comparison"]["difference"] for row in found.values()] == [0.125, 0.625]
