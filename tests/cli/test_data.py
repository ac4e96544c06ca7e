"""`cuvee data check` as people call it."""

import json
from pathlib import Path

import polars as pl
from click.testing import CliRunner, Result

from cuvee.cli.main import cuvee


def check(*arguments: str) -> Result:
    return CliRunner().invoke(cuvee, ["data", "check", *arguments], catch_exceptions=False)


def shop(folder: Path, times: list[int]) -> str:
    events = {"user_id": ["a", "a", "b"], "item_id": ["x", "y", "x"], "timestamp": times, "rating": [1, 5, 3]}
    pl.DataFrame(events).write_csv(folder / "interactions.csv")
    pl.DataFrame({"item_id": ["x"], "title": ["A lamp for the desk"]}).write_csv(folder / "items.csv")
    return str(folder)


def test_warnings_end_well(tmp_path: Path) -> None:
    result = check(shop(tmp_path, [1, 2, 86_401]))
    assert result.exit_code == 0
    for line in (
        "  events      3 of 2 users on 2 items, density 75 %",
        "  pairs       3 different, 0 events repeat one",
        "  time        3 events, 1970-01-01 to 1970-01-02",
        "  ratings     1 to 5 in 3 steps, mean 3, 3 events",
        "  columns     title 100.0 %",
        "  languages   en 100.0 %",
        f"warning: {tmp_path}/interactions.csv, row 2, item_id: 'y' has no row in {tmp_path}/items.csv",
        "errors: 0, warnings: 1",
        "  folder: {path: ",
    ):
        assert line in result.stdout


def test_errors_end_in_status_1(tmp_path: Path) -> None:
    """Text and JSON say the same."""
    folder = shop(tmp_path, [1, -2, 3])
    result = check(folder)
    assert result.exit_code == 1
    assert f"error: {tmp_path}/interactions.csv, row 2, timestamp: -2 is a negative time" in result.stdout
    assert "the recipe that fits" not in result.stdout
    told = check(folder, "--json")
    assert told.exit_code == 1
    tree = json.loads(told.stdout)
    assert (tree["usable"], tree["recipe"], tree["figures"]["density"]) == (False, None, 0.75)
    first = tree["findings"][0]
    assert (first["level"], first["row"], first["field"]) == ("error", 2, "timestamp")
    assert check(str(tmp_path / "gone")).exit_code == 1
