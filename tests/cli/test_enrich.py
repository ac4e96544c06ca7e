"""`cuvee enrich`, with a scripted model."""

import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from cuvee import registry
from cuvee.cli.main import cuvee
from cuvee.errors import ConfigError, UnknownNameError
from tests.scripted_language_model import Scripted


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    pl.DataFrame({"user_id": ["u", "v", "u"], "item_id": ["a", "b", "c"]}).write_csv(folder / "interactions.csv")
    items = {"item_id": ["a", "b", "c"], "title": ["Coat", None, "Hat"], "description": ["Of wool", None, "Of felt"]}
    pl.DataFrame(items).write_csv(folder / "items.csv")
    return folder


def call(*arguments: str) -> str:
    done = CliRunner().invoke(cuvee, ["enrich", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_writes_a_table(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path / "cache"))
    model = Scripted(lambda m: json.dumps({"description": m[-1].text, "attributes": ["of", "warm"]}), takes_schema=True)
    monkeypatch.setattr(registry, "build", lambda kind, spec: model if (kind, spec) == ("llms", "local") else None)
    out = tmp_path / "new" / "told.parquet"
    told = call(str(shop), "--out", str(out), "--model", "local")
    assert told.strip() == f"2 of 3 items described in {out}"
    assert pl.read_parquet(out).to_dict(as_series=False) == {
        "item_id": ["a", "b", "c"],
        "llm_description": ["Coat. Of wool", None, "Hat. Of felt"],
        "llm_attributes": [["of"], None, ["of"]],
    }
    call(str(shop), "--out", str(out), "--model", "local", "--columns", "title", "--limit", "1")
    assert pl.read_parquet(out)["llm_description"].to_list() == ["Coat"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("--out", "x.csv"), ConfigError, "must end in .parquet"),
        (("--out", "x.parquet", "--model", "{local"), ConfigError, "--model takes a language model"),
        (("--out", "x.parquet", "--columns", "title, text"), UnknownNameError, "column of the item table 'text'"),
    ],
)
def test_what_is_wrong(arguments: tuple[str, ...], error: type[Exception], message: str, shop: Path) -> None:
    with pytest.raises(error, match=message):
        call(str(shop), *arguments)
