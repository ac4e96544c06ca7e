"""`cuvee reviews` on a demo shop."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from cuvee.cli.main import cuvee
from cuvee.demo.write import write_shop
from cuvee.errors import ConfigError, DataError, UnknownNameError

Call = Callable[..., Result]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reviewed") / "shop"
    write_shop(folder, scale=0.1)
    return folder


def call(*args: object) -> Result:
    return CliRunner().invoke(cuvee, ["reviews", *map(str, args)])


def test_all_together(shop: Path, tmp_path: Path) -> None:
    done = call(shop, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert "praised for:" in done.output
    assert "who mention it" in done.output
    table = pl.read_parquet(shop / "reviews.parquet")
    assert f"{len(table):,} reviews of" in done.output
    written = pl.read_parquet(tmp_path / "reviews.parquet")
    assert len(written) == len(table)
    told = json.loads((tmp_path / "profiles.json").read_text("utf-8"))
    assert told["items"].keys() == set(table["item_id"])
    assert told["users"].keys() == set(table["user_id"])
    aspects = pl.read_parquet(tmp_path / "item_aspects.parquet")
    assert sum(len(row["aspects"]) for row in told["items"].values()) == len(aspects) > 0


def test_one_item_and_one_user(shop: Path) -> None:
    """Counts are those of the table before the moment; quotes stand in it."""
    table = pl.read_parquet(shop / "reviews.parquet")
    moment = int(table["timestamp"].quantile(0.7) or 0)
    earlier = table.filter(pl.col("timestamp") < moment)
    for role in ("item", "user"):
        name = earlier[f"{role}_id"].value_counts(sort=True)[f"{role}_id"][0]
        done = call(shop, f"--{role}", name, "--before", moment, "--json")
        told = json.loads(done.output)
        own = earlier.filter(pl.col(f"{role}_id") == name)
        assert told["reviews"] == len(own)
        assert told["quotes"]
        assert all(any(q["quote"] in text for text in own["text"]) for q in told["quotes"])
        plain = call(shop, f"--{role}", name, "--before", moment)
        assert f"[{name}]\n{len(own)} reviews" in plain.output


def test_by_stars_and_a_day(shop: Path) -> None:
    whole, part = (json.loads(call(shop, "--json", *more).output) for more in ((), ("--before", "2025-04-01")))
    assert part["reviews"] < whole["reviews"]
    assert part["last"] <= "2025-04-01"
    by_stars = json.loads(call(shop, "--json", "--sentiment", "stars").output)
    assert by_stars["mood_by"] == "stars"
    assert by_stars["mood"] == pytest.approx((by_stars["stars"] - 3) / 2, abs=1e-6)


def test_wrong_use(shop: Path, tmp_path: Path) -> None:
    def error(*args: object) -> BaseException | None:
        return call(*args).exception

    assert "no such folder" in str(error(tmp_path / "nowhere"))
    assert "choose one" in str(error(shop, "--item", "a", "--user", "b"))
    assert isinstance(error(shop, "--item", "a", "--user", "b"), ConfigError)
    assert isinstance(error(shop, "--item", "p99999"), UnknownNameError)
    assert isinstance(error(shop, "--before", "1990-01-01"), DataError)
    assert "'soon' is no time" in call(shop, "--before", "soon").output
    assert "without weights: auto, vader" in str(error(shop, "--sentiment", "vadr"))
    pl.DataFrame({"user_id": ["a"], "item_id": ["b"]}).write_parquet(tmp_path / "interactions.parquet")
    assert "has no reviews" in str(error(tmp_path))
